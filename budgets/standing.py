"""How budgets stand: what is spent of each window, which thresholds that reaches, and where it will lead."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from budgets.core.allowances import EVER, Allowance, owner_and_model
from budgets.core.projection import DAYS, Projection, project
from budgets.core.thresholds import reached
from budgets.daily import Days, daily_sums
from budgets.directory import Directory, Entity, Payers
from budgets.models import Scope
from budgets.spend import spends_since
from teams.calendars import current_calendar
from teams.models import Membership, VirtualKey

# Whose windows are told with those of who gave them.
_PARTS = {Scope.KEY_MODEL: Scope.KEY, Scope.TEAM_MODEL: Scope.TEAM}


@dataclass(frozen=True, slots=True)
class Standing:
    """One budget window in the period that holds now. Amounts are nano-dollars.

    `model` names the model group of a budget for one alone. `max_nano` contains `increase_nano`, the temporary
    increase that is in force, until `increase_until` (None: until somebody takes it back). `ends` is None for a window
    that is never reset. `projection` is None while too little is known, and where nobody asked for it.
    """

    window: str
    period_start: datetime
    ends: datetime | None
    spent_nano: int
    max_nano: int | None
    soft_nano: int | None
    projection: Projection | None
    reached: tuple[str, ...]
    model: str = ""
    increase_nano: int = 0
    increase_until: datetime | None = None
    is_further: bool = False


def standings(
    entities: Iterable[Entity], *, now: datetime, with_projection: bool = True
) -> dict[Entity, tuple[Standing, ...]]:
    """Every window of each: the main one, further ones, those of its models. Empty for who has no budget.

    It costs a handful of queries, however many entities are asked about.
    """
    wanted = dict.fromkeys((str(scope), entity_id) for scope, entity_id in entities)
    allowed = _allowances(wanted)
    calendar = current_calendar()
    periods = [(owner, one, one.period(now, calendar=calendar)) for owner, some in allowed.items() for one in some]
    spent = spends_since(((one.scope, one.entity_id), start) for _, one, (start, _) in periods)
    days: dict[Entity, Days] = {}
    if with_projection:
        today = now.astimezone(UTC).date()
        named = {(one.scope, one.entity_id) for _, one, _ in periods}
        days = daily_sums(named, first=today - timedelta(days=DAYS), last=today - timedelta(days=1))
    found: dict[Entity, list[Standing]] = {entity: [] for entity in wanted}
    for owner, one, (start, ends) in periods:
        entity = (one.scope, one.entity_id)
        daily = days.get(entity, []) if with_projection else None
        amount = spent[entity, start].period_nano
        found[owner].append(_standing(one, start=start, ends=ends, spent_nano=amount, daily=daily, now=now))
    return {entity: tuple(some) for entity, some in found.items()}


def _allowances(wanted: Collection[Entity]) -> dict[Entity, list[Allowance]]:
    """By whom they belong to; what a key's models may cost belongs to the key."""
    found: dict[Entity, list[Allowance]] = {entity: [] for entity in wanted}
    if not found:
        return found
    for (scope, entity_id), some in Directory(_payers(wanted)).allowances.items():
        owner = (scope, entity_id)
        if (parent := _PARTS.get(Scope(scope))) is not None and owner not in found:
            owner = (parent, owner_and_model(entity_id)[0])
        if owner in found:
            found[owner] += some
    for allowed in found.values():
        allowed.sort(key=lambda one: (one.scope in _PARTS, one.is_further))
    return found


def _payers(wanted: Collection[Entity]) -> Iterable[Payers]:
    """As an entry would name them."""
    ids: dict[str, list[str]] = {}
    for scope, entity_id in wanted:
        ids.setdefault(scope, []).append(entity_id)
    keys = [int(one) for one in ids.get(Scope.KEY, ())]
    keys += [int(owner_and_model(one)[0]) for one in ids.get(Scope.KEY_MODEL, ())]
    for token_hash in VirtualKey.objects.filter(pk__in=keys).order_by().values_list("token_hash", flat=True):
        yield _payer(key_hash=token_hash)
    members = Membership.objects.filter(pk__in=[int(one) for one in ids.get(Scope.MEMBER, ())]).order_by()
    for team_id, user_id in members.values_list("team_id", "user_id"):
        yield _payer(team_id=team_id, user_id=user_id)
    teams = [*ids.get(Scope.TEAM, ()), *(owner_and_model(one)[0] for one in ids.get(Scope.TEAM_MODEL, ()))]
    named: Sequence[tuple[str, Iterable[str]]] = (
        ("team_id", teams),
        ("user_id", ids.get(Scope.USER, ())),
        ("organization_id", ids.get(Scope.ORGANIZATION, ())),
        ("end_user", ids.get(Scope.CUSTOMER, ())),
    )
    for column, some in named:
        for entity_id in some:
            yield _payer(**{column: entity_id})  # type: ignore[arg-type]
    yield _payer(tags=tuple(ids.get(Scope.TAG, ())))


def _payer(*, tags: tuple[str, ...] = (), **named: str) -> Payers:
    columns = (
        "key_hash",
        "user_id",
        "team_id",
        "organization_id",
        "end_user",
        "model_group",
        "provider",
        "deployment_id",
    )
    return Payers(tags=tags, **{name: named.get(name, "") for name in columns})


def _standing(
    one: Allowance, *, start: datetime, ends: datetime | None, spent_nano: int, daily: Days | None, now: datetime
) -> Standing:
    max_nano = one.max_at(now)
    increase = 0 if max_nano is None or one.max_nano is None else max_nano - one.max_nano
    return Standing(
        window=one.window,
        period_start=start,
        ends=ends,
        spent_nano=spent_nano,
        max_nano=max_nano,
        soft_nano=one.soft_nano,
        projection=None if daily is None else _projection(one, daily, spent_nano=spent_nano, ends=ends, now=now),
        reached=reached(spent_nano, max_nano=max_nano, soft_nano=one.soft_nano),
        model=owner_and_model(one.entity_id)[1] if one.scope in _PARTS else "",
        increase_nano=increase,
        increase_until=one.increase_until if increase else None,
        is_further=one.is_further,
    )


def _projection(
    one: Allowance, daily: Days, *, spent_nano: int, ends: datetime | None, now: datetime
) -> Projection | None:
    """With the increase while it lasts: when that ends, less may be spent, and what was spent stays spent."""
    limit = one.max_at(now)
    found = project(daily, spent_nano=spent_nano, max_nano=limit, ends=ends, now=now)
    until = one.increase_until
    if found is None or limit == one.max_nano or until is None or (ends is not None and until >= ends):
        return found
    if found.exhausted_at is not None and found.exhausted_at <= until:
        return found
    without = project(daily, spent_nano=spent_nano, max_nano=one.max_nano, ends=ends, now=now)
    if without is None or without.exhausted_at is None:
        return found
    return Projection(found.spend_at_end_nano, max(without.exhausted_at, until), found.days_seen)


def spent_ever(entities: Iterable[Entity]) -> dict[Entity, int]:
    """What the ledger says, adjustments left out."""
    wanted = [(str(scope), entity_id) for scope, entity_id in entities]
    found = spends_since((entity, EVER) for entity in wanted)
    return {entity: found[entity, EVER].total_nano for entity in wanted}
