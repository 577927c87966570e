"""Channels, routes and silences over the API: admins set up everything, admins of a team what is the team's alone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.functional.management.answers import asked, unique
from tests.functional.management.callers import Callers, made, wait_until_known
from tests.gateway import Gateway, chat, model

HIDDEN = "https://hooks.example.com/services/T/B/hidden-token"
KINDS = ("channels", "routes", "silences")


def clients(gateway: Gateway, callers: Callers, name: str) -> Iterator[httpx.Client]:
    with gateway.client(callers.keys[name]) as client:
        yield client


@pytest.fixture
def ada(gateway: Gateway, callers: Callers) -> Iterator[httpx.Client]:
    """Admin of the team red."""
    yield from clients(gateway, callers, "ada")


@pytest.fixture
def dora(gateway: Gateway, callers: Callers) -> Iterator[httpx.Client]:
    """Admin of the organization north, whose teams are red and blue."""
    yield from clients(gateway, callers, "dora")


def soon(hours: int = 1) -> str:
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


def channel(client: httpx.Client, team_id: str, **columns: Any) -> dict[str, Any]:
    plain = {"name": unique("channel"), "kind": "slack", "url": HIDDEN, "team_id": team_id}
    return made(client, "/alerts/channels", **{**plain, **columns})


def route(client: httpx.Client, team_id: str, *channels: dict[str, Any], **columns: Any) -> dict[str, Any]:
    """Off, unless it shall be asked: what is left in the gateway is nothing to other tests."""
    plain = {"name": unique("route"), "team_id": team_id, "enabled": False}
    return made(client, "/alerts/routes", **{**plain, "channels": [one["id"] for one in channels], **columns})


def silence(client: httpx.Client, team_id: str, **columns: Any) -> dict[str, Any]:
    """Of nothing that other tests ask about."""
    plain = {"comment": "works", "ends_at": soon(), "alert_types": ["new_model_added"], "team_id": team_id}
    return made(client, "/alerts/silences", **{**plain, **columns})


def refused(answer: httpx.Response, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.text
    for word in words:
        assert word in answer.text
    assert "hidden" not in answer.text


def ids(client: httpx.Client, kind: str, **query: object) -> set[int]:
    return {one["id"] for one in asked(client, f"/alerts/{kind}", size=500, **query)[kind]}


def test_an_admin_sets_up_changes_and_deletes_everything(admin: httpx.Client) -> None:
    one = channel(admin, "", secret="hidden-secret", options={"format": "text"})
    assert (one["url_is_set"], one["secret_is_set"], one["source"], one["team_id"]) == (True, True, "admin", None)
    led = route(admin, "", one, alert_types=["budget_alerts"], matchers={"team": "research-*"}, enabled=False)
    assert (led["channels"], led["matchers"]) == ([one["id"]], {"team": "research-*"})

    path = f"/alerts/channels/{one['id']}"
    changed = admin.patch(path, json={"enabled": False, "most_per_minute": 5}).json()
    assert (changed["enabled"], changed["most_per_minute"], changed["options"]) == (False, 5, {"format": "text"})
    assert admin.patch(f"/alerts/routes/{led['id']}", json={"channels": []}).json()["channels"] == []
    assert "hidden" not in str(asked(admin, path)) + str(asked(admin, "/alerts/channels"))
    for kind, row in (("routes", led), ("channels", one)):
        assert admin.delete(f"/alerts/{kind}/{row['id']}").json() == {"id": row["id"], "deleted": True}
        assert admin.get(f"/alerts/{kind}/{row['id']}").status_code == 404


def test_a_silence_is_made_listed_and_ended(admin: httpx.Client) -> None:
    one = silence(admin, "", matchers={"model": "nothing-such"})
    assert (one["state"], one["created_by"] != "") == ("active", True)
    path = f"/alerts/silences/{one['id']}"

    assert admin.delete(path).json()["state"] == "expired"
    refused(admin.delete(path), 400, "had ended")
    assert one["id"] in ids(admin, "silences")


BAD: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "no name": ("channels", {"kind": "slack", "url": HIDDEN}, 400, "name"),
    "no such kind": ("channels", {"name": "x", "kind": "pigeon", "url": HIDDEN}, 400, "kind"),
    "no address": ("channels", {"name": "x", "kind": "slack"}, 400, "url"),
    "no web address": ("channels", {"name": "x", "kind": "slack", "url": "ftp://hidden"}, 400, "url"),
    "an unknown option": ("channels", {"name": "x", "kind": "slack", "url": HIDDEN, "options": {"a": 1}}, 400,
                          "options"),
    "no such team": ("channels", {"name": "x", "kind": "slack", "url": HIDDEN, "team_id": "nope"}, 400, "team_id"),
    "a number as name": ("channels", {"name": 5}, 422, "name"),
    "null": ("channels", {"name": None}, 422, "name"),
    "a name taken": ("channels", {"name": "slack", "kind": "slack", "url": HIDDEN}, 400, "name"),
    "no such type": ("routes", {"name": "x", "alert_types": ["nothing"]}, 400, "alert_types"),
    "no such level": ("routes", {"name": "x", "level": "Huge"}, 422, "level"),
    "a bad matcher": ("routes", {"name": "x", "matchers": {"model": 5}}, 400, "matchers"),
    "bad hours": ("routes", {"name": "x", "schedule": {"windows": "always"}}, 400, "schedule"),
    "no such channel": ("routes", {"name": "x", "channels": [999999999]}, 400, "no channel 999999999"),
    "an escalation to nobody": ("routes", {"name": "x", "escalate_after_seconds": 60}, 400, "escalate_to"),
    "no web link": ("routes", {"name": "x", "runbook_url": "javascript:alert(1)"}, 400, "runbook_url"),
    "the end first": ("silences", {"comment": "x", "ends_at": "2020-01-01T00:00:00Z", "alert_types": ["budget_alerts"]},
                      400, "ends_at"),
    "no time zone": ("silences", {"comment": "x", "ends_at": "2030-01-01T00:00:00"}, 422, "ends_at"),
    "beyond time": ("silences", {"comment": "x", "ends_at": "0001-01-01T00:00:00+14:00"}, 422, "ends_at"),
    "everything": ("silences", {"comment": "x", "ends_at": "2100-01-01T00:00:00Z"}, 400, "silence of everything"),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "body", "status", "word"), BAD.values(), ids=BAD.keys())
def test_what_makes_no_sense_is_refused_with_a_sentence_and_nothing_stored(
    admin: httpx.Client, kind: str, body: dict[str, Any], status: int, word: str
) -> None:
    before = ids(admin, kind)
    refused(admin.post(f"/alerts/{kind}", json=body), status, word)

    assert ids(admin, kind) == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", ["0", "-1", "x", "9" * 30, "%00", "1.5"])
def test_what_is_not_there_is_not_found(admin: httpx.Client, kind: str, row: str) -> None:
    assert admin.delete(f"/alerts/{kind}/{row}").status_code in (400, 404)


def test_what_config_yaml_sets_is_changed_there(admin: httpx.Client) -> None:
    (slack,) = [one for one in asked(admin, "/alerts/channels")["channels"] if one["name"] == "slack"]
    path = f"/alerts/channels/{slack['id']}"

    refused(admin.patch(path, json={"enabled": False}), 400, "config.yaml")
    refused(admin.delete(path), 400, "config.yaml")


def test_a_team_admin_sets_up_what_is_the_teams(ada: httpx.Client) -> None:
    one = channel(ada, "red")
    led = route(ada, "red", one, escalate_after_seconds=600, escalate_to=[one["id"]])
    quiet = silence(ada, "red")

    assert (one["team_id"], led["team_id"], quiet["team_id"], quiet["created_by"]) == ("red", "red", "red", "ada")
    assert ada.patch(f"/alerts/channels/{one['id']}", json={"most_per_minute": 7}).json()["most_per_minute"] == 7
    for kind, row in (("silences", quiet), ("routes", led), ("channels", one)):
        assert ada.delete(f"/alerts/{kind}/{row['id']}").status_code == 200


@pytest.mark.parametrize("owner", ["", "blue", "green"])
def test_what_is_not_the_teams_does_not_exist_for_its_admin(admin: httpx.Client, ada: httpx.Client, owner: str) -> None:
    theirs = channel(admin, owner)
    rows = {"channels": theirs, "routes": route(admin, owner, theirs), "silences": silence(admin, owner)}
    for kind, row in rows.items():
        path = f"/alerts/{kind}/{row['id']}"
        assert row["id"] not in ids(ada, kind)
        assert row["id"] not in ids(ada, kind, team_id=owner)
        refused(ada.delete(path), 404)
        if kind != "silences":
            refused(ada.get(path), 404)
            refused(ada.patch(path, json={"enabled": False, "team_id": "red"}), 404)
    refused(ada.post(f"/alerts/channels/{theirs['id']}/test"), 404)
    mine = channel(ada, "red")
    for column in ("channels", "escalate_to"):
        body = {"name": unique("route"), "team_id": "red", column: [theirs["id"]], "escalate_after_seconds": 60}
        refused(ada.post("/alerts/routes", json=body), 400, f"no channel {theirs['id']}")
    led = route(ada, "red", mine)
    refused(ada.patch(f"/alerts/routes/{led['id']}", json={"channels": [theirs["id"]]}), 400, "no channel")
    for kind, row in (("channels", mine), ("routes", led)):
        refused(ada.patch(f"/alerts/{kind}/{row['id']}", json={"team_id": owner}), 400, "none of your teams")
    bodies: tuple[tuple[str, dict[str, Any]], ...] = (
        ("channels", {"name": unique("c"), "kind": "slack", "url": HIDDEN}),
        ("routes", {"name": unique("r")}),
        ("silences", {"comment": "x", "ends_at": soon(), "alert_types": ["budget_alerts"]}),
    )
    for kind, body in bodies:
        refused(ada.post(f"/alerts/{kind}", json={**body, "team_id": owner}), 400, "none of your teams")


def test_an_organizations_admin_looks_after_its_teams_and_no_others(admin: httpx.Client, dora: httpx.Client) -> None:
    assert [channel(dora, team)["team_id"] for team in ("red", "blue")] == ["red", "blue"]
    green = channel(admin, "green")

    refused(dora.get(f"/alerts/channels/{green['id']}"), 404)
    blue, red = channel(dora, "blue"), channel(dora, "red")
    body = {"name": unique("route"), "team_id": "red", "channels": [red["id"], blue["id"]]}
    refused(dora.post("/alerts/routes", json=body), 400, "team's own channels")


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/x",
        "http://localhost:8080/x",
        "http://10.0.0.8/x",
        "http://[::1]/x",
        "http://[::ffff:192.168.0.1]/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[fd00:ec2::254]/x",
    ],
)
def test_a_team_admin_points_no_channel_at_a_private_address(ada: httpx.Client, address: str) -> None:
    body = {"name": unique("channel"), "kind": "webhook", "url": address, "team_id": "red"}
    refused(ada.post("/alerts/channels", json=body), 400, "url")
    mine = channel(ada, "red")

    refused(ada.patch(f"/alerts/channels/{mine['id']}", json={"url": address}), 400, "url")


def test_a_name_that_leads_to_a_private_address_is_not_called(
    ada: httpx.Client, shared_slack: FakeSlack, admin: httpx.Client
) -> None:
    # Written by hand as numbers, which the resolver turns into 127.0.0.1.
    sly = f"http://2130706433:{shared_slack.port}/services/T/B/sly"
    mine = channel(ada, "red", url=sly)
    tested = ada.post(f"/alerts/channels/{mine['id']}/test").json()
    assert "private network" in tested["error"]

    theirs = channel(admin, "red", url=sly)
    assert admin.post(f"/alerts/channels/{theirs['id']}/test").json()["status"] == 200, "the operator's may"
    assert ada.post(f"/alerts/channels/{theirs['id']}/test").json()["status"] == 200
    assert [one.path for one in shared_slack.received] == ["/services/T/B/sly"] * 2


def test_a_team_admin_makes_no_apprise_channels(ada: httpx.Client) -> None:
    body = {"name": unique("channel"), "kind": "apprise", "url": "json://hidden-host", "team_id": "red"}

    refused(ada.post("/alerts/channels", json=body), 400, "Apprise")


def test_a_secret_does_not_follow_a_channel_to_another_address(admin: httpx.Client, ada: httpx.Client) -> None:
    given = channel(admin, "red", kind="alertmanager", url="https://am.example.com", secret="hidden-token")
    path = f"/alerts/channels/{given['id']}"
    refused(ada.patch(path, json={"url": "https://evil.example.com"}), 400, "secret")
    refused(ada.patch(path, json={"kind": "webhook"}), 400, "kind")

    moved = ada.patch(path, json={"url": "https://other.example.com", "secret": ""})
    assert moved.json()["secret_is_set"] is False


@pytest.mark.parametrize("name", ["bob", "cyd", "eve", "ivy", "loner", "nobody"])
def test_who_administers_no_team_has_no_desk(gateway: Gateway, callers: Callers, name: str) -> None:
    with gateway.client(callers.keys[name]) as client:
        for kind in KINDS:
            assert client.get(f"/alerts/{kind}").status_code in (401, 403)
            assert client.post(f"/alerts/{kind}", json={"name": "x"}).status_code in (401, 403, 422)
            assert client.delete(f"/alerts/{kind}/1").status_code in (401, 403)


def test_viewers_read_and_write_nothing(gateway: Gateway, callers: Callers, admin: httpx.Client) -> None:
    one = channel(admin, "red")
    with gateway.client(callers.keys["vic"]) as viewer:
        assert one["id"] in ids(viewer, "channels")
        assert viewer.patch(f"/alerts/channels/{one['id']}", json={"enabled": False}).status_code == 403
        assert viewer.delete(f"/alerts/channels/{one['id']}").status_code == 403
        refused(viewer.post(f"/alerts/channels/{one['id']}/test"), 403)


@pytest.fixture
def incident_of(gateway: Gateway, admin: httpx.Client) -> Iterator[Any]:
    """By team: the id of an open alert that a failing request of the team's key raised."""
    with FakeUpstream() as upstream:

        def fail(team_id: str) -> str:
            name = unique("fails")
            made(admin, "/model/new", **model(name, upstream.url))
            key = made(admin, "/key/generate", team_id=team_id)["key"]
            wait_until_known(gateway, key)
            upstream.script(*[openai_error(500, f"{name} broke", "server_error")] * 8)
            with gateway.client(key) as client:
                assert client.post("/v1/chat/completions", json=chat(name)).status_code >= 500
            upstream.clear()
            sql = f"SELECT id FROM alerts_incident WHERE title LIKE '%{name} broke%'"
            return str(gateway.wait_for_rows(sql, 1)[0][0])

        yield fail


def test_a_teams_incident_is_told_by_both_and_seen_by_its_admin_alone(
    gateway: Gateway, admin: httpx.Client, ada: httpx.Client, shared_slack: FakeSlack, incident_of: Any
) -> None:
    own = channel(admin, "red", url=f"{shared_slack.url}/services/T/B/reds-own")
    led = route(ada, "red", own, enabled=True)
    red, blue = incident_of("red"), incident_of("blue")
    shared_slack.wait_until(lambda: len([one for one in shared_slack.received if "reds-own" in one.path]) == 1)

    mine = asked(ada, f"/alerts/{red}")
    assert mine["labels"]["team_id"] == "red"
    assert {row["channel"] for row in mine["deliveries"]} == {own["name"]}
    assert {row["channel"] for row in asked(admin, f"/alerts/{red}")["deliveries"]} == {own["name"], "slack"}
    assert "slack" not in str([entry["text"] for entry in mine["timeline"]])
    seen = [one["id"].replace("-", "") for one in asked(ada, "/alerts", limit=100)["alerts"]]
    assert red.replace("-", "") in seen
    assert blue.replace("-", "") not in seen
    refused(ada.get(f"/alerts/{blue}"), 404)
    refused(ada.patch(f"/alerts/{blue}", json={"status": "resolved"}), 404)
    refused(ada.post(f"/alerts/{blue}/silence", json={}), 404)

    again = ada.post(f"/alerts/{red}/resend", json={}).json()
    assert len(again["deliveries"]) == 2
    everybodys = asked(admin, f"/alerts/{red}")["deliveries"]
    assert sum(row["channel"] == "slack" for row in everybodys) == 1, "nobody else is told again"
    assert ada.patch(f"/alerts/{red}", json={"status": "acknowledged"}).json()["acknowledged_by"] == "ada"
    for kind, row in (("routes", led), ("channels", own)):
        assert admin.delete(f"/alerts/{kind}/{row['id']}").status_code == 200


def test_a_teams_silence_keeps_the_team_quiet_and_nobody_else(
    admin: httpx.Client, ada: httpx.Client, shared_slack: FakeSlack, incident_of: Any
) -> None:
    own = channel(admin, "red", url=f"{shared_slack.url}/services/T/B/reds-own")
    led, quiet = route(ada, "red", own, enabled=True), silence(ada, "red", alert_types=["llm_exceptions"])
    red = incident_of("red")

    assert {row["channel"] for row in asked(admin, f"/alerts/{red}")["deliveries"]} == {"slack"}
    for kind, row in (("silences", quiet), ("routes", led), ("channels", own)):
        assert admin.delete(f"/alerts/{kind}/{row['id']}").status_code == 200
