"""A model group as a request would find it at this moment: who may be asked, how likely, and what comes after."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from proxy import auth
from proxy.core import errors
from proxy.core.calls import NO_OPTIONS, clean
from proxy.core.exchange import exchange
from proxy.core.fallback import Fallback, fallbacks_for
from proxy.core.operations import Operation, is_free
from proxy.core.retries import retries_for
from proxy.core.routing import STRATEGIES, Asked, Selection, Skip, View, select
from proxy.core.settings import RouterSettings
from proxy.core.timeouts import attempt_seconds
from proxy.deployments import Deployment
from proxy.refusals import nobody_to_ask
from proxy.registry import RoutingTable
from teams.errors import ApiError, KeyModelAccessDenied
from teams.snapshot import Principal

_MOST_CANDIDATES = 200
_RETRIED: Mapping[str, ApiError] = {
    "server_error": errors.UpstreamFailure("", provider=""),
    "rate_limit": errors.UpstreamRateLimit("", provider=""),
    "timeout": errors.UpstreamTimeout(provider="", limit=0, taken=0),
    "authentication": errors.UpstreamAuthentication("", provider=""),
    "bad_request": errors.UpstreamBadRequest("", provider=""),
}


class FleetView(View, Protocol):
    """As proxy.state.RouterState has it."""

    def describe(self, deployment_id: str, /) -> dict[str, Any]: ...

    def cooling_seconds(self, deployment_id: str, /) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    model: str
    operation: Operation = Operation.CHAT
    tags: tuple[str, ...] = ()
    stream: bool = False
    prompt_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Prospect:
    """`error` is why nobody in it may be asked."""

    name: str
    deployments: Sequence[Deployment]
    selection: Selection[Deployment]
    error: ApiError | None


@dataclass(frozen=True, slots=True)
class Link:
    """One model group of a chain of fallbacks. `permitted`: the request would go there."""

    fallback: Fallback
    group: Prospect
    key_may_call: bool
    permitted: bool

    def as_json(self) -> dict[str, Any]:
        reasons = [str(reason) for _, reason in self.group.selection.skipped]
        return {
            "model": self.fallback.model,
            "model_group": self.group.name,
            "key_may_call": self.key_may_call,
            "permitted": self.permitted,
            "deployments": len(self.group.deployments),
            "eligible": len(self.group.selection.eligible),
            "skipped": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
            "changes": sorted(self.fallback.changes),
        }


@dataclass(frozen=True, slots=True)
class Prospects:
    question: Question
    principal: Principal
    table: RoutingTable
    view: FleetView
    settings: RouterSettings
    find: Callable[[str], Sequence[Deployment]]
    crossings: Callable[[Sequence[str]], Sequence[str]]

    @property
    def asked(self) -> Asked:
        question = self.question
        return Asked(
            stream=question.stream, tags=question.tags, prompt_tokens=question.prompt_tokens,
            free=is_free(question.operation),
        )  # fmt: skip

    def group(self, name: str) -> Prospect:
        deployments, operation = self.find(name), self.question.operation
        able = [one for one in deployments if exchange(operation, one.provider) is not None]
        unable = tuple((one.id, Skip.OPERATION) for one in deployments if exchange(operation, one.provider) is None)
        selection = select(able, self.asked, self.view, self.settings)
        error: ApiError | None = None
        if not deployments:
            error = errors.UnknownModel(clean(name))
        elif not able:
            error = errors.OperationUnsupported(clean(self.question.model), operation)
        elif not selection.eligible:
            error = nobody_to_ask(
                name, selection.skipped, cooling_seconds=self.view.cooling_seconds, crossings=self.crossings,
                settings=self.settings,
            )  # fmt: skip
        return Prospect(name, deployments, Selection(selection.eligible, (*selection.skipped, *unable)), error)

    def chain(self, first: str, error: ApiError) -> Iterator[Link]:
        """In the order of a request that fails everywhere with the same error."""
        done, waiting = [first], list(self._fallbacks(first, error, [first]))
        while waiting and len(done) <= self.settings.max_fallbacks:
            fallback = waiting.pop(0)
            name = self.table.resolve(fallback.model)
            if name in done:
                continue
            done.append(name)
            may = self._may_call(name)
            permitted = may or not self.settings.enforce_fallback_model_access
            yield Link(fallback, self.group(name), may, permitted)
            if permitted:
                waiting += [one for one in self._fallbacks(name, error, done) if one not in waiting]

    def _fallbacks(self, group: str, error: ApiError, done: Sequence[str]) -> Sequence[Fallback]:
        return fallbacks_for(group, error, settings=self.settings, options=NO_OPTIONS, done=done)

    def _may_call(self, name: str) -> bool:
        try:
            auth.ensure_model_allowed(self.principal, name, access_groups=self.table.grants(name))
        except KeyModelAccessDenied:
            return False
        return True

    def candidates(self, group: Prospect) -> Iterator[dict[str, Any]]:
        odds, skipped = self.odds(group.selection.eligible), dict(group.selection.skipped)
        for one in group.deployments[:_MOST_CANDIDATES]:
            why = skipped.get(one.id)
            yield {
                "deployment": one.id,
                "provider": one.provider_name,
                "model": one.model,
                "eligible": why is None,
                "skipped": None if why is None else str(why),
                "probability": round(odds.get(one.id, 0.0), 4),
                "weight": one.weight,
                "order": one.tier,
                "rpm": one.rpm,
                "tpm": one.tpm,
                "max_parallel_requests": one.max_parallel,
                "max_input_tokens": one.max_input_tokens,
                "tags": sorted(one.tags),
                "region": one.region,
                "timeout_seconds": attempt_seconds(one, self.settings, stream=self.question.stream),
                "now": self.view.describe(one.id),
            }

    def odds(self, eligible: Sequence[Deployment]) -> dict[str, float]:
        """How likely each is to be asked first, as the strategy itself would have it."""
        if not eligible:
            return {}
        chance = _Odds()
        strategy = STRATEGIES[self.settings.routing_strategy]
        chosen = strategy(eligible, self.asked, self.view, self.settings, chance)
        return chance.shares or {chosen.id: 1.0}

    def retries(self, group: Prospect) -> dict[str, Any]:
        """How often each kind of failure is tried again; `num_retries` of a deployment goes before the router's."""
        serving = [one for one in group.deployments if not one.blocked]
        own = {one.num_retries for one in group.selection.eligible}
        configured = own.pop() if len(own) == 1 else None
        return {
            kind: retries_for(
                error,
                settings=self.settings,
                group=group.name,
                siblings=len(serving),
                asked=None,
                configured=configured,
            )
            for kind, error in _RETRIED.items()
        }


class _Odds(Random):
    """Chance that notes between whom it was asked to choose."""

    def __init__(self) -> None:
        super().__init__(0)
        self.shares: dict[str, float] = {}

    def choice(self, seq: Any) -> Any:
        self.shares = {one.id: 1 / len(seq) for one in seq}
        return seq[0]

    def choices(self, population: Any, weights: Any = None, *, cum_weights: Any = None, k: int = 1) -> list[Any]:
        total = sum(weights)
        self.shares = {one.id: weight / total for one, weight in zip(population, weights, strict=True)}
        return [population[0]]
