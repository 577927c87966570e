"""The ledger's last days, read back to try limits on them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from budgets.core.dry_run import Call, Outcome, Trial, merged, try_limits
from budgets.directory import Entity
from budgets.models import LedgerEntry, Scope
from budgets.payer_entries import of_payer
from budgets.sums import hashes_of
from teams.calendars import current_calendar

MOST_ENTRIES = 100_000
_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Replay:
    """`since` is when what was read begins: later than asked for where that would have been too much."""

    outcome: Outcome
    entries: int
    since: datetime
    was_cut: bool


def replay(entity: Entity, trial: Trial, *, days: int, now: datetime, most: int = MOST_ENTRIES) -> Replay:
    """Of a key, team or user. The newest `most` entries of the last `days`."""
    since = now - timedelta(days=days)
    rows = _rows(entity, since=since).filter(started_at__gte=since, started_at__lte=now, corrects=None)
    found = list(_attempts(rows, most=most + 1))
    was_cut = len(found) > most
    kept = found[:most]
    if was_cut:
        since = kept[-1][1].at
    outcome = try_limits(merged(kept), trial, calendar=current_calendar())
    return Replay(outcome=outcome, entries=len(kept), since=since, was_cut=was_cut)


def _rows(entity: Entity, *, since: datetime) -> QuerySet[LedgerEntry]:
    scope, entity_id = entity
    if scope == Scope.KEY:
        return LedgerEntry.objects.filter(key_hash__in=hashes_of(int(entity_id)))
    return of_payer(LedgerEntry.objects.all(), _COLUMNS[Scope(scope)], entity_id, since=since)


_COLUMNS = {Scope.TEAM: "team_id", Scope.USER: "user_id"}


def _attempts(rows: QuerySet[LedgerEntry], *, most: int) -> Iterator[tuple[UUID, Call]]:
    """The newest first."""
    columns = ("request_id", "started_at", "amount_nano", "prompt_tokens", "completion_tokens")
    newest = rows.order_by("-started_at", "-id").values_list(*columns)[:most]
    for request_id, at, amount_nano, prompt, completion in newest.iterator(chunk_size=_AT_ONCE):
        yield request_id, Call(at, amount_nano, prompt + completion)
