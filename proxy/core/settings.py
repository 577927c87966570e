"""How requests are routed: LiteLLM's router settings and ours, read from the stored configuration. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Self

from proxy.core import kinds
from proxy.core.kinds import Kind

STRATEGY_NAMES = frozenset(
    {
        "simple-shuffle",
        "least-busy",
        "usage-based-routing",
        "usage-based-routing-v2",
        "latency-based-routing",
        "cost-based-routing",
        "provider-budget-routing",
    }
)
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def _nothing() -> Mapping[str, Any]:
    return _NOTHING


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """Seconds, percents from 0 to 100; None is "not given". `fallbacks` are by model group, "*" stands for any.

    Ours: `retry_budget_minimum` retries in any 10 s are always allowed to a process; `hedge_after` is when a second
    deployment is asked as well; `max_ejected_percent` of a group may cool down for failing often.
    """

    routing_strategy: str = "simple-shuffle"
    strategy_args: Mapping[str, Any] = field(default_factory=_nothing)
    num_retries: int = 2
    retry_after: float = 0.0
    timeout: float | None = None
    stream_timeout: float | None = None
    request_timeout: float = 6000.0
    allowed_fails: int | None = None
    allowed_fails_policy: Mapping[str, int] = field(default_factory=_nothing)
    cooldown_time: float = 5.0
    max_cooldown_time: float = 300.0
    disable_cooldowns: bool = False
    retry_policy: Mapping[str, int] = field(default_factory=_nothing)
    model_group_retry_policy: Mapping[str, Mapping[str, int]] = field(default_factory=_nothing)
    fallbacks: Mapping[str, tuple[Any, ...]] = field(default_factory=_nothing)
    context_window_fallbacks: Mapping[str, tuple[Any, ...]] = field(default_factory=_nothing)
    content_policy_fallbacks: Mapping[str, tuple[Any, ...]] = field(default_factory=_nothing)
    default_fallbacks: tuple[Any, ...] = ()
    max_fallbacks: int = 5
    model_group_alias: Mapping[str, str] = field(default_factory=_nothing)
    hidden_aliases: frozenset[str] = frozenset()
    enable_pre_call_checks: bool = False
    optional_pre_call_checks: frozenset[str] = frozenset()
    enable_tag_filtering: bool = False
    tag_filtering_match_any: bool = True
    provider_budget_config: Mapping[str, Any] = field(default_factory=_nothing)
    default_max_parallel_requests: int | None = None
    default_litellm_params: Mapping[str, Any] = field(default_factory=_nothing)
    retry_budget_percent: float = 20.0
    retry_budget_minimum: int = 10
    consecutive_fails: int = 5
    outlier_failure_percent: float = 50.0
    outlier_minimum_requests: int = 5
    max_ejected_percent: float = 50.0
    hedge_after: float | None = None
    enforce_fallback_model_access: bool = True
    block_requests_for_models_without_pricing: bool = False
    # A key's or a team's own, by deployment.
    weights: Mapping[str, float] = field(default_factory=_nothing)

    @classmethod
    def read(
        cls, router: Mapping[str, Any], litellm: Mapping[str, Any], general: Mapping[str, Any]
    ) -> tuple[Self, list[str]]:
        """The stored sections, and a sentence about each value that is not used; router_settings win."""
        given: dict[str, Any] = {}
        doubts: list[str] = []
        for section, values, names in (
            ("litellm_settings", litellm, LITELLM_NAMES),
            ("general_settings", general, GENERAL_NAMES),
            ("router_settings", router, ROUTER_NAMES),
        ):
            for name in sorted(names & values.keys()):
                if values[name] is None:
                    continue
                try:
                    given.update(_fields(name, KINDS[name](values[name])))
                except ValueError as error:
                    doubts.append(f"{section}.{name} {error}; it is not used")
        return cls(**given), doubts

    def overridden(self, overrides: Mapping[str, Any], *, stored: bool = False) -> "RouterSettings":
        """With a request's `router_settings_override`, or with the `router_settings` `stored` with a key or a team.

        Only what LiteLLM honours (api.md 1.2); weights of deployments are not a client's to give. Nobody can switch
        tag filtering off. Raises ValueError with a sentence.
        """
        changes: dict[str, Any] = {}
        for name in _STORED if stored else _OVERRIDABLE:
            if (value := overrides.get(name)) is None:
                continue
            try:
                changes[name] = _override(name, value)
            except ValueError as error:
                raise ValueError(f"{name} {error}") from None
        if self.enable_tag_filtering:
            changes.pop("enable_tag_filtering", None)
        return replace(self, **changes) if changes else self


_OVERRIDABLE = (
    "fallbacks",
    "context_window_fallbacks",
    "content_policy_fallbacks",
    "num_retries",
    "timeout",
    "model_group_retry_policy",
    "routing_strategy",
    "enable_tag_filtering",
)
_STORED = (*_OVERRIDABLE, "weights")

# By LiteLLM's names; the last eight are ours.
KINDS: Mapping[str, Kind] = {
    "routing_strategy": partial(kinds.one_of, names=STRATEGY_NAMES),
    "routing_strategy_args": kinds.strategy_args,
    "num_retries": kinds.retries,
    "retry_after": kinds.pause,
    "timeout": kinds.seconds,
    "stream_timeout": kinds.seconds,
    "request_timeout": kinds.seconds,
    "allowed_fails": kinds.whole,
    "allowed_fails_policy": kinds.allowed_fails_policy,
    "cooldown_time": kinds.pause,
    "disable_cooldowns": kinds.flag,
    "retry_policy": kinds.retry_policy,
    "model_group_retry_policy": kinds.retry_policies,
    "fallbacks": kinds.fallbacks,
    "context_window_fallbacks": kinds.fallbacks,
    "content_policy_fallbacks": kinds.fallbacks,
    "default_fallbacks": kinds.fallback_models,
    "max_fallbacks": kinds.retries,
    "model_group_alias": kinds.aliases,
    "enable_pre_call_checks": kinds.flag,
    "optional_pre_call_checks": kinds.texts,
    "enable_tag_filtering": kinds.flag,
    "tag_filtering_match_any": kinds.flag,
    "provider_budget_config": kinds.provider_budgets,
    "default_max_parallel_requests": kinds.whole,
    "default_litellm_params": kinds.mapping,
    "enforce_fallback_model_access": kinds.flag,
    "block_requests_for_models_without_pricing": kinds.flag,
    "max_cooldown_time": kinds.pause,
    "retry_budget_percent": kinds.percent,
    "retry_budget_minimum": kinds.whole,
    "consecutive_fails": kinds.whole,
    "outlier_failure_percent": kinds.percent,
    "outlier_minimum_requests": kinds.whole,
    "max_ejected_percent": kinds.percent,
    "hedge_after": kinds.seconds,
}
GENERAL_NAMES = frozenset({"enforce_fallback_model_access"})
LITELLM_NAMES = frozenset(
    {
        "allowed_fails",
        "block_requests_for_models_without_pricing",
        "content_policy_fallbacks",
        "context_window_fallbacks",
        "default_fallbacks",
        "fallbacks",
        "num_retries",
        "request_timeout",
    }
)
ROUTER_NAMES = frozenset(KINDS) - GENERAL_NAMES - {"request_timeout", "block_requests_for_models_without_pricing"}


def _fields(name: str, value: Any) -> Mapping[str, Any]:
    if name == "model_group_alias":
        groups, hidden = value
        return {"model_group_alias": groups, "hidden_aliases": hidden}
    return {_FIELDS.get(name, name): value}


_FIELDS = {"routing_strategy_args": "strategy_args"}


def _override(name: str, value: Any) -> Any:
    if name == "weights":
        return kinds.weights(value)
    if name == "fallbacks" and is_plain_list(value):
        # Given as a client gives them in the body: for this request, whatever group it asks.
        return {"*": kinds.fallback_models(value)}
    return KINDS[name](value)


def is_plain_list(fallbacks: Any) -> bool:
    """Whether fallbacks are models to try in order, `["a", {"model": "b"}]`, rather than lists by group."""
    if not isinstance(fallbacks, (list, tuple)):
        return False
    return any(isinstance(entry, str) or (isinstance(entry, Mapping) and _names_a_model(entry)) for entry in fallbacks)


def _names_a_model(entry: Mapping[str, Any]) -> bool:
    # A group may be called "model": then a list stands there.
    return isinstance(entry.get("model"), str)
