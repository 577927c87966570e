"""When a budget will be used up, if it goes on as it has. Pure and exact: nano-dollars, and days as UTC has them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from math import lcm

DAYS = 28
LEAST_DAYS = 3
# How far to look where a budget is never reset.
HORIZON = timedelta(days=366)
_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)
_INSTANTS_A_DAY = _DAY // _INSTANT


@dataclass(frozen=True, slots=True)
class Projection:
    """`spend_at_end_nano` is None without an end, `exhausted_at` when the budget lasts.

    `days_seen` is what it is based on: the whole days since the first known one, at most 28.
    """

    spend_at_end_nano: int | None
    exhausted_at: datetime | None
    days_seen: int


def project(
    daily: Iterable[tuple[date, int]], *, spent_nano: int, max_nano: int | None, ends: datetime | None, now: datetime
) -> Projection | None:
    """From what each of the last days cost, and what the running period did until `now`. `ends` is the period's end.

    A day that is missing after the first one cost nothing; today is not over and tells nothing. None when fewer than
    three days are known or none of them cost anything.
    """
    now = now.astimezone(UTC)
    days = _whole_days(daily, today=now.date())
    if len(days) < LEAST_DAYS or not any(cost for _, cost in days):
        return None
    until = now + HORIZON if ends is None else ends.astimezone(UTC)
    rates = _rates(days)
    # From here on in integers: `unit` of them are a nano-dollar.
    common = lcm(*(rate.denominator for rate in rates))
    unit = common * _INSTANTS_A_DAY
    left = None if max_nano is None else (max_nano - spent_nano) * unit
    exhausted_at = now if left is not None and left <= 0 else None
    total = 0
    for began, length in _parts(now, until):
        rate = int(rates[began.weekday()] * common)
        if exhausted_at is None and left is not None and total + rate * length >= left:
            exhausted_at = began + -(-(left - total) // rate) * _INSTANT
        total += rate * length
    return Projection(
        spend_at_end_nano=None if ends is None else spent_nano + total // unit,
        exhausted_at=exhausted_at if exhausted_at is None or exhausted_at < until else None,
        days_seen=len(days),
    )


def _whole_days(daily: Iterable[tuple[date, int]], *, today: date) -> list[tuple[date, int]]:
    """Each day from the first known to yesterday, none left out."""
    costs: dict[date, int] = {}
    for day, cost in daily:
        if 0 < (today - day).days <= DAYS:
            costs[day] = costs.get(day, 0) + cost
    if not costs:
        return []
    first = min(costs)
    # Corrections may take more from a day than it cost.
    return [(day, max(costs.get(day, 0), 0)) for day in (first + n * _DAY for n in range((today - first).days))]


def _rates(days: Sequence[tuple[date, int]]) -> list[Fraction]:
    """What a day costs, by its weekday: the present level in the shape of a week."""
    shape = _week_shape(days)
    level = costs = Fraction(0)
    for age, (day, cost) in enumerate(reversed(days)):
        # A week counts half of the one after it, so that growth is followed.
        weight = 2 ** (DAYS // 7 - 1 - age // 7)
        costs += weight * cost
        level += weight * shape[day.weekday()]
    return [costs / level * part for part in shape]


def _week_shape(days: Sequence[tuple[date, int]]) -> list[Fraction]:
    """Each weekday relative to the mean day. One that was seen once tells nothing, one that was seen thrice all."""
    mean = Fraction(sum(cost for _, cost in days), len(days))
    shape = []
    for weekday in range(7):
        costs = [cost for day, cost in days if day.weekday() == weekday]
        trust = Fraction(min(max(len(costs) - 1, 0), 2), 2)
        seen = Fraction(sum(costs), len(costs)) / mean if costs else Fraction(1)
        shape.append(trust * seen + 1 - trust)
    return shape


def _parts(now: datetime, until: datetime) -> Iterator[tuple[datetime, int]]:
    """The days between, and parts of days at both ends: when each begins, and its length in microseconds."""
    began = now
    while began < until:
        ends = min(datetime.combine(began.date() + _DAY, time(), UTC), until)
        yield began, (ends - began) // _INSTANT
        began = ends
