"""The events of what is noticed about requests and deployments, with all that their messages say."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from alerts.events import (
    DeploymentOutage,
    LLMRequestsHanging,
    LLMTooSlow,
    MajorOutage,
    MajorRegionOutage,
    MinorOutage,
    MinorRegionOutage,
    ModelTooSlow,
    RegionOutage,
)
from proxy.core.alert_metadata import alerting_metadata
from proxy.core.hanging import silent_since
from proxy.core.outages import Outage, Place, Severity, Window
from proxy.core.slowness import Measure, Slow
from proxy.deployments import Deployment
from proxy.run import Run

if TYPE_CHECKING:
    from proxy.attempt import Attempt

_OUTAGES: dict[Severity, type[DeploymentOutage]] = {Severity.MINOR: MinorOutage, Severity.MAJOR: MajorOutage}
_REGION_OUTAGES: dict[Severity, type[RegionOutage]] = {
    Severity.MINOR: MinorRegionOutage,
    Severity.MAJOR: MajorRegionOutage,
}


def outage_event(
    deployment: Deployment, outage: Outage, window: Window, *, severity: Severity, seconds: float
) -> DeploymentOutage:
    return _OUTAGES[severity](
        model_group=deployment.model_group,
        deployment_id=deployment.id,
        provider=deployment.provider.name,
        api_base=deployment.api_base,
        region=deployment.region,
        reason=str(outage.because),
        failures=outage.failures,
        total=outage.total,
        window=seconds,
        errors=tuple((str(kind), number) for kind, number in window.troubles.items()),
    )


def region_event(place: Place, members: Iterable[Deployment], *, severity: Severity) -> RegionOutage:
    found = sorted(members, key=lambda one: one.id)
    return _REGION_OUTAGES[severity](
        provider=place.provider,
        region=place.region,
        deployments=tuple(one.id for one in found),
        models=tuple(sorted({one.model_group for one in found})),
    )


def hanging_event(runs: Sequence[Run], *, threshold: float, now: float) -> LLMRequestsHanging:
    """`runs` hang at the same place, the longest first."""
    first = runs[0]
    deployment, principal = first.asked, first.principal
    model_group, deployment_id = first.whereabouts
    return LLMRequestsHanging(
        model_group=model_group,
        deployment_id=deployment_id,
        provider=deployment.provider.name if deployment else "",
        api_base=deployment.api_base if deployment else "",
        region=deployment.region if deployment else "",
        seconds=now - silent_since(first),
        threshold=threshold,
        requests=len(runs),
        key_alias=principal.key_alias or "",
        team=principal.team_alias or principal.team_id or "",
        call_id=first.call_id,
    )


def slow_event(attempt: "Attempt", measure: Measure, *, seconds: float, threshold: float) -> LLMTooSlow:
    run, deployment = attempt.run, attempt.deployment
    principal = run.principal
    return LLMTooSlow(
        model_group=deployment.model_group,
        deployment_id=deployment.id,
        provider=deployment.provider.name,
        model=deployment.model,
        api_base=deployment.api_base,
        region=deployment.region,
        measure=str(measure),
        seconds=seconds,
        threshold=threshold,
        key_alias=principal.key_alias or "",
        team=principal.team_alias or principal.team_id or "",
        team_id=principal.team_id or "",
        call_id=run.call_id,
        metadata=alerting_metadata(run.call.metadata),
    )


def slow_model_event(slow: Slow) -> ModelTooSlow:
    return ModelTooSlow(
        model_group=slow.model,
        measure=str(slow.measure),
        percentile=slow.percentile,
        seconds=slow.seconds,
        threshold=slow.bound,
        requests=slow.requests,
    )
