"""Whether days and balances are what the ledger adds up to, and making them so again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from budgets.balances import chunks, read_adjustments, store, within
from budgets.models import HEALTH_CHECK_KEY, Balance, DailySpend, LedgerEntry, LedgerHorizon
from budgets.rollup import day_id, days_of, read_entries, roll_up_some, store_days, sums_locked
from budgets.sums import rolled_since

_MOST_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class Report:
    """`drift_nano` is the sum of all differences without their signs: 0 when everything agrees."""

    drift_nano: int
    days: int
    balances: int
    findings: tuple[str, ...] = ()


def verify(*, now: datetime, repair: bool = False) -> Report:
    """Recompute everything from the ledger. What waits is rolled up first; nobody rolls up meanwhile.

    Days of which the ledger was deleted (see LedgerHorizon) are taken as they are.
    """
    while roll_up_some(now=now + timedelta(days=1), settled_after=timedelta()):
        pass
    with sums_locked():
        drift, findings, days = _verify_days(repair=repair)
        off, balances = 0, 0
        for balance, right in _right_balances():
            balances += 1
            wrong = abs(balance.spent_nano - right[0]) + abs(balance.adjusted_nano - right[1])
            if wrong:
                off += wrong
                findings.append(
                    f"balance of {balance}: {balance.spent_nano} and {balance.adjusted_nano} adjusted, "
                    f"the ledger says {right[0]} and {right[1]}"
                )
                if repair:
                    balance.spent_nano, balance.adjusted_nano = right
                    store([balance])
    return Report(drift + off, days, balances, tuple(findings[:_MOST_FINDINGS]))


def _right_balances() -> Iterator[tuple[Balance, tuple[int, int]]]:
    for some in chunks(Balance.objects.order_by("pk").iterator(chunk_size=1000)):
        adjustments = read_adjustments({(one.scope, one.entity_id) for one in some})
        for balance in some:
            entity = (balance.scope, balance.entity_id)
            adjusted = within(adjustments.get(entity, []), balance.period_start)
            yield balance, (rolled_since(entity, balance.period_start), adjusted)


def _verify_days(*, repair: bool) -> tuple[int, list[str], int]:
    drift, days = 0, 0
    findings: list[str] = []
    for day in _kept_days():
        days += 1
        wanted = _days_from_ledger(day)
        known = {row.pk: row for row in DailySpend.objects.filter(day=day)}
        off = sum(abs(sums[0] - (known[key].amount_nano if key in known else 0)) for key, (_, sums) in wanted.items())
        off += sum(abs(row.amount_nano) for key, row in known.items() if key not in wanted)
        if off:
            drift += off
            findings.append(f"day {day}: {off} nano-dollars apart from the ledger")
            if repair:
                DailySpend.objects.filter(day=day).delete()
                store_days(dict(wanted.values()))
    return drift, findings, days


def _kept_days() -> list[date]:
    """Of which the ledger is whole."""
    horizon = LedgerHorizon.objects.order_by("-before").values_list("before", flat=True).first()
    first = horizon.astimezone(UTC).date() + timedelta(days=1) if horizon else date.min
    rows = LedgerEntry.objects.exclude(key_hash=HEALTH_CHECK_KEY).order_by().dates("started_at", "day")
    known = DailySpend.objects.order_by().values_list("day", flat=True).distinct()
    return sorted(day for day in {*rows, *known} if day >= first)


def _days_from_ledger(day: date) -> dict[Any, tuple[tuple[Any, ...], list[int]]]:
    begins = datetime.combine(day, time(), UTC)
    rows = LedgerEntry.objects.filter(started_at__gte=begins, started_at__lt=begins + timedelta(days=1))
    ids = rows.order_by("pk").values_list("pk", flat=True)
    sums: dict[tuple[Any, ...], list[int]] = {}
    for some in chunks(ids.iterator(chunk_size=2000)):
        for agree, found in days_of(read_entries(some)).items():
            if (known := sums.get(agree)) is None:
                sums[agree] = found
            else:
                known[:] = [old + new for old, new in zip(known, found, strict=True)]
    return {day_id(agree): (agree, found) for agree, found in sums.items()}
