"""What a failure teaches: counted, perhaps a cooldown, told to the other processes and to the admins."""

import logging
from typing import TYPE_CHECKING

import alerts.services
from alerts.events import DeploymentCooledDown
from proxy.core.cooldown import STATISTICAL, Cooldown, cooldown_for, counts_as_failure, may_eject
from proxy.core.errors import UpstreamError
from proxy.core.outages import trouble_of

if TYPE_CHECKING:
    from proxy.attempt import Attempt

logger = logging.getLogger(__name__)


def learn(attempt: "Attempt", error: UpstreamError) -> Cooldown | None:
    """The cooldown that began with this failure, if one did."""
    deployment, run = attempt.deployment, attempt.run
    state, settings = run.runtime.state, run.runtime.table.router
    if attempt.is_the_clients_own(error):
        if attempt.is_impatience(error):
            state.give_up_probe(deployment.id)
            return None
        # Whoever can tell a client what is wrong with its request is well.
        state.refused(deployment.id)
        if state.is_probing(deployment.id):
            state.restore(deployment.id)
            run.runtime.fleet.restored(deployment.id)
        return None
    if (trouble := trouble_of(error)) is not None:
        state.had_trouble(deployment.id, trouble)
    recent = state.failed(deployment.id, kind=error.kind, counts=counts_as_failure(error))
    cooldown = cooldown_for(
        error,
        recent=recent,
        siblings=attempt.siblings,
        times=state.cooldowns(deployment.id),
        probing=state.is_probing(deployment.id),
        settings=settings,
        deployment_cooldown_time=deployment.cooldown_time,
        allowed_fails=deployment.allowed_fails,
        allowed_fails_policy=deployment.allowed_fails_policy,
        retry_after=error.retry_after,
        wildcard=deployment.of_pattern,
    )
    if cooldown is None:
        state.give_up_probe(deployment.id)
        return None
    if cooldown.reason in STATISTICAL and not may_eject(state.ejected(attempt.group_ids), attempt.siblings, settings):
        return None
    fresh = state.cool(deployment.id, cooldown, status=error.status_code)
    run.runtime.fleet.cooled(
        deployment.id,
        seconds=cooldown.seconds,
        reason=str(cooldown.reason),
        status=error.status_code,
        times=state.cooldowns(deployment.id),
    )
    if fresh:
        run.runtime.metrics.cooled_down(run.labels(deployment), status=error.status_code)
        logger.warning(
            "A deployment cools down",
            extra={
                "deployment": deployment.id,
                "model_group": deployment.model_group,
                "seconds": cooldown.seconds,
                "reason": str(cooldown.reason),
                "status": error.status_code,
            },
        )
        alerts.services.emit(
            DeploymentCooledDown(
                model_group=deployment.model_group,
                deployment_id=deployment.id,
                provider=deployment.provider.name,
                api_base=deployment.api_base,
                region=deployment.region,
                seconds=cooldown.seconds,
                reason=str(cooldown.reason),
                error_class=error.name,
                status_code=error.status_code,
            )
        )
    return cooldown
