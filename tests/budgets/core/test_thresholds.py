"""Thresholds: reached by integers alone, told once, and told again after a raise or a reset."""

from collections import Counter
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets.core.thresholds import DEFAULT_PERCENTS, SOFT, news, reached

DOLLAR = 1_000_000_000
ALL = ("50", "80", "95", "100")

_amounts = st.integers(0, 10**15)
_percents = st.lists(st.integers(1, 300), max_size=6)
_costs = st.lists(st.integers(0, 10**12), max_size=60)


@pytest.mark.parametrize(
    ("spent", "maximum", "soft", "expected"),
    [
        (0, DOLLAR, None, ()),
        (DOLLAR // 2 - 1, DOLLAR, None, ()),
        (DOLLAR // 2, DOLLAR, None, ("50",)),
        (DOLLAR * 8 // 10, DOLLAR, None, ("50", "80")),
        (DOLLAR - 1, DOLLAR, None, ("50", "80", "95")),
        (DOLLAR, DOLLAR, None, ALL),
        (DOLLAR * 9, DOLLAR, None, ALL),
        (DOLLAR, None, None, ()),
        (DOLLAR, None, DOLLAR, (SOFT,)),
        (DOLLAR - 1, None, DOLLAR, ()),
        (DOLLAR, DOLLAR, DOLLAR, (*ALL, SOFT)),
        (DOLLAR, 2 * DOLLAR, DOLLAR, ("50", SOFT)),
    ],
)
def test_what_is_reached(spent: int, maximum: int | None, soft: int | None, expected: tuple[str, ...]) -> None:
    assert reached(spent, max_nano=maximum, soft_nano=soft) == expected


def test_a_budget_of_nothing_is_used_up_by_the_first_nano_dollar_and_says_nothing_before() -> None:
    assert reached(0, max_nano=0, soft_nano=0) == ()
    assert reached(1, max_nano=0, soft_nano=None) == ALL


def test_a_spend_that_was_corrected_below_zero_has_reached_nothing() -> None:
    assert reached(-5, max_nano=0, soft_nano=0) == ()


def test_other_percents_are_named_by_their_number_in_rising_order_and_once() -> None:
    assert reached(3, max_nano=2, soft_nano=None, percents=[150, 9, 100, 9, 151]) == ("9", "100", "150")


def test_no_fraction_of_a_nano_dollar_is_lost() -> None:
    """95 % of 9,007,199,254,740,993 nano-dollars is no whole number, and no float can hold it."""
    maximum = 2**53 + 1
    least = -(-maximum * 95 // 100)

    assert "95" in reached(least, max_nano=maximum, soft_nano=None)
    assert "95" not in reached(least - 1, max_nano=maximum, soft_nano=None)


def test_a_budget_that_is_crossed_at_one_go_has_all_of_it_as_news() -> None:
    assert news([], reached(DOLLAR, max_nano=DOLLAR, soft_nano=None)) == ALL


def test_a_raise_forgets_what_is_out_of_reach_and_nothing_else() -> None:
    told = reached(96, max_nano=100, soft_nano=None)
    raised = reached(96, max_nano=160, soft_nano=None)

    assert (told, raised) == (("50", "80", "95"), ("50",))
    assert news(told, raised) == ()
    assert news(raised, reached(128, max_nano=160, soft_nano=None)) == ("80",)


def test_a_reset_forgets_everything() -> None:
    told = reached(200, max_nano=100, soft_nano=100)
    after = reached(0, max_nano=100, soft_nano=100)

    assert news(told, after) == ()
    assert news(after, reached(100, max_nano=100, soft_nano=100)) == (*ALL, SOFT)


@given(_amounts, _amounts, st.none() | _amounts, st.none() | _amounts, _percents)
def test_who_spends_more_has_reached_no_less(
    spent: int, more: int, maximum: int | None, soft: int | None, percents: list[int]
) -> None:
    before = reached(spent, max_nano=maximum, soft_nano=soft, percents=percents)
    after = reached(spent + more, max_nano=maximum, soft_nano=soft, percents=percents)

    assert set(before) <= set(after)


@given(_costs, st.none() | _amounts, st.none() | _amounts, _percents)
def test_while_spend_only_grows_each_threshold_is_told_once_when_it_is_reached_and_never_again(
    costs: list[int], maximum: int | None, soft: int | None, percents: list[int]
) -> None:
    told: tuple[str, ...] = ()
    heard: Counter[str] = Counter()
    total = 0
    for total in accumulate(costs):
        now = reached(total, max_nano=maximum, soft_nano=soft, percents=percents)
        heard.update(news(told, now))
        told = now

    assert heard == Counter(reached(total, max_nano=maximum, soft_nano=soft, percents=percents))


@given(_costs, st.integers(1, 10**13), st.integers(1, 10**13))
def test_after_a_raise_and_after_a_reset_all_that_is_reached_again_is_told_again(
    costs: list[int], maximum: int, more: int
) -> None:
    spent = sum(costs)
    first = reached(spent, max_nano=maximum, soft_nano=None)
    raised = reached(spent, max_nano=maximum + more, soft_nano=None)
    again = reached(spent + maximum + more, max_nano=maximum + more, soft_nano=None)

    assert news(first, raised) == ()
    assert set(news(raised, again)) == set(map(str, DEFAULT_PERCENTS)) - set(raised)
    assert news(reached(0, max_nano=maximum, soft_nano=None), first) == first
