"""What calls of upstreams came to, hour by hour and day by day: read from what they add up to, never from the ledger.

Amounts are nano-dollars, days those of UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType

from budgets.call_times import counts_of, hour_of
from budgets.core.percentiles import percentile
from budgets.models import CallDay, CallHour
from budgets.reports import By, Question, spend_by

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# By the bucket of budgets.core.percentiles, as JSON has it.
Counts = Mapping[str, int]
_NO_COUNTS: Counts = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Traffic:
    """`calls` are all, `failures` those of them that failed.

    `seconds` counts the answers by how long they took, `first_token` the streams by how long their first token did.
    Both are empty where nothing was timed.
    """

    amount_nano: int = 0
    calls: int = 0
    failures: int = 0
    seconds: Counts = field(default_factory=lambda: _NO_COUNTS)
    first_token: Counts = field(default_factory=lambda: _NO_COUNTS)

    @property
    def error_rate(self) -> float | None:
        return self.failures / self.calls if self.calls else None


NO_TRAFFIC = Traffic()


def seconds_within(counts: Counts, share: float) -> float | None:
    """How long this share of all took at most, exact to one percent. None where nothing was timed."""
    return percentile(counts_of(counts), share)


def everybodys_hours(since: datetime) -> dict[datetime, Traffic]:
    """By the beginning of each hour in which there was a call, of the last three days at most. One query."""
    rows = CallHour.objects.filter(begins_at__gte=hour_of(since)).order_by("begins_at")
    return {begins_at: Traffic(*sums) for begins_at, *sums in rows.values_list("begins_at", *_SUMS)}


def everybodys_days(*, first: date, last: date) -> dict[date, Traffic]:
    """Every day from `first` to `last`, of the last 35 at most. Two queries.

    Days are counted with their times since an upgrade: for the day of the first one and those before, the days of the
    roll-up say how much there was.
    """
    rows = CallDay.objects.filter(day__gte=first, day__lte=last).order_by("day")
    found = dict.fromkeys(_dates(first, last), NO_TRAFFIC)
    timed = {day: Traffic(*sums) for day, *sums in rows.values_list("day", *_SUMS)}
    found |= timed
    for day, whole in days_of(Question(first=first, last=min(timed, default=last))).items():
        found[day] = replace(found[day], amount_nano=whole.amount_nano, calls=whole.calls, failures=whole.failures)
    return found


_SUMS = ("amount_nano", "calls", "failures", "seconds", "first_token")


def days_of(question: Question) -> dict[date, Traffic]:
    """The days of the roll-up on which there was something; nothing of them is timed. One query."""
    return {
        group.values[0]: Traffic(group.sums.amount_nano, group.sums.requests, group.sums.failures)
        for group in spend_by(question, By.DAY)
    }


def days_asked(question: Question, *, first: date, last: date) -> dict[date, Traffic]:
    """The same with every day from `first` to `last`."""
    return {**dict.fromkeys(_dates(first, last), NO_TRAFFIC), **days_of(question)}


def last_hours(hours: Mapping[datetime, Traffic], *, number: int, now: datetime) -> dict[datetime, Traffic]:
    """Every one of so many hours, the running one the last."""
    running = hour_of(now)
    wanted = (running - n * HOUR for n in reversed(range(number)))
    return {begins_at: hours.get(begins_at, NO_TRAFFIC) for begins_at in wanted}


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _dates(first: date, last: date) -> list[date]:
    return [first + n * DAY for n in range((last - first).days + 1)]
