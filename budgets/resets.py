"""Letting somebody count as having spent something else, or nothing. The ledger stays as it is.

What is taken is taken where it was spent: what only a longer window holds, at that one's beginning. Taken now, all of
it would count in the shorter windows too, and leave room there that nobody gave.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from budgets.balances import chunks
from budgets.core.allowances import EVER
from budgets.directory import Entity
from budgets.models import Balance, Scope, SpendAdjustment
from budgets.rollup import sums_locked
from budgets.spend import adjust, spends_since
from budgets.standing import Standing, standings
from budgets.waiting import waiting_amounts
from teams import audit
from teams.models import Team, VirtualKey
from teams.money import to_dollars

_RESET_BY_ALL: Mapping[Scope, type[VirtualKey] | type[Team]] = {Scope.KEY: VirtualKey, Scope.TEAM: Team}


def reset_spend(entity: Entity, *, now: datetime, actor_id: str) -> int:
    """Nothing, in every window at once.

    Returns what was spent in the period of the main window (ever, where there is none), nano-dollars.
    """
    with sums_locked():
        return _reset([entity], now=now, actor_id=actor_id)[entity]


def reset_everybody(*, now: datetime, actor_id: str) -> int:
    """The same for all keys and teams. Returns how many had spent something; each is in the audit trail."""
    count = 0
    with sums_locked():
        for scope, model in _RESET_BY_ALL.items():
            for some in chunks(sorted(_spenders(scope))):
                rows = {str(row.pk): row for row in model._default_manager.filter(pk__in=some)}
                spent = _reset([(scope.value, pk) for pk in rows], now=now, actor_id=actor_id)
                for (_, pk), nano in spent.items():
                    if nano:
                        audit.note(scope.value, rows[pk], before={"spend": to_dollars(nano)}, after={"spend": 0.0})
                        count += 1
    return count


def set_spend(entity: Entity, *, since: datetime | None, to_nano: int, now: datetime, actor_id: str) -> int:
    """Let what counts since then (None: ever) be this much. Returns what it was, nano-dollars."""
    scope, entity_id = entity
    start = since or EVER
    with sums_locked():
        current = spends_since([(entity, start)])[entity, start].period_nano
        if to_nano > current:
            adjust(Scope(scope), entity_id, by_nano=to_nano - current, at=now, actor_id=actor_id)
        left = max(0, current - to_nano)
        shorter = _own(standings([entity], now=now, with_projection=False)[entity])
        spent = {start: current, **{one.period_start: one.spent_nano for one in shorter if one.period_start > start}}
        for at, amount in _parts(spent, now=now):
            part = min(max(0, amount), left)
            adjust(Scope(scope), entity_id, by_nano=-part, at=at, actor_id=actor_id)
            left -= part
        return current


def _reset(entities: Iterable[Entity], *, now: datetime, actor_id: str) -> dict[Entity, int]:
    windows = {entity: _own(some) for entity, some in standings(entities, now=now, with_projection=False).items()}
    ever = spends_since((entity, EVER) for entity, some in windows.items() if not some)
    found = {}
    for (scope, entity_id), some in windows.items():
        spent = {one.period_start: one.spent_nano for one in some} or {EVER: ever[(scope, entity_id), EVER].period_nano}
        for at, amount in _parts(spent, now=now):
            adjust(Scope(scope), entity_id, by_nano=-amount, at=at, actor_id=actor_id)
        found[scope, entity_id] = some[0].spent_nano if some else spent[EVER]
    return found


def _own(windows: Iterable[Standing]) -> list[Standing]:
    """Without those of models, which are entities of their own."""
    return [one for one in windows if not one.model]


def _parts(spent: Mapping[datetime, int], *, now: datetime) -> Sequence[tuple[datetime, int]]:
    """What was spent by when periods began, as what each window holds beyond the next shorter one, oldest first."""
    starts = sorted(spent)
    following = [*(spent[start] for start in starts[1:]), 0]
    return [
        (now if start == starts[-1] else start, spent[start] - beyond)
        for start, beyond in zip(starts, following, strict=True)
    ]


def _spenders(scope: Scope) -> set[str]:
    """Who can count as having spent anything."""
    counted = Balance.objects.filter(scope=scope, window="").order_by().values_list("entity_id", flat=True)
    adjusted = SpendAdjustment.objects.filter(scope=scope).order_by().values_list("entity_id", flat=True).distinct()
    return {*counted, *adjusted, *(entity_id for one, entity_id in waiting_amounts() if one == scope)}
