"""What was spent between two instants: whole UTC days from the roll-up, what is left at the ends from the ledger.

In UTC a report's periods are whole days, and the ledger is not read at all. In another zone each end costs an index
range of less than a day; the memory it takes is that of the groups.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from budgets.models import LedgerEntry, LedgerHorizon
from budgets.reports import By, Question, spend_by, total
from budgets.rollup import tags_of

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Spent:
    """`requests` are all calls, `failures` those of them that failed."""

    amount_nano: int = 0
    requests: int = 0
    failures: int = 0
    tokens: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            self.amount_nano + other.amount_nano,
            self.requests + other.requests,
            self.failures + other.failures,
            self.tokens + other.tokens,
        )


NOTHING = Spent()


@dataclass(frozen=True, slots=True)
class Stretch:
    """`first` to `last` are whole UTC days, None for none; `ends` is what is left, at most two."""

    first: date | None
    last: date | None
    ends: tuple[tuple[datetime, datetime], ...]


def stretch(start: datetime, end: datetime) -> Stretch:
    """Raises ValueError when it ends before it begins."""
    if end < start:
        raise ValueError("a stretch of time ends after it begins")
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    first, after = _midnight(start), _midnight(end)
    if first < start:
        first += _DAY
    if first > after:
        return Stretch(None, None, ((start, end),) if start < end else ())
    ends = tuple((one, other) for one, other in ((start, first), (after, end)) if one < other)
    if first == after:
        return Stretch(None, None, ends)
    return Stretch(first.date(), (after - _DAY).date(), ends)


def is_known(*bounds: datetime) -> bool:
    """Whether the ledger still has the days in which these instants are; whole UTC days are always known."""
    days = [_midnight(at.astimezone(UTC)) for at in bounds if at != _midnight(at.astimezone(UTC))]
    if not days:
        return True
    horizon = LedgerHorizon.objects.order_by("pk").values_list("before", flat=True).first()
    return horizon is None or horizon <= min(days)


def total_between(start: datetime, end: datetime) -> Spent:
    found = stretch(start, end)
    spent = NOTHING
    if found.first is not None:
        sums = total(Question(first=found.first, last=found.last))
        spent += Spent(sums.amount_nano, sums.requests, sums.failures, sums.total_tokens)
    for one in found.ends:
        rows = _entries(*one).aggregate(**_SUMS)
        spent += Spent(*(rows[name] or 0 for name in _SUMS))
    return spent


def spent_between(start: datetime, end: datetime, by: By) -> dict[str, Spent]:
    """By each value that occurs. A call with two tags counts for both of them."""
    found = stretch(start, end)
    spent: dict[str, Spent] = {}
    if found.first is not None:
        for group in spend_by(Question(first=found.first, last=found.last), by):
            sums = group.sums
            _add(spent, group.values, Spent(sums.amount_nano, sums.requests, sums.failures, sums.total_tokens))
    for one in found.ends:
        column = _COLUMNS.get(by, by.value)
        rows: Any = _entries(*one).values_list(column).annotate(**_SUMS)
        for value, *sums in rows.iterator(chunk_size=2000):
            _add(spent, _values(by, value), Spent(*(number or 0 for number in sums)))
    return spent


_COLUMNS: Mapping[By, str] = {By.CUSTOMER: "end_user", By.TAG: "tags"}
_IS_CALL = Q(corrects__isnull=True)
_SUMS: Mapping[str, Any] = {
    "amount": Sum("amount_nano"),
    "calls": Count("pk", filter=_IS_CALL),
    "failed": Count("pk", filter=_IS_CALL & ~Q(status="success")),
    "tokens": Sum("prompt_tokens") + Sum("completion_tokens"),
}


def _entries(start: datetime, end: datetime) -> QuerySet[LedgerEntry]:
    return LedgerEntry.objects.of_clients().filter(started_at__gte=start, started_at__lt=end).order_by()


def _values(by: By, value: Any) -> Iterable[str]:
    if by == By.TAG:
        return [tag[:255] for tag in tags_of({"tags": value})]
    return () if by == By.CUSTOMER and not value else (value,)


def _add(spent: dict[str, Spent], values: Iterable[str], more: Spent) -> None:
    for value in values:
        spent[value] = spent.get(value, NOTHING) + more


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.date(), time(), UTC)
