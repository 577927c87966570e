"""The state that metrics show of a deployment."""

import pytest

from proxy.core.deployment_state import DeploymentState, deployment_state
from proxy.core.routing import Skip

HEALTHY, PARTIAL, COMPLETE = DeploymentState


@pytest.mark.parametrize(
    ("skip", "successes", "failures", "expected"),
    [
        (None, 0, 0, HEALTHY),
        (None, 10, 0, HEALTHY),
        (None, 10, 10, HEALTHY),
        (None, 9, 10, PARTIAL),
        (None, 0, 1, PARTIAL),
        (None, 0, 4, PARTIAL),
        (None, 0, 5, COMPLETE),
        (None, 1, 5, PARTIAL),
        (Skip.COOLDOWN, 100, 0, COMPLETE),
        (Skip.UNHEALTHY, 0, 0, COMPLETE),
        (Skip.PROBING, 100, 0, PARTIAL),
    ],
)
def test_it_is_told_by_what_is_so_now(
    skip: Skip | None, successes: int, failures: int, expected: DeploymentState
) -> None:
    found = deployment_state(skip, successes=successes, failures=failures, failure_percent=50, minimum_requests=5)
    assert found is expected


def test_without_a_minimum_nobody_is_out_who_was_never_asked() -> None:
    assert deployment_state(None, successes=0, failures=0, failure_percent=50, minimum_requests=0) is HEALTHY
