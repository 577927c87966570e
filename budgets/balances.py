"""Balances: what each entity has spent in each of its windows. Only the roll-up and adjustments change them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar

from django.db.models import Q, Sum

from budgets.core.allowances import Allowance
from budgets.directory import Directory, Entity
from budgets.models import Balance, SpendAdjustment
from budgets.sums import rolled_since
from teams.calendars import current_calendar
from teams.periods import Calendar

_CHUNK = 200
T = TypeVar("T")
Window = tuple[str, str, str]
# When calls began, and what they cost.
Amounts = list[tuple[datetime, int]]


class Grown(NamedTuple):
    """A balance with what a roll-up has just added to it, in nano-dollars."""

    allowance: Allowance
    balance: Balance
    added_nano: int


class BalanceBook:
    """What a roll-up adds, entity by entity; `write` once, after the days and where balances are locked."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._added: dict[Entity, Amounts] = {}

    def add(self, entity: Entity, *, amount_nano: int, at: datetime) -> None:
        self._added.setdefault(entity, []).append((at, amount_nano))

    def write(self) -> list[Grown]:
        """Returns the balances that changed."""
        known, calendar = read_balances(self._added), current_calendar()
        changed: list[Grown] = []
        for entity, amounts in sorted(self._added.items()):
            for window, allowance in sorted(self._directory.windows(entity).items()):
                balance = known.pop((*entity, window), None)
                grown = _grown(balance, allowance, amounts, calendar=calendar)
                changed.append(Grown(allowance, grown, within(amounts, grown.period_start)))
        # Of windows that are no longer anybody's; what is not kept up to date must not be found.
        Balance.objects.filter(pk__in=[balance.pk for balance in known.values()]).delete()
        store([one.balance for one in changed])
        return changed


def _grown(balance: Balance | None, allowance: Allowance, amounts: Amounts, *, calendar: Calendar) -> Balance:
    """With what belongs to its period. What came late belongs to a period that is over, and to its days alone."""
    last_at = max(at for at, _ in amounts)
    if balance is None:
        balance = Balance(scope=allowance.scope, entity_id=allowance.entity_id, window=allowance.window)
    # Of a balance that was made by an adjustment alone, the period may be later than the call.
    start, _ = allowance.period(max(last_at, balance.period_start or last_at), calendar=calendar)
    if start == balance.period_start:
        balance.spent_nano += within(amounts, start)
    elif balance.last_at is not None and balance.last_at < start:
        begin(balance, start, spent_nano=within(amounts, start))
    else:
        # A new balance, or one whose window was given another beginning: the days hold these calls already.
        begin(balance, start, spent_nano=rolled_since((allowance.scope, allowance.entity_id), start))
    balance.last_at = max(last_at, balance.last_at or last_at)
    return balance


def begin(balance: Balance, start: datetime, *, spent_nano: int) -> None:
    """Make it the balance of the period that begins at `start`."""
    balance.period_start, balance.spent_nano, balance.told = start, spent_nano, []
    balance.adjusted_nano = adjusted_since((balance.scope, balance.entity_id), start)


def adjusted_since(entity: Entity, start: datetime) -> int:
    rows = SpendAdjustment.objects.filter(scope=entity[0], entity_id=entity[1], at__gte=start)
    return rows.aggregate(sum=Sum("amount_nano"))["sum"] or 0


def read_adjustments(entities: Iterable[Entity]) -> dict[Entity, Amounts]:
    found: dict[Entity, Amounts] = {}
    for some in chunks(entities):
        rows = SpendAdjustment.objects.filter(_named(some)).order_by()
        for scope, entity_id, at, amount in rows.values_list("scope", "entity_id", "at", "amount_nano"):
            found.setdefault((scope, entity_id), []).append((at, amount))
    return found


def within(amounts: Amounts, start: datetime) -> int:
    return sum(amount for at, amount in amounts if at >= start)


def read_balances(entities: Iterable[Entity]) -> dict[Window, Balance]:
    found = {}
    for some in chunks(entities):
        for balance in Balance.objects.filter(_named(some)).order_by():
            found[balance.scope, balance.entity_id, balance.window] = balance
    return found


def _named(entities: Iterable[Entity]) -> Q:
    names: dict[str, list[str]] = {}
    for scope, entity_id in entities:
        names.setdefault(scope, []).append(entity_id)
    wanted = Q()
    for scope, ids in names.items():
        wanted |= Q(scope=scope, entity_id__in=ids)
    return wanted


def store(balances: Sequence[Balance]) -> None:
    """In one order everywhere, so that two who write never wait for each other in a circle."""
    known = [balance for balance in balances if balance.pk is not None]
    columns = ["period_start", "spent_nano", "adjusted_nano", "last_at", "told"]
    Balance.objects.bulk_create([balance for balance in balances if balance.pk is None], batch_size=_CHUNK)
    Balance.objects.bulk_update(known, columns, batch_size=_CHUNK)


def chunks(items: Iterable[T]) -> Iterator[list[T]]:
    """So many at a time as one statement can name."""
    found = list(items)
    for first in range(0, len(found), _CHUNK):
        yield found[first : first + _CHUNK]
