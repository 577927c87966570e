"""What somebody has spent: in the current period, and ever. Nano-dollars, to the last entry that is committed.

Read from the balances, and from the entries that wait to be rolled up.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db.models import CharField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast, Coalesce, Length

from budgets.balances import read_adjustments, read_balances, store, within
from budgets.core.allowances import EVER, of_model
from budgets.directory import Entity
from budgets.models import Balance, Scope, SpendAdjustment
from budgets.rollup import sums_locked
from budgets.sums import rolled_since
from budgets.waiting import waiting_amounts
from teams.calendars import current_calendar
from teams.models import Limits, VirtualKey
from teams.periods import Calendar, parse_duration, period


@dataclass(frozen=True, slots=True)
class Spend:
    """`period_nano` since the budget's period began, the same as `total_nano` without one."""

    period_nano: int = 0
    total_nano: int = 0
    last_at: datetime | None = None


NOTHING = Spend()


def current_period(
    limits: Limits, *, now: datetime, calendar: Calendar | None = None
) -> tuple[datetime, datetime] | None:
    """Beginning and end of the budget's period that holds `now`; None for a budget that is never reset.

    Without a calendar the one in force is asked for.
    """
    if not limits.budget_duration:
        return None
    duration = parse_duration(limits.budget_duration)
    return period(duration, start=limits.budget_started_at or now, now=now, calendar=calendar or current_calendar())


def spend_of_keys(keys: Iterable[VirtualKey], *, now: datetime) -> dict[int, Spend]:
    """By the key's number; what was spent by its former hashes counts with it."""
    found = spend_of(Scope.KEY, period_starts(keys, now=now))
    return {int(entity_id): spend for entity_id, spend in found.items()}


def period_starts(rows: Iterable[Limits], *, now: datetime) -> dict[str, datetime | None]:
    calendar = current_calendar()
    return {str(row.pk): start_of(row, now=now, calendar=calendar) for row in rows}


def start_of(limits: Limits | None, *, now: datetime, calendar: Calendar) -> datetime | None:
    current = current_period(limits, now=now, calendar=calendar) if limits is not None else None
    return current[0] if current else None


def spend_of(scope: Scope, since: Mapping[str, datetime | None]) -> dict[str, Spend]:
    """By id; `since` says when the period of each began, None meaning ever."""
    found = spends({(scope, entity_id): start for entity_id, start in since.items()})
    return {entity_id: spend for (_, entity_id), spend in found.items()}


def spends(since: Mapping[Entity, datetime | None]) -> dict[Entity, Spend]:
    found = spends_since((entity, start or EVER) for entity, start in since.items())
    return {entity: found[entity, start or EVER] for entity, start in since.items()}


def spends_since(
    wanted: Iterable[tuple[Entity, datetime]], *, with_waiting: bool = True
) -> dict[tuple[Entity, datetime], Spend]:
    """The same for entities with several windows: by entity and beginning.

    `with_waiting`: to the last entry that is committed, be it rolled up or not.
    """
    wanted = set(wanted)
    entities = {entity for entity, _ in wanted}
    balances: dict[Entity, list[Balance]] = {}
    for (scope, entity_id, _), balance in read_balances(entities).items():
        balances.setdefault((scope, entity_id), []).append(balance)
    waiting, adjustments = waiting_amounts(entities) if with_waiting else {}, read_adjustments(entities)
    found = {}
    for entity, start in wanted:
        amounts = waiting.get(entity, [])
        rolled = rolled_up(entity, start, balances.get(entity, []))
        seen = [at for at in (rolled.last_at, *(at for at, _ in amounts)) if at is not None]
        found[entity, start] = Spend(
            period_nano=rolled.period_nano + within(adjustments.get(entity, []), start) + within(amounts, start),
            total_nano=rolled.total_nano + sum(amount for _, amount in amounts),
            last_at=max(seen, default=None),
        )
    return found


# They have balances since the first call after their budget was set, and may have spent before.
NOT_ALWAYS_COUNTED = frozenset({Scope.KEY_MODEL, Scope.TEAM_MODEL})


class Counted(Protocol):
    """What a balance says, as a row or less."""

    @property
    def period_start(self) -> datetime: ...

    @property
    def spent_nano(self) -> int: ...

    @property
    def last_at(self) -> datetime | None: ...


def rolled_up(
    entity: Entity,
    start: datetime,
    balances: Sequence[Counted],
    *,
    sum_since: Callable[[Entity, datetime], int] = rolled_since,
) -> Spend:
    """By the ledger alone. `sum_since` is asked where no balance says it."""
    if entity[0] in NOT_ALWAYS_COUNTED and not balances:
        return Spend(period_nano=sum_since(entity, start), total_nano=sum_since(entity, EVER))
    by_start = {balance.period_start: balance for balance in balances}
    if (ever := by_start.get(EVER)) is None or ever.last_at is None:
        return NOTHING
    if (balance := by_start.get(start)) is not None:
        spent = balance.spent_nano
    else:
        # Of a window that is new, or another one than when the last call was counted, there is no balance yet.
        spent = sum_since(entity, start) if ever.last_at >= start else 0
    return Spend(period_nano=spent, total_nano=ever.spent_nano, last_at=ever.last_at)


def adjust(scope: Scope, entity_id: str, *, by_nano: int, at: datetime, actor_id: str) -> None:
    """Count `by_nano` more (or less) from now on."""
    if not by_nano:
        return
    with sums_locked():
        SpendAdjustment.objects.create(scope=scope, entity_id=entity_id, amount_nano=by_nano, at=at, actor_id=actor_id)
        # What counts less may cross its thresholds again: the next call's roll-up sees to what is told.
        changed = list(Balance.objects.filter(scope=scope, entity_id=entity_id, period_start__lte=at))
        for balance in changed:
            balance.adjusted_nano += by_nano
        store(changed)


def spend_of_key_by_model(key: VirtualKey, *, now: datetime) -> dict[str, int]:
    """By model group, in the period that the key's budget for the model has."""
    since: dict[Entity, datetime | None] = {}
    calendar = current_calendar()
    for model, budget in key.model_max_budget.items():
        start = None
        if duration := budget.get("time_period"):
            began = key.budget_started_at or key.created_at
            start, _ = period(parse_duration(duration), start=began, now=now, calendar=calendar)
        since[Scope.KEY_MODEL, of_model(str(key.pk), model)] = start
    found = spends(since)
    return {model: found[Scope.KEY_MODEL, of_model(str(key.pk), model)].period_nano for model in key.model_max_budget}


def with_spend(rows: QuerySet[Any], scope: Scope) -> QuerySet[Any]:
    """Annotated with `spent_nano`, what each ever spent by what is rolled up, for lists that are sorted by it."""
    balance = Balance.objects.filter(scope=scope, window="", entity_id=Cast(OuterRef("pk"), CharField()))
    annotated: QuerySet[Any] = rows.annotate(
        spent_nano=Coalesce(Subquery(balance.order_by().values("spent_nano")[:1]), 0)
    )
    return annotated


def dearest(scope: Scope, *, limit: int, among: QuerySet[Any] | None = None) -> list[str]:
    """Ids of those that ever spent something by what is rolled up, the dearest first; `among` rows, or everybody.

    Some of them may be gone. Where two spent the same they are in the order of rows, the last first.
    """
    rows = Balance.objects.filter(scope=scope, window="", spent_nano__gt=0)
    if among is not None:
        rows = rows.filter(entity_id__in=among.order_by().values(entity=Cast("pk", CharField())))
    # A longer number is a larger one.
    ties = [Length("entity_id").desc(), "-entity_id"] if scope is Scope.KEY else ["-entity_id"]
    return list(rows.order_by("-spent_nano", *ties).values_list("entity_id", flat=True)[:limit])
