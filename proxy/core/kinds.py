"""What a setting of the router may be. Pure.

A kind reads a value, or raises ValueError with a sentence that begins with "must". No sentence repeats the value:
whatever stands in a wrong place may be a secret.
"""

import difflib
import math
from collections.abc import Callable, Collection, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from teams.periods import parse_duration

Kind = Callable[[Any], Any]

_DAY = 86_400.0
_MOST = 1_000_000
# LiteLLM's names, to which a retry policy adds "Retries" and a policy of allowed fails "AllowedFails".
POLICY_ERRORS = (
    "BadRequestError",
    "AuthenticationError",
    "TimeoutError",
    "RateLimitError",
    "ContentPolicyViolationError",
    "InternalServerError",
    "ServiceUnavailableError",
    "NotFoundError",
)


def did_you_mean(name: str, choices: Collection[str]) -> str:
    """` (did you mean 'x'?)`, or nothing."""
    close = difflib.get_close_matches(name, choices, n=1)
    return f" (did you mean {str(close[0])!r}?)" if close else ""


def flag(value: Any) -> bool:
    """Variables of the environment hold texts."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise ValueError("must be true or false")


def number(value: Any, *, above: float | None = None, least: float = 0.0, most: float = math.inf) -> float:
    found = _float(value)
    if found is None or found < least or found > most or (above is not None and found <= above):
        wanted = f"more than {above:g}" if above is not None else f"{least:g} or more"
        raise ValueError(f"must be a number, {wanted}" + (f" and at most {most:g}" if most < math.inf else ""))
    return found


def whole(value: Any, *, most: int = _MOST) -> int:
    found = _float(value)
    if found is None or not found.is_integer() or not 0 <= found <= most:
        raise ValueError(f"must be a whole number from 0 to {most}")
    return int(found)


def _float(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


seconds = partial(number, above=0.0, most=_DAY)
pause = partial(number, most=_DAY)
percent = partial(number, most=100.0)
retries = partial(whole, most=100)


def one_of(value: Any, *, names: Collection[str]) -> str:
    if isinstance(value, str) and value in names:
        return value
    hint = did_you_mean(value, names) if isinstance(value, str) else ""
    raise ValueError(f"must be one of {', '.join(sorted(names))}{hint}")


def texts(value: Any) -> frozenset[str]:
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return frozenset(value)
    raise ValueError("must be a list of names")


def mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return MappingProxyType(dict(value))
    raise ValueError("must be an object")


def strategy_args(value: Any) -> Mapping[str, Any]:
    """LiteLLM's `ttl` and `max_latency_list_size` are counts of seconds and answers, the buffer is a fraction."""
    args = mapping(value)
    for name in ("ttl", "lowest_latency_buffer", "max_latency_list_size"):
        if args.get(name) is not None:
            _within(name, number, args[name])
    return args


def policy(value: Any, *, suffix: str) -> Mapping[str, int]:
    """By LiteLLM's names, such as `RateLimitErrorRetries`."""
    known = [f"{name}{suffix}" for name in (*POLICY_ERRORS, "Default")]
    for name in mapping(value):
        if name not in known:
            shown = repr(name) if name.isidentifier() else "this"
            raise ValueError(f"must name errors such as {known[3]}, not {shown}{did_you_mean(name, known)}")
    return MappingProxyType({name: _within(name, whole, count) for name, count in value.items() if count is not None})


retry_policy = partial(policy, suffix="Retries")
allowed_fails_policy = partial(policy, suffix="AllowedFails")


def retry_policies(value: Any) -> Mapping[str, Mapping[str, int]]:
    """By model group."""
    return MappingProxyType({group: _within(group, retry_policy, own) for group, own in mapping(value).items()})


def fallback_models(value: Any) -> tuple[Any, ...]:
    """Names of model groups, or objects with a `model` and what to change in the request."""
    if not isinstance(value, list):
        raise ValueError("must be a list of models")  # noqa: TRY004 - one kind of error for whatever stands there
    for entry in value:
        model = entry.get("model") if isinstance(entry, Mapping) else entry
        if not isinstance(model, str) or not model:
            raise ValueError("must hold names of models, or objects with a 'model'")
    return tuple(value)


def fallbacks(value: Any) -> Mapping[str, tuple[Any, ...]]:
    """LiteLLM's list of one-key objects, `[{"group": ["other"]}]`; of two for one group the first holds."""
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise ValueError("must be a list of objects such as {a-model: [another-model]}")
    found: dict[str, tuple[Any, ...]] = {}
    for entry in value:
        for group, models in mapping(entry).items():
            found.setdefault(group, _within(group, fallback_models, models))
    return MappingProxyType(found)


def aliases(value: Any) -> tuple[Mapping[str, str], frozenset[str]]:
    """Group by alias, and the aliases that are not listed."""
    groups: dict[str, str] = {}
    hidden = set()
    for alias, target in mapping(value).items():
        group = target.get("model") if isinstance(target, Mapping) else target
        if not isinstance(group, str) or not group:
            raise ValueError("must give each alias the name of a model group, or an object with a 'model'")
        groups[alias] = group
        if isinstance(target, Mapping) and _within(alias, flag, target.get("hidden", False)):
            hidden.add(alias)
    return MappingProxyType(groups), frozenset(hidden)


def provider_budgets(value: Any) -> Mapping[str, Any]:
    """LiteLLM's `{provider: {budget_limit: dollars, time_period: 1d}}`, or with its newer names."""
    for provider, budget in mapping(value).items():
        if not isinstance(budget, Mapping):
            raise ValueError("must give each provider an object with budget_limit and time_period")  # noqa: TRY004
        limit = budget.get("budget_limit", budget.get("max_budget"))
        _within(provider, partial(_within, "budget_limit", number), limit)
        if not _is_duration(budget.get("time_period", budget.get("budget_duration"))):
            raise ValueError(f"must give {_shown(provider)} a time_period such as 1d")
    return mapping(value)


def _is_duration(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(parse_duration(value))
    except ValueError:
        return False


def weights(value: Any) -> Mapping[str, float]:
    """`{group: {deployment id: weight}}` as weights by deployment: ids are unique."""
    return MappingProxyType(
        {
            deployment: _within(group, partial(_within, deployment, number), weight)
            for group, own in mapping(value).items()
            for deployment, weight in mapping(own).items()
        }
    )


def _within(name: str, kind: Kind, value: Any) -> Any:
    """The part called `name`; a complaint tells it."""
    try:
        return kind(value)
    except ValueError as error:
        raise ValueError(f"must be right in {_shown(name)}, which {error}") from None


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:80] + "...")
