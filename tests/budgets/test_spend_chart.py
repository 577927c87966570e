"""The chart of days: a bar for every day, as high as it cost, within its frame."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets.spend_chart import HEIGHT, WIDTH, day_chart

FIRST = date(2026, 11, 1)
DOLLAR = 10**9


def test_every_day_has_a_bar_also_where_nothing_was_spent() -> None:
    chart = day_chart(
        {FIRST: DOLLAR, FIRST + timedelta(days=2): 2 * DOLLAR}, first=FIRST, last=FIRST + timedelta(days=3)
    )

    assert [str(bar.day) for bar in chart.bars] == ["2026-11-01", "2026-11-02", "2026-11-03", "2026-11-04"]
    assert [bar.amount for bar in chart.bars] == ["$1.00", "$0.00", "$2.00", "$0.00"]
    heights = [bar.height for bar in chart.bars]
    assert heights[2] == pytest.approx(2 * heights[0])
    assert heights[1] == heights[3] == 0
    assert [text for _, text in chart.lines] == ["$0.00", "$0.50", "$1.00", "$1.50", "$2.00"]


def test_nothing_spent_is_an_empty_frame_of_cents() -> None:
    chart = day_chart({}, first=FIRST, last=FIRST)

    assert [bar.height for bar in chart.bars] == [0]
    assert chart.lines[-1][1] == "$0.04"


def test_what_corrections_bring_below_nothing_has_no_bar() -> None:
    assert [bar.height for bar in day_chart({FIRST: -DOLLAR}, first=FIRST, last=FIRST).bars] == [0]


@given(
    st.lists(st.integers(-(10**6), 9 * 10**18), min_size=1, max_size=366),
)
def test_bars_stay_within_the_frame_and_apart_and_labels_do_not_touch(amounts: list[int]) -> None:
    days = {FIRST + timedelta(days=n): amount for n, amount in enumerate(amounts)}
    chart = day_chart(days, first=min(days), last=max(days))

    for bar in chart.bars:
        assert chart.left <= bar.x
        assert bar.x + bar.width <= WIDTH + 0.02
        assert 0 <= bar.y <= chart.base
        assert bar.y + bar.height == pytest.approx(chart.base, abs=0.02)
    assert all(left.x + left.width <= right.x + 0.02 for left, right in pairwise(chart.bars))
    assert all(right - left >= 70 for (left, _), (right, _) in pairwise(chart.labels))
    assert all(x <= WIDTH - 18 for x, _ in chart.labels)
    assert all(0 <= y <= HEIGHT for y, _ in chart.lines)
