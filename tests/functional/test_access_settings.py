"""The settings of config.yaml that say who may come in, and what keys may be made."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.fakes.upstream import FakeUpstream
from tests.functional.management.callers import made
from tests.gateway import MASTER_KEY, Gateway, chat, model


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, shared_upstream: FakeUpstream) -> Iterator[Gateway]:
    config = {
        "model_list": [model("gpt-4o", shared_upstream.url)],
        "general_settings": {
            "allowed_ips": ["127.0.0.1", "10.0.0.0/8"],
            "use_x_forwarded_for": True,
            "max_request_size_mb": 0.01,
            "litellm_key_header_name": "X-My-Key",
            "user_header_name": "X-End-User",
            "enforce_user_param": True,
            "enforced_params": ["metadata.generation_name"],
            "admin_only_routes": ["/model/info"],
            "default_team_disabled": True,
            "disable_custom_api_keys": True,
        },
        "litellm_settings": {
            "default_key_generate_params": {"max_budget": 5, "models": ["gpt-4o"]},
            "upperbound_key_generate_params": {"max_budget": 10, "duration": "30d", "rpm_limit": 100},
            "key_generation_settings": {
                "team_key_generation": {"allowed_team_member_roles": ["admin"], "required_params": ["tags"]}
            },
        },
    }
    with Gateway(tmp_path_factory.mktemp("strict"), config) as running:
        yield running


@pytest.fixture
def caller(strict: Gateway) -> Iterator[httpx.Client]:
    """An admin who says the key in the header that the configuration names."""
    with strict.client(key="", headers={"X-My-Key": f"Bearer {MASTER_KEY}"}) as client:
        yield client


GOOD = chat(user="u", metadata={"generation_name": "g"})


def test_the_key_stands_in_the_header_of_ones_own_and_nowhere_else(strict: Gateway, caller: httpx.Client) -> None:
    assert caller.post("/v1/chat/completions", json=GOOD).status_code == 200
    with strict.client() as usual:
        assert usual.post("/v1/chat/completions", json=GOOD).status_code == 401
        assert usual.get("/key/list").status_code == 401


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [
        ("10.1.2.3", 200),
        ("11.1.2.3", 403),
        # The last hop is the one that a proxy of ours wrote; the rest is the client's own word.
        ("10.1.2.3, 11.1.2.3", 403),
        ("11.1.2.3, 10.1.2.3", 200),
        ("not an address", 403),
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/key/generate"])
def test_only_addresses_of_the_list_come_in(caller: httpx.Client, forwarded: str, status: int, path: str) -> None:
    body: dict[str, Any] = GOOD if "chat" in path else {"team_id": "t", "tags": ["x"]}
    answer = caller.post(path, json=body, headers={"X-Forwarded-For": forwarded})

    assert answer.status_code == status
    if status == 403:
        assert answer.json()["error"]["message"] == "Access forbidden: IP address not allowed."


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (chat(metadata={"generation_name": "g"}), "'user' param not passed in"),
        (chat(user="u"), "please pass param=metadata.generation_name"),
        (chat(user="u", metadata={"generation_name": None}), "please pass param=metadata.generation_name"),
    ],
)
def test_params_that_are_enforced_are_asked_for(caller: httpx.Client, body: dict[str, Any], sentence: str) -> None:
    answer = caller.post("/v1/chat/completions", json=body)

    assert (answer.status_code, sentence in answer.json()["error"]["message"]) == (400, True)


def test_a_larger_request_is_refused_everywhere(caller: httpx.Client) -> None:
    for path in ("/v1/chat/completions", "/key/generate"):
        answer = caller.post(path, json={**GOOD, "padding": "x" * 20_000})
        assert answer.status_code == 413
        assert "Max size is 0.01 MB" in answer.json()["error"]["message"]


def test_a_header_names_the_customer(strict: Gateway, caller: httpx.Client) -> None:
    assert caller.post("/v1/chat/completions", json=GOOD, headers={"X-End-User": "by-header"}).status_code == 200
    assert strict.rows("SELECT count(*) FROM budgets_ledgerentry WHERE end_user = 'by-header'") == [(1,)]


def test_new_keys_follow_the_operators_rules(strict: Gateway, caller: httpx.Client) -> None:
    made(caller, "/team/new", team_id="policy")
    key = made(caller, "/key/generate", team_id="policy", tags=["x"])
    assert (key["max_budget"], key["models"], key["rpm_limit"]) == (5.0, ["gpt-4o"], 100)
    assert key["expires"] is not None

    for body, status, sentence in (
        ({"tags": ["x"]}, 400, "Personal key creation has been restricted"),
        ({"team_id": "policy"}, 400, "Required param tags not in data"),
        ({"team_id": "policy", "tags": ["x"], "max_budget": 11}, 400, "max_budget is over max limit set in config"),
        ({"team_id": "policy", "tags": ["x"], "duration": "60d"}, 400, "duration is over max limit set in config"),
        (
            {"team_id": "policy", "tags": ["x"], "key": "sk-0123456789abcdefgh"},
            403,
            "Custom API key values are disabled",
        ),
    ):
        answer = caller.post("/key/generate", json=body)
        assert (answer.status_code, sentence in answer.text) == (status, True), answer.text


def test_routes_can_be_kept_for_admins(strict: Gateway, caller: httpx.Client) -> None:
    key = made(caller, "/key/generate", team_id="policy", tags=["x"])["key"]
    with strict.client(key="", headers={"X-My-Key": key}) as client:
        wait_until_known_by(client)
        assert client.get("/model/info").status_code == 401
        assert client.get("/models").status_code == 200
    assert caller.get("/model/info").status_code == 200


def wait_until_known_by(client: httpx.Client) -> None:
    deadline = time.monotonic() + 5
    while client.post("/key/health").status_code == 401:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_logins_are_counted_by_the_last_hop_whatever_the_client_says_before_it(strict: Gateway) -> None:
    def sign_in(forwarded: str) -> int:
        with httpx.Client(base_url=strict.url, trust_env=False) as client:
            page = client.get("/admin/login/")
            token = page.text.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
            sent = {"username": "forged", "password": "x", "csrfmiddlewaretoken": token}
            return client.post("/admin/login/", data=sent, headers={"X-Forwarded-For": forwarded}).status_code

    assert [sign_in(f"10.9.8.{number}, 203.0.113.5") for number in range(6)] == [*[200] * 5, 429]
    assert sign_in("203.0.113.5, 203.0.113.6") == 200
