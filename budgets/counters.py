"""The keys of admission's counters: one budget window of one entity in one period, since its last adjustment.

A new period and an adjustment make another key, so nothing ever has to be set back where requests are admitted.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from django.db.models import Max

from budgets.core.allowances import EVER, Allowance
from budgets.directory import Entity
from budgets.models import SpendAdjustment
from budgets.rollup import sums_still
from budgets.spend import spends_since

_SEPARATOR = "\x1e"


def counter_key(allowance: Allowance, *, start: datetime, generation: int) -> str:
    """`generation` is the number of the entity's last adjustment, 0 without one."""
    began = int(start.timestamp())
    return _SEPARATOR.join((allowance.scope, allowance.entity_id, allowance.window, str(began), str(generation)))


def entity_and_start(key: str) -> tuple[Entity, datetime]:
    scope, entity_id, _, began, _ = key.split(_SEPARATOR)
    return (scope, entity_id), datetime.fromtimestamp(int(began), UTC) if int(began) else EVER


def spent_now(keys: Sequence[str]) -> dict[str, int]:
    """What counts, to the last committed entry; below 0 counts as nothing. Raises django.db.Error."""
    with sums_still():
        return _spent(keys, with_waiting=True)


def rolled_up(keys: Sequence[str]) -> dict[str, int]:
    """What counts of what is rolled up, which is settled everywhere: no more than any counter should know.

    Raises django.db.Error.
    """
    return _spent(keys, with_waiting=False)


def _spent(keys: Sequence[str], *, with_waiting: bool) -> dict[str, int]:
    wanted = {key: entity_and_start(key) for key in keys}
    found = spends_since(wanted.values(), with_waiting=with_waiting)
    return {key: max(0, found[pair].period_nano) for key, pair in wanted.items()}


def generations() -> dict[Entity, int]:
    rows = SpendAdjustment.objects.order_by().values_list("scope", "entity_id").annotate(last=Max("pk"))
    return {(scope, entity_id): last for scope, entity_id, last in rows}
