"""What everybody's calls of upstreams add up to by the hour and by the day, with how long they took: for charts.

Each entry of the ledger is added by the roll-up that takes it, in the same transaction. Health checks of the gateway
itself are in none. A correction is no call: it changes the amount of the time in which it was made.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeVar

from budgets.core.percentiles import bucket_of
from budgets.models import CallDay, CallHour
from budgets.models.calls import CallSums

# The chart of hours shows a day, that of days thirty, and a month has at most one more.
HOURS_KEPT, DAYS_KEPT = timedelta(days=3), timedelta(days=35)
# Clocks of two machines may disagree by as much, and a logarithm needs something.
_LEAST_SECONDS = 0.001
_COLUMNS = ("amount_nano", "calls", "failures", "seconds", "first_token")
Row = dict[str, Any]
ENTRY_FIELDS = ("started_at", "first_token_at", "ended_at", "status", "corrects", "amount_nano")
K = TypeVar("K", datetime, date)


@dataclass(slots=True)
class _Sums:
    amount_nano: int = 0
    calls: int = 0
    failures: int = 0
    seconds: Counter[int] = field(default_factory=Counter)
    first_token: Counter[int] = field(default_factory=Counter)

    def add(self, row: Row) -> None:
        self.amount_nano += row["amount_nano"]
        if row["corrects"] is not None:
            return
        self.calls += 1
        if row["status"] != "success":
            self.failures += 1
            return
        self.seconds[_bucket(row["ended_at"] - row["started_at"])] += 1
        if row["first_token_at"] is not None:
            self.first_token[_bucket(row["first_token_at"] - row["started_at"])] += 1

    def add_to(self, row: CallSums) -> None:
        row.amount_nano += self.amount_nano
        row.calls += self.calls
        row.failures += self.failures
        row.seconds = _stored(counts_of(row.seconds) + self.seconds)
        row.first_token = _stored(counts_of(row.first_token) + self.first_token)

    def take_from(self, row: CallSums) -> None:
        row.amount_nano -= self.amount_nano
        row.calls, row.failures = max(0, row.calls - self.calls), max(0, row.failures - self.failures)
        row.seconds = _stored(counts_of(row.seconds) - self.seconds)
        row.first_token = _stored(counts_of(row.first_token) - self.first_token)


def count_times(entries: Sequence[Row], *, now: datetime) -> None:
    """In the transaction of a roll-up, of which one runs at a time. What is older than is kept counts nowhere here."""
    _count(CallHour, "begins_at", _summed(entries, hour_of), first=hour_of(now - HOURS_KEPT))
    _count(CallDay, "day", _summed(entries, day_of), first=day_of(now - DAYS_KEPT))


def uncount_times(entries: Sequence[Row]) -> None:
    """What was counted of entries that are taken out of the ledger, in the transaction that does it."""
    _uncount(CallHour, _summed(entries, hour_of))
    _uncount(CallDay, _summed(entries, day_of))


class Recount:
    """What hours and days should hold, as the ledger has it; of those that are still kept."""

    def __init__(self, *, now: datetime) -> None:
        self._first_hour, self._first_day = hour_of(now - HOURS_KEPT), day_of(now - DAYS_KEPT)
        self._hours: dict[datetime, _Sums] = {}
        self._days: dict[date, _Sums] = {}

    def add(self, entries: Iterable[Row]) -> None:
        for row in entries:
            if (day := day_of(row["started_at"])) >= self._first_day:
                self._days.setdefault(day, _Sums()).add(row)
            if (hour := hour_of(row["started_at"])) >= self._first_hour:
                self._hours.setdefault(hour, _Sums()).add(row)

    def compare(self, *, whole_from: date, repair: bool) -> list[str]:
        """A line for each that is something else. What began before `whole_from` is taken as it is.

        In the transaction of `sums_locked`.
        """
        midnight = datetime.combine(whole_from, time(), UTC)
        return [
            *_compare(CallHour, "begins_at", self._hours, first=max(self._first_hour, midnight), repair=repair),
            *_compare(CallDay, "day", self._days, first=max(self._first_day, whole_from), repair=repair),
        ]


def hour_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def day_of(at: datetime) -> date:
    return at.astimezone(UTC).date()


def counts_of(stored: Mapping[str, int]) -> Counter[int]:
    """How many values each bucket has."""
    return Counter({int(bucket): number for bucket, number in stored.items()})


def _summed(entries: Iterable[Row], key_of: Callable[[datetime], K]) -> dict[K, _Sums]:
    found: dict[K, _Sums] = {}
    for row in entries:
        found.setdefault(key_of(row["started_at"]), _Sums()).add(row)
    return found


def _count(model: type[CallSums], key: str, sums: Mapping[K, _Sums], *, first: K) -> None:
    added = {at: one for at, one in sums.items() if at >= first}
    if not added:
        return
    manager = model._default_manager
    known = manager.in_bulk(list(added))
    rows = []
    for at, one in sorted(added.items()):
        row = known.get(at) or model(**{key: at})
        one.add_to(row)
        rows.append(row)
    manager.bulk_create(rows, update_conflicts=True, unique_fields=[key], update_fields=_COLUMNS)
    if len(known) < len(rows):
        # Once an hour, or a day.
        manager.filter(**{f"{key}__lt": first}).delete()


def _compare(model: type[CallSums], key: str, sums: Mapping[K, _Sums], *, first: K, repair: bool) -> Iterator[str]:
    known: dict[Any, CallSums] = {row.pk: row for row in model._default_manager.filter(**{f"{key}__gte": first})}
    for at in sorted({*known, *(at for at in sums if at >= first)}):
        right = model(**{key: at})
        if at in sums:
            sums[at].add_to(right)
        found = known.get(at) or model(**{key: at})
        if all(getattr(found, name) == getattr(right, name) for name in _COLUMNS):
            continue
        yield (
            f"{model._meta.verbose_name} {found}: {found.amount_nano} nano-dollars, {found.calls} calls and "
            f"{found.failures} failures or their times, the ledger says {right.amount_nano}, {right.calls} and "
            f"{right.failures}"
        )
        if repair and at in sums:
            right.save(force_insert=at not in known, force_update=at in known)
        elif repair:
            found.delete()


def _bucket(took: timedelta) -> int:
    return bucket_of(max(took.total_seconds(), _LEAST_SECONDS))


def _stored(counts: Counter[int]) -> dict[str, int]:
    return {str(bucket): number for bucket, number in sorted(counts.items())}


def _uncount(model: type[CallSums], gone: Mapping[Any, _Sums]) -> None:
    for at, row in model._default_manager.in_bulk(list(gone)).items():
        gone[at].take_from(row)
        if row.calls or row.amount_nano:
            row.save()
        else:
            row.delete()
