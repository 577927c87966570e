"""When requests come: by day and by night, on working days and on Sundays. Pure; randomness is passed in."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

# Of a working day, from midnight UTC.
_HOURS = (2, 1.5, 1.2, 1, 1.2, 2, 4, 8, 14, 18, 19, 18, 14, 17, 19, 18, 16, 12, 8, 6, 5, 4, 3, 2.5)
_DAYS = (1.0, 1.08, 1.1, 1.05, 0.92, 0.34, 0.28)
# So much more at the end than at the beginning.
_GROWTH = 0.35
_HOUR = timedelta(hours=1)


def arrivals(count: int, *, days: int, now: datetime, random: Random) -> Iterator[datetime]:
    """`count` instants of the `days` before `now`, in order."""
    hours = [now - timedelta(days=days) + number * _HOUR for number in range(days * 24)]
    weights = [_weight(at, position / len(hours)) * random.uniform(0.85, 1.15) for position, at in enumerate(hours)]
    whole, weight, given = sum(weights), 0.0, 0
    for at, one in zip(hours, weights, strict=True):
        weight += one
        # Of the running sum, so that what rounding takes from one hour the next one has.
        here = round(count * weight / whole) - given
        given += here
        for seconds in sorted(random.uniform(0, 3500) for _ in range(here)):
            yield at + timedelta(seconds=seconds)


def is_night(at: datetime) -> bool:
    return at.weekday() >= 5 or not 6 <= at.hour < 20


def _weight(at: datetime, position: float) -> float:
    return _HOURS[at.hour] * _DAYS[at.weekday()] * (1 + _GROWTH * position)
