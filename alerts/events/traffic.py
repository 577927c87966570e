"""Events of what the upstreams do."""

from dataclasses import dataclass
from typing import ClassVar

from alerts.events.base import AlertType, Event, Level

# What somebody has to do about: a key to renew, a quota to raise; the upstream itself is well.
REFUSALS = {
    401: "the provider does not accept the credentials",
    403: "the provider does not permit it to these credentials",
    429: "the provider's rate limit is reached",
}
_WHAT_TO_DO = {
    401: "Set a valid api_key on the deployment.",
    403: "Have the provider permit the model to these credentials, or set others.",
    404: "Correct model and api_base of the deployment.",
    429: "Raise the quota at the provider, or add deployments to the model.",
}


@dataclass(frozen=True, kw_only=True)
class DeploymentEvent(Event):
    """Of one deployment, and where that is."""

    model_group: str
    deployment_id: str
    provider: str
    api_base: str
    region: str = ""

    def seen(self) -> dict[str, str]:
        """What was measured there, below where it is."""
        return {}

    def what_to_do(self) -> str:
        """The next step, in a sentence."""
        return ""

    def details(self) -> dict[str, str]:
        return {
            "Model": self.model_group,
            "Provider": self.provider,
            "API Base": self.api_base,
            "Deployment": self.deployment_id,
            "Region": self.region,
            **self.seen(),
            "What to do": self.what_to_do(),
        }

    def labels(self) -> dict[str, str]:
        return {
            "model": self.model_group,
            "provider": self.provider,
            "deployment": self.deployment_id,
            "region": self.region,
        }


@dataclass(frozen=True, kw_only=True)
class CallEvent(DeploymentEvent):
    """Of a call of a deployment: whose it was, and what its client said about it (`metadata`)."""

    key_alias: str = ""
    team: str = ""
    team_id: str = ""
    call_id: str = ""
    metadata: tuple[tuple[str, str], ...] = ()

    def details(self) -> dict[str, str]:
        known = {
            **super().details(),
            "Key Name": self.key_alias,
            "Team": self.team,
            "Call ID": self.call_id,
        }
        # A client's word for something never stands in the place of ours.
        return known | {name: value for name, value in self.metadata if name not in known}

    def labels(self) -> dict[str, str]:
        return {**super().labels(), "key_alias": self.key_alias, "team": self.team, "team_id": self.team_id}


@dataclass(frozen=True, kw_only=True)
class LLMException(CallEvent):
    """An upstream failed to answer: its fault or the network's, never the client's."""

    alert_type = AlertType.LLM_EXCEPTIONS
    raised_when = (
        "an upstream fails, or refuses the deployment's credentials or quota; what is the client's own fault "
        "raises nothing"
    )

    error_class: str
    status_code: int
    message: str

    def identity(self) -> tuple[object, ...]:
        return self.model_group, self.deployment_id, self.error_class, self.status_code

    def title(self) -> str:
        why = f", {REFUSALS[self.status_code]}" if self.status_code in REFUSALS else ""
        return f"LLM API call failed for {self.model_group} at {self.provider}{why}: {self.message}"

    def seen(self) -> dict[str, str]:
        return {"Error": f"{self.error_class} ({self.status_code})"}

    def what_to_do(self) -> str:
        return _WHAT_TO_DO.get(self.status_code, "")


@dataclass(frozen=True, kw_only=True)
class DeploymentCooledDown(DeploymentEvent):
    """A deployment gets no requests for a while: it failed, and its siblings or the fallbacks serve instead."""

    alert_type = AlertType.COOLDOWN_DEPLOYMENT
    raised_when = "a deployment gets no requests for a while; not over before a minute after that"
    shaped_by = (
        "allowed_fails",
        "cooldown_time",
        "consecutive_fails",
        "outlier_failure_percent",
    )

    seconds: float
    reason: str
    error_class: str
    status_code: int

    def __post_init__(self) -> None:
        # Not over before the cooldown is.
        object.__setattr__(self, "quiet_interval", max(type(self).quiet_interval, round(self.seconds) + 60))

    def identity(self) -> tuple[object, ...]:
        return (self.deployment_id,)

    def title(self) -> str:
        return f"Deployment of {self.model_group} cools down for {self.seconds:g} s after {self.error_class}"

    def seen(self) -> dict[str, str]:
        return {"Reason": self.reason.replace("_", " "), "Status": str(self.status_code)}

    def what_to_do(self) -> str:
        return _WHAT_TO_DO.get(self.status_code, "Nothing, if others serve meanwhile: it is let in again by itself.")


@dataclass(frozen=True, kw_only=True)
class LLMTooSlow(CallEvent):
    """An answer came, and late. `measure` says what was measured: of a stream it is the first token."""

    alert_type = AlertType.LLM_TOO_SLOW
    raised_when = "an answer, of a stream its first token, takes longer than the threshold"
    shaped_by = ("alerting_threshold",)
    level = Level.LOW

    model: str
    measure: str
    seconds: float
    threshold: float

    def identity(self) -> tuple[object, ...]:
        return self.model_group, self.deployment_id, self.measure

    def title(self) -> str:
        return (
            f"Responses of {self.model_group} are slow - {self.seconds:.2f}s {self.measure} > "
            f"Alerting threshold: {self.threshold:g}s"
        )

    def seen(self) -> dict[str, str]:
        return {
            "Provider's Model": self.model,
            "Seconds": f"{self.seconds:.2f}",
            "Threshold": f"{self.threshold:g} s",
        }


@dataclass(frozen=True)
class ModelTooSlow(Event):
    """Not one answer but a percentile of a model's is slower than it may be."""

    alert_type = AlertType.LLM_TOO_SLOW
    raised_when = "a percentile of a model's latest answers or first tokens is above its bound"
    ends_when = "the percentile is within its bound"
    shaped_by = ("alerting_args.slow_percentile",)
    level = Level.LOW

    model_group: str
    measure: str
    percentile: float
    seconds: float
    threshold: float
    requests: int

    def identity(self) -> tuple[object, ...]:
        return self.model_group, f"p{self.percentile:g}", self.measure

    def title(self) -> str:
        return (
            f"Responses of {self.model_group} are slow - {self.seconds:.2f}s p{self.percentile:g} of the "
            f"{self.measure} > {self.threshold:g}s"
        )

    def details(self) -> dict[str, str]:
        return {
            "Model": self.model_group,
            "Seconds": f"{self.seconds:.2f} (p{self.percentile:g})",
            "Threshold": f"{self.threshold:g} s",
            "Requests": f"{self.requests} measured",
        }

    def labels(self) -> dict[str, str]:
        return {"model": self.model_group}


@dataclass(frozen=True, kw_only=True)
class LLMRequestsHanging(DeploymentEvent):
    """Requests wait for an answer, or for the next piece of one. `deployment_id` is "" while none was asked.

    The key, the team and the call are those of the request that waits the longest.
    """

    alert_type = AlertType.LLM_REQUESTS_HANGING
    raised_when = "a request has no answer, or a stream no further piece, for as long as the threshold"
    ends_when = "none hangs any more"
    shaped_by = ("alerting_threshold",)
    level = Level.MEDIUM

    seconds: float
    threshold: float
    requests: int
    key_alias: str = ""
    team: str = ""
    call_id: str = ""

    def identity(self) -> tuple[object, ...]:
        return self.model_group, self.deployment_id

    def title(self) -> str:
        where = "" if self.deployment_id else " while they wait for a deployment"
        return f"Requests to {self.model_group} are hanging{where} - {self.threshold:g}s+ without an answer"

    def seen(self) -> dict[str, str]:
        return {
            "Hanging": str(self.requests),
            "Longest": f"{self.seconds:.1f} s",
            "Threshold": f"{self.threshold:g} s",
            "Key Name": self.key_alias,
            "Team": self.team,
            "Call ID": self.call_id,
        }


@dataclass(frozen=True, kw_only=True)
class DeploymentOutage(DeploymentEvent):
    """A deployment fails more than now and then; `errors` are counts by what went wrong, within `window` seconds.

    Minor and major are two incidents: the second is told while the first is open, and both end together.
    """

    alert_type = AlertType.OUTAGE_ALERTS
    ends_when = "the window is clean"
    quiet_interval = 120
    severity: ClassVar[str]

    reason: str
    failures: int
    total: int
    window: float
    errors: tuple[tuple[str, int], ...] = ()

    def identity(self) -> tuple[object, ...]:
        return self.deployment_id, self.severity

    def title(self) -> str:
        return f"{self.severity} Service Outage: {self.model_group} at {self.provider}"

    def seen(self) -> dict[str, str]:
        return {
            "Failed": f"{self.failures} of {self.total} within {self.window:g} s",
            "Errors": ", ".join(f"{kind}: {number}" for kind, number in self.errors),
            "Reason": self.reason,
        }

    def what_to_do(self) -> str:
        return "Look at the provider's status page; other deployments and fallbacks of the model serve meanwhile."

    def labels(self) -> dict[str, str]:
        return {**super().labels(), "severity": self.severity.lower()}


class MinorOutage(DeploymentOutage):
    level = Level.MEDIUM
    severity = "Minor"
    raised_when = (
        "a deployment has so many errors within the window, over all processes, or so many failed trials in a row "
        "after a cooldown"
    )
    shaped_by = (
        "alerting_args.minor_outage_alert_threshold",
        "alerting_args.outage_failed_probes",
        "alerting_args.outage_alert_ttl",
        "alerting_args.outage_counted",
    )


class MajorOutage(DeploymentOutage):
    level = Level.HIGH
    severity = "Major"
    raised_when = (
        "a deployment has so many errors within the window, over all processes, or this share of enough requests failed"
    )
    shaped_by = (
        "alerting_args.major_outage_alert_threshold",
        "alerting_args.outage_failure_rate",
        "alerting_args.outage_min_requests",
        "alerting_args.outage_alert_ttl",
        "alerting_args.outage_counted",
    )


@dataclass(frozen=True)
class RegionOutage(Event):
    """Several deployments of a provider's region are out at once: it speaks for each of theirs."""

    alert_type = AlertType.REGION_OUTAGE_ALERTS
    ends_when = "no deployment of the region is out"
    shaped_by = ("alerting_args.region_outage_alert_ttl",)
    quiet_interval = 120
    severity: ClassVar[str]

    provider: str
    region: str
    deployments: tuple[str, ...]
    models: tuple[str, ...]

    def identity(self) -> tuple[object, ...]:
        return self.provider, self.region, self.severity

    def title(self) -> str:
        return f"{self.severity} Service Outage of a region: {self.provider} {self.region}"

    def details(self) -> dict[str, str]:
        return {
            "Provider": self.provider,
            "Region Name": self.region,
            "Deployments": f"{len(self.deployments)}: {_first(self.deployments)}",
            "Models": _first(self.models),
        }

    def labels(self) -> dict[str, str]:
        return {"provider": self.provider, "region": self.region, "severity": self.severity.lower()}


class MinorRegionOutage(RegionOutage):
    level = Level.MEDIUM
    raised_when = "two deployments of a provider's region went out within the window"
    severity = "Minor"


class MajorRegionOutage(RegionOutage):
    level = Level.HIGH
    raised_when = "two deployments of a provider's region went out within the window, both majorly"
    severity = "Major"


_MOST_NAMED = 10


def _first(names: tuple[str, ...]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
