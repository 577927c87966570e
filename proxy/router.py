"""Always an answer: one request's way over deployments, retries and fallbacks until somebody answers or nobody is left.

What is decided stands in proxy.core (routing, retries, cooldown, fallback); here it is carried out.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from proxy import auth
from proxy.admission import NoBudgetLeft, hold_for_upstream, readmit
from proxy.attempt import Attempt
from proxy.core.calls import clean, with_changes
from proxy.core.errors import (
    BudgetCrossed,
    ClientGone,
    NoDeploymentAvailable,
    OperationUnsupported,
    UnknownModel,
    UpstreamError,
    UpstreamTimeout,
)
from proxy.core.exchange import exchange
from proxy.core.fallback import Fallback, fallbacks_for
from proxy.core.operations import is_free
from proxy.core.retries import RetryBudget, retries_for, retry_delay
from proxy.core.routing import STRATEGIES, Asked, Selection, select
from proxy.core.trace import Selected
from proxy.deployments import Deployment
from proxy.refusals import nobody_to_ask
from proxy.registry import Group
from proxy.run import Run, error_class
from teams.errors import ApiError, BudgetExceeded, KeyModelAccessDenied

T = TypeVar("T")
Ask = Callable[[Attempt], Coroutine[Any, Any, T]]
_PLAIN = "simple-shuffle"


@dataclass(slots=True)
class Router:
    run: Run
    group: str
    _tried: set[str] = field(default_factory=set, init=False)
    # Sentences, by the deployment whose budget had no room for this request.
    _full: dict[str, str] = field(default_factory=dict, init=False)

    async def answer(self, ask: Ask[T]) -> T:
        """What `ask` made of the first attempt that succeeded.

        Raises ApiError: of the group that was asked for, not of a fallback, since that is what the client knows.
        """
        try:
            return await self._of_group(self.group, ask)
        except ApiError as error:
            if not _may_fall_back(error):
                raise
            return await self._of_fallbacks(error, ask)

    async def _of_fallbacks(self, first: ApiError, ask: Ask[T]) -> T:
        """Each group once; where one fails, its own fallbacks come after those that wait already."""
        run = self.run
        done, waiting = [self.group], list(self._fallbacks(self.group, first, [self.group]))
        original = run.call
        while waiting and len(done) <= run.settings.max_fallbacks:
            fallback = waiting.pop(0)
            model = run.runtime.table.resolve(fallback.model)
            if model in done:
                continue
            done.append(model)
            if not self._permitted(model):
                continue
            if await run.request.has_gone():
                raise ClientGone from None
            run.fallbacks += 1
            run.trace.note("fallback", model_group=model, after=done[-2], because=type(first).__name__)
            run.call = with_changes(original, fallback.changes, route=run.route) if fallback.changes else original
            try:
                await readmit(run, model)
                answer = await self._of_group(model, ask)
            except BudgetExceeded as error:
                run.trace.note("fallback_denied", model_group=model, because=error.message)
            except ApiError as error:
                self._count_fallback(first, model, answered=False)
                if not _may_fall_back(error):
                    raise
                waiting += [one for one in self._fallbacks(model, error, done) if one not in waiting]
            else:
                self._count_fallback(first, model, answered=True)
                return answer
        raise first

    def _count_fallback(self, first: ApiError, model: str, *, answered: bool) -> None:
        """`first` is why it came to that."""
        run = self.run
        asked = run.request.asked
        labels = run.labels(asked) if asked is not None else run.labels_of_refusal()
        run.runtime.metrics.fell_back(
            labels,
            fallback_model=run.runtime.table.label_of(model, team_id=run.principal.team_id),
            status=first.status_code,
            error_class=error_class(first, labels.api_provider),
            answered=answered,
        )

    def _fallbacks(self, group: str, error: ApiError, done: Sequence[str]) -> Sequence[Fallback]:
        run = self.run
        return fallbacks_for(group, error, settings=run.settings, options=run.call.options, done=done)

    def _permitted(self, model: str) -> bool:
        """A fallback is no way around what the key may call, unless the operator says that his fallbacks are.

        Those that the client named were checked before anybody was asked.
        """
        run = self.run
        if not run.settings.enforce_fallback_model_access:
            return True
        try:
            auth.ensure_model_allowed(run.principal, model, access_groups=run.runtime.table.grants(model))
        except KeyModelAccessDenied:
            run.trace.note("fallback_denied", model_group=model, because="the key may not call it")
            return False
        return True

    async def _of_group(self, name: str, ask: Ask[T]) -> T:
        """One group with its retries. Raises ApiError."""
        run, runtime = self.run, self.run.runtime
        group = await runtime.group_of(name, team_id=run.principal.team_id)
        if not group.deployments:
            raise UnknownModel(clean(name))
        group = self._serving(group)
        # Whoever has a fallback is not the last to answer.
        siblings = len(group.serving) + self._has_fallbacks(name)
        # By a deployment, of which there are as many as rows: names that a pattern covers are without number.
        budget = runtime.state.retry_budget(group.deployments[0].id, run.settings)
        budget.note_request(time.monotonic())
        self._tried = set()
        retries, last = 0, None
        while True:
            deployment = self._choose(name, group, last)
            self._tried.add(deployment.id)
            timeout, is_clients = run.timeout_for(deployment)
            if (left := run.remaining()) is not None and left <= 0:
                raise last or UpstreamTimeout(
                    provider=deployment.provider.name, limit=timeout, taken=time.perf_counter() - run.arrived
                )
            try:
                held = await hold_for_upstream(run, group, deployment)
            except NoBudgetLeft as reason:
                if deployment.id in self._full:
                    raise BudgetCrossed(list(self._full.values())) from None
                self._full[deployment.id] = str(reason)
                # Until the next look at the ledger: what others hold may yet be given back.
                runtime.state.crossed_deployments |= {deployment.id}
                run.trace.note("passed_over", deployment=deployment.id, because=str(reason))
                continue
            attempt = Attempt(
                run=run, deployment=deployment, siblings=siblings, group_ids=group.serving, timeout=timeout,
                limited_by_client=is_clients, held=held,
            )  # fmt: skip
            try:
                return await self._ask(ask, attempt, group, budget)
            except UpstreamError as error:
                last = error
                run.request.asked = deployment
                await self._ensure_retry(error, name, group, deployment, retries=retries, budget=budget)
            except BaseException as error:
                attempt.abandon(error)
                raise
            retries += 1
            run.retries += 1

    def _has_fallbacks(self, name: str) -> bool:
        settings, options = self.run.settings, self.run.call.options
        if options.disable_fallbacks:
            return False
        known = settings.fallbacks
        return bool(options.fallbacks or settings.default_fallbacks or name in known or "*" in known)

    async def _ask(self, ask: Ask[T], attempt: Attempt, group: Group, budget: RetryBudget) -> T:
        """One attempt; with `hedge_after`, a second one beside it when the first is slow to answer."""
        settings = self.run.settings
        if settings.hedge_after is None or self.run.call.stream or len(group.deployments) == 1:
            return await ask(attempt)
        return await self._ask_hedged(ask, attempt, group, budget, after=settings.hedge_after)

    async def _ask_hedged(self, ask: Ask[T], attempt: Attempt, group: Group, budget: RetryBudget, *, after: float) -> T:
        """The loser is read to its end and charged: its provider bills it, whoever was first."""
        run = self.run
        first = run.runtime.spawn(ask(attempt))
        done, _ = await asyncio.wait({first}, timeout=after)
        selection = select(group.deployments, self._asked(), run.runtime.state, run.settings)
        others = [one for one in selection.eligible if one.id not in self._tried]
        if done or not others or not budget.take(time.monotonic()):
            return await first
        other = self._by_strategy(others)
        self._tried.add(other.id)
        timeout, is_clients = run.timeout_for(other)
        run.trace.note("hedge", deployment=other.id, after_seconds=after)
        second = run.runtime.spawn(
            ask(replace_attempt(attempt, run, deployment=other, timeout=timeout, limited_by_client=is_clients))
        )
        waiting, failure = {first, second}, None
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if task.exception() is None:
                    return task.result()
                failure = task.exception()
        assert failure is not None
        raise failure

    async def _ensure_retry(
        self,
        error: UpstreamError,
        name: str,
        group: Group,
        deployment: Deployment,
        *,
        retries: int,
        budget: RetryBudget,
    ) -> None:
        """Returns when the next attempt shall begin; raises `error` when there is to be none."""
        run, runtime = self.run, self.run.runtime
        allowed = retries_for(
            error,
            settings=run.settings,
            group=name,
            siblings=len(group.serving),
            asked=run.call.options.num_retries,
            configured=deployment.num_retries,
        )
        if retries >= allowed:
            raise error
        others = any(one != deployment.id and runtime.state.state(one) is None for one in group.serving)
        seconds = retry_delay(
            retries + 1, retry_after=error.retry_after, others=others, settings=run.settings, chance=runtime.chance
        )
        if (left := run.remaining()) is not None and seconds >= left:
            run.trace.note("no_retry", because="the client stops waiting before")
            raise error
        if not budget.take(time.monotonic()):
            run.trace.note("no_retry", because="the retry budget is spent")
            raise error
        if await run.request.has_gone():
            raise ClientGone from None
        run.trace.note("retry", number=retries + 1, of=allowed, delay_seconds=round(seconds, 3))
        if seconds:
            await asyncio.sleep(seconds)
            run.elsewhere += seconds

    def _serving(self, group: Group) -> Group:
        """Without those whose provider cannot be asked such a thing. Raises OperationUnsupported when none can."""
        operation = self.run.call.operation
        if all(exchange(operation, provider) is not None for provider in group.providers):
            return group
        able = [one for one in group.deployments if exchange(operation, one.provider) is not None]
        if not able:
            raise OperationUnsupported(clean(self.run.call.model), operation)
        return Group.of(able)

    def _choose(self, name: str, group: Group, last: UpstreamError | None) -> Deployment:
        """Raises what stopped the request: `last`, or the reason why nobody may be asked."""
        run, state = self.run, self.run.runtime.state
        settings = run.settings
        if group.plain and not state.troubled and not self._tried and _is_plain(run):
            chosen = _draw(group, run)
            names = (chosen.id,) if len(group.deployments) == 1 else ()
            run.trace.steps.append(Selected(name, _PLAIN, len(group.deployments), names, (), chosen.id))
            return chosen
        selection = select(group.deployments, self._asked(), state, settings)
        if not selection.eligible:
            run.trace.steps.append(Selected(name, settings.routing_strategy, 0, (), selection.skipped, ""))
            raise last or self._nobody(name, selection)
        chosen = self._by_strategy(selection.eligible)
        run.trace.steps.append(
            Selected(
                name,
                settings.routing_strategy,
                len(selection.eligible),
                tuple(one.id for one in selection.eligible[:20]),
                selection.skipped,
                chosen.id,
            )
        )
        return chosen

    def _by_strategy(self, eligible: Sequence[Deployment]) -> Deployment:
        run = self.run
        strategy = STRATEGIES[run.settings.routing_strategy]
        return strategy(eligible, self._asked(), run.runtime.state, run.settings, run.runtime.chance)

    def _asked(self) -> Asked:
        run = self.run
        return Asked(
            stream=run.call.stream,
            tags=run.call.tags,
            prompt_tokens=run.prompt_tokens(),
            tried=frozenset(self._tried),
            region="",
            free=is_free(run.call.operation),
        )

    def _nobody(self, name: str, selection: Selection[Deployment]) -> ApiError:
        runtime = self.run.runtime
        return nobody_to_ask(
            name,
            selection.skipped,
            cooling_seconds=runtime.state.cooling_seconds,
            crossings=lambda ids: runtime.spending.crossings(ids) or list(self._full.values()),
            settings=self.run.settings,
        )


def replace_attempt(
    attempt: Attempt, run: Run, *, deployment: Deployment, timeout: float, limited_by_client: bool
) -> Attempt:
    return Attempt(
        run=run,
        deployment=deployment,
        siblings=attempt.siblings,
        group_ids=attempt.group_ids,
        timeout=timeout,
        limited_by_client=limited_by_client,
    )


def _is_plain(run: Run) -> bool:
    """Whether the settings leave it to chance and weight alone."""
    settings, state = run.settings, run.runtime.state
    return (
        settings.routing_strategy == _PLAIN
        and not settings.enable_tag_filtering
        and not settings.enable_pre_call_checks
        and not settings.optional_pre_call_checks
        and settings.default_max_parallel_requests is None
        and not settings.block_requests_for_models_without_pricing
        and not settings.weights
        and not state.unhealthy
        and not state.crossed_providers
        and not state.crossed_deployments
    )


def _draw(group: Group, run: Run) -> Deployment:
    deployments = group.deployments
    if len(deployments) == 1:
        return deployments[0]
    chance = run.runtime.chance
    if group.cumulative is None:
        return deployments[int(chance.random() * len(deployments))]
    return chance.choices(deployments, cum_weights=group.cumulative)[0]


def _may_fall_back(error: ApiError) -> bool:
    """Whatever an upstream said, or that there is none; not what is wrong with the request or with ourselves."""
    return isinstance(error, (UpstreamError, NoDeploymentAvailable, BudgetCrossed, BudgetExceeded, UnknownModel))
