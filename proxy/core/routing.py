"""Which deployment of a group serves a request: those that may, then one of them. Pure.

The picture of the fleet and the chance are passed in; api.md section 5 has LiteLLM's rules.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from random import Random
from typing import Generic, Protocol, TypeVar

from proxy.core.settings import RouterSettings
from proxy.core.tags import permitted


class Skip(StrEnum):
    """Why a deployment does not serve, as traces and metrics say it."""

    DRAINED = "drained"
    OPERATION = "operation"
    NO_PRICE = "no_price"
    UNHEALTHY = "unhealthy"
    COOLDOWN = "cooldown"
    BUDGET = "budget"
    PARALLEL = "parallel"
    RPM = "rpm"
    TPM = "tpm"
    CONTEXT_WINDOW = "context_window"
    REGION = "region"
    TAGS = "tags"
    TRIED = "tried"
    PROBING = "probing"
    ORDER = "order"


class Routable(Protocol):
    """A deployment. `unit_price` is of a million tokens of input and one of output, in nano-dollars."""

    @property
    def id(self) -> str: ...
    @property
    def weight(self) -> float | None: ...
    @property
    def rpm(self) -> int | None: ...
    @property
    def tpm(self) -> int | None: ...
    @property
    def max_parallel(self) -> int | None: ...
    @property
    def order(self) -> int: ...
    @property
    def tags(self) -> frozenset[str]: ...
    @property
    def region(self) -> str: ...
    @property
    def max_input_tokens(self) -> int | None: ...
    @property
    def unit_price(self) -> int | None: ...
    @property
    def provider_name(self) -> str: ...
    @property
    def blocked(self) -> bool: ...
    @property
    def budget_nano(self) -> int | None: ...


D = TypeVar("D", bound=Routable)


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a request decides its way. `tags` are the client's and its key's, not those made from headers;

    `tried` are deployments that have failed it, `region` is where its customer's data may go ("" is anywhere). `free`:
    nobody takes money for it, so it needs no price.
    """

    stream: bool
    tags: tuple[str, ...]
    prompt_tokens: int
    tried: frozenset[str] = frozenset()
    region: str = ""
    free: bool = False


class View(Protocol):
    """What is known of the fleet at this moment."""

    def state(self, deployment_id: str, /) -> Skip | None:
        """COOLDOWN, UNHEALTHY, or PROBING: half open, to be asked only where nothing else is left."""

    def in_flight(self, deployment_id: str, /) -> int: ...

    def requests(self, deployment_id: str, /) -> int:
        """Of the current minute."""

    def tokens(self, deployment_id: str, /) -> int:
        """Of the current minute."""

    def latency(self, deployment_id: str, /, *, stream: bool) -> float | None:
        """Mean of the last answers: seconds per output token, or to the first token of a stream."""

    def over_budget(self, deployment: Routable, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class Selection(Generic[D]):
    eligible: tuple[D, ...]
    skipped: tuple[tuple[str, Skip], ...]


# Strategies that count what a deployment serves keep to its limits; for the others rpm and tpm are but weights.
_COUNTING = frozenset({"usage-based-routing", "usage-based-routing-v2", "cost-based-routing"})


def select(deployments: Sequence[D], asked: Asked, view: View, settings: RouterSettings) -> Selection[D]:
    """Those that may serve, and why the others may not. `deployments` are all of the group.

    What a request may never have goes first, then what cannot serve now, in LiteLLM's order. Of the rest, one that
    has not failed this request is preferred to one that has, one in service to a half-open one, and a low order to a
    high one: so a retry goes to the next order at once, and to the same deployment only when it is the last.
    """
    allowed = None
    if settings.enable_tag_filtering:
        allowed = permitted(deployments, asked.tags, match_any=settings.tag_filtering_match_any)
    checked = settings.enable_pre_call_checks
    limited = (
        checked
        or settings.routing_strategy in _COUNTING
        or "enforce_model_rate_limits" in settings.optional_pre_call_checks
    )
    skipped: dict[str, Skip] = {}
    probing: list[str] | None = None
    for deployment in deployments:
        key = deployment.id
        if allowed is not None and key not in allowed:
            skipped[key] = Skip.TAGS
            continue
        state = view.state(key)
        if state is Skip.PROBING:
            probing = [key] if probing is None else [*probing, key]
            state = None
        why = state or _obstacle(deployment, asked, view, settings)
        if why is None and checked:
            why = _misfit(deployment, asked)
        if why is None and limited:
            why = _exceeded(deployment, asked, view)
        if why is not None:
            skipped[key] = why
    eligible = [each for each in deployments if each.id not in skipped] if skipped else deployments
    if len(eligible) > 1:
        eligible = _preferred(eligible, asked, probing, skipped)
    return Selection(tuple(eligible), tuple(skipped.items()) if skipped else ())


def _obstacle(deployment: Routable, asked: Asked, view: View, settings: RouterSettings) -> Skip | None:
    """What there is to check whatever is switched on."""
    if deployment.blocked:
        return Skip.DRAINED
    if settings.block_requests_for_models_without_pricing and deployment.unit_price is None and not asked.free:
        return Skip.NO_PRICE
    if view.over_budget(deployment):
        return Skip.BUDGET
    parallel = deployment.max_parallel
    if parallel is None:
        parallel = settings.default_max_parallel_requests
    if parallel is not None and view.in_flight(deployment.id) >= parallel:
        return Skip.PARALLEL
    return None


def _misfit(deployment: Routable, asked: Asked) -> Skip | None:
    most = deployment.max_input_tokens
    if most is not None and asked.prompt_tokens > most:
        return Skip.CONTEXT_WINDOW
    if asked.region and not _lies_in(deployment.region, asked.region):
        return Skip.REGION
    return None


def _exceeded(deployment: Routable, asked: Asked, view: View) -> Skip | None:
    if deployment.rpm is not None and view.requests(deployment.id) >= deployment.rpm:
        return Skip.RPM
    if deployment.tpm is not None and view.tokens(deployment.id) + asked.prompt_tokens > deployment.tpm:
        return Skip.TPM
    return None


def _lies_in(region: str, allowed: str) -> bool:
    """`eu` holds `eu-west-1`; a deployment that does not say where it is lies nowhere."""
    return region == allowed or region.startswith(f"{allowed}-")


def _preferred(
    eligible: Sequence[D], asked: Asked, probing: Sequence[str] | None, skipped: dict[str, Skip]
) -> Sequence[D]:
    if asked.tried:
        eligible = _without(eligible, asked.tried, Skip.TRIED, skipped)
    if probing:
        eligible = _without(eligible, probing, Skip.PROBING, skipped)
    first = eligible[0].order
    if any(each.order != first for each in eligible):
        lowest = min(each.order for each in eligible)
        later = [each.id for each in eligible if each.order != lowest]
        eligible = _without(eligible, later, Skip.ORDER, skipped)
    return eligible


def _without(eligible: Sequence[D], avoided: Collection[str], why: Skip, skipped: dict[str, Skip]) -> Sequence[D]:
    """Those not avoided; all of them when nothing else is left."""
    rest = [each for each in eligible if each.id not in avoided]
    if not rest:
        return eligible
    skipped.update((each.id, why) for each in eligible if each.id in avoided)
    return rest


class Strategy(Protocol):
    def __call__(
        self, eligible: Sequence[D], asked: Asked, view: View, settings: RouterSettings, chance: Random, /
    ) -> D:
        """`eligible` is not empty."""


def weights(deployments: Sequence[Routable]) -> list[float] | None:
    """By the first of weight, rpm and tpm that any of them has; one without it weighs 0. None: nobody has any."""
    for read in _SHARES:
        found = [read(each) for each in deployments]
        if any(value is not None for value in found):
            return [max(0.0, value or 0.0) for value in found]
    return None


_SHARES: tuple[Callable[[Routable], float | None], ...] = (
    attrgetter("weight"),
    attrgetter("rpm"),
    attrgetter("tpm"),
)


def _simple_shuffle(eligible: Sequence[D], asked: Asked, view: View, settings: RouterSettings, chance: Random, /) -> D:
    """By weight; what weighs nothing serves only where nothing that weighs is left, and then by chance."""
    if len(eligible) == 1:
        return eligible[0]
    shares = weights(eligible)
    if settings.weights and any(each.id in settings.weights for each in eligible):
        shares = [settings.weights.get(each.id, 0.0) for each in eligible]
    if shares is None or not any(shares):
        return chance.choice(eligible)
    return chance.choices(eligible, shares)[0]


def _least_busy(eligible: Sequence[D], asked: Asked, view: View, settings: RouterSettings, chance: Random, /) -> D:
    return _lowest(eligible, lambda each: view.in_flight(each.id), chance)


def _usage_based(eligible: Sequence[D], asked: Asked, view: View, settings: RouterSettings, chance: Random, /) -> D:
    return _lowest(eligible, lambda each: view.tokens(each.id), chance)


def _cost_based(eligible: Sequence[D], asked: Asked, view: View, settings: RouterSettings, chance: Random, /) -> D:
    return _lowest(eligible, lambda each: math.inf if each.unit_price is None else each.unit_price, chance)


def _latency_based(eligible: Sequence[D], asked: Asked, view: View, settings: RouterSettings, chance: Random, /) -> D:
    """One that has never answered is tried first, by one request at a time: it may be very slow.

    Else by chance among those within `lowest_latency_buffer` (a fraction) of the fastest.
    """
    if len(eligible) == 1:
        return eligible[0]
    known: list[tuple[float, D]] = []
    unknown: list[D] = []
    for each in eligible:
        latency = view.latency(each.id, stream=asked.stream)
        if latency is None:
            unknown.append(each)
        else:
            known.append((latency, each))
    idle = [each for each in unknown if not view.in_flight(each.id)]
    if idle or not known:
        return chance.choice(idle or unknown)
    buffer = float(settings.strategy_args.get("lowest_latency_buffer") or 0)
    slowest = min(latency for latency, _ in known) * (1 + buffer)
    return chance.choice([each for latency, each in known if latency <= slowest])


def _lowest(eligible: Sequence[D], value: Callable[[D], float], chance: Random) -> D:
    """Equals by chance: otherwise every process would send a quiet hour's requests to the same one."""
    if len(eligible) == 1:
        return eligible[0]
    values = [value(each) for each in eligible]
    lowest = min(values)
    return chance.choice([each for each, its in zip(eligible, values, strict=True) if its == lowest])


# Budgets are `select`'s business, whatever the strategy.
STRATEGIES: Mapping[str, Strategy] = {
    "simple-shuffle": _simple_shuffle,
    "least-busy": _least_busy,
    "usage-based-routing": _usage_based,
    "usage-based-routing-v2": _usage_based,
    "latency-based-routing": _latency_based,
    "cost-based-routing": _cost_based,
    "provider-budget-routing": _simple_shuffle,
}
