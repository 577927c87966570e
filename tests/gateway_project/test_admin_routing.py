"""The routing editor: what it shows, to whom, and what a preview says of a change."""

import json
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from proxy.core.cooldown import Cooldown, CooldownReason
from proxy.models import Deployment, HealthCheck
from proxy.registry import load_routing_table
from proxy.runtime import Runtime
from teams.groups import ADMIN, FINANCE, OPERATOR, TEAM_ADMIN, VIEWER
from teams.models import AuditEntry, Role, Team, VirtualKey
from teams.services import issue_key
from tests.gateway_project.pages import queries, staff
from tests.gateway_project.routing_editor import (
    apply,
    deployment,
    edit,
    fleet_of_three,
    form_of,
    store,
    stored,
    text_of,
    view,
)

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert('x')</script>\"/{\u2028"


@pytest.fixture
def fleet() -> None:
    fleet_of_three()


def test_a_group_is_shown_in_its_order_with_what_keeps_each_from_serving(page: Client, web_process: Runtime) -> None:
    deployment("first", "gpt-4o", order=1, weight=3, rpm=60)
    deployment("cool", "gpt-4o", order=1)
    deployment("second", "gpt-4o", order=2)
    deployment("sick", "gpt-4o", order=1)
    deployment("m", "mini", blocked=True)
    Deployment.objects.filter(pk="m").update(blocked=True)
    store("fallbacks", [{"gpt-4o": ["mini", "gone"]}])
    store("model_group_alias", {"fast": "gpt-4o", "quiet": {"model": "gpt-4o", "hidden": True}})
    HealthCheck.objects.create(
        deployment_id="sick", model_name="gpt-4o", healthy=False, status=500, response_ms=1, error="boom & bust",
        checked_by="background", checked_at=timezone.now() - timedelta(minutes=5),
    )  # fmt: skip
    web_process.table = load_routing_table(now=timezone.now())
    web_process.state.cool("cool", Cooldown(600, CooldownReason.RATE_LIMITED), status=429)
    web_process.state.unhealthy = frozenset({"sick"})
    response = page.get(view("index"))
    text = text_of(response)

    places = re.findall(r"proxy/deployment/(\w+)/change", response.content.decode())
    assert places == ["first", "second", "cool", "sick", "m"]
    for said in (
        "2 of 4 may be asked", "s: rate limited", "Unhealthy check failed 5 min ago: boom & bust",
        "100%", "order 1, weight 3", "0 of 60", "comes later in the order",
        "When it fails mini 0 of 1 → gone no such group", "fast , quiet (hidden)",
    ):  # fmt: skip
        assert said in text, said


def test_a_group_of_a_team_and_groups_without_deployments_have_cards_too(page: Client) -> None:
    Team.objects.create(id="red", alias="the reds")
    deployment("t", "internal-name", info={"team_id": "red", "team_public_model_name": "own"})
    store("fallbacks", [{"nobody": ["own"]}, {"*": ["own"]}])
    store("model_group_alias", {"x": "nowhere"})
    text = text_of(page.get(view("index")))

    issue_key(VirtualKey(alias="red's", team_id="red"))
    issue_key(VirtualKey(alias="nobody's"))
    assert "1 key may call them red's of 1 team the reds" in text_of(edit(page, "own", fallbacks="x"))
    for said in ("own of team the reds", "nobody no deployment", "nowhere no deployment", "own of teams"):
        assert said in text, said
    assert "internal-name" not in text
    assert "nowhere" not in text_of(page.get(view("index", q="OWN")))


def test_many_groups_ask_the_database_no_more_than_few(page: Client, fleet: None) -> None:
    few = queries(page, view("index"))
    for number in range(30):
        deployment(f"d{number}", f"group {number:02}")

    assert queries(page, view("index")) <= few
    assert "Page 2 of 2" in text_of(page.get(view("index", page=2)))


def test_names_are_shown_as_text_and_go_to_and_fro_unharmed(page: Client) -> None:
    deployment("h", HOSTILE)
    deployment("m", "mini")
    preview = edit(page, HOSTILE, fallbacks='mini\r\n"{odd \\u2028 name"', aliases=json.dumps(HOSTILE + "2"))
    for response in (preview, apply(page, preview), page.get(view("index")), page.get(view("history"))):
        assert b"<script>alert" not in response.content
    form = page.get(view("edit", group=HOSTILE))

    assert stored("fallbacks") == [{HOSTILE: ["mini", "{odd \u2028 name"]}]
    assert stored("model_group_alias") == {HOSTILE + "2": HOSTILE}
    assert b"<script>alert" not in form.content
    assert "Nothing would change" in text_of(page.post(view("edit", group=HOSTILE), form_of(form)))


@pytest.mark.parametrize(
    ("group", "fields", "warning"),
    [
        ("gpt-4o", {"fallbacks": "gone"}, "The fallback “gone” is no model group."),
        ("gpt-4o", {"fallbacks": "gpt-4o"}, "“gpt-4o” names itself as a fallback"),
        ("gpt-4o", {"fallbacks": "mini"}, "A cycle: gpt-4o → mini → claude → gpt-4o."),
        ("gpt-4o", {"fallbacks": "drained"}, "“drained” has no deployment that may be asked"),
        ("gpt-4o", {"fallbacks": "\n".join("abcdefg")}, "Of 7 fallbacks only the first 5 are asked"),
        ("unknown", {"fallbacks": "claude"}, "There is no model group “unknown”."),
        ("gpt-4o", {"aliases": "mini"}, "There is a model group “mini”: its requests go to “gpt-4o” instead."),
        ("gpt-4o", {"aliases": "gpt-4o"}, "“gpt-4o” stands for itself."),
        ("unknown", {"aliases": "x"}, "“x” stands for “unknown”, and there is no such model group."),
        ("claude", {"aliases": ""}, "Requests for “anthropic” find no model group any more."),
    ],
)
def test_what_looks_wrong_is_said_before(
    page: Client, fleet: None, group: str, fields: dict[str, str], warning: str
) -> None:
    drained = deployment("d", "drained")
    drained.blocked = True
    drained.save()
    store("fallbacks", [{"mini": ["claude"]}, {"claude": ["fast"]}])
    store("model_group_alias", {"fast": "gpt-4o", "anthropic": "claude"})

    assert warning in text_of(edit(page, group, **fields))


@pytest.mark.parametrize(
    ("groups", "role", "sees", "changes"),
    [
        ((VIEWER,), Role.INTERNAL_USER, True, False),
        ((OPERATOR,), Role.INTERNAL_USER, True, False),
        ((OPERATOR,), Role.PROXY_ADMIN, True, True),
        ((VIEWER,), Role.PROXY_ADMIN, True, False),
        ((ADMIN,), Role.INTERNAL_USER, True, True),
        ((FINANCE,), Role.INTERNAL_USER, False, False),
        ((TEAM_ADMIN,), Role.INTERNAL_USER, False, False),
    ],
)
def test_who_may_look_and_who_may_change(
    client: Client, fleet: None, groups: tuple[str, ...], role: Role, sees: bool, changes: bool
) -> None:
    store("fallbacks", [{"gpt-4o": ["claude"]}])
    change_id = AuditEntry.objects.latest("pk").change_id
    client.force_login(staff(*groups, role=role))
    shown = [client.get(view(name)) for name in ("index", "history")]

    assert {one.status_code for one in shown} == {200 if sees else 403}
    assert any(b"Edit<" in one.content or b"Revert<" in one.content for one in shown) is changes
    assert (view("index").encode() in client.get(reverse("admin:index")).content) is sees
    for address in (view("edit", group="gpt-4o"), view("revert", change_id)):
        assert client.get(address).status_code == (200 if changes else 403)
    if not changes:
        assert client.post(view("apply"), {"edits": "{}", "seen": ""}).status_code == 403
    assert client.get(view("apply")).status_code == 405


def test_nobody_who_is_not_logged_in_gets_here(client: Client) -> None:
    for name in ("index", "edit", "history"):
        assert client.get(view(name)).status_code == 302
