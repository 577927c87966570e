"""A channel that takes no alerts is told of through the others, until it takes one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.events import AlertType
from tests.fakes.server import Reply
from tests.fakes.slack import FakeSlack
from tests.fakes.teams import FakeTeams
from tests.fakes.upstream import FakeUpstream
from tests.functional.alerting.causes import fail
from tests.functional.alerting.conftest import Stage
from tests.functional.alerting.heard import slack_ear, teams_ear
from tests.functional.alerting.proofs import spares, tells
from tests.gateway import Gateway, model

FAILING, EXCEPTIONS = AlertType.ALERT_CHANNEL_FAILING, AlertType.LLM_EXCEPTIONS
SECRET = "services/T/B/secret"


@pytest.fixture
def stage(tmp_path: Path, shared_upstream: FakeUpstream) -> Iterator[Stage]:
    """Two channels, of which one is going to fail; only exceptions are wanted, and this type is never off."""
    config = {
        "model_list": [model(name, shared_upstream.url) for name in ("one", "two", "three")],
        "general_settings": {"alerting": ["slack", "ms_teams"], "alert_types": ["llm_exceptions"]},
        "router_settings": {"num_retries": 0},
    }
    with FakeSlack() as slack, FakeTeams() as teams:
        environment = {
            "SLACK_WEBHOOK_URL": f"{slack.url}/{SECRET}", "MS_TEAMS_WEBHOOK_URL": f"{teams.url}/workflows/1?sig=hidden",
        }  # fmt: skip
        with Gateway(tmp_path, config, environment=environment) as gateway:
            yield Stage(gateway, shared_upstream, {"slack": slack_ear(slack), "ms_teams": teams_ear(teams)})


@tells(FAILING)
def test_a_channel_that_is_gone_is_told_of_through_the_other_until_it_is_back(stage: Stage) -> None:
    scene = stage.scene()
    stage.slack.script(Reply(404, f"no_service at {SECRET}"))
    scene.at(0, lambda: fail(stage.gateway, stage.upstream, "one"))
    scene.at(3, lambda: fail(stage.gateway, stage.upstream, "two"))
    for name, at in (("one", 0), ("two", 3)):
        scene.want(EXCEPTIONS, f"Model: {name}", between=(at, at + 2))
        scene.want(EXCEPTIONS, f"Model: {name}", between=(at, at + 2), channel="ms_teams")
    scene.want(
        FAILING, "Alerts do not reach the channel slack", "The channel answered 404", "Given up: 1",
        level="High", between=(0, 3), channel="ms_teams",
    )  # fmt: skip
    scene.want(FAILING, status="resolved", between=(3, 6), channel="ms_teams")
    heard = scene.play()

    assert not any(SECRET in one.text for one in heard)


@spares(FAILING)
def test_a_channel_that_is_busy_or_stumbles_once_is_no_news(stage: Stage) -> None:
    scene = stage.scene()
    stage.slack.script(Reply(500, "internal_error"), Reply(429, "rate_limited", headers={"Retry-After": "1"}))
    scene.at(0, lambda: fail(stage.gateway, stage.upstream, "three"))
    # Twice in vain.
    scene.want(EXCEPTIONS, "Model: three", count=3, between=(0, 25))
    scene.want(EXCEPTIONS, "Model: three", between=(0, 2), channel="ms_teams")
    scene.play()
