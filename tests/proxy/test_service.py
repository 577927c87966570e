"""Which deployments serve, as the web process sees it now, and which do not."""

from collections.abc import Iterator

import pytest
from django.utils import timezone

from proxy import runtime
from proxy.core.cooldown import Cooldown, CooldownReason
from proxy.models import HealthCheck
from proxy.registry import load_routing_table
from proxy.runtime import Runtime
from proxy.service import service
from proxy.standing import State
from tests.proxy.deployments import stored

pytestmark = pytest.mark.django_db
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def web_process() -> Iterator[Runtime]:
    """It is not started."""
    made = Runtime()
    runtime.set_running(made)
    try:
        yield made
    finally:
        runtime.set_running(None)


def checked(deployment_id: str, *, healthy: bool, error: str = "") -> None:
    HealthCheck.objects.create(
        deployment_id=deployment_id, model_name="m", healthy=healthy, status=200, response_ms=1, error=error,
        checked_by="background", checked_at=timezone.now(),
    )  # fmt: skip


def test_what_cools_down_and_what_failed_its_check_is_told_and_what_is_drained_is_not(web_process: Runtime) -> None:
    for pk, name in (("a", "m"), ("b", "m"), ("c", "n"), ("d", "drained")):
        row = stored(NOWHERE, pk=pk, name=name)
        row.blocked = pk == "d"
        row.save()
    checked("a", healthy=True)
    checked("c", healthy=False, error="401: wrong key")
    checked("d", healthy=False, error="gone")
    web_process.table = load_routing_table(now=timezone.now())
    web_process.state.cool("b", Cooldown(30.0, CooldownReason.RATE_LIMITED), status=429)
    found = service()

    assert dict(found.states) == {State.IN_SERVICE: 2, State.COOLING: 1, State.DRAINED: 1}
    assert found.models == 2
    assert [(one.pk, one.standing.state, one.why) for one in found.troubled] == [
        ("b", State.COOLING, ""),
        ("c", State.IN_SERVICE, "401: wrong key"),
    ]


def test_outside_of_a_web_process_only_checks_say_anything() -> None:
    stored(NOWHERE, pk="a")
    stored(NOWHERE, pk="b")
    checked("b", healthy=False, error="away")
    found = service()

    assert dict(found.states) == {State.UNKNOWN: 2}
    assert [one.pk for one in found.troubled] == ["b"]
