"""Sums over what is rolled up: whole days from DailySpend, the day in which a period began from the ledger itself."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Sum

from budgets.core.allowances import EVER, owner_and_model
from budgets.directory import Entity
from budgets.models import HEALTH_CHECK_KEY, DailySpend, Facet, LedgerEntry, Scope, UnrolledBatch
from teams.models import Membership, RetiredToken, VirtualKey

_COLUMNS = {
    Scope.TEAM: "team_id",
    Scope.USER: "user_id",
    Scope.ORGANIZATION: "organization_id",
    Scope.MODEL: "model_group",
    Scope.PROVIDER: "provider",
    Scope.DEPLOYMENT: "deployment_id",
}
_CHUNK = 500


def rolled_since(entity: Entity, start: datetime) -> int:
    """Nano-dollars of the entity's calls that began at `start` or later and are rolled up."""
    days = _days(entity)
    if start <= EVER:
        return _sum(days)
    midnight = datetime.combine(start.astimezone(UTC).date(), time(), UTC)
    if start == midnight:
        return _sum(days.filter(day__gte=midnight.date()))
    following = midnight + timedelta(days=1)
    return _sum(days.filter(day__gte=following.date())) + _of_ledger(entity, start, following)


def _sum(rows: QuerySet[Any]) -> int:
    return int(rows.order_by().aggregate(sum=Sum("amount_nano"))["sum"] or 0)


def _days(entity: Entity) -> QuerySet[DailySpend]:
    scope, entity_id = entity
    if scope == Scope.CUSTOMER:
        return DailySpend.objects.filter(facet=Facet.CUSTOMER, facet_value=entity_id)
    if scope == Scope.TAG:
        return DailySpend.objects.filter(facet=Facet.TAG, facet_value=entity_id)
    return DailySpend.objects.filter(facet=Facet.CALLS, **_named(entity))


def _of_ledger(entity: Entity, start: datetime, end: datetime) -> int:
    """Without what still waits to be rolled up."""
    rows = LedgerEntry.objects.filter(started_at__gte=start, started_at__lt=end).exclude(key_hash=HEALTH_CHECK_KEY)
    found = _ledger_sum(entity, rows)
    waiting = [UUID(one) for batch in UnrolledBatch.objects.order_by("pk") for one in batch.entry_ids]
    for first in range(0, len(waiting), _CHUNK):
        found -= _ledger_sum(entity, rows.filter(pk__in=waiting[first : first + _CHUNK]))
    return found


def _ledger_sum(entity: Entity, rows: QuerySet[LedgerEntry]) -> int:
    scope, entity_id = entity
    if scope == Scope.TAG:
        # No operator for lists that both databases have.
        listed = rows.order_by().values_list("tags", "amount_nano").iterator(chunk_size=2000)
        return sum(amount for tags, amount in listed if isinstance(tags, list) and entity_id in tags)
    if scope == Scope.CUSTOMER:
        return _sum(rows.filter(end_user=entity_id))
    return _sum(rows.filter(**_named(entity)))


def _named(entity: Entity) -> dict[str, Any]:
    """The columns, the same in the ledger and in its days, that say whose a call is."""
    scope, entity_id = entity
    if scope == Scope.PROXY:
        return {}
    if scope == Scope.KEY:
        return {"key_hash__in": hashes_of(int(entity_id))}
    if scope == Scope.MEMBER:
        pair = Membership.objects.filter(pk=int(entity_id)).values_list("team_id", "user_id").first()
        return {"team_id": pair[0], "user_id": pair[1]} if pair else {"key_hash__in": []}
    if scope in (Scope.KEY_MODEL, Scope.TEAM_MODEL):
        owner, model = owner_and_model(entity_id)
        named: dict[str, Any] = (
            {"key_hash__in": hashes_of(int(owner))} if scope == Scope.KEY_MODEL else {"team_id": owner}
        )
        return {**named, "model_group": model}
    return {_COLUMNS[Scope(scope)]: entity_id}


def hashes_of(key_id: int) -> Sequence[str]:
    """The key's present hash and its former ones."""
    present = VirtualKey.objects.filter(pk=key_id).values_list("token_hash", flat=True)
    return [*present, *RetiredToken.objects.filter(key_id=key_id).order_by().values_list("pk", flat=True)]
