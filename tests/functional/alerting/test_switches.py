"""Which types are told at all: some only when they are asked for, and whoever lists types gets those alone."""

from collections.abc import Iterator
from typing import Any

import pytest

from alerts.events import OFF_BY_DEFAULT, AlertType
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.functional.alerting.causes import fail, served
from tests.functional.alerting.conftest import Stage
from tests.functional.alerting.heard import slack_ear
from tests.functional.alerting.proofs import spares, tells
from tests.functional.management.callers import made
from tests.gateway import Gateway, model

# The seed says that the others are on by default; anomalies are off in LiteLLM as well.
MANAGED = tuple(OFF_BY_DEFAULT - {AlertType.USER_SPEND_ANOMALIES})


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, shared_upstream: FakeUpstream) -> Iterator[Stage]:
    """Types are not named in its file, so that an admin may."""
    config: dict[str, Any] = {
        "model_list": [model(name, shared_upstream.url) for name in ("fails", "fails-later", "costs")],
        "general_settings": {"alerting": ["slack"]},
        "router_settings": {"num_retries": 0},
    }
    with FakeSlack() as slack:
        environment = {"SLACK_WEBHOOK_URL": f"{slack.url}/services/T/B/secret"}
        with Gateway(tmp_path_factory.mktemp("plain"), config, environment=environment) as gateway:
            yield Stage(gateway, shared_upstream, {"slack": slack_ear(slack)})


def manage(gateway: Gateway, name: str) -> None:
    """Something of every management type but those of deployments."""
    with gateway.client() as admin:
        key = made(admin, "/key/generate", key_alias=name)["key"]
        made(admin, "/key/update", key=key, max_budget=10)
        key = made(admin, f"/key/{key}/regenerate")["key"]
        made(admin, "/key/block", key=key)
        made(admin, "/key/delete", keys=[key])
        made(admin, "/team/new", team_id=name)
        made(admin, "/user/new", user_id=name, auto_create_key=False)
        made(admin, "/team/member_add", team_id=name, member={"role": "user", "user_id": name})
        made(admin, "/team/member_delete", team_id=name, user_id=name)
        made(admin, "/team/update", team_id=name, team_alias=f"{name} renamed")
        made(admin, "/team/delete", team_ids=[name])
        made(admin, "/user/update", user_id=name, user_alias=f"{name} renamed")
        assert admin.post("/user/delete", json={"user_ids": [name]}).status_code == 200
        made(admin, "/budget/new", budget_id=name, max_budget=5)


@tells(AlertType.LLM_EXCEPTIONS, AlertType.NEW_MODEL_ADDED)
@spares(*MANAGED)
def test_by_default_management_is_silent_and_the_rest_is_told(stage: Stage) -> None:
    def admin() -> None:
        manage(stage.gateway, "unasked")
        with stage.gateway.client() as client:
            made(client, "/model/new", **model("unasked-model", stage.upstream.url))

    scene = stage.scene()
    scene.at(0, admin)
    scene.at(0, lambda: fail(stage.gateway, stage.upstream, "fails"))
    scene.want(AlertType.LLM_EXCEPTIONS, "Model: fails", between=(0, 3))
    scene.want(AlertType.NEW_MODEL_ADDED, "New Model Added: unasked-model", between=(0, 5))
    scene.want_nothing(until=3)
    scene.play()


@tells(AlertType.TEAM_DELETED)
@spares(AlertType.LLM_EXCEPTIONS, AlertType.FAILED_TRACKING_SPEND, *(set(MANAGED) - {AlertType.TEAM_DELETED}))
def test_whoever_names_types_gets_those_alone_from_then_on(stage: Stage) -> None:
    with stage.gateway.client() as client:
        made(client, "/config/field/update", field_name="alert_types", field_value=["team_deleted"])
    scene = stage.scene()
    scene.at(0, lambda: manage(stage.gateway, "asked"))
    scene.at(0, lambda: fail(stage.gateway, stage.upstream, "fails-later"))
    # Nobody knows its price.
    scene.at(1, lambda: served(stage.gateway, "costs"))
    scene.want(AlertType.TEAM_DELETED, "Team Deleted: asked renamed", between=(0, 5))
    scene.want_nothing(until=4)
    scene.play()
