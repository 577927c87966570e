"""What limits would have done to calls that were made: which they would have refused, and what that would have saved.

Pure. The rules are admission's (budgets.core.admission): a budget refuses from when it is spent, requests and tokens
are counted within the last minute, and what is refused counts for nothing. One thing is known here that admission has
to guess: what a call came to.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from budgets.core.allowances import Allowance
from teams.periods import Calendar

MINUTE = timedelta(seconds=60)


class Limit(StrEnum):
    BUDGET = "budget"
    REQUESTS = "requests"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Call:
    """One request with all its attempts; `amount_nano` nano-dollars."""

    at: datetime
    amount_nano: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Trial:
    """The limits to be tried; None is no limit. `budget` begins to count with its `counted_from`."""

    budget: Allowance | None = None
    rpm: int | None = None
    tpm: int | None = None


@dataclass(slots=True)
class TriedDay:
    day: date
    requests: int = 0
    refused: int = 0
    saved_nano: int = 0


@dataclass(slots=True)
class Outcome:
    """`saved_nano` is what the refused requests cost. `days` are UTC's, of those on which there was a request."""

    requests: int = 0
    refused: int = 0
    spent_nano: int = 0
    saved_nano: int = 0
    first_at: datetime | None = None
    by_limit: dict[Limit, int] = field(default_factory=dict)
    days: list[TriedDay] = field(default_factory=list)


def try_limits(calls: Iterable[Call], trial: Trial, *, calendar: Calendar) -> Outcome:
    """`calls` in the order of their times."""
    outcome = Outcome()
    minute = _Minute()
    budget = _Period(trial.budget, calendar) if trial.budget is not None else None
    for call in calls:
        minute.forget_before(call.at)
        refused = _refused_by(call, trial, minute, budget)
        if refused is None:
            minute.count(call)
            if budget is not None:
                budget.spend(call)
        _tell(outcome, call, refused)
    return outcome


class _Minute:
    """The calls that were let through in the last minute."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque()
        self.tokens = 0

    @property
    def requests(self) -> int:
        return len(self._calls)

    def forget_before(self, now: datetime) -> None:
        while self._calls and self._calls[0].at <= now - MINUTE:
            self.tokens -= self._calls.popleft().tokens

    def count(self, call: Call) -> None:
        self._calls.append(call)
        self.tokens += call.tokens


class _Period:
    """What the running period of the budget has spent."""

    def __init__(self, allowance: Allowance, calendar: Calendar) -> None:
        self._allowance, self._calendar = allowance, calendar
        self._ends: datetime | None = None
        self._began = False
        self._spent_nano = 0

    def is_spent(self, at: datetime) -> bool:
        if not self._began or (self._ends is not None and at >= self._ends):
            self._began, self._spent_nano = True, 0
            _, self._ends = self._allowance.period(at, calendar=self._calendar)
        limit = self._allowance.max_at(at)
        return limit is not None and self._spent_nano >= limit

    def spend(self, call: Call) -> None:
        self._spent_nano += call.amount_nano


def _refused_by(call: Call, trial: Trial, minute: _Minute, budget: _Period | None) -> Limit | None:
    """The first that does not fit, in the order in which admission asks."""
    if budget is not None and budget.is_spent(call.at):
        return Limit.BUDGET
    if trial.rpm is not None and minute.requests + 1 > trial.rpm:
        return Limit.REQUESTS
    if trial.tpm is not None and minute.tokens + call.tokens > trial.tpm:
        return Limit.TOKENS
    return None


def _tell(outcome: Outcome, call: Call, refused: Limit | None) -> None:
    day = call.at.astimezone(UTC).date()
    if not outcome.days or outcome.days[-1].day != day:
        outcome.days.append(TriedDay(day))
    today = outcome.days[-1]
    outcome.requests += 1
    outcome.spent_nano += call.amount_nano
    today.requests += 1
    if refused is None:
        return
    outcome.refused += 1
    outcome.saved_nano += call.amount_nano
    outcome.first_at = outcome.first_at or call.at
    outcome.by_limit[refused] = outcome.by_limit.get(refused, 0) + 1
    today.refused += 1
    today.saved_nano += call.amount_nano


def merged(attempts: Iterable[tuple[object, Call]]) -> Sequence[Call]:
    """Attempts of one request, named by the same thing, as one call at the time of the first; in order of time."""
    found: dict[object, Call] = {}
    for name, one in attempts:
        if (known := found.get(name)) is None:
            found[name] = one
        else:
            found[name] = Call(min(known.at, one.at), known.amount_nano + one.amount_nano, known.tokens + one.tokens)
    return sorted(found.values(), key=lambda call: call.at)
