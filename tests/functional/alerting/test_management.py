"""What people change is told once, by whichever door and without a key in clear; what changes nothing is not."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.events import AlertType
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.functional.alerting.causes import served
from tests.functional.alerting.conftest import Stage
from tests.functional.alerting.heard import slack_ear
from tests.functional.alerting.proofs import spares, tells
from tests.functional.alerting.scene import Scene
from tests.functional.browser import Browser
from tests.functional.management.callers import made, wait_until_known
from tests.gateway import Gateway, model

NINE = (
    AlertType.NEW_VIRTUAL_KEY_CREATED, AlertType.VIRTUAL_KEY_UPDATED, AlertType.VIRTUAL_KEY_DELETED,
    AlertType.NEW_TEAM_CREATED, AlertType.TEAM_UPDATED, AlertType.TEAM_DELETED,
    AlertType.NEW_INTERNAL_USER_CREATED, AlertType.INTERNAL_USER_UPDATED, AlertType.INTERNAL_USER_DELETED,
)  # fmt: skip
OURS = (
    AlertType.VIRTUAL_KEY_REGENERATED, AlertType.VIRTUAL_KEY_BLOCKED, AlertType.TEAM_MEMBER_ADDED,
    AlertType.TEAM_MEMBER_REMOVED, AlertType.BUDGET_CHANGED, AlertType.DEPLOYMENT_CHANGED, AlertType.NEW_MODEL_ADDED,
)  # fmt: skip
PRICE = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.001}


@pytest.fixture(scope="module")
def config(shared_upstream: FakeUpstream) -> dict[str, Any]:
    return {
        "model_list": [model("gpt-4o", shared_upstream.url, **PRICE)],
        "general_settings": {"alerting": ["slack"], "alert_types": [*map(str, (*NINE, *OURS))]},
    }


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, config: dict[str, Any], shared_upstream: FakeUpstream
) -> Iterator[Stage]:
    """Every management alert is on."""
    with FakeSlack() as slack:
        environment = {"SLACK_WEBHOOK_URL": f"{slack.url}/services/T/B/secret"}
        with Gateway(tmp_path_factory.mktemp("told"), config, environment=environment) as gateway:
            stage = Stage(gateway, shared_upstream, {"slack": slack_ear(slack)})
            # Of the deployment in the file.
            slack.wait_for(1, timeout=20)
            wait_for_silence(stage)
            yield stage


def each_once(scene: Scene, via: str, *alert_types: AlertType, latest: float = 15) -> None:
    for alert_type in alert_types:
        scene.want(alert_type, f"via {via}", level="High", between=(0, latest))


@tells(*NINE)
def test_the_api_tells_each_once(stage: Stage) -> None:
    def terraform() -> None:
        with stage.gateway.client(headers={"litellm-changed-by": "terraform"}) as admin:
            key = made(admin, "/key/generate", key_alias="by-api", key="sk-a-key-of-ones-own-choice")["key"]
            made(admin, "/key/update", key=key, max_budget=10)
            made(admin, "/key/delete", keys=[key])
            made(admin, "/team/new", team_id="t-api", team_alias="api")
            made(admin, "/team/update", team_id="t-api", team_alias="renamed")
            made(admin, "/team/delete", team_ids=["t-api"])
            made(admin, "/user/new", user_id="u-api", auto_create_key=False)
            made(admin, "/user/update", user_id="u-api", user_alias="renamed")
            assert admin.post("/user/delete", json={"user_ids": ["u-api"]}).status_code == 200

    scene = stage.scene()
    scene.at(0, terraform)
    each_once(scene, "API, key litellm_proxy_master_key", *NINE)
    heard = scene.play()

    assert not any("sk-a-key-of-ones-own-choice" in one.text for one in heard)
    (updated,) = [one.text for one in heard if one.alert_type == AlertType.VIRTUAL_KEY_UPDATED]
    assert "Virtual Key Updated: by-api" in updated
    assert "max_budget: (none) -> 10.0" in updated
    assert "Action Done by: default_user_id (proxy_admin) via API, key litellm_proxy_master_key" in updated


@tells(*OURS)
def test_what_litellm_has_no_type_for_is_told_by_one_of_ours(stage: Stage) -> None:
    names: dict[str, str] = {}

    def admin() -> None:
        with stage.gateway.client() as client:
            names["new key"] = made(client, f"/key/{names['key']}/regenerate")["key"]
            made(client, "/key/block", key=names["new key"])
            made(client, "/team/member_add", team_id="t-ours", member={"role": "user", "user_id": "u-ours"})
            made(client, "/team/member_delete", team_id="t-ours", user_id="u-ours")
            made(client, "/budget/new", budget_id="b-ours", max_budget=5)
            made(client, "/model/new", **model("new-model", stage.upstream.url, input_cost_per_token=0.5))
            ((pk,),) = stage.gateway.rows("SELECT id FROM proxy_deployment WHERE model_name = 'new-model'")
            made(client, "/model/delete", id=pk)

    with stage.gateway.client() as client:
        names["key"] = made(client, "/key/generate", key_alias="ours")["key"]
        made(client, "/team/new", team_id="t-ours", team_alias="ours")
        made(client, "/user/new", user_id="u-ours", auto_create_key=False)
    wait_for_silence(stage)
    scene = stage.scene()
    scene.at(0, admin)
    each_once(scene, "API", *OURS)
    heard = scene.play()

    words = {one.alert_type: one.text for one in heard}
    assert "New Model Added: new-model" in words[AlertType.NEW_MODEL_ADDED]
    assert "blocked: false -> true" in words[AlertType.VIRTUAL_KEY_BLOCKED]
    assert not any(names["key"] in one.text or names["new key"] in one.text for one in heard)
    assert not any("sk-upstream" in one.text for one in heard)


@tells(*NINE)
def test_the_admins_pages_tell_each_once(stage: Stage) -> None:
    password = "a-long-enough-pass-phrase"
    shown: list[str] = []

    def person() -> None:
        secrets = json.loads((stage.gateway.data / "secrets.json").read_text())
        with Browser(stage.gateway.url, username="admin", password=secrets["admin_password"]) as browser:
            browser.submit("/admin/teams/team/add/", id="t-page", alias="page")
            browser.submit("/admin/teams/team/t-page/change/", alias="renamed")
            browser.submit("/admin/teams/team/t-page/delete/", post="yes")
            page = browser.submit("/admin/teams/virtualkey/add/", alias="by-page").text
            shown.extend(set(re.findall(r"sk-[\w-]{20,}", page)))
            ((number,),) = stage.gateway.rows("SELECT id FROM teams_virtualkey WHERE alias = 'by-page'")
            browser.submit(f"/admin/teams/virtualkey/{number}/change/", rpm_limit="5")
            browser.submit(f"/admin/teams/virtualkey/{number}/delete/", post="yes")
            browser.submit(
                "/admin/teams/user/add/", username="page", usable_password="true",
                password1=password, password2=password,
            )  # fmt: skip
            ((user_id,),) = stage.gateway.rows("SELECT id FROM teams_user WHERE username = 'page'")
            browser.submit(f"/admin/teams/user/{user_id}/change/", alias="renamed")
            browser.submit(f"/admin/teams/user/{user_id}/delete/", post="yes")

    scene = stage.scene()
    scene.at(0, person)
    each_once(scene, "Admin", *NINE)
    heard = scene.play()

    (plain,) = shown
    assert not any(plain in one.text or password in one.text for one in heard)


@tells(*NINE)
def test_a_command_tells_each_once(stage: Stage) -> None:
    code = (
        "from teams.models import Team, User, VirtualKey; "
        "key = VirtualKey.objects.get(alias='by-command'); key.rpm_limit = 1; key.save(); key.delete(); "
        "team = Team.objects.create(id='t'); team.alias = 'x'; team.save(); team.delete(); "
        "user = User.objects.create(id='u', username='u'); user.alias = 'x'; user.save(); user.delete()"
    )

    def operator() -> None:
        for command in (("key", "--alias", "by-command"), ("manage", "shell", "-c", code)):
            ran = stage.gateway.run(*command)
            assert ran.returncode == 0, ran.stderr

    scene = stage.scene()
    scene.at(0, operator)
    each_once(scene, "Command", *NINE, latest=40)
    scene.play()


@spares(*NINE, *OURS)
def test_what_is_refused_or_changes_nothing_is_not_told(stage: Stage) -> None:
    with stage.gateway.client() as admin:
        key = made(admin, "/key/generate", key_alias="same", max_budget=1)["key"]
        made(admin, "/team/new", team_id="t-same", team_alias="same")
        made(admin, "/user/new", user_id="u-same", user_alias="same", auto_create_key=False)
        made(admin, "/team/member_add", team_id="t-same", member={"role": "user", "user_id": "u-same"})
        made(admin, "/budget/new", budget_id="b-same", max_budget=5)
        made(admin, "/model/new", **model("same-model", stage.upstream.url, **PRICE))
    wait_until_known(stage.gateway, key)
    wait_for_silence(stage)

    def nothing_new() -> None:
        with stage.gateway.client() as admin:
            made(admin, "/key/update", key=key, max_budget=1)
            made(admin, "/team/update", team_id="t-same", team_alias="same")
            made(admin, "/user/update", user_id="u-same", user_alias="same")
            made(admin, "/budget/update", budget_id="b-same", max_budget=5)
            made(admin, "/key/unblock", key=key)

    def refused() -> None:
        wrong: tuple[tuple[str, dict[str, Any]], ...] = (
            ("/key/generate", {"key_alias": "same"}), ("/key/generate", {"max_budget": "much"}),
            ("/key/update", {"key": "sk-unknown", "max_budget": 2}), ("/key/delete", {"keys": ["sk-unknown"]}),
            ("/key/sk-unknown/regenerate", {}), ("/key/block", {"key": "sk-unknown"}),
            ("/team/new", {"team_id": "t-same"}), ("/team/update", {"team_id": "t-unknown", "team_alias": "x"}),
            ("/team/delete", {"team_ids": ["t-unknown"]}), ("/user/new", {"user_id": "u-same"}),
            ("/user/update", {"user_id": "u-same", "max_budget": "much"}), ("/user/delete", {"user_ids": ["u-nobody"]}),
            ("/team/member_add", {"team_id": "t-unknown", "member": {"role": "user", "user_id": "u-same"}}),
            ("/team/member_delete", {"team_id": "t-same", "user_id": "u-nobody"}),
            ("/budget/new", {"budget_id": "b-same", "max_budget": 1}), ("/model/new", {"model_name": "half"}),
            ("/model/delete", {"id": "unknown"}),
        )  # fmt: skip
        with stage.gateway.client() as admin, stage.gateway.client(key) as nobody:
            for path, body in wrong:
                answer = admin.post(path, json=body)
                assert 400 <= answer.status_code < 500, (path, body, answer.status_code, answer.text)
                # Not with a key that may not, either.
                assert 400 <= nobody.post(path, json=body).status_code < 500

    scene = stage.scene()
    scene.at(0, nothing_new)
    scene.at(1.5, refused)
    scene.want_nothing(until=4)
    scene.play()


@spares(AlertType.VIRTUAL_KEY_UPDATED, AlertType.TEAM_UPDATED, AlertType.INTERNAL_USER_UPDATED)
def test_what_a_key_spends_changes_neither_it_nor_its_owners(stage: Stage) -> None:
    with stage.gateway.client() as admin:
        made(admin, "/team/new", team_id="t-busy", max_budget=100)
        made(admin, "/user/new", user_id="u-busy", auto_create_key=False, max_budget=100)
        key = made(admin, "/key/generate", key_alias="busy", team_id="t-busy", user_id="u-busy", max_budget=100)["key"]
    wait_until_known(stage.gateway, key)
    wait_for_silence(stage)
    scene = stage.scene()
    scene.at(0, lambda: served(stage.gateway, "gpt-4o", key=key, times=5))
    # The roll-up counts it within that.
    scene.want_nothing(until=5)
    scene.play()


@tells(AlertType.DEPLOYMENT_CHANGED)
@spares(AlertType.DEPLOYMENT_CHANGED, AlertType.NEW_MODEL_ADDED)
def test_a_file_tells_what_is_new_in_it_and_nothing_when_it_is_read_again(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    with FakeSlack() as slack:
        environment = {"SLACK_WEBHOOK_URL": f"{slack.url}/services/T/B/other"}
        for is_new in (True, False):
            slack.clear()
            scene = Scene({"slack": slack_ear(slack)}, None)
            with Gateway(tmp_path, yaml.safe_dump(config), environment=environment):
                if is_new:
                    said = "Deployment Changed: gpt-4o"
                    scene.want(AlertType.DEPLOYMENT_CHANGED, said, "via config.yaml", between=(-60, 3))
                scene.want_nothing(until=2)
                scene.play()


def wait_for_silence(stage: Stage) -> None:
    """What was set up for a test is told by now: nothing came for a while."""
    count = -1
    while count != (count := len(stage.slack.received)):
        time.sleep(0.7)
