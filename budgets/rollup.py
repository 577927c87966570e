"""From ledger entries to what they add up to: days, hours, balances, totals, and the thresholds that they cross.

Entries of one commit wait as one UnrolledBatch. A roll-up takes some, adds them and deletes them in one transaction,
so each entry counts exactly once, whatever dies when. One roll-up runs at a time, whoever starts it.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from budgets.additions import add, digest_id
from budgets.balances import BalanceBook, Grown
from budgets.budget_events import mark_crossings, tell_crossings
from budgets.call_times import count_times
from budgets.call_totals import count_calls
from budgets.directory import Directory, Payers
from budgets.entries import Entry, insert
from budgets.metrics import ROLL_UP
from budgets.models import HEALTH_CHECK_KEY, DailySpend, Facet, LedgerEntry, UnrolledBatch
from budgets.totals import AGREE, SUMS, add_totals

# Of one transaction: short enough that a commit of the request path never waits for long.
MOST_BATCHES = 500
MOST_ENTRIES = 5000
# A settlement may still be on its way to where requests are admitted; what is rolled up must have arrived there.
SETTLED_AFTER = timedelta(seconds=1)
_LOCK = 7_463_519_001
Row = dict[str, Any]


@contextmanager
def sums_locked() -> Iterator[None]:
    """A transaction in which nobody else changes balances. On SQLite any transaction that writes is that."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        yield


@contextmanager
def sums_still() -> Iterator[None]:
    """A transaction in which nothing is rolled up: between two reads, entries would leave the one for the other."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_LOCK])
        yield


def roll_up(*, now: datetime, settled_after: timedelta = SETTLED_AFTER) -> int:
    """Add everything that waited for `settled_after`; returns how many entries. May run anywhere, any number of times.

    Where somebody else is at it already there is nothing to do: waiting would only keep a worker from other tasks.
    Raises django.db.Error.
    """
    total = 0
    if not _here.acquire(blocking=False):
        return total
    try:
        while count := _roll_up_if_free(now=now, settled_after=settled_after):
            total += count
    finally:
        _here.release()
    return total


_here = threading.Lock()


def _roll_up_if_free(*, now: datetime, settled_after: timedelta) -> int:
    if connection.vendor != "postgresql":
        return roll_up_some(now=now, settled_after=settled_after)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
            (free,) = cursor.fetchone()
        return roll_up_some(now=now, settled_after=settled_after) if free else 0


def roll_up_some(*, now: datetime, settled_after: timedelta) -> int:
    """One transaction's worth; 0 when nothing waits."""
    if not UnrolledBatch.objects.filter(created_at__lte=now - settled_after).exists():
        return 0
    began = time.perf_counter()
    try:
        count = _roll_up(now=now, settled_after=settled_after)
    except Exception as error:
        ROLL_UP.failed(error, "roll_up")
        raise
    ROLL_UP.answered(time.perf_counter() - began)
    return count


def _roll_up(*, now: datetime, settled_after: timedelta) -> int:
    with sums_locked():
        batches = _take(before=now - settled_after)
        ids = _ids_of(batches)
        entries = read_entries(ids)
        tell_crossings(_count(batches, entries, now=now), now=now)
    return len(ids)


def _count(batches: Sequence[UnrolledBatch], entries: Sequence[Row], *, now: datetime) -> list[Grown]:
    # First, since a new balance is made of the days and of what in the ledger waits no longer.
    UnrolledBatch.objects.filter(pk__in=[batch.pk for batch in batches]).delete()
    store_days(days_of(entries))
    count_calls(entries)
    count_times(entries, now=now)
    return _add_balances(entries)


def _take(*, before: datetime) -> list[UnrolledBatch]:
    found: list[UnrolledBatch] = []
    entries = 0
    for batch in UnrolledBatch.objects.filter(created_at__lte=before).order_by("pk")[:MOST_BATCHES]:
        entries += len(batch.entry_ids)
        if found and entries > MOST_ENTRIES:
            break
        found.append(batch)
    return found


def _ids_of(batches: Sequence[UnrolledBatch]) -> list[UUID]:
    return [UUID(entry_id) for batch in batches for entry_id in batch.entry_ids]


def add_past(made: Sequence[Entry], *, now: datetime) -> None:
    """Store entries of the past and count them, at once: nobody is told which thresholds they cross.

    As many as one transaction should take. Raises django.db.Error; then none of them is stored.
    """
    ours = {entry.id for entry in made}
    with sums_locked():
        insert([entry.encode() for entry in made])
        waiting = UnrolledBatch.objects.order_by("-pk").iterator(chunk_size=100)
        batches = [next(batch for batch in waiting if ours.issuperset(_ids_of([batch])))]
        mark_crossings(_count(batches, read_entries(_ids_of(batches)), now=now), now=now)


_FIELDS = (
    "started_at", "first_token_at", "ended_at", "key_hash", "user_id", "team_id", "organization_id", "end_user", "tags",
    "call_type", "model_group", "model", "provider", "deployment_id", "status", "corrects", "amount_nano",
    "prompt_tokens", "completion_tokens", "cached_tokens", "cache_creation_tokens", "reasoning_tokens", "units", "unit",
    "service_tier", "requested_model", "key_alias", "status_code", "error_class", "labels", "price_id",
)  # fmt: skip
_CHUNK = 500


def read_entries(ids: Sequence[UUID]) -> list[Row]:
    """Without the gateway's own health checks, which are nobody's spend."""
    found: list[Row] = []
    for first in range(0, len(ids), _CHUNK):
        rows = LedgerEntry.objects.filter(pk__in=ids[first : first + _CHUNK]).exclude(key_hash=HEALTH_CHECK_KEY)
        found += rows.order_by("pk").values(*_FIELDS)
    return found


def _add_balances(entries: Sequence[Row]) -> list[Grown]:
    payers = [payers_of(row) for row in entries]
    directory = Directory(payers)
    book = BalanceBook(directory)
    for row, payer in zip(entries, payers, strict=True):
        for entity in directory.entities(payer):
            book.add(entity, amount_nano=row["amount_nano"], at=row["started_at"])
    return book.write()


def payers_of(row: Row) -> Payers:
    return Payers(
        key_hash=row["key_hash"],
        user_id=row["user_id"],
        team_id=row["team_id"],
        organization_id=row["organization_id"],
        end_user=row["end_user"],
        tags=tags_of(row),
        model_group=row["model_group"],
        provider=row["provider"],
        deployment_id=row["deployment_id"],
    )


def tags_of(row: Row) -> tuple[str, ...]:
    tags = row["tags"]
    return tuple(dict.fromkeys(tag for tag in tags if isinstance(tag, str))) if isinstance(tags, list) else ()


def days_of(entries: Iterable[Row]) -> dict[tuple[Any, ...], list[int]]:
    """The sums (in the order of SUMS) by what agrees (in the order of AGREE)."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for row in entries:
        sums = _sums(row)
        for facet, value in _facets(row):
            agree = (_day(row["started_at"]), facet, value, *(row[name] for name in AGREE[3:]))
            if (known := found.get(agree)) is None:
                found[agree] = list(sums)
            else:
                known[:] = [old + new for old, new in zip(known, sums, strict=True)]
    return found


def _facets(row: Row) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = [(Facet.CALLS, "")]
    if row["end_user"]:
        found.append((Facet.CUSTOMER, row["end_user"]))
    return found + [(Facet.TAG, tag[:255]) for tag in tags_of(row)]


def _sums(row: Row) -> tuple[int, ...]:
    # A correction is no call: it changes the amount alone.
    is_call = row["corrects"] is None
    failed = is_call and row["status"] != "success"
    took = 0 if failed or not is_call else (row["ended_at"] - row["started_at"]) // timedelta(milliseconds=1)
    return (
        row["amount_nano"],
        int(is_call),
        int(failed),
        row["prompt_tokens"],
        row["completion_tokens"],
        row["cached_tokens"],
        row["cache_creation_tokens"],
        max(0, took),
    )


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def day_id(agree: Sequence[Any]) -> UUID:
    return digest_id("\x1f".join(str(part) for part in agree))


def store_days(days: Mapping[tuple[Any, ...], Sequence[int]]) -> None:
    """Add to what is there, and to its totals. `days` is as `days_of` makes it."""
    add(DailySpend, {day_id(agree): (agree, sums) for agree, sums in days.items()}, agree=AGREE, sums=SUMS)
    add_totals(days)
