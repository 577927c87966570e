"""Telling which budgets will be used up before their period ends, if it goes on as it has."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

import alerts.services
from alerts.events import BudgetProjected, Mail
from budgets.budget_events import dollars, facts
from budgets.concerned import concerned_by
from budgets.core.allowances import of_model, owner_and_model
from budgets.directory import Entity
from budgets.models import Balance, Scope
from budgets.standing import Standing, standings

BATCH = 500
# Who has not spent for so long is led nowhere.
SPENT_WITHIN = timedelta(days=7)
# A budget that is never reset has no end before which it should last.
ENDLESS_WITHIN = timedelta(days=14)
_OWNERS = {Scope.KEY_MODEL: Scope.KEY, Scope.TEAM_MODEL: Scope.TEAM}
PARTS = {Scope.KEY: Scope.KEY_MODEL, Scope.TEAM: Scope.TEAM_MODEL}


def tell_projected(*, now: datetime) -> int:
    """How many budgets are led over their limit. What is used up already was told by who counts the spend."""
    count, every = 0, spenders(now - SPENT_WITHIN)
    while some := list(islice(every, BATCH)):
        for (scope, entity_id), windows in standings(some, now=now).items():
            for one in windows:
                if _is_short(one, now=now):
                    alerts.services.emit(_event(scope, entity_id, one))
                    count += 1
    return count


def spenders(since: datetime) -> Iterator[Entity]:
    """Whoever has spent something since then, once each, in order."""
    rows = Balance.objects.filter(last_at__gte=since).order_by("scope", "entity_id")
    seen: set[Entity] = set()
    for scope, entity_id in rows.values_list("scope", "entity_id").distinct().iterator(chunk_size=2000):
        owner = _OWNERS.get(Scope(scope))
        entity = (str(owner or scope), owner_and_model(entity_id)[0] if owner else entity_id)
        if entity not in seen:
            seen.add(entity)
            yield entity


def _is_short(one: Standing, *, now: datetime) -> bool:
    projection, limit = one.projection, one.max_nano
    if projection is None or projection.exhausted_at is None or limit is None or one.spent_nano >= limit:
        return False
    return projection.exhausted_at < (one.ends or now + ENDLESS_WITHIN)


def _event(scope: str, entity_id: str, one: Standing) -> BudgetProjected:
    assert one.projection is not None
    assert one.projection.exhausted_at is not None
    ends_at = one.projection.spend_at_end_nano
    if one.model:
        scope, entity_id = str(PARTS[Scope(scope)]), of_model(entity_id, one.model)
    return BudgetProjected(
        exhausted_at=one.projection.exhausted_at.isoformat(timespec="minutes"),
        projected_spend="" if ends_at is None else dollars(ends_at),
        **facts(
            scope,
            entity_id,
            concerned=concerned_by(scope, entity_id, thresholds=()),
            mail=Mail.MAX_BUDGET,
            spent_nano=one.spent_nano,
            max_nano=one.max_nano,
            soft_nano=one.soft_nano,
            window=one.window,
            period=(one.period_start, one.ends),
        ),
    )
