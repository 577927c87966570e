"""The nine management alerts of the seed: through every door, to Slack, exactly once, without a key in clear."""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.functional.browser import Browser
from tests.functional.management.callers import made
from tests.gateway import Gateway, model

NINE = [
    "new_virtual_key_created", "virtual_key_updated", "virtual_key_deleted",
    "new_team_created", "team_updated", "team_deleted",
    "new_internal_user_created", "internal_user_updated", "internal_user_deleted",
]  # fmt: skip
# Long enough for a second telling to arrive, were there one.
QUIET_SECONDS = 1.0


@pytest.fixture(scope="module")
def ops() -> Iterator[FakeSlack]:
    with FakeSlack() as server:
        yield server


@pytest.fixture(scope="module")
def config(shared_upstream: FakeUpstream) -> dict[str, Any]:
    return {
        "model_list": [model("gpt-4o", shared_upstream.url)],
        "general_settings": {"alerting": ["slack"], "alert_types": [*NINE, "deployment_changed"]},
    }


@pytest.fixture(scope="module")
def told_gateway(tmp_path_factory: pytest.TempPathFactory, ops: FakeSlack, config: dict[str, Any]) -> Iterator[Gateway]:
    environment = {"SLACK_WEBHOOK_URL": f"{ops.url}/services/T/B/secret"}
    with Gateway(tmp_path_factory.mktemp("told"), config, environment=environment) as running:
        yield running


def told(ops: FakeSlack, count: int) -> Counter[str]:
    """Types of the messages, when as many as expected have come and no more follow."""
    deadline = time.monotonic() + 15
    while len(ops.messages) < count:
        assert time.monotonic() < deadline, [message["text"] for message in ops.messages]
        time.sleep(0.05)
    time.sleep(QUIET_SECONDS)
    return Counter(re.findall(r"Alert type: `(\w+)`", " ".join(message["text"] for message in ops.messages)))


@pytest.fixture(autouse=True)
def _fresh(told_gateway: Gateway, ops: FakeSlack) -> None:
    """What earlier tests, or the start, caused is told by now."""
    time.sleep(QUIET_SECONDS)
    ops.clear()


def test_the_api_tells_each_once(told_gateway: Gateway, ops: FakeSlack) -> None:
    with told_gateway.client(headers={"litellm-changed-by": "terraform"}) as admin:
        key = made(admin, "/key/generate", key_alias="by-api", key="sk-a-key-of-ones-own-choice")["key"]
        made(admin, "/key/update", key=key, max_budget=10)
        made(admin, "/key/delete", keys=[key])
        made(admin, "/team/new", team_id="t-api", team_alias="api")
        made(admin, "/team/update", team_id="t-api", team_alias="renamed")
        made(admin, "/team/delete", team_ids=["t-api"])
        made(admin, "/user/new", user_id="u-api", auto_create_key=False)
        made(admin, "/user/update", user_id="u-api", user_alias="renamed")
        assert admin.post("/user/delete", json={"user_ids": ["u-api"]}).status_code == 200

    assert told(ops, 9) == Counter(NINE)
    texts = [message["text"] for message in ops.messages]
    assert not any("sk-a-key-of-ones-own-choice" in text for text in texts)
    (updated,) = [text for text in texts if "virtual_key_updated" in text]
    assert "max_budget: `(none) -&gt; 10.0`" in updated
    assert "Action Done by: `default_user_id (proxy_admin) via API, key litellm_proxy_master_key`" in updated


def test_the_admins_pages_tell_each_once(told_gateway: Gateway, ops: FakeSlack) -> None:
    secrets = json.loads((told_gateway.data / "secrets.json").read_text())
    with Browser(told_gateway.url, username="admin", password=secrets["admin_password"]) as browser:
        browser.submit("/admin/teams/team/add/", id="t-page", alias="page")
        browser.submit("/admin/teams/team/t-page/change/", alias="renamed")
        browser.submit("/admin/teams/team/t-page/delete/", post="yes")
        shown = browser.submit("/admin/teams/virtualkey/add/", alias="by-page").text
        (plain,) = set(re.findall(r"sk-[\w-]{20,}", shown))
        ((number,),) = told_gateway.rows("SELECT id FROM teams_virtualkey WHERE alias = 'by-page'")
        browser.submit(f"/admin/teams/virtualkey/{number}/change/", rpm_limit="5")
        browser.submit(f"/admin/teams/virtualkey/{number}/delete/", post="yes")
        password = "a-long-enough-pass-phrase"
        browser.submit(
            "/admin/teams/user/add/", username="page", usable_password="true", password1=password, password2=password
        )
        ((user_id,),) = told_gateway.rows("SELECT id FROM teams_user WHERE username = 'page'")
        browser.submit(f"/admin/teams/user/{user_id}/change/", alias="renamed")
        browser.submit(f"/admin/teams/user/{user_id}/delete/", post="yes")

    assert told(ops, 9) == Counter(NINE)
    texts = [message["text"] for message in ops.messages]
    assert not any(plain in text or password in text for text in texts)
    assert all("via Admin" in text for text in texts)


def test_a_command_tells_each_once(told_gateway: Gateway, ops: FakeSlack) -> None:
    assert told_gateway.run("key", "--alias", "by-command").returncode == 0
    code = (
        "from teams.models import Team, User, VirtualKey; "
        "key = VirtualKey.objects.get(alias='by-command'); key.rpm_limit = 1; key.save(); key.delete(); "
        "team = Team.objects.create(id='t'); team.alias = 'x'; team.save(); team.delete(); "
        "user = User.objects.create(id='u', username='u'); user.alias = 'x'; user.save(); user.delete()"
    )
    ran = told_gateway.run("manage", "shell", "-c", code)
    assert ran.returncode == 0, ran.stderr

    assert told(ops, 9) == Counter(NINE)
    assert all("via Command" in message["text"] for message in ops.messages)


def test_a_changed_file_tells_each_deployment_once(
    tmp_path: Path, ops: FakeSlack, config: dict[str, Any], shared_upstream: FakeUpstream
) -> None:
    environment = {"SLACK_WEBHOOK_URL": f"{ops.url}/services/T/B/other"}
    with Gateway(tmp_path, config, environment=environment):
        assert told(ops, 1) == Counter(["deployment_changed"])
    ops.clear()
    more = {**config, "model_list": [*config["model_list"], model("gpt-4o-mini", shared_upstream.url)]}
    with Gateway(tmp_path, yaml.safe_dump(more), environment=environment):
        assert told(ops, 1) == Counter(["deployment_changed"])
    assert "via config.yaml" in ops.messages[0]["text"]
