"""Whether a failure takes a deployment out of service, and for how long. Pure.

LiteLLM's rules (api.md section 5) and Envoy's outlier detection. `siblings` is how many could serve instead and the
failed one itself: the deployments of its group, and one more where the group has a fallback. What stands alone is
spared: its refusals are the only true news there is, and they carry the upstream's own Retry-After.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from proxy.core.errors import UpstreamError
from proxy.core.settings import RouterSettings
from teams.errors import ApiError


class CooldownReason(StrEnum):
    """As alerts, traces and metrics say it."""

    RATE_LIMITED = "rate_limited"
    NOT_RETRYABLE = "not_retryable"
    CONNECTION = "connection"
    CONSECUTIVE_FAILS = "consecutive_fails"
    FAILURE_RATE = "failure_rate"
    ALL_FAILED = "all_failed"
    ALLOWED_FAILS = "allowed_fails"
    PROBE_FAILED = "probe_failed"


# Signs, not proofs: for these `may_eject` has the last word.
STATISTICAL = frozenset({CooldownReason.CONSECUTIVE_FAILS, CooldownReason.FAILURE_RATE})


@dataclass(frozen=True, slots=True)
class Cooldown:
    seconds: float
    reason: CooldownReason


@dataclass(frozen=True, slots=True)
class Recent:
    """A deployment's last minute, the failure at hand included. `consecutive` counts failures since its last success

    that were the upstream's own (`counts_as_failure`); `fails_by_kind` are by the errors' `kind`.
    """

    successes: int
    failures: int
    consecutive: int
    fails_by_kind: Mapping[str, int]


_REFUSED = frozenset({401, 402, 404})
_TROUBLE = _REFUSED | {408, 429}
# LiteLLM's: so many failures and no success mean something even for the last deployment.
_BEYOND_DOUBT = 1000


def counts_as_failure(error: ApiError) -> bool:
    """Whether it says something of the deployment; other 4xx are the client's own mistakes, and answers."""
    return isinstance(error, UpstreamError) and (error.status_code >= 500 or error.status_code in _TROUBLE)


def cooldown_for(
    error: ApiError,
    *,
    recent: Recent,
    siblings: int,
    times: int,
    probing: bool,
    settings: RouterSettings,
    deployment_cooldown_time: float | None,
    allowed_fails: int | None,
    allowed_fails_policy: Mapping[str, int] | None,
    retry_after: float | None,
    wildcard: bool = False,
) -> Cooldown | None:
    """None: it stays in service. `times` is how many cooldowns in a row came before; seconds.

    `probing` is a half-open deployment's failure. `allowed_fails` and its policy are the deployment's own, and go
    before the router's. `wildcard`: the client chose the upstream's model, so a 404 says nothing of the deployment.
    """
    if settings.disable_cooldowns or not isinstance(error, UpstreamError) or not counts_as_failure(error):
        return None
    if wildcard and error.status_code == 404:
        return None
    if probing:
        reason: CooldownReason | None = CooldownReason.PROBE_FAILED
    else:
        allowed = _allowed(error.kind, allowed_fails, allowed_fails_policy or {}, settings)
        reason = _over(error.kind, allowed, recent) if allowed else _reason(error, recent, siblings, settings)
    if reason is None:
        return None
    seconds = _seconds(times, deployment_cooldown_time, retry_after, settings)
    return Cooldown(seconds, reason) if seconds > 0 else None


@dataclass(frozen=True, slots=True)
class _Allowed:
    fails: int
    of_kind: bool


def _allowed(kind: str, own: int | None, own_policy: Mapping[str, int], settings: RouterSettings) -> _Allowed | None:
    """What was allowed in so many words, the nearest word first; then no other rule decides."""
    name = f"{kind}AllowedFails"
    for policy, fails in ((own_policy, own), (settings.allowed_fails_policy, settings.allowed_fails)):
        if (of_kind := policy.get(name)) is not None:
            return _Allowed(of_kind, of_kind=True)
        if fails is not None:
            return _Allowed(fails, of_kind=False)
    return None


def _over(kind: str, allowed: _Allowed, recent: Recent) -> CooldownReason | None:
    fails = recent.fails_by_kind.get(kind, 0) if allowed.of_kind else recent.failures
    return CooldownReason.ALLOWED_FAILS if fails > allowed.fails else None


def _reason(error: UpstreamError, recent: Recent, siblings: int, settings: RouterSettings) -> CooldownReason | None:
    total = recent.successes + recent.failures
    if recent.failures == total >= _BEYOND_DOUBT:
        return CooldownReason.ALL_FAILED
    if siblings <= 1:
        return None
    often = total >= settings.outlier_minimum_requests and (
        recent.failures * 100 > settings.outlier_failure_percent * total
    )
    rules = (
        (error.status_code == 429, CooldownReason.RATE_LIMITED),
        (error.status_code in _REFUSED, CooldownReason.NOT_RETRYABLE),
        (not error.reached, CooldownReason.CONNECTION),
        (0 < settings.consecutive_fails <= recent.consecutive, CooldownReason.CONSECUTIVE_FAILS),
        (often, CooldownReason.FAILURE_RATE),
    )
    return next((reason for applies, reason in rules if applies), None)


def _seconds(
    times: int, deployment_cooldown_time: float | None, retry_after: float | None, settings: RouterSettings
) -> float:
    """The deployment's own, else what the upstream asks for, else the router's, doubled each time in a row."""
    if deployment_cooldown_time is not None:
        return deployment_cooldown_time
    longest = max(settings.cooldown_time, settings.max_cooldown_time)
    if retry_after is not None and retry_after > 0:
        # An upstream may ask for years.
        return min(retry_after, longest)
    return min(settings.cooldown_time * 2.0 ** min(times, 32), longest)


def may_eject(ejected: int, group_size: int, settings: RouterSettings) -> bool:
    """Whether one more may go where `ejected` have gone already: one may always, the last one never.

    `group_size` is counted as `siblings` are.
    """
    if ejected + 1 >= group_size:
        return False
    return ejected == 0 or (ejected + 1) * 100 <= settings.max_ejected_percent * group_size
