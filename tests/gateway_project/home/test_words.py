"""How lengths of time and shares are written."""

import pytest

from budgets.core.percentiles import bucket_of
from budgets.traffic import Traffic
from gateway_project.home.words import length, milliseconds_of, share_failed


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(None, "-"), (1, "1 ms"), (999, "999 ms"), (1000, "1.00 s"), (12_340, "12.3 s"), (120_000, "120 s")],
)
def test_a_length_has_three_digits(milliseconds: int | None, text: str) -> None:
    assert length(milliseconds) == text


def test_a_percentile_is_a_length_that_was_there() -> None:
    counts = {str(bucket_of(0.5)): 95, str(bucket_of(30)): 5}

    assert milliseconds_of(counts, 0.95) == pytest.approx(500, rel=0.01)
    assert milliseconds_of(counts, 0.96) == pytest.approx(30_000, rel=0.01)
    assert milliseconds_of({}, 0.5) is None


@pytest.mark.parametrize(
    ("calls", "failures", "text"),
    [(0, 0, "-"), (10, 0, "0.00 %"), (10, 1, "10.0 %"), (1000, 15, "1.50 %"), (100_000, 1, "< 0.01 %")],
)
def test_a_share_that_is_not_nothing_is_not_shown_as_nothing(calls: int, failures: int, text: str) -> None:
    assert share_failed(Traffic(0, calls, failures)) == text
