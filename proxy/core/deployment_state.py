"""What metrics call the state of a deployment (metrics.md 4.2). Pure."""

from enum import IntEnum

from proxy.core.routing import Skip


class DeploymentState(IntEnum):
    """LiteLLM's numbers."""

    HEALTHY = 0
    PARTIAL_OUTAGE = 1
    COMPLETE_OUTAGE = 2


def deployment_state(
    skip: Skip | None, *, successes: int, failures: int, failure_percent: float, minimum_requests: int
) -> DeploymentState:
    """By why it is passed over now, if it is, and by what its last minute brought.

    Above `failure_percent` it is ill; where `minimum_requests` or more failed and none was answered, it is out. One
    that is tried again after a cooldown is not well yet.
    """
    if skip in (Skip.COOLDOWN, Skip.UNHEALTHY):
        return DeploymentState.COMPLETE_OUTAGE
    if failures >= max(1, minimum_requests) and not successes:
        return DeploymentState.COMPLETE_OUTAGE
    if skip is Skip.PROBING or failures * 100 > failure_percent * (failures + successes):
        return DeploymentState.PARTIAL_OUTAGE
    return DeploymentState.HEALTHY
