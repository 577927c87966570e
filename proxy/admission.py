"""Before anybody is asked: whether a request fits into its budgets and limits, and what is held for it meanwhile.

Most callers of most gateways have no limit at all; then nothing is asked of anybody.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, InterfaceError, connection

from budgets.core.admission import Ask, Granted, Refused, RefusedBy, Seed, Settle, Unseeded
from budgets.counters import spent_now
from budgets.models import Scope
from budgets.refusals import budget_exceeded, rate_limited
from budgets.request_limits import Checks, Counter
from proxy.bounds import Bound, bound_of, capped, prompt_bytes_of
from proxy.core.errors import ModelUnavailable
from proxy.deployments import Deployment
from proxy.registry import Group
from teams.errors import ApiError

if TYPE_CHECKING:
    from proxy.run import Run
    from proxy.runtime import Runtime

# How long a request waits for others to be settled whose holds, not whose spending, leave no room for it.
WAIT_SECONDS = 3.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.1
_numbers = itertools.count(1)


@dataclass(slots=True)
class Grant:
    """What one request holds. `settle` or `release` ends it; what is charged afterwards still counts."""

    runtime: "Runtime"
    checks: Checks
    ask: Ask
    granted: Granted
    ended: bool = False
    is_slowed: bool = False

    def settle(self, amount_nano: int, *, tokens: int) -> None:
        """The request has cost this much, and was the last to; a slower sibling's cost may follow."""
        if self.ended:
            self.charge(amount_nano)
        else:
            self._end(amount_nano, tokens)

    def charge(self, amount_nano: int) -> None:
        """Something was spent, and the request goes on."""
        if amount_nano:
            counters = tuple((check.key, 0, amount_nano, check.expires_at) for check in self.ask.counters)
            self.runtime.admission.settle(Settle(counters=counters))

    def release(self) -> None:
        """It ended without being served."""
        if not self.ended:
            self._end(0, self.ask.tokens)

    def _end(self, amount_nano: int, tokens: int) -> None:
        self.ended = True
        difference = tokens - self.ask.tokens
        self.runtime.admission.settle(
            Settle(
                counters=tuple(
                    (check.key, self.granted.hold_nano, amount_nano, check.expires_at) for check in self.ask.counters
                ),
                meters=tuple(
                    (check.key, check.window_seconds, self.granted.bucket_ms, difference) for check in self.ask.meters
                )
                if difference
                else (),
                parallels=tuple(check.key for check in self.ask.parallels),
            )
        )

    def let_go(self) -> None:
        """Of all budgets: what the request costs from here on is held and counted by another grant."""
        if not self.ended and self.ask.counters:
            released = tuple((check.key, self.granted.hold_nano, 0, check.expires_at) for check in self.ask.counters)
            self.runtime.admission.settle(Settle(counters=released))
        self.checks, self.ask = replace(self.checks, counters=()), replace(self.ask, counters=())
        self.granted = replace(self.granted, hold_nano=0, spent=())

    def take_over(self, other: "Grant") -> None:
        """The budgets of another grant, that ends with this one."""
        self.checks = replace(self.checks, counters=other.checks.counters)
        self.ask = replace(self.ask, counters=other.ask.counters)
        self.granted = replace(self.granted, hold_nano=other.granted.hold_nano, spent=other.granted.spent)

    def headers(self) -> dict[str, str]:
        """What is left of each rate limit, this request included, and what the key has spent."""
        found: dict[str, str] = {}
        for meter, (requests, tokens) in zip(self.checks.meters, self.granted.remaining, strict=True):
            prefix = f"x-ratelimit-{meter.name}"
            if requests is not None:
                found[f"{prefix}-limit-requests"] = str(meter.check.requests)
                found[f"{prefix}-remaining-requests"] = str(requests)
            if tokens is not None:
                found[f"{prefix}-limit-tokens"] = str(meter.check.tokens)
                found[f"{prefix}-remaining-tokens"] = str(max(0, tokens))
        for parallel, left in zip(self.checks.parallels, self.granted.parallel_left, strict=True):
            found[f"x-ratelimit-{parallel.name}-limit-max_parallel_requests"] = str(parallel.check.limit)
            found[f"x-ratelimit-{parallel.name}-remaining-max_parallel_requests"] = str(left)
        return found

    def spent_of_key(self) -> int | None:
        """Nano-dollars before this request; None when the key has no budget, so that nobody asked."""
        for counter, spent in zip(self.checks.counters, self.granted.spent, strict=True):
            if counter.allowance.scope == Scope.KEY and not counter.allowance.is_further:
                return spent
        return None


async def admit(run: "Run", model_group: str) -> Grant | None:
    """None when there is nothing to ask. Raises BudgetExceeded, RateLimited, or ModelUnavailable when nobody knows."""
    now = datetime.now(UTC)
    checks = _checks(run, model_group, now=now)
    if not checks:
        return None
    bound = await _bound(run, model_group) if checks.counters else Bound()
    try:
        return await _granted(run, checks, bound, now=now)
    except _Exceeded as exceeded:
        if (slower := _throttled(run, checks, exceeded.counter)) is None:
            raise exceeded.told from None
        run.trace.note("throttled", because=exceeded.told.message)
        grant = await _granted(run, slower, bound, now=now)
        grant.is_slowed = True
        return grant


async def readmit(run: "Run", model_group: str) -> None:
    """Hold for a fallback what that may cost: it may be dearer than who was asked before, and have its own budgets.

    Its rates are those of the request, counted already. Raises as `admit` does; then nothing is held any more.
    """
    now, grant = datetime.now(UTC), run.grant
    checks = Checks(counters=_checks(run, model_group, now=now).counters)
    if grant is not None and grant.is_slowed:
        checks = _without_key(checks)
    bound = await _bound(run, model_group) if checks else Bound()
    if grant is not None:
        # With nothing awaited in between, both reach the store together.
        grant.let_go()
    if not checks:
        return
    try:
        found = await _granted(run, checks, bound, now=now)
    except _Exceeded as exceeded:
        raise exceeded.told from None
    if grant is None:
        run.grant = found
    else:
        grant.take_over(found)
    cap_answers(run)


def cap_answers(run: "Run") -> None:
    """An answer may be as long as the budget affords, whatever the model could say."""
    if run.cap is not None:
        run.call = replace(run.call, body=capped(run.call.operation, run.call.body, run.cap))
        run.trace.note("capped", tokens=run.cap, because="the budget affords no more")


def _checks(run: "Run", model_group: str, *, now: datetime) -> Checks:
    runtime, call = run.runtime, run.call
    return runtime.limits.any_of(
        run.principal,
        customer_id=call.end_user,
        customer=runtime.keys.customer(call.end_user),
        tags=call.tags,
        model=model_group,
        now=now,
    )


async def _bound(run: "Run", model_group: str) -> Bound:
    group = await run.runtime.group_of(model_group, team_id=run.principal.team_id)
    return bound_of(run.call, group, prompt_bytes=prompt_bytes_of(run.call, sent=run.prompt_bytes))


class NoBudgetLeft(Exception):
    """Of the provider or the deployment that was to be asked; somebody else may be. Says so in a sentence."""


class _Exceeded(Exception):
    def __init__(self, told: ApiError, counter: Counter) -> None:
        super().__init__()
        self.told = told
        self.counter = counter


async def hold_for_upstream(run: "Run", group: Group, deployment: Deployment) -> Grant | None:
    """By the budgets of the provider and the deployment that are to be asked.

    Raises NoBudgetLeft, or ModelUnavailable when nobody knows.
    """
    now = datetime.now(UTC)
    checks = run.runtime.limits.upstream(provider=deployment.provider.name, deployment_id=deployment.id, now=now)
    if not checks:
        return None
    cap = run.cap
    bound = bound_of(run.call, group, prompt_bytes=prompt_bytes_of(run.call, sent=run.prompt_bytes))
    try:
        # Somebody else may have more left, so nothing is cut short for it.
        return await _granted(run, checks, replace(bound, floor_nano=bound.ceiling_nano), now=now)
    except _Exceeded as exceeded:
        whose = exceeded.counter.allowance
        raise NoBudgetLeft(f"Exceeded budget for {whose.scope} {whose.entity_id}: {exceeded.told.message}") from None
    finally:
        run.cap = cap


async def _granted(run: "Run", checks: Checks, bound: Bound, *, now: datetime) -> Grant:
    runtime = run.runtime
    ask = Ask(
        id=next(_numbers),
        counters=tuple(counter.check for counter in checks.counters),
        meters=tuple(meter.check for meter in checks.meters),
        parallels=tuple(parallel.check for parallel in checks.parallels),
        ceiling_nano=bound.ceiling_nano,
        floor_nano=bound.floor_nano,
        tokens=run.estimated_tokens(),
    )
    answer = await _answer(run, ask)
    if isinstance(answer, Granted):
        grant = Grant(runtime, checks, ask, answer)
        run.cap = bound.affordable(answer.hold_nano) if answer.hold_nano < bound.ceiling_nano else None
        runtime.note_counters(ask.counters)
        return grant
    if answer.kind is RefusedBy.UNAVAILABLE:
        raise ModelUnavailable(
            "Nobody can say at the moment what the budget has left. Try again soon.",
            headers={"retry-after": str(max(1, -(-answer.retry_after_ms // 1000)))},
        )
    if answer.kind is RefusedBy.COUNTER:
        counter = checks.counters[answer.index]
        status = runtime.policy.budget_exceeded_status
        told = budget_exceeded(counter, answer, run.principal, status=status, floor_nano=ask.floor_nano)
        raise _Exceeded(told, counter)
    limits: Sequence[Any] = checks.parallels if answer.kind is RefusedBy.PARALLEL else checks.meters
    raise rate_limited(limits[answer.index], answer, now=now)


async def _answer(run: "Run", ask: Ask) -> Granted | Refused:
    """Seeds what is not known, and waits a little for what is only held by others."""
    admission = run.runtime.admission
    deadline, pause = time.monotonic() + WAIT_SECONDS, _FIRST_PAUSE
    while True:
        answer = await admission.admit(ask)
        if isinstance(answer, Granted):
            return answer
        if isinstance(answer, Unseeded):
            if time.monotonic() >= deadline:
                return Refused(ask.id, RefusedBy.UNAVAILABLE, 0)
            await _seed(run, ask, answer.keys)
        elif not _is_only_held(ask, answer) or time.monotonic() >= deadline or await run.request.has_gone():
            return answer
        else:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


def _is_only_held(ask: Ask, refused: Refused) -> bool:
    """Whether there was room if those in flight cost nothing."""
    if refused.kind is not RefusedBy.COUNTER or not refused.held:
        return False
    return refused.spent + ask.floor_nano <= ask.counters[refused.index].limit_nano > refused.spent


async def _seed(run: "Run", ask: Ask, keys: Sequence[str]) -> None:
    try:
        spent = await asyncio.to_thread(in_thread, spent_now, keys)
    except (DatabaseError, InterfaceError):
        raise ModelUnavailable(
            "Nobody can say at the moment what the budget has left. Try again soon.", headers={"retry-after": "2"}
        ) from None
    expires = {check.key: check.expires_at for check in ask.counters}
    await run.runtime.admission.seed(*(Seed(key, spent[key], expires[key]) for key in keys))


def in_thread(read: Callable[[Sequence[str]], dict[str, int]], keys: Sequence[str]) -> dict[str, int]:
    """A thread of the pool keeps no connection of its own."""
    try:
        return read(keys)
    finally:
        connection.close()


def _throttled(run: "Run", checks: Checks, counter: Counter) -> Checks | None:
    """A key that is to be slowed down instead of refused: without its own budget, at a part of its rates.

    None when that is not wanted, or when the key has no rate that could be lowered.
    """
    percent = run.runtime.policy.throttle_percentage
    wanted = run.principal.metadata.get("throttle_on_budget_exceeded") is True and percent is not None
    if not wanted or counter.allowance.scope != Scope.KEY:
        return None
    assert percent is not None
    meters = tuple(
        replace(
            meter,
            check=replace(
                meter.check,
                requests=_part(meter.check.requests, percent),
                tokens=_part(meter.check.tokens, percent),
            ),
        )
        if meter.name == "api_key"
        else meter
        for meter in checks.meters
    )
    if meters == checks.meters:
        return None
    return replace(_without_key(checks), meters=meters)


def _without_key(checks: Checks) -> Checks:
    return replace(checks, counters=tuple(one for one in checks.counters if one.allowance.scope != Scope.KEY))


def _part(limit: int | None, percent: float) -> int | None:
    return None if limit is None else max(1, int(limit * percent / 100))
