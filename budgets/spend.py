"""What somebody has spent, from the ledger and its adjustments: in the current period, and ever. Nano-dollars."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import BigIntegerField, Case, F, Max, OuterRef, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from budgets.models import LedgerEntry, Scope, SpendAdjustment
from teams.models import Limits, RetiredToken, VirtualKey
from teams.periods import parse_duration, period

_COLUMNS = {Scope.TEAM: "team_id", Scope.USER: "user_id", Scope.CUSTOMER: "end_user"}


@dataclass(frozen=True, slots=True)
class Spend:
    """`period_nano` since the budget's period began, the same as `total_nano` without one."""

    period_nano: int = 0
    total_nano: int = 0
    last_at: datetime | None = None

    def __add__(self, other: "Spend") -> "Spend":
        seen = [at for at in (self.last_at, other.last_at) if at is not None]
        return Spend(self.period_nano + other.period_nano, self.total_nano + other.total_nano, max(seen, default=None))


NOTHING = Spend()
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def current_period(limits: Limits, *, now: datetime) -> tuple[datetime, datetime] | None:
    """Beginning and end of the budget's period that holds `now`; None for a budget that is never reset."""
    if not limits.budget_duration:
        return None
    return period(parse_duration(limits.budget_duration), start=limits.budget_started_at or now, now=now)


def spend_of_keys(keys: Iterable[VirtualKey], *, now: datetime) -> dict[int, Spend]:
    """By the key's number; a regenerated key's former hashes count with it."""
    keys = list(keys)
    since = {key.token_hash: _since(key, now=now) for key in keys}
    owner = {key.token_hash: key.pk for key in keys}
    starts = {key.pk: since[key.token_hash] for key in keys}
    for token_hash, key_id in RetiredToken.objects.filter(key__in=starts).order_by().values_list("pk", "key_id"):
        since[token_hash] = starts[key_id]
        owner[token_hash] = key_id
    found = dict.fromkeys(starts, NOTHING)
    for token_hash, spend in _spent("key_hash", since).items():
        found[owner[token_hash]] += spend
    for entity_id, spend in _adjusted(Scope.KEY, {str(pk): start for pk, start in starts.items()}).items():
        found[int(entity_id)] += spend
    return found


def spend_of(scope: Scope, since: Mapping[str, datetime | None]) -> dict[str, Spend]:
    """Teams, users or customers by id; `since` says when the period of each began, None meaning ever."""
    found = dict.fromkeys(since, NOTHING)
    for spends in (_spent(_COLUMNS[scope], since), _adjusted(scope, since)):
        for entity_id, spend in spends.items():
            found[entity_id] += spend
    return found


def spend_of_members(team_id: str, user_ids: Iterable[str]) -> dict[str, int]:
    """What each user spent with keys of one team, ever."""
    rows = LedgerEntry.objects.filter(team_id=team_id, user_id__in=list(user_ids)).order_by()
    return dict(rows.values_list("user_id").annotate(total=Sum("amount_nano")))


def period_starts(rows: Iterable[Limits], *, now: datetime) -> dict[str, datetime | None]:
    return {str(row.pk): _since(row, now=now) for row in rows}


def adjust(scope: Scope, entity_id: str, *, by_nano: int, at: datetime, actor_id: str) -> None:
    """Count `by_nano` more (or less) from now on."""
    if by_nano:
        SpendAdjustment.objects.create(scope=scope, entity_id=entity_id, amount_nano=by_nano, at=at, actor_id=actor_id)


def _since(limits: Limits, *, now: datetime) -> datetime | None:
    current = current_period(limits, now=now)
    return current[0] if current else None


def _spent(column: str, since: Mapping[str, datetime | None]) -> dict[str, Spend]:
    rows = LedgerEntry.objects.filter(**{f"{column}__in": list(since)}).order_by()
    return _sums(rows.values_list(column), column, "started_at", since) if since else {}


def _adjusted(scope: Scope, since: Mapping[str, datetime | None]) -> dict[str, Spend]:
    rows = SpendAdjustment.objects.filter(scope=scope, entity_id__in=list(since)).order_by()
    sums = _sums(rows.values_list("entity_id"), "entity_id", "at", since) if since else {}
    # What was ever spent stays true, and a reset is no use of a key.
    return {entity_id: Spend(period_nano=spend.period_nano) for entity_id, spend in sums.items()}


def _sums(
    grouped: "QuerySet[Any, Any]", column: str, time: str, since: Mapping[str, datetime | None]
) -> dict[str, Spend]:
    starts: dict[datetime, list[str]] = {}
    for entity, start in since.items():
        starts.setdefault(start or _EVER, []).append(entity)
    # One branch a beginning, of which calendars have few.
    branches = [
        When(**{f"{column}__in": entities, f"{time}__gte": start}, then=F("amount_nano"))
        for start, entities in starts.items()
    ]
    amount = Case(*branches, default=Value(0), output_field=BigIntegerField())
    rows = grouped.annotate(period=Sum(amount), total=Sum("amount_nano"), last=Max(time))
    return {entity: Spend(in_period or 0, total or 0, last) for entity, in_period, total, last in rows}


def spend_of_key_by_model(key: VirtualKey, *, now: datetime) -> dict[str, int]:
    """By model group, in the period that the key's budget for the model has."""
    hashes = [key.token_hash, *key.retired_tokens.values_list("pk", flat=True)]
    found = {}
    for model, budget in key.model_max_budget.items():
        rows = LedgerEntry.objects.filter(key_hash__in=hashes, model_group=model)
        if duration := budget.get("time_period"):
            began, _ = period(parse_duration(duration), start=key.budget_started_at or key.created_at, now=now)
            rows = rows.filter(started_at__gte=began)
        found[model] = rows.aggregate(spent=Sum("amount_nano"))["spent"] or 0
    return found


def with_key_spend(keys: QuerySet[VirtualKey]) -> QuerySet[VirtualKey]:
    """Annotated with `spent_nano`, what each key's present hash ever spent, for lists that are sorted by it."""
    spent = LedgerEntry.objects.filter(key_hash=OuterRef("token_hash")).order_by().values("key_hash")
    return keys.annotate(spent_nano=Coalesce(Subquery(spent.annotate(sum=Sum("amount_nano")).values("sum")), 0))
