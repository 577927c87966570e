"""A failing deployment is nobody's problem as long as another one answers."""

import time
from typing import Any

import httpx
import pytest

from tests.fakes.server import Reply
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.functional.routing.conftest import Start, entry
from tests.gateway import Gateway, chat

ATTEMPTS = "SELECT attempt, deployment_id, status, status_code FROM budgets_ledgerentry WHERE call_id = '{}' ORDER BY 1"


def ask(gateway: Gateway, *, call_id: str = "", **fields: Any) -> httpx.Response:
    headers = {"x-litellm-call-id": call_id} if call_id else {}
    with gateway.client(headers=headers) as client:
        return client.post("/v1/chat/completions", json=chat(**fields))


@pytest.mark.parametrize("stream", [False, True])
def test_second_deployment_answers_when_the_first_fails(
    start: Start, upstreams: list[FakeUpstream], stream: bool
) -> None:
    one, two, _ = upstreams
    gateway = start([entry("gpt-4o", one, deployment="one", order=1), entry("gpt-4o", two, deployment="two", order=2)])
    one.script(openai_error(500, "boom", "server_error"))
    response = ask(gateway, call_id="retried", stream=stream)

    assert response.status_code == 200, response.text
    assert response.headers["x-litellm-model-id"] == "two"
    assert response.headers["x-litellm-attempted-retries"] == "1"
    assert gateway.rows(ATTEMPTS.format("retried")) == [
        (0, "one", "failure", 500),
        (1, "two", "success", 200),
    ]
    assert gateway.metric("litellm_proxy_total_requests_metric_total") == 1
    assert gateway.metric("litellm_proxy_failed_requests_metric_total") == 0


def test_single_deployment_is_asked_again(start: Start, upstreams: list[FakeUpstream]) -> None:
    gateway = start([entry("gpt-4o", upstreams[0])], {"num_retries": 2})
    upstreams[0].script(openai_error(503, "busy", "server_error"), openai_error(502, "bad", "server_error"))

    assert ask(gateway).status_code == 200
    assert len(upstreams[0].received) == 3


def test_retry_after_is_waited_for(start: Start, upstreams: list[FakeUpstream]) -> None:
    gateway = start([entry("gpt-4o", upstreams[0])], {"num_retries": 1, "disable_cooldowns": True})
    upstreams[0].script(openai_error(429, "slow down", "requests", retry_after=1))
    began = time.monotonic()

    assert ask(gateway).status_code == 200
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("status", [400, 404, 422])
def test_what_the_client_got_wrong_is_not_asked_again(start: Start, upstreams: list[FakeUpstream], status: int) -> None:
    gateway = start([entry("gpt-4o", upstreams[0]), entry("gpt-4o", upstreams[1])])
    for upstream in upstreams:
        upstream.script(openai_error(status, "no", "invalid_request_error"))

    assert ask(gateway).status_code == status
    assert len(upstreams[0].received) + len(upstreams[1].received) == 1


def test_num_retries_of_the_request_goes_first(start: Start, upstreams: list[FakeUpstream]) -> None:
    gateway = start([entry("gpt-4o", upstreams[0])], {"num_retries": 3})
    upstreams[0].script(*[openai_error(500, "boom", "server_error")] * 9)

    assert ask(gateway, num_retries=0).status_code == 500
    assert len(upstreams[0].received) == 1


def test_retry_policy_beats_the_number(start: Start, upstreams: list[FakeUpstream]) -> None:
    policy = {"BadRequestErrorRetries": 1, "InternalServerErrorRetries": 0}
    gateway = start([entry("gpt-4o", upstreams[0])], {"num_retries": 3, "retry_policy": policy})
    upstreams[0].script(openai_error(500, "boom", "server_error"))
    assert ask(gateway).status_code == 500

    upstreams[0].script(openai_error(400, "no", "invalid_request_error"))
    assert ask(gateway).status_code == 200


def test_client_that_waits_five_seconds_has_its_answer_by_then(start: Start, upstreams: list[FakeUpstream]) -> None:
    gateway = start([entry("gpt-4o", upstreams[0]), entry("gpt-4o", upstreams[1])], {"num_retries": 5})
    for upstream in upstreams:
        upstream.script(*[Reply(hang=True)] * 9)
    began = time.monotonic()
    response = ask(gateway, timeout=0.8)

    assert response.status_code == 408
    assert time.monotonic() - began < 1.5


def test_short_time_out_of_a_client_ejects_nobody(start: Start, upstreams: list[FakeUpstream]) -> None:
    gateway = start([entry("gpt-4o", upstreams[0]), entry("gpt-4o", upstreams[1])], {"num_retries": 0})
    for upstream in upstreams:
        upstream.latency_seconds = 0.3
    for _ in range(8):
        assert ask(gateway, timeout=0.05).status_code == 408

    assert ask(gateway).status_code == 200
    assert gateway.rows("SELECT count(*) FROM alerts_incident") == [(0,)]


def test_retries_are_at_most_a_share_of_the_traffic(start: Start, upstreams: list[FakeUpstream]) -> None:
    gateway = start(
        [entry("gpt-4o", upstreams[0])],
        {"num_retries": 3, "disable_cooldowns": True, "retry_budget_minimum": 2, "retry_budget_percent": 20},
    )
    upstreams[0].script(*[openai_error(500, "boom", "server_error", retry_after=0.01)] * 200)
    for _ in range(10):
        assert ask(gateway).status_code == 500

    assert len(upstreams[0].received) <= 10 + 2


def test_failure_after_the_first_byte_is_told_and_not_repeated(start: Start, upstreams: list[FakeUpstream]) -> None:
    one, two, _ = upstreams
    gateway = start([entry("gpt-4o", one, order=1), entry("gpt-4o", two, order=2)])
    one.cut_after_chunks = 2
    response = ask(gateway, stream=True)

    assert response.status_code == 200
    assert '"error"' in response.text
    assert not two.received


def test_stream_that_fails_before_its_first_byte_is_asked_elsewhere(
    start: Start, upstreams: list[FakeUpstream]
) -> None:
    one, two, _ = upstreams
    gateway = start([entry("gpt-4o", one, order=1), entry("gpt-4o", two, order=2)])
    events = [b'data: {"error": {"message": "overloaded", "type": "server_error"}}\n\n']
    one.script(Reply(200, headers={"Content-Type": "text/event-stream"}, chunks=events))
    response = ask(gateway, stream=True)

    assert response.text.endswith("data: [DONE]\n\n")
    assert "overloaded" not in response.text
    assert two.received
