"""Whether days and balances are what the ledger adds up to, and making them so again."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from budgets import totals
from budgets.balances import chunks, read_adjustments, store, within
from budgets.call_times import Recount
from budgets.models import HEALTH_CHECK_KEY, Balance, DailySpend, LedgerEntry, LedgerHorizon, UnrolledBatch
from budgets.rollup import Row, day_id, days_of, read_entries, roll_up_some, store_days, sums_locked
from budgets.sums import rolled_since

logger = logging.getLogger(__name__)

_MOST_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class Report:
    """`drift_nano` is the sum of all differences without their signs: 0 when every amount that is charged agrees.

    `findings` has a line for each difference, also of what is only shown: the calls of hours and days, and
    the totals of months.
    """

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
        drift, findings, days = _verify_days(now=now, repair=repair)
        findings += _verify_totals(repair=repair)
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


def mend_totals(*, now: datetime) -> None:
    """Where a former version still rolled up after this one's migration, totals lack what it added."""
    with sums_locked():
        months = totals.mend_lately(now=now)
    if months:
        logger.warning("Made totals anew", extra={"months": [f"{month:%Y-%m}" for month in months]})


def _right_balances() -> Iterator[tuple[Balance, tuple[int, int]]]:
    for some in chunks(Balance.objects.order_by("pk").iterator(chunk_size=1000)):
        adjustments = read_adjustments({(one.scope, one.entity_id) for one in some})
        for balance in some:
            entity = (balance.scope, balance.entity_id)
            adjusted = within(adjustments.get(entity, []), balance.period_start)
            yield balance, (rolled_since(entity, balance.period_start), adjusted)


def _verify_days(*, now: datetime, repair: bool) -> tuple[int, list[str], int]:
    drift = 0
    findings: list[str] = []
    first = _first_whole_day()
    days = _days_since(first)
    times = Recount(now=now)
    for day in days:
        wanted: dict[Any, tuple[tuple[Any, ...], list[int]]] = {}
        for entries in _rolled_entries(day):
            times.add(entries)
            _add_days(wanted, entries)
        known = {row.pk: row for row in DailySpend.objects.filter(day=day)}
        off = sum(abs(sums[0] - (known[key].amount_nano if key in known else 0)) for key, (_, sums) in wanted.items())
        off += sum(abs(row.amount_nano) for key, row in known.items() if key not in wanted)
        if off:
            drift += off
            findings.append(f"day {day}: {off} nano-dollars apart from the ledger")
            if repair:
                DailySpend.objects.filter(day=day).delete()
                store_days(dict(wanted.values()))
    return drift, findings + times.compare(whole_from=first, repair=repair), len(days)


def _verify_totals(*, repair: bool) -> Iterator[str]:
    """After the days, which are right."""
    for month in totals.months():
        if wrong := totals.count_wrong(month):
            yield f"totals of {month:%Y-%m}: {wrong} are not what its days add up to"
            if repair:
                totals.mend(month)


def _first_whole_day() -> date:
    """Before it, entries were deleted."""
    horizon = LedgerHorizon.objects.order_by("-before").values_list("before", flat=True).first()
    return horizon.astimezone(UTC).date() + timedelta(days=1) if horizon else date.min


def _days_since(first: date) -> list[date]:
    rows = LedgerEntry.objects.exclude(key_hash=HEALTH_CHECK_KEY).order_by().dates("started_at", "day")
    known = DailySpend.objects.order_by().values_list("day", flat=True).distinct()
    return sorted(day for day in {*rows, *known} if day >= first)


def _rolled_entries(day: date) -> Iterator[list[Row]]:
    """Some at a time. Without what waits, which a later roll-up adds: requests go on being served.

    A batch is committed with its entries, so of what was found to be there, none can be missing among those that wait.
    """
    begins = datetime.combine(day, time(), UTC)
    rows = LedgerEntry.objects.filter(started_at__gte=begins, started_at__lt=begins + timedelta(days=1))
    ids = list(rows.order_by("pk").values_list("pk", flat=True))
    waiting = {UUID(one) for listed in UnrolledBatch.objects.values_list("entry_ids", flat=True) for one in listed}
    for some in chunks(one for one in ids if one not in waiting):
        yield read_entries(some)


def _add_days(sums: dict[Any, tuple[tuple[Any, ...], list[int]]], entries: Sequence[Row]) -> None:
    for agree, found in days_of(entries).items():
        _, known = sums.setdefault(day_id(agree), (agree, [0] * len(found)))
        known[:] = [old + new for old, new in zip(known, found, strict=True)]
