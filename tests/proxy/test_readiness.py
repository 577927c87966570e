"""Ready or alive: the answers in each of the sixteen states a web process can be in."""

import asyncio
import time
from collections.abc import Iterator
from itertools import product
from typing import Any

import orjson
import pytest
from django.http import HttpResponse

from proxy import health, runtime
from proxy.core.cooldown import Cooldown, CooldownReason
from proxy.registry import load_routing_table
from proxy.request import LeanRequest
from proxy.runtime import STALE_SECONDS, Runtime
from tests.proxy.deployments import NOW, stored

pytestmark = pytest.mark.django_db
STATES = list(product((False, True), repeat=4))
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def web_process() -> Iterator[Runtime]:
    """Not started: each test puts it into its state."""
    made = Runtime()
    made.table = load_routing_table(now=NOW)
    runtime.set_running(made)
    try:
        yield made
    finally:
        runtime.set_running(None)


def answer(view: Any) -> tuple[int, Any]:
    async def ask() -> HttpResponse:
        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope: Any = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": []}
        response: HttpResponse = await view.as_view()(LeanRequest(scope, receive))
        return response

    response = asyncio.run(ask())
    return response.status_code, orjson.loads(response.content)


def put(made: Runtime, *, draining: bool, away: bool, spooling: bool, redis: bool) -> None:
    made.draining = draining
    made.ledger.spooling = spooling
    made.fleet.connected = redis
    made._database_seen_at = time.monotonic() - (STALE_SECONDS + 1 if away else 0)


@pytest.mark.parametrize(("draining", "away", "spooling", "redis"), STATES)
def test_readiness(web_process: Runtime, draining: bool, away: bool, spooling: bool, redis: bool) -> None:
    """Requests are served without a database and without Redis; only who is about to leave takes no more."""
    put(web_process, draining=draining, away=away, spooling=spooling, redis=redis)
    status, body = answer(health.Readiness)

    assert status == (503 if draining else 200)
    assert body["status"] == ("draining" if draining else "degraded" if away or spooling else "healthy")
    assert body["db"] == ("disconnected" if away or spooling else "connected")
    assert body["ledger"] == ("spool" if spooling else "database")
    assert body.keys() == {"status", "db", "ledger", "litellm_version"}


@pytest.mark.parametrize(("draining", "away", "spooling", "redis"), STATES)
def test_liveliness(web_process: Runtime, draining: bool, away: bool, spooling: bool, redis: bool) -> None:
    """Nothing that a restart would not mend makes a process dead."""
    put(web_process, draining=draining, away=away, spooling=spooling, redis=redis)

    assert answer(health.Liveliness) == (200, "I'm alive!")


@pytest.mark.parametrize(("draining", "away", "spooling", "redis"), STATES)
def test_details(web_process: Runtime, draining: bool, away: bool, spooling: bool, redis: bool) -> None:
    put(web_process, draining=draining, away=away, spooling=spooling, redis=redis)
    web_process.table.settings["general_settings"]["allow_public_health_readiness_details"] = True  # type: ignore[index]
    status, body = answer(health.Readiness)

    assert status == (503 if draining else 200)
    assert (body["draining"], body["cache"]) == (draining, "redis" if redis else None)
    assert (body["snapshot_age_seconds"] > STALE_SECONDS) is away


def test_details_count_the_deployments_by_their_state(web_process: Runtime) -> None:
    for name in ("well", "also-well", "cooling", "ill", "drained"):
        row = stored(NOWHERE, pk=name)
        row.blocked = name == "drained"
        row.save()
    web_process.table = load_routing_table(now=NOW)
    web_process.state.cool("cooling", Cooldown(60.0, CooldownReason.CONNECTION), status=500)
    web_process.state.unhealthy = frozenset({"ill"})
    web_process.table.settings["general_settings"]["allow_public_health_readiness_details"] = True  # type: ignore[index]

    _, body = answer(health.Readiness)
    assert body["deployments"] == {"in_service": 2, "cooling": 1, "unhealthy": 1, "drained": 1}


def test_a_stranger_gets_no_details(web_process: Runtime) -> None:
    from proxy.policy import Policy

    web_process.policy = Policy.read({})
    put(web_process, draining=False, away=False, spooling=False, redis=False)

    assert answer(health.ReadinessDetails)[0] == 401
