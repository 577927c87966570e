"""Events of what the upstreams do."""

from dataclasses import dataclass
from typing import ClassVar

from alerts.events.base import AlertType, Event, Level

# What somebody has to do about: a key to renew, a quota to raise; the upstream itself is well.
REFUSALS = {
    401: "LLM API call failed, the provider does not accept the credentials",
    403: "LLM API call failed, the provider does not permit it to these credentials",
    429: "LLM API call failed, the provider's rate limit is reached",
}


@dataclass(frozen=True)
class LLMException(Event):
    """An upstream failed to answer: its fault or the network's, never the client's."""

    alert_type = AlertType.LLM_EXCEPTIONS

    model_group: str
    deployment_id: str
    provider: str
    api_base: str
    error_class: str
    status_code: int
    message: str
    key_alias: str = ""
    team: str = ""
    team_id: str = ""
    region: str = ""
    call_id: str = ""
    metadata: tuple[tuple[str, str], ...] = ()

    def identity(self) -> tuple[object, ...]:
        return self.model_group, self.deployment_id, self.error_class, self.status_code

    def title(self) -> str:
        return f"{REFUSALS.get(self.status_code, 'LLM API call failed')}: {self.message}"

    def details(self) -> dict[str, str]:
        known = {
            "Model": self.model_group,
            "Provider": self.provider,
            "API Base": self.api_base,
            "Deployment": self.deployment_id,
            "Error": f"{self.error_class} ({self.status_code})",
            "Key Name": self.key_alias,
            "Team": self.team,
            "Call ID": self.call_id,
        }
        return _appended(known, self.metadata)

    def labels(self) -> dict[str, str]:
        return {
            "model": self.model_group,
            "provider": self.provider,
            "deployment": self.deployment_id,
            "region": self.region,
            "key_alias": self.key_alias,
            "team": self.team,
            "team_id": self.team_id,
        }


@dataclass(frozen=True)
class DeploymentCooledDown(Event):
    """A deployment gets no requests for a while: it failed, and its siblings or the fallbacks serve instead."""

    alert_type = AlertType.COOLDOWN_DEPLOYMENT

    model_group: str
    deployment_id: str
    provider: str
    api_base: str
    seconds: float
    reason: str
    error_class: str
    status_code: int
    region: str = ""

    def identity(self) -> tuple[object, ...]:
        return (self.deployment_id,)

    def title(self) -> str:
        return f"Deployment of {self.model_group} cools down for {self.seconds:g} s after {self.error_class}"

    def details(self) -> dict[str, str]:
        return {
            "Model": self.model_group,
            "Provider": self.provider,
            "API Base": self.api_base,
            "Deployment": self.deployment_id,
            "Region": self.region,
            "Reason": self.reason.replace("_", " "),
            "Status": str(self.status_code),
        }

    def labels(self) -> dict[str, str]:
        return {
            "model": self.model_group,
            "provider": self.provider,
            "deployment": self.deployment_id,
            "region": self.region,
        }


@dataclass(frozen=True)
class LLMTooSlow(Event):
    """An answer came, and late. `measure` says what was measured: of a stream it is the first token."""

    alert_type = AlertType.LLM_TOO_SLOW
    level = Level.LOW

    model_group: str
    deployment_id: str
    provider: str
    model: str
    api_base: str
    measure: str
    seconds: float
    threshold: float
    region: str = ""
    key_alias: str = ""
    team: str = ""
    team_id: str = ""
    call_id: str = ""
    metadata: tuple[tuple[str, str], ...] = ()

    def identity(self) -> tuple[object, ...]:
        return self.model_group, self.deployment_id, self.measure

    def title(self) -> str:
        return f"Responses are slow - {self.seconds:.2f}s {self.measure} > Alerting threshold: {self.threshold:g}s"

    def details(self) -> dict[str, str]:
        known = {
            "Model": self.model_group,
            "Provider": self.provider,
            "Provider's Model": self.model,
            "API Base": self.api_base,
            "Deployment": self.deployment_id,
            "Seconds": f"{self.seconds:.2f}",
            "Threshold": f"{self.threshold:g} s",
            "Key Name": self.key_alias,
            "Team": self.team,
            "Call ID": self.call_id,
        }
        return _appended(known, self.metadata)

    def labels(self) -> dict[str, str]:
        return {
            "model": self.model_group,
            "provider": self.provider,
            "deployment": self.deployment_id,
            "region": self.region,
            "key_alias": self.key_alias,
            "team": self.team,
            "team_id": self.team_id,
        }


@dataclass(frozen=True)
class ModelTooSlow(Event):
    """Not one answer but a percentile of a model's is slower than it may be."""

    alert_type = AlertType.LLM_TOO_SLOW
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


@dataclass(frozen=True)
class LLMRequestsHanging(Event):
    """Requests wait for an answer, or for the next piece of one. `deployment_id` is "" while none was asked.

    The key, the team and the call are those of the request that waits the longest.
    """

    alert_type = AlertType.LLM_REQUESTS_HANGING
    level = Level.MEDIUM

    model_group: str
    deployment_id: str
    provider: str
    api_base: str
    seconds: float
    threshold: float
    requests: int
    region: str = ""
    key_alias: str = ""
    team: str = ""
    call_id: str = ""

    def identity(self) -> tuple[object, ...]:
        return self.model_group, self.deployment_id

    def title(self) -> str:
        where = "" if self.deployment_id else " while they wait for a deployment"
        return f"Requests to {self.model_group} are hanging{where} - {self.threshold:g}s+ without an answer"

    def details(self) -> dict[str, str]:
        return {
            "Model": self.model_group,
            "Provider": self.provider,
            "API Base": self.api_base,
            "Deployment": self.deployment_id,
            "Hanging": str(self.requests),
            "Longest": f"{self.seconds:.1f} s",
            "Threshold": f"{self.threshold:g} s",
            "Key Name": self.key_alias,
            "Team": self.team,
            "Call ID": self.call_id,
        }

    def labels(self) -> dict[str, str]:
        return {
            "model": self.model_group,
            "provider": self.provider,
            "deployment": self.deployment_id,
            "region": self.region,
        }


@dataclass(frozen=True)
class DeploymentOutage(Event):
    """A deployment fails more than now and then; `errors` are counts by what went wrong, within `window` seconds.

    Minor and major are two incidents: the second is told while the first is open, and both end together.
    """

    alert_type = AlertType.OUTAGE_ALERTS
    quiet_interval = 120
    severity: ClassVar[str]

    model_group: str
    deployment_id: str
    provider: str
    api_base: str
    reason: str
    failures: int
    total: int
    window: float
    errors: tuple[tuple[str, int], ...] = ()
    region: str = ""

    def identity(self) -> tuple[object, ...]:
        return self.deployment_id, self.severity

    def title(self) -> str:
        return f"{self.severity} Service Outage: {self.model_group} at {self.provider}"

    def details(self) -> dict[str, str]:
        return {
            "Model Name": self.model_group,
            "Provider": self.provider,
            "API Base": self.api_base,
            "Deployment": self.deployment_id,
            "Region": self.region,
            "Failed": f"{self.failures} of {self.total} within {self.window:g} s",
            "Errors": ", ".join(f"{kind}: {number}" for kind, number in self.errors),
            "Reason": self.reason,
        }

    def labels(self) -> dict[str, str]:
        return {
            "model": self.model_group,
            "provider": self.provider,
            "deployment": self.deployment_id,
            "region": self.region,
            "severity": self.severity.lower(),
        }


class MinorOutage(DeploymentOutage):
    level = Level.MEDIUM
    severity = "Minor"


class MajorOutage(DeploymentOutage):
    level = Level.HIGH
    severity = "Major"


@dataclass(frozen=True)
class RegionOutage(Event):
    """Several deployments of a provider's region are out at once: it speaks for each of theirs."""

    alert_type = AlertType.REGION_OUTAGE_ALERTS
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
    severity = "Minor"


class MajorRegionOutage(RegionOutage):
    level = Level.HIGH
    severity = "Major"


def _appended(known: dict[str, str], metadata: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """A client's word for something never stands in the place of ours."""
    return known | {name: value for name, value in metadata if name not in known}


_MOST_NAMED = 10


def _first(names: tuple[str, ...]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
