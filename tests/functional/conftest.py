"""One gateway for the tests that only talk to it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.gateway import Gateway, model


@pytest.fixture(scope="package")
def shared_upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        yield server


@pytest.fixture(scope="package")
def shared_slack() -> Iterator[FakeSlack]:
    with FakeSlack() as server:
        yield server


@pytest.fixture(scope="package")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, shared_upstream: FakeUpstream, shared_slack: FakeSlack
) -> Iterator[Gateway]:
    """SQLite, two models, alerts to a fake Slack. Tests must not depend on what others left in it."""
    config = {
        "model_list": [model("gpt-4o", shared_upstream.url), model("gpt-4o-mini", shared_upstream.url)],
        "general_settings": {"alerting": ["slack"]},
        # What is scripted to fail shall be seen to fail.
        "router_settings": {"num_retries": 0},
    }
    data: Path = tmp_path_factory.mktemp("gateway")
    with Gateway(data, config, environment={"SLACK_WEBHOOK_URL": f"{shared_slack.url}/services/T/B/secret"}) as started:
        yield started
    assert "Traceback" not in started.log(), started.log()


@pytest.fixture(autouse=True)
def _fresh_fakes(request: pytest.FixtureRequest) -> None:
    """What one test scripted or received is nothing to the next."""
    for name in ("shared_upstream", "shared_slack"):
        if name in request.fixturenames or "gateway" in request.fixturenames:
            request.getfixturevalue(name).clear()
