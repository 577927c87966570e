"""The inbox over HTTP: what is wrong, what happened to it, and what people do about it."""

from collections.abc import Iterator

import httpx
import pytest

from tests.fakes.upstream import FakeUpstream, openai_error
from tests.functional.management.answers import asked, unique
from tests.functional.management.callers import Callers, made
from tests.gateway import Gateway, chat, model


def broken(gateway: Gateway, upstream: FakeUpstream, name: str) -> str:
    """The id of the alert that a failing request to this model opened."""
    upstream.script(*[openai_error(500, f"{name} broke", "server_error")] * 8)
    with gateway.client() as client:
        assert client.post("/v1/chat/completions", json=chat(name)).status_code >= 500
    failures = len(upstream.received)
    upstream.clear()
    # All of them: one that came later would open another alert once this one is closed.
    found = gateway.wait_for_rows(
        f"SELECT id FROM alerts_incident WHERE title LIKE '%{name} broke%' AND status = 'open' AND count >= {failures}",
        1,
        timeout=30,
    )
    return str(found[0][0])


@pytest.fixture
def failing(gateway: Gateway, admin: httpx.Client) -> Iterator[tuple[str, str]]:
    """Two models whose upstream fails, each with an open alert: the ids, the newer one first."""
    with FakeUpstream() as upstream:
        ids = []
        for name in (unique("older"), unique("newer")):
            made(admin, "/model/new", **model(name, upstream.url))
            ids.append(broken(gateway, upstream, name))
        yield ids[1], ids[0]


def inbox(client: httpx.Client, **query: object) -> list[str]:
    return [one["id"].replace("-", "") for one in asked(client, "/alerts", **query)["alerts"]]


def plain(ids: tuple[str, str]) -> list[str]:
    return [one.replace("-", "") for one in ids]


def test_the_inbox_is_read_page_by_page_newest_first(admin: httpx.Client, failing: tuple[str, str]) -> None:
    first = asked(admin, "/alerts", type="llm_exceptions", limit=1)
    second = asked(admin, "/alerts", type="llm_exceptions", limit=1, cursor=first["next_cursor"])

    assert [one["alerts"][0]["id"].replace("-", "") for one in (first, second)] == plain(failing)
    assert inbox(admin, type="reliability")[:2] == plain(failing)
    assert set(plain(failing)).isdisjoint(inbox(admin, type="budget_alerts"))
    assert set(plain(failing)).isdisjoint(inbox(admin, status="resolved"))


def test_one_alert_tells_what_happened_to_it(admin: httpx.Client, failing: tuple[str, str]) -> None:
    one = asked(admin, f"/alerts/{failing[0]}")

    assert (one["type"], one["status"], one["severity"], one["acknowledged"]) == (
        "llm_exceptions",
        "open",
        "high",
        False,
    )
    assert [entry["what"] for entry in one["timeline"]] == ["opened", "told"]
    assert [(row["channel"], row["kind"]) for row in one["deliveries"]] == [("slack", "firing")]
    assert one["details"]["Error"] == "InternalServerError (500)"


def test_an_alert_is_acknowledged_resolved_and_opened_again(admin: httpx.Client, failing: tuple[str, str]) -> None:
    def patched(**body: str) -> dict[str, object]:
        answer = admin.patch(f"/alerts/{failing[0]}", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found

    acknowledged = patched(status="acknowledged", note="On it.")
    assert (acknowledged["status"], acknowledged["acknowledged"]) == ("open", True)
    assert admin.patch(f"/alerts/{failing[0]}", json={"status": "acknowledged"}).status_code == 400
    assert patched(status="dismissed")["status"] == "dismissed"
    assert plain(failing)[0] in inbox(admin, status="dismissed")
    assert patched(status="open")["status"] == "open"
    assert patched(status="resolved")["resolved_by"]
    assert patched(status="open")["resolved_by"] is None
    timeline = asked(admin, f"/alerts/{failing[0]}")["timeline"]
    assert [entry["what"] for entry in timeline][2:] == [
        "acknowledged",
        "dismissed",
        "reopened",
        "resolved",
        "reopened",
    ]
    assert timeline[2]["text"] == "On it."


def test_an_alert_that_is_open_again_as_another_one_is_not_reopened(gateway: Gateway, admin: httpx.Client) -> None:
    name = unique("again")
    with FakeUpstream() as upstream:
        made(admin, "/model/new", **model(name, upstream.url))
        first = broken(gateway, upstream, name)
        assert admin.patch(f"/alerts/{first}", json={"status": "resolved"}).status_code == 200
        broken(gateway, upstream, name)
        refused = admin.patch(f"/alerts/{first}", json={"status": "open"})

    assert refused.status_code == 400
    assert refused.json()["detail"]["error"] == "The alert is resolved: the same is open already, as another one."


def test_an_alert_is_silenced_and_noted(admin: httpx.Client, failing: tuple[str, str]) -> None:
    silenced = admin.post(f"/alerts/{failing[1]}/silence", json={"seconds": 600})
    noted = admin.post(f"/alerts/{failing[1]}/note", json={"note": "<b>Ask Bob.</b>"})

    assert silenced.json()["silenced_until"]
    assert noted.json()["timeline"][-1]["text"] == "<b>Ask Bob.</b>"
    assert admin.post(f"/alerts/{failing[1]}/note", json={}).status_code == 400


def test_an_alert_is_told_once_more(admin: httpx.Client, failing: tuple[str, str]) -> None:
    again = admin.post(f"/alerts/{failing[1]}/resend", json={}).json()

    assert [(row["channel"], row["kind"]) for row in again["deliveries"]] == [("slack", "firing")] * 2


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/alerts/not-an-id", 404),
        ("/alerts/00000000-0000-0000-0000-000000000000", 404),
        ("/alerts?status=gone", 422),
        ("/alerts?type=gone", 400),
        ("/alerts?limit=0", 422),
        ("/alerts?limit=101", 422),
        ("/alerts?cursor=@@", 400),
        ("/alerts?cursor=MjAyNi0xMS0yNyBhYWFh", 400),
    ],
)
def test_what_is_not_there_is_refused_with_a_sentence(admin: httpx.Client, path: str, status: int) -> None:
    answer = admin.get(path)

    assert answer.status_code == status, answer.text
    assert "detail" in answer.json()


def test_an_unknown_verb_is_refused(admin: httpx.Client, failing: tuple[str, str]) -> None:
    assert admin.post(f"/alerts/{failing[0]}/explode", json={}).status_code == 404


def test_viewers_read_and_others_do_not(gateway: Gateway, callers: Callers, failing: tuple[str, str]) -> None:
    with gateway.client(callers.keys["vic"]) as viewer:
        assert viewer.get("/alerts").status_code == 200
        assert viewer.patch(f"/alerts/{failing[0]}", json={"status": "resolved"}).status_code in (401, 403)
    for name in ("bob", "loner", "nobody"):
        with gateway.client(callers.keys[name]) as user:
            assert user.get("/alerts").status_code in (401, 403), name


def test_admins_and_viewers_see_how_alerting_is(gateway: Gateway, callers: Callers, admin: httpx.Client) -> None:
    found = asked(admin, "/alerts/monitoring")
    slack = next(one for one in found["channels"] if one["channel"] == "slack")

    assert (slack["kind"], slack["enabled"], slack["pending"]) == ("slack", True, 0)
    assert found["heartbeat"]["is_set"] is False
    assert len(found["processes"]) == 1
    with gateway.client(callers.keys["vic"]) as viewer:
        assert viewer.get("/alerts/monitoring").status_code == 200
    for name in ("ada", "dora", "nobody"):
        with gateway.client(callers.keys[name]) as user:
            assert user.get("/alerts/monitoring").status_code in (401, 403), name
