"""Letting all keys and teams count as having spent nothing, without touching the ledger."""

from collections.abc import Iterator
from datetime import datetime

from budgets.group_spend import chunks
from budgets.models import LedgerEntry, Scope, SpendAdjustment
from budgets.spend import adjust, period_starts, spend_of, spend_of_keys
from teams import audit
from teams.models import RetiredToken, Team, VirtualKey
from teams.money import to_dollars


def reset_everybody(*, actor_id: str, now: datetime) -> int:
    """Within one transaction of the caller's. Returns how many had spent something; each is in the audit trail."""
    count = 0
    for row, scope, spent in (*_keys(now), *_teams(now)):
        adjust(scope, str(row.pk), by_nano=-spent, at=now, actor_id=actor_id)
        audit.note(scope.value, row, before={"spend": to_dollars(spent)}, after={"spend": 0.0})
        count += 1
    return count


def _keys(now: datetime) -> Iterator[tuple[VirtualKey, Scope, int]]:
    """Only who is in the books can have spent anything."""
    hashes = set(LedgerEntry.objects.order_by().values_list("key_hash", flat=True).distinct())
    numbers = {int(number) for number in _adjusted(Scope.KEY)}
    for names in chunks(sorted(hashes)):
        numbers |= set(VirtualKey.objects.filter(token_hash__in=names).order_by().values_list("pk", flat=True))
        numbers |= set(RetiredToken.objects.filter(pk__in=names).order_by().values_list("key_id", flat=True))
    for some in chunks(sorted(numbers)):
        rows = {row.pk: row for row in VirtualKey.objects.filter(pk__in=some).order_by("pk")}
        for pk, spend in spend_of_keys(rows.values(), now=now).items():
            if spend.period_nano:
                yield rows[pk], Scope.KEY, spend.period_nano


def _teams(now: datetime) -> Iterator[tuple[Team, Scope, int]]:
    ids = set(LedgerEntry.objects.order_by().values_list("team_id", flat=True).distinct()) | _adjusted(Scope.TEAM)
    for some in chunks(sorted(ids)):
        rows = {row.pk: row for row in Team.objects.filter(pk__in=some).order_by("pk")}
        for pk, spend in spend_of(Scope.TEAM, period_starts(rows.values(), now=now)).items():
            if spend.period_nano:
                yield rows[pk], Scope.TEAM, spend.period_nano


def _adjusted(scope: Scope) -> set[str]:
    return set(SpendAdjustment.objects.filter(scope=scope).order_by().values_list("entity_id", flat=True).distinct())
