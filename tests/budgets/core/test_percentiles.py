"""Percentiles from buckets are within one percent of the real ones."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets.core.percentiles import bucket_of, percentile, value_of

VALUES = st.lists(st.floats(1e-6, 1e4), min_size=1, max_size=200)


def counted(values: list[float]) -> dict[int, int]:
    found: dict[int, int] = {}
    for value in values:
        found[bucket_of(value)] = found.get(bucket_of(value), 0) + 1
    return found


@given(VALUES, st.sampled_from([0.5, 0.95, 1.0]))
def test_a_percentile_is_within_one_percent_of_the_value_of_that_rank(values: list[float], share: float) -> None:
    rank = max(1, math.ceil(share * len(values)))
    expected = sorted(values)[rank - 1]

    assert percentile(counted(values), share) == pytest.approx(expected, rel=0.0101)


def test_nothing_has_no_percentile() -> None:
    assert percentile({}, 0.5) is None


def test_a_bucket_holds_its_own_value() -> None:
    assert [bucket_of(value_of(bucket)) for bucket in (-700, -1, 0, 1, 300)] == [-700, -1, 0, 1, 300]
