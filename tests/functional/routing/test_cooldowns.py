"""A deployment that fails gets no requests for a while, in every process, and takes them again when it is well."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.fakes.upstream import FakeUpstream, openai_error
from tests.functional.routing.conftest import Start, entry
from tests.gateway import Gateway, Store, chat


def ask(gateway: Gateway, **fields: Any) -> httpx.Response:
    with gateway.client() as client:
        return client.post("/v1/chat/completions", json=chat(**fields))


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def test_rate_limited_deployment_rests_while_its_sibling_serves(start: Start, upstreams: list[FakeUpstream]) -> None:
    one, two, _ = upstreams
    gateway = start([entry("gpt-4o", one), entry("gpt-4o", two)], {"cooldown_time": 60})
    one.script(*[openai_error(429, "slow down", "requests")] * 50)
    for _ in range(20):
        assert ask(gateway).status_code == 200

    assert len(one.received) == 1
    gateway.wait_for_rows("SELECT 1 FROM alerts_incident WHERE alert_type = 'cooldown_deployment'", 1)


def test_clients_short_time_out_hides_no_failure_of_the_upstream(start: Start, upstreams: list[FakeUpstream]) -> None:
    one, two, _ = upstreams
    gateway = start([entry("gpt-4o", one), entry("gpt-4o", two)], {"cooldown_time": 60})
    one.script(*[openai_error(429, "slow down", "requests")] * 50)
    for _ in range(20):
        assert ask(gateway, timeout=3).status_code == 200

    assert len(one.received) == 1
    types = "('cooldown_deployment', 'llm_exceptions')"
    gateway.wait_for_rows(f"SELECT 1 FROM alerts_incident WHERE alert_type IN {types}", 2)


def test_deployment_takes_requests_again_after_its_cooldown(start: Start, upstreams: list[FakeUpstream]) -> None:
    one, two, _ = upstreams
    gateway = start([entry("gpt-4o", one), entry("gpt-4o", two)], {"cooldown_time": 0.5})
    one.script(openai_error(429, "slow down", "requests"))
    wait_until(lambda: ask(gateway).is_success and len(one.received) == 1, 5)

    wait_until(lambda: ask(gateway).is_success and len(one.received) > 1, 5)


def test_all_cooling_is_a_429_that_says_when_to_come_back(start: Start, upstreams: list[FakeUpstream]) -> None:
    one, two, _ = upstreams
    gateway = start(
        [entry("gpt-4o", one, deployment="one"), entry("gpt-4o", two, deployment="two")],
        {"cooldown_time": 30, "num_retries": 2},
    )
    for upstream in upstreams:
        upstream.script(*[openai_error(429, "slow down", "requests")] * 9)
    assert ask(gateway).status_code == 429
    response = ask(gateway)

    assert response.status_code == 429
    assert 1 <= float(response.headers["retry-after"]) <= 30
    message = response.json()["error"]["message"]
    assert message.startswith("No deployments available for selected model, Try again in ")
    assert "Passed model=gpt-4o." in message
    assert len(one.received) + len(two.received) == 2


def test_retry_after_of_the_upstream_is_the_cooldown(start: Start, upstreams: list[FakeUpstream]) -> None:
    one, two, _ = upstreams
    gateway = start([entry("gpt-4o", one), entry("gpt-4o", two)], {"cooldown_time": 0.1})
    one.script(openai_error(429, "slow down", "requests", retry_after=2))
    wait_until(lambda: ask(gateway).is_success and len(one.received) == 1, 5)
    told = time.monotonic()
    wait_until(lambda: ask(gateway).is_success and len(one.received) > 1, 6)

    assert time.monotonic() - told > 1.2


def test_a_lone_deployment_is_spared(start: Start, upstreams: list[FakeUpstream]) -> None:
    gateway = start([entry("gpt-4o", upstreams[0])], {"num_retries": 0})
    upstreams[0].script(*[openai_error(500, "boom", "server_error")] * 6)
    for _ in range(6):
        assert ask(gateway).status_code == 500

    assert ask(gateway).status_code == 200


@pytest.mark.parametrize("store", ["postgres"], indirect=True)
def test_cooldown_is_felt_by_every_process(store: Store, start: Start, upstreams: list[FakeUpstream]) -> None:
    """With Redis: what one process learned keeps the other from finding out by itself."""
    one, two, _ = upstreams
    entries = [entry("gpt-4o", one, deployment="one"), entry("gpt-4o", two, deployment="two")]
    keys = {"TOLLKEEPER_ENCRYPTION_KEYS": "dGVzdC1lbmNyeXB0aW9uLWtleS0wMTIzNDU2Nzg5YWI="}
    first = start(entries, {"cooldown_time": 30}, store=store, environment=keys)
    second = start(entries, {"cooldown_time": 30}, store=store, environment=keys)
    one.script(*[openai_error(429, "slow down", "requests")] * 50)
    wait_until(lambda: ask(first).is_success and len(one.received) == 1, 5)
    time.sleep(1)
    for _ in range(20):
        assert ask(second).status_code == 200

    assert len(one.received) == 1
