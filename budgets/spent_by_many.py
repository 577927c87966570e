"""What many have spent in their current periods, for whoever looks at all budgets at once and again soon."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple, Protocol

from django.db import connection, transaction
from django.db.models import Max
from django.db.models.expressions import RawSQL

from budgets.balances import Amounts, within
from budgets.directory import Entity
from budgets.models import Balance, SpendAdjustment
from budgets.spend import NOT_ALWAYS_COUNTED, rolled_up
from budgets.sums import rolled_since
from budgets.waiting import waiting_amounts

# Sums over days, for windows that have no balance yet: so many a reading, the others with the next ones.
MOST_SUMS = 200


class _Counted(NamedTuple):
    period_start: datetime
    spent_nano: int
    last_at: datetime | None


class Asked(Protocol):
    """Whose spending since when."""

    @property
    def entity(self) -> Entity: ...

    @property
    def start(self) -> datetime: ...


Wanted = tuple[Entity, datetime]
Marks = tuple[_Counted, ...]


class SpentByMany:
    """For one thread at a time."""

    def __init__(self) -> None:
        self._adjusted: dict[Entity, Amounts] = {}
        self._last_adjustment = 0
        self._sums: dict[Wanted, tuple[Marks, int]] = {}

    def read(self, asked: Sequence[Asked]) -> list[int | None]:
        """Nano-dollars to the last committed entry, one after the other; None for what is not known yet.

        A handful of queries, however many are asked about. Nobody who writes waits for them. Raises django.db.Error.
        """
        with one_moment():
            self._follow_adjustments()
            balances = _balances(asked)
            waiting = waiting_amounts()
            sums = _Sums(self._sums)
            found = [self._spent(one, balances, waiting, sums) for one in asked]
        self._sums = sums.used
        return found

    def _spent(
        self, one: Asked, balances: Mapping[Entity, list[_Counted]], waiting: Mapping[Entity, Amounts], sums: "_Sums"
    ) -> int | None:
        entity, start, spent = one.entity, one.start, 0
        marks = balances.get(entity)
        if marks is not None or entity[0] in NOT_ALWAYS_COUNTED:
            try:
                spent = sums.rolled_up(entity, start, marks or ())
            except _TooMany:
                return None
        # Most have neither.
        for amounts in (self._adjusted.get(entity), waiting.get(entity)):
            if amounts is not None:
                spent += within(amounts, start)
        return spent

    def _follow_adjustments(self) -> None:
        """They never change, and are numbered in the order in which they are committed: all but those of nothing."""
        rows = SpendAdjustment.objects.filter(pk__gt=self._last_adjustment).exclude(amount_nano=0).order_by("pk")
        for pk, scope, entity_id, at, nano in rows.values_list("pk", "scope", "entity_id", "at", "amount_nano"):
            self._last_adjustment = pk
            self._adjusted.setdefault((scope, entity_id), []).append((at, nano))


def last_adjustment() -> int:
    return SpendAdjustment.objects.aggregate(last=Max("pk"))["last"] or 0


class _TooMany(Exception):
    """Sums were asked for."""


class _Sums:
    """Remembers what was summed up, as long as nothing was rolled up for the entity since."""

    def __init__(self, known: Mapping[Wanted, tuple[Marks, int]]) -> None:
        self._known = known
        self._left = MOST_SUMS
        self.used: dict[Wanted, tuple[Marks, int]] = {}

    def rolled_up(self, entity: Entity, start: datetime, balances: Iterable[_Counted]) -> int:
        marks = tuple(balances)

        def sum_since(entity: Entity, start: datetime) -> int:
            known = self._known.get((entity, start))
            if known is None or known[0] != marks:
                if not self._left:
                    raise _TooMany
                self._left -= 1
                known = marks, rolled_since(entity, start)
            self.used[entity, start] = known
            return known[1]

        return rolled_up(entity, start, marks, sum_since=sum_since).period_nano


def _balances(asked: Iterable[Asked]) -> dict[Entity, list[_Counted]]:
    """Of who has some."""
    ids: dict[str, list[str]] = {}
    for one in asked:
        scope, entity_id = one.entity
        ids.setdefault(scope, []).append(entity_id)
    found: dict[Entity, list[_Counted]] = {}
    for scope, named in ids.items():
        rows = Balance.objects.filter(scope=scope, entity_id__in=_listed(named)).order_by()
        columns = rows.values_list("entity_id", "period_start", "spent_nano", "last_at")
        for entity_id, start, nano, last_at in columns.iterator():
            found.setdefault((scope, entity_id), []).append(_Counted(start, nano, last_at))
    return found


def _listed(ids: list[str]) -> RawSQL:
    """As one parameter: a statement may have only so many."""
    if connection.vendor == "postgresql":
        return RawSQL("SELECT unnest(%s::text[])", [ids])
    return RawSQL("SELECT value FROM json_each(%s)", [json.dumps(ids)])


@contextmanager
def one_moment() -> Iterator[None]:
    """All reads see the same moment, and nobody who writes waits for them."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield
    else:
        # Django's own transactions are made for writing here, one at a time.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
