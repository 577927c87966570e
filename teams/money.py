"""Dollars at the edges, integer nano-dollars (1e-9 USD) inside. Pure."""

import math
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation, Overflow

NANO = 10**9
# Nine thousand million dollars: what a 64-bit integer of nano-dollars holds.
LARGEST_NANO = 2**63 - 1


def to_nano(dollars: float | str | Decimal) -> int:
    """Rounded to the nearest nano-dollar. Raises ValueError for what is no finite amount or does not fit."""
    if isinstance(dollars, float) and not math.isfinite(dollars):
        raise ValueError("not a finite number")
    try:
        nano = (Decimal(str(dollars)) * NANO).to_integral_value(ROUND_HALF_EVEN)
    except (InvalidOperation, Overflow):
        raise ValueError("not a number") from None
    if not nano.is_finite() or abs(nano) > LARGEST_NANO:
        raise ValueError("not an amount that can be kept")
    return int(nano)


def to_dollars(nano: int) -> float:
    """For JSON answers only."""
    return nano / NANO
