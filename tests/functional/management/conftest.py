"""One gateway for the management routes: on SQLite, or on PostgreSQL and Redis with TEST_STORE=postgres."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import started
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.functional.management.callers import Callers
from tests.gateway import Gateway, Store, migrate, model
from tests.services import postgres, redis


@pytest.fixture(scope="package")
def shared_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    yield from _store(request)


@pytest.fixture(scope="module")
def own_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """For a module whose tests leave nothing standing."""
    yield from _store(request)


def _store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if os.environ.get("TEST_STORE") != "postgres":
        yield Store()
        return
    for database in started(postgres(prepare=migrate), request):
        for cache in started(redis(), request):
            yield Store(database_url=database.url, redis_url=cache.url)


@pytest.fixture(scope="package")
def gateway(
    tmp_path_factory: pytest.TempPathFactory,
    shared_store: Store,
    shared_upstream: FakeUpstream,
    shared_slack: FakeSlack,
) -> Iterator[Gateway]:
    """Two models, alerts to a fake Slack. Tests must not depend on what others left in it."""
    config = {
        "model_list": [model("gpt-4o", shared_upstream.url), model("gpt-4o-mini", shared_upstream.url)],
        "general_settings": {"alerting": ["slack"]},
    }
    environment = {"SLACK_WEBHOOK_URL": f"{shared_slack.url}/services/T/B/secret"}
    data: Path = tmp_path_factory.mktemp("gateway")
    with Gateway(data, config, store=shared_store, environment=environment) as running:
        yield running
    assert "Traceback" not in running.log(), running.log()


@pytest.fixture(scope="package")
def callers(gateway: Gateway) -> Callers:
    """Two organizations with teams and people in them, and a key for each kind of caller."""
    return Callers.make(gateway)


@pytest.fixture
def admin(gateway: Gateway) -> Iterator[httpx.Client]:
    """With the master key."""
    with gateway.client() as client:
        yield client
