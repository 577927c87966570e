"""Every budget window there is, in the period that holds now, and what is spent of it: for metrics.

Put together from the snapshots that requests are judged by; only what is spent is read.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from budgets.core.allowances import EVER, Allowance, allowances, owner_and_model
from budgets.directory import Entity
from budgets.models import Scope
from budgets.request_limits import RequestLimits
from budgets.spent_by_many import SpentByMany, last_adjustment
from teams.calendars import current_calendar
from teams.holders import Holder, Holders
from teams.periods import Calendar, is_everybodys, parse_duration, period

# What was read stands for a second, or so many times as long as it took.
FRESH_SECONDS, FRESH_TIMES = 1.0, 5.0
_MODEL_SCOPES = {Scope.KEY: Scope.KEY_MODEL, Scope.TEAM: Scope.TEAM_MODEL}


@dataclass(slots=True, eq=False)
class Window:
    """One budget window. The names are those of whose it is; `model` is of a budget for one model group alone.

    `start` and `ends` are those of the running period; `spent_nano` is None while it is not known, and `utilization`
    is what it was when that was read.
    """

    allowance: Allowance
    name: str
    alias: str = ""
    email: str = ""
    model: str = ""
    start: datetime = EVER
    ends: datetime | None = None
    spent_nano: int | None = None
    calendar: Calendar | None = None
    utilization: float | None = None
    entity: Entity = field(init=False)

    def __post_init__(self) -> None:
        self.entity = (self.allowance.scope, self.allowance.entity_id)

    @property
    def scope(self) -> str:
        return self.allowance.scope

    @property
    def is_main(self) -> bool:
        """The one that LiteLLM shows: neither a further one nor that of a model."""
        return not self.allowance.is_further and not self.model

    def used_at(self, now: datetime) -> float | None:
        """Of a budget of nothing everything is used."""
        if (limit := self.allowance.max_at(now)) is None or self.spent_nano is None:
            return None
        return self.spent_nano / limit if limit else 1.0

    def move_to(self, now: datetime, periods: "Periods") -> bool:
        """To the period that holds now. False for a duration that makes no sense."""
        calendar = periods.calendar
        if (self.calendar is not calendar and self.calendar != calendar) or (
            self.ends is not None and now >= self.ends
        ):
            try:
                self.start, self.ends = periods.of(self.allowance)
            except ValueError:
                return False
            self.calendar, self.spent_nano = calendar, None
        return True


class Periods:
    """Those that hold now; what begins and ends for everybody at once is worked out once."""

    def __init__(self, now: datetime, calendar: Calendar) -> None:
        self.calendar = calendar
        self._now = now
        self._shared: dict[str, tuple[datetime, datetime] | None] = {}

    def of(self, one: Allowance) -> tuple[datetime, datetime | None]:
        """Raises ValueError."""
        if not one.window or one.counted_from > self._now:
            return one.period(self._now, calendar=self.calendar)
        if one.window not in self._shared:
            duration = parse_duration(one.window)
            self._shared[one.window] = (
                period(duration, start=EVER, now=self._now, calendar=self.calendar) if is_everybodys(duration) else None
            )
        if (shared := self._shared[one.window]) is None:
            return one.period(self._now, calendar=self.calendar)
        return max(shared[0], one.counted_from), shared[1]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What windows were made of."""

    holders: Sequence[Holder]
    everybody: Mapping[Entity, tuple[Allowance, ...]]
    adjustment: int
    calendar: Calendar

    def is_as(self, other: "_Seen") -> bool:
        is_same = self.holders is other.holders and self.everybody is other.everybody
        return is_same and (self.adjustment, self.calendar) == (other.adjustment, other.calendar)


class EveryBudget:
    """For one thread at a time."""

    def __init__(self, holders: Holders, limits: RequestLimits) -> None:
        self._holders = holders
        self._limits = limits
        self._spent = SpentByMany()
        self._seen: _Seen | None = None
        self._by_holder: dict[Holder, tuple[Window, ...]] = {}
        self._by_entity: dict[Entity, tuple[tuple[Allowance, ...], tuple[Window, ...]]] = {}
        self._windows: list[Window] = []
        self._good_until = 0.0
        self._ends: datetime | None = None

    def read(self, now: datetime) -> Sequence[Window]:
        """The most utilised first; the same list until it is read again. Raises django.db.Error.

        Right after whatever was changed or reset; what is spent may be some seconds old.
        """
        holders, everybody, calendar = self._holders.read(), self._limits.everybody, current_calendar()
        seen = _Seen(holders, everybody, last_adjustment(), calendar)
        if self._seen is not None and seen.is_as(self._seen) and self._is_fresh(now):
            return self._windows
        began = time.monotonic()
        periods = Periods(now, calendar)
        found = [one for one in self._all(holders, everybody) if one.move_to(now, periods)]
        for one, spent_nano in zip(found, self._spent.read(found), strict=True):
            one.spent_nano = spent_nano
            one.utilization = one.used_at(now)
        found.sort(key=_by_utilization)
        self._windows, self._seen = found, seen
        self._ends = min((one.ends for one in found if one.ends is not None), default=None)
        ended = time.monotonic()
        self._good_until = ended + max(FRESH_SECONDS, FRESH_TIMES * (ended - began))
        return found

    def _is_fresh(self, now: datetime) -> bool:
        return time.monotonic() < self._good_until and (self._ends is None or now < self._ends)

    def _all(self, holders: Sequence[Holder], everybody: Mapping[Entity, tuple[Allowance, ...]]) -> Iterator[Window]:
        known, self._by_holder = self._by_holder, {}
        for holder in holders:
            if (windows := known.get(holder)) is None:
                windows = tuple(_of_holder(holder))
            self._by_holder[holder] = windows
            yield from windows
        others, self._by_entity = self._by_entity, {}
        for entity, allowed in everybody.items():
            before = others.get(entity)
            made = before if before and before[0] == allowed else (allowed, tuple(map(_of_nobody, allowed)))
            self._by_entity[entity] = made
            yield from made[1]


def _by_utilization(one: Window) -> float:
    return -(one.utilization or 0.0)


def _of_holder(holder: Holder) -> Iterator[Window]:
    scope = Scope(holder.kind)
    model_scope = _MODEL_SCOPES.get(scope, "")
    for one in allowances(
        holder.limits, scope=scope.value, entity_id=holder.id, created_at=holder.created_at, model_scope=model_scope
    ):
        if one.max_nano is not None or one.soft_nano is not None:
            model = owner_and_model(one.entity_id)[1] if one.scope == model_scope else ""
            yield Window(one, holder.name, holder.alias, holder.email, model)


def _of_nobody(one: Allowance) -> Window:
    return Window(one, one.entity_id)
