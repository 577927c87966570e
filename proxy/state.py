"""How the deployments are doing, as this process sees it: in flight, what the last minute brought, who is cooling down.

Belongs to the event loop; the clock is monotonic seconds. What other processes see comes in through `proxy.fleet`.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.core.cooldown import Cooldown, Recent
from proxy.core.outages import Trouble
from proxy.core.retries import RetryBudget
from proxy.core.routing import Skip
from proxy.core.settings import RouterSettings
from proxy.outcomes import ANSWERED, NONE, POSITIONS, Outcomes, added
from proxy.outcomes import SLOTS as OUTCOME_SLOTS

SLOT_SECONDS = 10
SLOTS = 6
LATENCIES = 10
# How many `RouterState.own` says of each deployment.
NUMBERS = 6 + len(NONE)
OUTCOME_SECONDS = 60.0
# How long what other processes say stands, until they say something else.
SEEN_ELSEWHERE_SECONDS = 5.0
# A probe that never came back must not keep a deployment out for ever.
PROBE_SECONDS = 60.0


@dataclass(slots=True)
class Counts:
    """What happened at one deployment within one slot of the last minute."""

    slot: int = -1
    requests: int = 0
    tokens: int = 0
    successes: int = 0
    failures: int = 0
    kinds: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The same of all other processes together."""

    requests: int = 0
    tokens: int = 0
    successes: int = 0
    failures: int = 0
    in_flight: int = 0
    hanging: int = 0
    outcomes: tuple[int, ...] = NONE

    @classmethod
    def read(cls, numbers: Sequence[int]) -> "Elsewhere":
        """From numbers in the order of `RouterState.own`."""
        requests, tokens, successes, failures, in_flight, hanging, *outcomes = numbers
        return cls(requests, tokens, successes, failures, in_flight, hanging, tuple(outcomes))


NOTHING_ELSEWHERE = Elsewhere()


class Condition:
    """One deployment's."""

    __slots__ = (
        "consecutive",
        "cool_until",
        "cooled_until",
        "elsewhere",
        "in_flight",
        "latencies",
        "outcomes",
        "probe_since",
        "reason",
        "slots",
        "status",
        "times",
        "waits",
    )  # fmt: skip

    def __init__(self) -> None:
        self.in_flight = 0
        self.consecutive = 0
        self.latencies: deque[float] = deque(maxlen=LATENCIES)
        self.waits: deque[float] = deque(maxlen=LATENCIES)
        self.slots = [Counts() for _ in range(SLOTS)]
        self.outcomes = Outcomes()
        self.elsewhere = NOTHING_ELSEWHERE
        self.cool_until = 0.0
        # The end of the last cooldown, which is kept when that is over.
        self.cooled_until = -math.inf
        self.times = 0
        self.reason = ""
        self.status = 0
        self.probe_since = 0.0

    def counts(self, now: float) -> Counts:
        slot = int(now) // SLOT_SECONDS
        counts = self.slots[slot % SLOTS]
        if counts.slot != slot:
            counts.slot = slot
            counts.requests = counts.tokens = counts.successes = counts.failures = 0
            counts.kinds.clear()
        return counts

    def last_minute(self, now: float) -> Iterable[Counts]:
        oldest = int(now) // SLOT_SECONDS - SLOTS
        return [counts for counts in self.slots if counts.slot > oldest]


class RouterState:
    """A View for proxy.core.routing, and what the router tells it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._conditions: dict[str, Condition] = {}
        # Those that may be out of service: while this is empty, nobody needs to be looked at.
        self.troubled: set[str] = set()
        self.unhealthy: frozenset[str] = frozenset()
        self.crossed_providers: frozenset[str] = frozenset()
        self.crossed_deployments: frozenset[str] = frozenset()
        self._retry_budgets: dict[str, RetryBudget] = {}
        # How many requests of this process hang at a deployment.
        self.hanging: dict[str, int] = {}
        # Until when the outcomes of these are worth a look.
        self._failing: dict[str, float] = {}
        self.outcome_seconds = OUTCOME_SECONDS
        self._outcome_slot = OUTCOME_SECONDS / OUTCOME_SLOTS

    def follow(self, ids: Iterable[str]) -> None:
        """Forget deployments that are gone, so that nothing grows for ever, and budgets of settings that may be."""
        self._retry_budgets.clear()
        known = set(ids)
        for gone in self._conditions.keys() - known:
            if not self._conditions[gone].in_flight:
                del self._conditions[gone]
                self.troubled.discard(gone)

    def of(self, deployment_id: str) -> Condition:
        if (condition := self._conditions.get(deployment_id)) is None:
            condition = self._conditions[deployment_id] = Condition()
        return condition

    def knows(self, deployment_id: str) -> bool:
        """Whether anything was asked of it; what is said of others is made up on the spot."""
        return deployment_id in self._conditions

    # What the router asks (proxy.core.routing.View).

    def state(self, deployment_id: str) -> Skip | None:
        """COOLDOWN, PROBING while one request finds out whether it is well again, UNHEALTHY by checks, or None."""
        if deployment_id in self.unhealthy:
            return Skip.UNHEALTHY
        if deployment_id not in self.troubled:
            return None
        condition, now = self.of(deployment_id), self.clock()
        if condition.cool_until > now:
            return Skip.COOLDOWN
        if now - condition.probe_since < PROBE_SECONDS:
            return Skip.PROBING
        return None

    def in_flight(self, deployment_id: str) -> int:
        condition = self.of(deployment_id)
        return condition.in_flight + condition.elsewhere.in_flight

    def in_flight_here(self) -> int:
        """At all deployments, of this process alone."""
        return sum(condition.in_flight for condition in self._conditions.values())

    def requests(self, deployment_id: str) -> int:
        condition = self.of(deployment_id)
        return condition.elsewhere.requests + sum(c.requests for c in condition.last_minute(self.clock()))

    def tokens(self, deployment_id: str) -> int:
        condition = self.of(deployment_id)
        return condition.elsewhere.tokens + sum(c.tokens for c in condition.last_minute(self.clock()))

    def latency(self, deployment_id: str, *, stream: bool) -> float | None:
        found = self.of(deployment_id).waits if stream else self.of(deployment_id).latencies
        return sum(found) / len(found) if found else None

    def over_budget(self, deployment: Any) -> bool:
        return deployment.provider_name in self.crossed_providers or deployment.id in self.crossed_deployments

    # What the router tells.

    def begin(self, deployment_id: str) -> None:
        condition, now = self.of(deployment_id), self.clock()
        condition.in_flight += 1
        condition.counts(now).requests += 1
        if deployment_id in self.troubled and condition.cool_until <= now:
            condition.probe_since = now

    def end(self, deployment_id: str) -> None:
        condition = self.of(deployment_id)
        condition.in_flight = max(0, condition.in_flight - 1)

    def succeeded(self, deployment_id: str, *, tokens: int, seconds: float, completion_tokens: int) -> bool:
        """True when this was the probe that found it well again. `seconds` are the whole answer's."""
        condition, now = self.of(deployment_id), self.clock()
        counts = condition.counts(now)
        counts.successes += 1
        counts.tokens += tokens
        condition.outcomes.add(ANSWERED, now=now, slot_seconds=self._outcome_slot)
        condition.consecutive = 0
        condition.latencies.append(seconds / max(1, completion_tokens))
        if deployment_id not in self.troubled or condition.cool_until > now:
            return False
        self.restore(deployment_id)
        return True

    def first_token(self, deployment_id: str, *, seconds: float) -> None:
        self.of(deployment_id).waits.append(seconds)

    def failed(self, deployment_id: str, *, kind: str, counts: bool) -> Recent:
        """`counts` is False for what is the client's own fault. The last minute, this failure included."""
        condition, now = self.of(deployment_id), self.clock()
        if counts:
            slot = condition.counts(now)
            slot.failures += 1
            slot.kinds[kind] = slot.kinds.get(kind, 0) + 1
            condition.consecutive += 1
        elsewhere, kinds = condition.elsewhere, dict[str, int]()
        minute = list(condition.last_minute(now))
        for one in minute:
            for name, number in one.kinds.items():
                kinds[name] = kinds.get(name, 0) + number
        return Recent(
            successes=elsewhere.successes + sum(one.successes for one in minute),
            failures=elsewhere.failures + sum(one.failures for one in minute),
            consecutive=condition.consecutive,
            fails_by_kind=kinds,
        )

    def judged_by(self, deployment_id: str) -> tuple[int, int]:
        """Successes and failures of the last minute, of all processes; none yet in the minute after a cooldown.

        That has answered for the failures before it.
        """
        condition, now = self.of(deployment_id), self.clock()
        if now - condition.cooled_until < SLOT_SECONDS * SLOTS:
            return 0, 0
        minute = list(condition.last_minute(now))
        return (
            condition.elsewhere.successes + sum(one.successes for one in minute),
            condition.elsewhere.failures + sum(one.failures for one in minute),
        )

    # What outages are judged by.

    def refused(self, deployment_id: str) -> None:
        """It answered that the client was wrong."""
        self._note(deployment_id, ANSWERED)

    def had_trouble(self, deployment_id: str, trouble: Trouble) -> None:
        self._note(deployment_id, POSITIONS[trouble])
        self._failing[deployment_id] = self.clock() + self.outcome_seconds

    def _note(self, deployment_id: str, position: int) -> None:
        self.of(deployment_id).outcomes.add(position, now=self.clock(), slot_seconds=self._outcome_slot)

    def keep_outcomes(self, seconds: float) -> None:
        """From now on for so long; what was counted in slots of another length counts no more."""
        if seconds == self.outcome_seconds:
            return
        self.outcome_seconds = seconds
        self._outcome_slot = seconds / OUTCOME_SLOTS
        self._failing.clear()
        for condition in self._conditions.values():
            condition.outcomes = Outcomes()

    def failing(self) -> list[str]:
        """Deployments of which a failure may be in some process's window."""
        now = self.clock()
        for name in [name for name, until in self._failing.items() if until < now or name not in self._conditions]:
            del self._failing[name]
        return list(self._failing)

    def outcomes(self, deployment_id: str) -> tuple[int, ...]:
        """Answers and troubles within the window, everywhere."""
        condition = self.of(deployment_id)
        return added((self._own_outcomes(condition, self.clock()), condition.elsewhere.outcomes))

    def _own_outcomes(self, condition: Condition, now: float) -> tuple[int, ...]:
        return condition.outcomes.sums(now=now, slot_seconds=self._outcome_slot)

    def hangs_elsewhere(self, deployment_id: str) -> bool:
        condition = self._conditions.get(deployment_id)
        return condition is not None and condition.elsewhere.hanging > 0

    def failed_probes(self, deployment_id: str) -> int:
        """Trials in a row that did not let it in again."""
        return max(0, self.of(deployment_id).times - 1)

    def is_kept_out(self, deployment_id: str) -> bool:
        """It cools down, or did a moment ago and nothing has shown yet that it is well."""
        if deployment_id not in self.troubled:
            return False
        return self.of(deployment_id).cool_until + self.outcome_seconds > self.clock()

    def is_probing(self, deployment_id: str) -> bool:
        """Whether it was let in again on trial."""
        return deployment_id in self.troubled and self.of(deployment_id).cool_until <= self.clock()

    def cooldowns(self, deployment_id: str) -> int:
        """How many in a row it has had."""
        return self.of(deployment_id).times

    def cool(self, deployment_id: str, cooldown: Cooldown, *, status: int) -> bool:
        """False when it was cooling already; a later end replaces an earlier one, never the other way round."""
        condition, now = self.of(deployment_id), self.clock()
        fresh = condition.cool_until <= now
        until = now + cooldown.seconds
        if until > condition.cool_until:
            condition.cool_until = condition.cooled_until = until
            condition.reason, condition.status = str(cooldown.reason), status
        if fresh:
            condition.times += 1
        condition.probe_since = 0.0
        condition.consecutive = 0
        self.troubled.add(deployment_id)
        return fresh

    def cooled_elsewhere(self, deployment_id: str, *, seconds: float, reason: str, status: int, times: int) -> None:
        condition, now = self.of(deployment_id), self.clock()
        if now + seconds > condition.cool_until:
            condition.cool_until = condition.cooled_until = now + seconds
            condition.reason, condition.status = reason, status
        condition.times = max(condition.times, times)
        condition.probe_since = 0.0
        self.troubled.add(deployment_id)

    def restore(self, deployment_id: str) -> None:
        condition = self.of(deployment_id)
        condition.times = condition.consecutive = 0
        condition.cooled_until = min(condition.cooled_until, self.clock())
        condition.cool_until = condition.probe_since = 0.0
        condition.reason, condition.status = "", 0
        self.troubled.discard(deployment_id)

    def give_up_probe(self, deployment_id: str) -> None:
        """A probe that neither succeeded nor failed, since its client left or was itself to blame."""
        self.of(deployment_id).probe_since = 0.0

    def cooling_seconds(self, deployment_id: str) -> float:
        if deployment_id not in self.troubled:
            return 0.0
        return max(0.0, self.of(deployment_id).cool_until - self.clock())

    def ejected(self, ids: Iterable[str]) -> int:
        return sum(1 for name in ids if self.state(name) is Skip.COOLDOWN) if self.troubled else 0

    def retry_budget(self, group: str, settings: RouterSettings) -> RetryBudget:
        if (budget := self._retry_budgets.get(group)) is None:
            budget = self._retry_budgets[group] = RetryBudget(
                percent=settings.retry_budget_percent, minimum=settings.retry_budget_minimum
            )
        return budget

    def set_elsewhere(self, found: Mapping[str, Elsewhere]) -> None:
        for name, condition in self._conditions.items():
            condition.elsewhere = found.get(name, NOTHING_ELSEWHERE)
        for name in found.keys() - self._conditions.keys():
            self.of(name).elsewhere = found[name]
        now = self.clock()
        for name, one in found.items():
            if any(one.outcomes[ANSWERED + 1 :]):
                self._failing[name] = max(self._failing.get(name, 0.0), now + SEEN_ELSEWHERE_SECONDS)

    def own(self) -> dict[str, tuple[int, ...]]:
        """Of every deployment that had something to do: requests, tokens, successes, failures, in flight, hanging;

        then outcomes.
        """
        now, found = self.clock(), {}
        for name, condition in self._conditions.items():
            minute = list(condition.last_minute(now))
            numbers = (
                sum(one.requests for one in minute),
                sum(one.tokens for one in minute),
                sum(one.successes for one in minute),
                sum(one.failures for one in minute),
                condition.in_flight,
                self.hanging.get(name, 0),
                *self._own_outcomes(condition, now),
            )
            if any(numbers):
                found[name] = numbers
        return found

    def describe(self, deployment_id: str) -> dict[str, Any]:
        """For admins and `/route/preview`."""
        condition, now = self.of(deployment_id), self.clock()
        state = self.state(deployment_id)
        minute = list(condition.last_minute(now))
        return {
            "state": str(state) if state else "in service",
            "cooldown_seconds": round(self.cooling_seconds(deployment_id), 3),
            "cooldown_reason": condition.reason,
            "cooldown_status": condition.status,
            "cooldowns_in_a_row": condition.times,
            "in_flight": self.in_flight(deployment_id),
            "requests_last_minute": self.requests(deployment_id),
            "tokens_last_minute": self.tokens(deployment_id),
            "successes_last_minute": condition.elsewhere.successes + sum(one.successes for one in minute),
            "failures_last_minute": condition.elsewhere.failures + sum(one.failures for one in minute),
            "seconds_per_token": self.latency(deployment_id, stream=False),
            "seconds_to_first_token": self.latency(deployment_id, stream=True),
        }
