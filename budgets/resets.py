"""Letting somebody count as having spent nothing, in every window at once. The ledger stays as it is."""

from datetime import datetime

from budgets.core.allowances import EVER
from budgets.directory import Entity
from budgets.models import Scope
from budgets.rollup import sums_locked
from budgets.spend import adjust, spends_since
from budgets.standing import standings


def reset_spend(entity: Entity, *, now: datetime, actor_id: str) -> int:
    """Returns what was spent in the period of the main window (ever, where there is none), nano-dollars."""
    scope, entity_id = entity
    with sums_locked():
        windows = standings([entity], now=now, with_projection=False)[entity]
        own = [one for one in windows if not one.model]
        spent = {one.period_start: one.spent_nano for one in own}
        if not spent:
            spent = {EVER: spends_since([(entity, EVER)])[entity, EVER].period_nano}
        for at, amount in _taken(spent, now=now):
            adjust(Scope(scope), entity_id, by_nano=-amount, at=at, actor_id=actor_id)
        return own[0].spent_nano if own else spent[EVER]


def _taken(spent: dict[datetime, int], *, now: datetime) -> list[tuple[datetime, int]]:
    """When each amount is taken: what only the longer windows hold, at the longer one's beginning.

    Taken now, all of it would count in the shorter windows too, and leave room there that nobody gave.
    """
    starts = sorted(spent)
    found = []
    for number, start in enumerate(starts):
        last = number == len(starts) - 1
        found.append((now, spent[start]) if last else (start, spent[start] - spent[starts[number + 1]]))
    return found
