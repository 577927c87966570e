"""When a group cannot answer, another one does: which, when, and only if the key may call it."""

from typing import Any

import httpx
import pytest

from tests.fakes.upstream import FakeUpstream, openai_error
from tests.functional.routing.conftest import Start, entry
from tests.gateway import MASTER_KEY, Gateway, chat

CONTEXT = openai_error(400, "This model's maximum context length is 10 tokens.", "invalid_request_error")
POLICY = openai_error(400, "content_policy_violation", "invalid_request_error")


def ask(gateway: Gateway, *, key: str = MASTER_KEY, **fields: Any) -> httpx.Response:
    with gateway.client(key) as client:
        return client.post("/v1/chat/completions", json=chat(**fields))


@pytest.fixture
def groups(upstreams: list[FakeUpstream]) -> list[dict[str, Any]]:
    return [entry(name, upstream) for name, upstream in zip(("a", "b", "c"), upstreams, strict=True)]


def served_by(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return response.headers["x-litellm-model-group"]


@pytest.mark.parametrize("stream", [False, True])
def test_fallback_answers_when_the_group_fails(
    start: Start, upstreams: list[FakeUpstream], groups: list[dict[str, Any]], stream: bool
) -> None:
    gateway = start(groups, {"fallbacks": [{"a": ["b", "c"]}], "num_retries": 0})
    upstreams[0].script(openai_error(500, "boom", "server_error"))
    upstreams[1].script(openai_error(401, "no", "invalid_request_error"))
    response = ask(gateway, model="a", stream=stream)

    assert served_by(response) == "c"
    assert response.headers["x-litellm-attempted-fallbacks"] == "2"


def test_first_error_is_told_when_every_fallback_fails(
    start: Start, upstreams: list[FakeUpstream], groups: list[dict[str, Any]]
) -> None:
    gateway = start(groups, {"fallbacks": [{"a": ["b"]}], "num_retries": 0})
    upstreams[0].script(openai_error(503, "first", "server_error"))
    upstreams[1].script(openai_error(500, "second", "server_error"))
    response = ask(gateway, model="a")

    assert response.status_code == 503
    assert "first" in response.json()["error"]["message"]


def test_longer_window_is_asked_only_when_the_window_was_too_short(
    start: Start, upstreams: list[FakeUpstream], groups: list[dict[str, Any]]
) -> None:
    gateway = start(
        groups,
        {"context_window_fallbacks": [{"a": ["b"]}], "content_policy_fallbacks": [{"a": ["c"]}], "num_retries": 0},
    )
    upstreams[0].script(CONTEXT, POLICY, openai_error(500, "boom", "server_error"))

    assert served_by(ask(gateway, model="a")) == "b"
    assert served_by(ask(gateway, model="a")) == "c"
    assert ask(gateway, model="a").status_code == 500


def test_default_fallbacks_serve_a_model_that_nobody_knows(start: Start, groups: list[dict[str, Any]]) -> None:
    gateway = start(groups, {"default_fallbacks": ["b"]})

    assert served_by(ask(gateway, model="who-is-this")) == "b"


def test_client_may_name_its_own(start: Start, upstreams: list[FakeUpstream], groups: list[dict[str, Any]]) -> None:
    gateway = start(groups, {"num_retries": 0})
    upstreams[0].script(*[openai_error(500, "boom", "server_error")] * 3)

    assert served_by(ask(gateway, model="a", fallbacks=["c"])) == "c"
    other = {"model": "b", "messages": [{"role": "user", "content": "shorter"}]}
    assert served_by(ask(gateway, model="a", fallbacks=[other])) == "b"
    assert upstreams[1].received[-1].json()["messages"] == other["messages"]
    assert ask(gateway, model="a", fallbacks=["c"], disable_fallbacks=True).status_code == 500


def test_client_may_not_name_what_its_key_may_not_call(
    start: Start, upstreams: list[FakeUpstream], groups: list[dict[str, Any]]
) -> None:
    gateway = start(groups, {"num_retries": 0})
    with gateway.client() as admin:
        key = admin.post("/key/generate", json={"models": ["a", "b"]}).json()["key"]
    response = ask(gateway, key=key, model="a", fallbacks=["c"])

    assert response.status_code == 403
    assert response.json()["error"]["type"] == "key_model_access_denied"
    assert not upstreams[0].received


@pytest.mark.parametrize("enforced", [True, False])
def test_configured_fallback_is_no_way_around_a_key(
    start: Start, upstreams: list[FakeUpstream], groups: list[dict[str, Any]], enforced: bool
) -> None:
    general = {} if enforced else {"enforce_fallback_model_access": False}
    gateway = start(groups, {"fallbacks": [{"a": ["c"]}], "num_retries": 0}, general_settings=general)
    with gateway.client() as admin:
        key = admin.post("/key/generate", json={"models": ["a"]}).json()["key"]
    upstreams[0].script(openai_error(500, "boom", "server_error"))

    assert ask(gateway, key=key, model="a").status_code == (500 if enforced else 200)


def test_fallbacks_of_fallbacks_end(start: Start, upstreams: list[FakeUpstream], groups: list[dict[str, Any]]) -> None:
    gateway = start(groups, {"fallbacks": [{"a": ["b"]}, {"b": ["a", "c"]}, {"c": ["a"]}], "num_retries": 0})
    for upstream in upstreams:
        upstream.script(*[openai_error(500, "boom", "server_error")] * 9)

    assert ask(gateway, model="a").status_code == 500
    assert [len(upstream.received) for upstream in upstreams] == [1, 1, 1]


def test_request_may_bring_router_settings(
    start: Start, upstreams: list[FakeUpstream], groups: list[dict[str, Any]]
) -> None:
    gateway = start(groups, {"num_retries": 0})
    upstreams[0].script(*[openai_error(500, "boom", "server_error")] * 2)

    assert served_by(ask(gateway, model="a", router_settings_override={"fallbacks": [{"a": ["b"]}]})) == "b"
    wrong = ask(gateway, model="a", router_settings_override={"num_retries": "many"})
    assert wrong.status_code == 400
    assert wrong.json()["error"]["param"] == "router_settings_override"
