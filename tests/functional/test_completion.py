"""A completion's whole way: answer, headers, ledger entry, metrics - whole or streamed, on both kinds of store."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.server import Reply
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.gateway import MASTER_KEY, Gateway, Store, chat, model

ENTRIES = """
    SELECT status, status_code, prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens, amount_nano, basis,
           stream, key_hash, requested_model, model, provider, call_id, upstream_id, error_class, price_id IS NOT NULL
    FROM budgets_ledgerentry WHERE call_id = '{}'
"""
# gpt-4o: dollars per million tokens, as the price table has them.
INPUT, CACHED, OUTPUT = 2.5, 1.25, 10.0


@pytest.fixture
def served(tmp_path: Path, store: Store, upstream: FakeUpstream) -> Iterator[Gateway]:
    config = {"model_list": [model("gpt-4o", upstream.url), model("unpriced-model-x", upstream.url)]}
    with Gateway(tmp_path / "data", config, store=store) as gateway:
        yield gateway


@pytest.mark.parametrize("stream", [False, True])
def test_answer_entry_and_metrics_say_the_same(served: Gateway, upstream: FakeUpstream, stream: bool) -> None:
    upstream.cached_tokens, upstream.reasoning_tokens = 2, 1
    with served.client(headers={"x-litellm-call-id": "one-of-a-kind"}) as client:
        response = client.post("/v1/chat/completions", json=chat(content="How are you today?", stream=stream))
        assert response.status_code == 200, response.text
        assert response.headers["x-litellm-call-id"] == "one-of-a-kind"

    billed = upstream.billed[0]
    rows = served.rows(ENTRIES.format("one-of-a-kind"))
    amount = round(1000 * ((billed.prompt_tokens - 2) * INPUT + 2 * CACHED + billed.completion_tokens * OUTPUT))
    tokens = (billed.prompt_tokens, billed.completion_tokens, 2, 1)
    who = ("litellm_proxy_master_key", "gpt-4o", "gpt-4o", "openai", "one-of-a-kind", billed.id, "", True)
    assert [tuple(row) for row in rows] == [("success", 200, *tokens, amount, "usage", stream, *who)]
    served.wait_for_metric("litellm_spend_metric_total", amount / 1e9)
    assert served.metric("litellm_total_tokens_metric_total") == billed.prompt_tokens + billed.completion_tokens
    assert served.metric("litellm_proxy_total_requests_metric_total", status_code="200", requested_model="gpt-4o") == 1
    assert served.metric("litellm_request_total_latency_metric_count", model_group="gpt-4o") == 1
    if not stream:
        assert float(response.headers["x-litellm-response-cost"]) == pytest.approx(amount / 1e9)


def test_headers_of_an_answer(gateway: Gateway, shared_upstream: FakeUpstream) -> None:
    with gateway.client() as client:
        headers = client.post("/v1/chat/completions", json=chat()).headers

    assert headers["x-litellm-model-group"] == "gpt-4o"
    assert headers["x-litellm-model-name"] == "openai/gpt-4o"
    assert headers["x-litellm-model-api-base"] == f"{shared_upstream.url}/v1"
    assert headers["llm_provider-x-request-id"]
    assert headers["x-ratelimit-remaining-requests"] == headers["llm_provider-x-ratelimit-remaining-requests"]
    assert headers["x-frame-options"] == "DENY"
    assert float(headers["x-litellm-response-duration-ms"]) >= float(headers["x-litellm-overhead-duration-ms"]) > 0
    assert "sk-upstream" not in str(headers)


def test_upstream_gets_its_own_key_and_only_what_is_its_business(
    gateway: Gateway, shared_upstream: FakeUpstream
) -> None:
    ours: dict[str, Any] = {"metadata": {"a": "b"}, "tags": ["x"], "num_retries": 3, "cache": {"no-cache": True}}
    with gateway.client(headers={"cookie": "c=1", "x-custom": "1"}) as client:
        client.post("/v1/chat/completions", json=chat(temperature=0.5, seed=7, unknown_option={"a": [1]}, **ours))

    received = shared_upstream.received[0]
    assert received.json() == chat(temperature=0.5, seed=7, unknown_option={"a": [1]})
    assert received.headers["authorization"] == "Bearer sk-upstream"
    assert MASTER_KEY not in str(received.headers)
    assert not {"cookie", "x-custom"} & received.headers.keys()


def test_usage_is_asked_of_the_upstream_even_if_the_client_does_not(
    gateway: Gateway, shared_upstream: FakeUpstream
) -> None:
    with gateway.client() as client:
        response = client.post("/v1/chat/completions", json=chat(stream=True))

    assert shared_upstream.received[0].json()["stream_options"] == {"include_usage": True}
    assert '"usage":{' not in response.text.replace(" ", "")
    assert response.text.endswith("data: [DONE]\n\n")


def test_model_without_a_price_is_flagged_and_never_silently_free(
    served: Gateway, upstream: FakeUpstream, request: pytest.FixtureRequest
) -> None:
    with served.client(headers={"x-litellm-call-id": "unpriced"}) as client:
        response = client.post("/v1/chat/completions", json=chat("unpriced-model-x"))

    assert response.status_code == 200
    assert "x-litellm-response-cost" not in response.headers
    (row,) = served.rows(ENTRIES.format("unpriced"))
    assert row[6] == 0
    assert not row[-1]
    served.wait_for_rows("SELECT 1 FROM alerts_incident WHERE alert_type = 'failed_tracking_spend'", 1)


def test_upstream_without_usage_is_charged_by_an_estimate(gateway: Gateway, shared_upstream: FakeUpstream) -> None:
    shared_upstream.omit_usage = True
    try:
        with gateway.client(headers={"x-litellm-call-id": "no-usage"}) as client:
            assert client.post("/v1/chat/completions", json=chat(stream=True)).status_code == 200
    finally:
        shared_upstream.omit_usage = False

    (row,) = gateway.rows(ENTRIES.format("no-usage"))
    assert row[2] > 0
    assert row[3] > 0
    assert row[6] > 0
    assert row[7] == "estimated"


def test_failure_is_in_the_books_with_amount_0(gateway: Gateway, shared_upstream: FakeUpstream) -> None:
    shared_upstream.script(openai_error(429, "slow down", "requests"))
    with gateway.client(headers={"x-litellm-call-id": "limited"}) as client:
        response = client.post("/v1/chat/completions", json=chat())

    assert response.status_code == 429
    assert response.json()["error"]["message"] == (
        "litellm.RateLimitError: RateLimitError: OpenAIException - slow down"
    )
    assert response.json()["error"]["type"] == "throttling_error"
    (row,) = gateway.rows(ENTRIES.format("limited"))
    assert row[:2] == ("failure", 429)
    assert row[6] == 0
    assert row[15] == "RateLimitError"


def test_stream_that_breaks_is_told_and_charged(gateway: Gateway, shared_upstream: FakeUpstream) -> None:
    shared_upstream.cut_after_chunks = 3
    try:
        with gateway.client(headers={"x-litellm-call-id": "cut"}) as client:
            response = client.post("/v1/chat/completions", json=chat(stream=True))
    finally:
        shared_upstream.cut_after_chunks = None

    last = [line for line in response.text.splitlines() if line.startswith("data: ")][-1]
    assert '"error"' in last
    assert "[DONE]" not in response.text
    (row,) = gateway.rows(ENTRIES.format("cut"))
    assert row[0] == "failure"
    assert row[7] == "estimated"
    assert row[6] > 0


def test_error_told_as_an_event_goes_through_and_is_a_failure(gateway: Gateway, shared_upstream: FakeUpstream) -> None:
    events = [b'data: {"error": {"message": "overloaded", "type": "server_error"}}\n\n', b"data: [DONE]\n\n"]
    shared_upstream.script(Reply(200, headers={"Content-Type": "text/event-stream"}, chunks=events))
    with gateway.client(headers={"x-litellm-call-id": "event-error"}) as client:
        response = client.post("/v1/chat/completions", json=chat(stream=True))

    assert "overloaded" in response.text
    (row,) = gateway.rows(ENTRIES.format("event-error"))
    assert row[0] == "failure"


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply(200, {"error": {"message": "quota is gone"}}), "quota is gone"),
        (Reply(200, {"choices": []}), "the upstream did not stream"),
    ],
)
def test_upstream_that_answers_a_stream_with_json_is_a_failure(
    gateway: Gateway, shared_upstream: FakeUpstream, reply: Reply, sentence: str
) -> None:
    shared_upstream.script(reply)
    with gateway.client() as client:
        response = client.post("/v1/chat/completions", json=chat(stream=True))

    assert response.status_code == 500
    assert sentence in response.json()["error"]["message"]


def test_stream_whose_client_leaves_is_read_on_and_charged_in_full(
    gateway: Gateway, shared_upstream: FakeUpstream
) -> None:
    shared_upstream.chunk_count, shared_upstream.chunk_delay_seconds = 20, 0.02
    try:
        with (
            gateway.client(headers={"x-litellm-call-id": "left"}) as client,
            client.stream("POST", "/v1/chat/completions", json=chat(stream=True)) as response,
        ):
            next(response.iter_raw())
        (row,) = gateway.wait_for_rows(ENTRIES.format("left"), 1)
    finally:
        shared_upstream.chunk_delay_seconds = 0

    billed = shared_upstream.billed[0]
    assert billed.finished
    assert row[:4] == ("success", 200, billed.prompt_tokens, billed.completion_tokens)
    assert row[7] == "usage"


def test_upstream_that_does_not_answer_times_out_with_408(tmp_path: Path, upstream: FakeUpstream) -> None:
    config = {"model_list": [model("gpt-4o", upstream.url, timeout=0.3, num_retries=0)]}
    with Gateway(tmp_path / "data", config) as gateway, gateway.client() as client:
        upstream.script(Reply(hang=True))
        response = client.post("/v1/chat/completions", json=chat())

    assert response.status_code == 408
    assert response.json()["error"]["message"].startswith("litellm.Timeout: APITimeoutError - Request timed out.")


def test_upstream_that_trickles_times_out_as_a_whole(tmp_path: Path, upstream: FakeUpstream) -> None:
    config = {"model_list": [model("gpt-4o", upstream.url, timeout=0.4, num_retries=0)]}
    with Gateway(tmp_path / "data", config) as gateway, gateway.client() as client:
        upstream.script(Reply(200, chunks=[b" "] * 200, chunk_delay_seconds=0.1))
        response = client.post("/v1/chat/completions", json=chat())

    assert response.status_code == 408


def test_upstream_that_is_not_there_is_a_500(tmp_path: Path, upstream: FakeUpstream) -> None:
    with Gateway(tmp_path / "data", {"model_list": [model("gpt-4o", upstream.url, num_retries=0)]}) as gateway:
        upstream.close()
        with gateway.client() as client:
            response = client.post("/v1/chat/completions", json=chat())

    assert response.status_code == 500
    assert response.json()["error"]["message"].endswith("OpenAIException - Connection error.")


def test_health_answers_without_a_key(gateway: Gateway) -> None:
    for path in ("/health/liveliness", "/health/liveness"):
        assert httpx.get(gateway.url + path, trust_env=False).json() == "I'm alive!"
    ready = httpx.get(f"{gateway.url}/health/readiness", trust_env=False)
    assert ready.status_code == 200
    assert ready.json()["status"] == "healthy"
    assert ready.json()["db"] == "connected"


def test_tokens_of_a_message_are_counted_without_asking_anybody(
    gateway: Gateway, shared_upstream: FakeUpstream
) -> None:
    body = {"model": "gpt-4o", "system": "Be brief.", "messages": [{"role": "user", "content": "Hello " * 100}]}
    with gateway.client() as client:
        counted = client.post("/v1/messages/count_tokens", json=body)
        refused = client.post("/v1/messages/count_tokens", json={"model": "gpt-4o"})

    assert 100 < counted.json()["input_tokens"] < 300
    assert refused.status_code == 400
    assert httpx.post(f"{gateway.url}/v1/messages/count_tokens", json=body, trust_env=False).status_code == 401
    assert not shared_upstream.received
