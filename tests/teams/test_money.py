"""Dollars and nano-dollars."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teams.money import LARGEST_NANO, to_dollars, to_nano


@pytest.mark.parametrize(
    ("dollars", "nano"),
    [(1, 10**9), (0.1, 10**8), ("0.000000001", 1), (1e-9, 1), (Decimal("2.5"), 2_500_000_000), (0, 0), (-1, -(10**9)),
     (1.32e-05, 13_200), (0.0000000005, 0)],
)  # fmt: skip
def test_dollars_become_nano_dollars(dollars: float | str | Decimal, nano: int) -> None:
    assert to_nano(dollars) == nano


@pytest.mark.parametrize(
    "dollars", [float("nan"), float("inf"), "NaN", "1e999999", "x", "", 1e300, 10**11, Decimal("Infinity")]
)
def test_what_is_no_amount(dollars: float | str | Decimal) -> None:
    with pytest.raises(ValueError, match=r"number|amount"):
        to_nano(dollars)


@given(st.integers(0, 10**15))
def test_what_goes_out_comes_back(nano: int) -> None:
    assert to_nano(to_dollars(nano)) == nano


def test_the_largest_amount_fits_its_column() -> None:
    assert LARGEST_NANO == 2**63 - 1
