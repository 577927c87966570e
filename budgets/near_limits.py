"""Budgets of which most is used in the period that holds now."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from budgets.budget_events import words_of
from budgets.concerned import concerned_by
from budgets.core.allowances import of_model
from budgets.directory import Entity
from budgets.models import Scope
from budgets.projected import BATCH, PARTS, spenders
from budgets.standing import Standing, standings

ABOVE_PERCENT = 80
# Who has spent nothing for so long is near no limit that matters now.
SPENT_WITHIN = timedelta(days=31)
MOST = 1000


@dataclass(frozen=True, slots=True)
class Near:
    """`budget_of` is words such as "Key"; amounts are nano-dollars; `ends` is None of a budget that is never reset."""

    budget_of: str
    id: str
    name: str
    window: str
    spent_nano: int
    max_nano: int
    ends: datetime | None

    @property
    def percent(self) -> float:
        """Of a budget of nothing all is used by anything."""
        return self.spent_nano * 100 / self.max_nano if self.max_nano else 100.0


def near_limits(*, now: datetime) -> list[Near]:
    """Those above 80 %, the fullest first; of more than a thousand, the fullest."""
    found: list[tuple[float, str, str, Standing]] = []
    every = spenders(now - SPENT_WITHIN)
    while some := list(islice(every, BATCH)):
        found += _near(some, now=now)
        found = sorted(found, key=lambda one: (-one[0], one[1], one[2]))[:MOST]
    return [_named(scope, entity_id, one) for _, scope, entity_id, one in found]


def _near(some: list[Entity], *, now: datetime) -> Iterator[tuple[float, str, str, Standing]]:
    for (scope, entity_id), windows in standings(some, now=now, with_projection=False).items():
        for one in windows:
            if one.max_nano is None or one.spent_nano <= 0:
                continue
            if one.spent_nano * 100 > one.max_nano * ABOVE_PERCENT:
                share = one.spent_nano / one.max_nano if one.max_nano else 1.0
                if one.model:
                    yield share, str(PARTS[Scope(scope)]), of_model(entity_id, one.model), one
                else:
                    yield share, scope, entity_id, one


def _named(scope: str, entity_id: str, one: Standing) -> Near:
    assert one.max_nano is not None
    return Near(
        budget_of=words_of(scope),
        id=entity_id,
        name=concerned_by(scope, entity_id, thresholds=()).name,
        window=one.window,
        spent_nano=one.spent_nano,
        max_nano=one.max_nano,
        ends=one.ends,
    )
