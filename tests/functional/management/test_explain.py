"""What happened to a request is told to whom it belongs, refused requests included; and what would happen to one."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.fakes.server import Reply
from tests.fakes.upstream import FakeUpstream
from tests.functional.management.answers import HOSTILE_NAMES, asked, refusal, told, unique
from tests.functional.management.callers import Callers, made, wait_until_known
from tests.gateway import MASTER_KEY, Gateway, chat

COMPLETIONS = "/v1/chat/completions"


def call(gateway: Gateway, key: str, *, expect: int = 200, call_id: str = "", **body: Any) -> httpx.Response:
    headers = {"x-litellm-call-id": call_id or unique("call")}
    with gateway.client(key, headers=headers) as client:
        answer = client.post(COMPLETIONS, json=chat(**body))
    assert answer.status_code == expect, answer.text
    return answer


def explained(client: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    """The one request behind an answer."""
    call_id = answer.headers["x-litellm-call-id"]
    found: dict[str, Any] = asked(client, f"/explain/{call_id}")
    assert found["call_id"] == call_id
    (request,) = found["requests"]
    return dict(request)


def steps(request: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    return [step for step in request["steps"] if step["step"] == name]


def test_a_request_that_went_well_is_explained(gateway: Gateway, admin: httpx.Client, callers: Callers) -> None:
    request = explained(admin, call(gateway, callers.keys["bob"], tags=["prod"], user="customer-7"))

    assert (request["status"], request["error"], request["model"]) == (200, None, "gpt-4o")
    assert (request["caller"]["user_id"], request["caller"]["end_user"]) == ("bob", "customer-7")
    assert (request["tags"], request["stream"], request["attempts"]) == (["prod"], False, 1)
    (selected,), (attempt,) = steps(request, "select"), steps(request, "attempt")
    assert selected["chosen"] == attempt["deployment"] == request["deployment"]
    (entry,) = request["ledger"]
    assert (entry["deployment_id"], entry["status"]) == (request["deployment"], "success")
    assert entry["amount_nano"] == request["cost"]["amount_nano"]
    assert request["cost"]["amount"] == pytest.approx(request["cost"]["amount_nano"] / 1e9)


def test_a_stream_is_explained(gateway: Gateway, admin: httpx.Client, callers: Callers) -> None:
    request = explained(admin, call(gateway, callers.keys["bob"], stream=True))

    assert (request["status"], request["stream"]) == (200, True)


def test_a_refused_request_is_explained(gateway: Gateway, admin: httpx.Client) -> None:
    key = made(admin, "/key/generate", models=["gpt-4o-mini"])["key"]
    wait_until_known(gateway, key)
    answer = call(gateway, key, expect=403)
    request = explained(admin, answer)

    assert (request["status"], request["attempts"], request["ledger"]) == (403, 0, [])
    assert request["error"]["message"] == answer.json()["error"]["message"]
    assert request["deployment"] is None


def test_a_request_that_asked_for_nothing_that_exists_is_explained(gateway: Gateway, admin: httpx.Client) -> None:
    request = explained(admin, call(gateway, MASTER_KEY, expect=400, model="no-such-model"))

    assert (request["status"], request["model"]) == (400, "no-such-model")


def test_a_failing_upstream_is_explained_attempt_by_attempt(
    gateway: Gateway, admin: httpx.Client, shared_upstream: FakeUpstream
) -> None:
    # Not worth another try, so it is the only one.
    shared_upstream.script(Reply(400, {"error": {"message": "no", "type": "invalid_request_error"}}))
    request = explained(admin, call(gateway, MASTER_KEY, expect=400))

    (attempt,), (entry,) = steps(request, "attempt"), request["ledger"]
    assert (attempt["status"], entry["status_code"], entry["status"]) == (400, 400, "failure")


def test_no_address_and_no_credential_is_explained(
    gateway: Gateway, admin: httpx.Client, callers: Callers, shared_upstream: FakeUpstream
) -> None:
    text = str(explained(admin, call(gateway, callers.keys["bob"])))

    assert shared_upstream.url not in text
    assert "sk-upstream" not in text
    assert callers.keys["bob"] not in text


@pytest.mark.parametrize(
    ("caller", "sees"),
    [
        ("admin", True), ("vic", True), ("bob", True), ("cyd", False), ("ada", False), ("eve", False),
        ("nobody", False), ("red service", False),
    ],
)  # fmt: skip
def test_a_request_exists_for_its_owner(gateway: Gateway, callers: Callers, caller: str, sees: bool) -> None:
    answer = call(gateway, callers.keys["bob"])
    with gateway.client(callers.keys[caller]) as client:
        found = client.get(f"/explain/{answer.headers['x-litellm-call-id']}")

    assert found.status_code == (200 if sees else 404)


@pytest.mark.parametrize(
    ("caller", "sees"), [("ada", True), ("dora", True), ("red service", True), ("bob", False), ("eve", False)]
)
def test_a_teams_request_exists_for_who_administers_the_team(
    gateway: Gateway, callers: Callers, caller: str, sees: bool
) -> None:
    answer = call(gateway, callers.keys["red service"])
    with gateway.client(callers.keys[caller]) as client:
        found = client.get(f"/explain/{answer.headers['x-litellm-call-id']}")

    assert found.status_code == (200 if sees else 404)


def test_a_call_id_that_was_used_again_is_explained_newest_first(gateway: Gateway, admin: httpx.Client) -> None:
    call_id = unique("again")
    for name in ("gpt-4o", "gpt-4o-mini"):
        call(gateway, MASTER_KEY, call_id=call_id, model=name)
    gateway.wait_for_rows(f"SELECT id FROM proxy_requesttrace WHERE call_id = '{call_id}'", 2)

    assert [one["model"] for one in asked(admin, f"/explain/{call_id}")["requests"]] == ["gpt-4o-mini", "gpt-4o"]


def test_a_request_is_explained_by_its_own_id_too(gateway: Gateway, admin: httpx.Client) -> None:
    request = explained(admin, call(gateway, MASTER_KEY, call_id="with/slash:and=more"))
    again = asked(admin, f"/explain/{request['request_id']}")

    assert again == {"call_id": "with/slash:and=more", "requests": [request]}


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES)
def test_a_request_that_never_was_is_not_found(admin: httpx.Client, name: str) -> None:
    assert told(admin.get(f"/explain/x{quote(name, safe='')}"))[0] == 404


def test_who_finds_nothing_is_told_how_long_requests_are_remembered(admin: httpx.Client) -> None:
    sentence = told(admin.get("/explain/never-was"))[1]

    assert sentence == "No request never-was is known. Traces are kept for 7 days."


def test_what_would_happen_is_told_and_nobody_is_called(
    gateway: Gateway, admin: httpx.Client, shared_upstream: FakeUpstream
) -> None:
    before = len(shared_upstream.received)
    answer = made(admin, "/route/preview", model="gpt-4o", tags=["a"], prompt_tokens=10)

    assert (answer["allowed"], answer["model_group"], answer["eligible"]) == (True, "gpt-4o", 1)
    assert [one["probability"] for one in answer["candidates"]] == [1.0]
    assert len(shared_upstream.received) == before


def test_the_preview_of_another_key_says_what_that_key_would_be_told(gateway: Gateway, admin: httpx.Client) -> None:
    alias = unique("k")
    new = made(admin, "/key/generate", models=["gpt-4o-mini"], key_alias=alias)
    wait_until_known(gateway, new["key"])
    refused = call(gateway, new["key"], expect=403).json()["error"]

    for name in (new["key"], new["token"], alias):
        answer = made(admin, "/route/preview", model="gpt-4o", key=name)
        assert (answer["allowed"], answer["error"]["status"]) == (False, 403)
        assert answer["error"]["message"] == refused["message"]


@pytest.mark.parametrize("caller", ["bob", "eve", "nobody"])
def test_a_key_of_others_does_not_exist_for_a_preview(gateway: Gateway, callers: Callers, caller: str) -> None:
    with gateway.client(callers.keys[caller]) as client:
        assert refusal(client, "/route/preview", model="gpt-4o", key=callers.keys["cyd"])[0] == 404
        assert made(client, "/route/preview", model="gpt-4o")["allowed"]
        assert made(client, "/route/preview", model="gpt-4o", key=callers.keys[caller])["allowed"]


def test_a_preview_asks_as_a_team(admin: httpx.Client, callers: Callers) -> None:
    assert made(admin, "/route/preview", model="gpt-4o", team_id="red")["caller"]["team_id"] == "red"
    assert refusal(admin, "/route/preview", model="gpt-4o", team_id="no-such-team")[0] == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"model": ""},
        {"model": 5},
        {"model": "x" * 256},
        {"model": "m", "tags": "a"},
        {"model": "m", "tags": [5]},
        {"model": "m", "tags": ["a"] * 65},
        {"model": "m", "operation": "telepathy"},
        {"model": "m", "prompt_tokens": -1},
        {"model": "m", "stream": "perhaps"},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(admin: httpx.Client, body: dict[str, Any]) -> None:
    assert admin.post("/route/preview", json=body).status_code == 422


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES)
def test_a_model_of_any_name_is_a_question(admin: httpx.Client, name: str) -> None:
    answer = made(admin, "/route/preview", model=name, tags=[name])

    assert answer["error"]["status"] == 400
