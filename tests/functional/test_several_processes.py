"""Two web processes on PostgreSQL and Redis: one truth."""

import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.conftest import started
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.gateway import Gateway, Store, chat, migrate, model
from tests.services import postgres, redis


@pytest.fixture
def gateway(
    tmp_path: Path, request: pytest.FixtureRequest, upstream: FakeUpstream, slack: FakeSlack
) -> Iterator[Gateway]:
    config = {
        "model_list": [model("gpt-4o", upstream.url)],
        "general_settings": {"alerting": ["slack"]},
        "router_settings": {"num_retries": 0},
    }
    for database in started(postgres(prepare=migrate), request):
        for cache in started(redis(), request):
            with Gateway(
                tmp_path / "data",
                config,
                store=Store(database.url, cache.url),
                environment={"SLACK_WEBHOOK_URL": f"{slack.url}/services/T/B/x"},
                arguments=("--num_workers", "2"),
            ) as running:
                yield running


def ask_many(gateway: Gateway, count: int) -> Counter[int]:
    def ask(_: int) -> int:
        # A connection of its own each time, so that both processes get their share.
        with gateway.client() as client:
            return client.post("/v1/chat/completions", json=chat()).status_code

    with ThreadPoolExecutor(8) as pool:
        return Counter(pool.map(ask, range(count)))


def test_metrics_of_any_process_are_the_sum_of_all(gateway: Gateway, upstream: FakeUpstream) -> None:
    assert ask_many(gateway, 60) == {200: 60}

    tokens = sum(billed.prompt_tokens + billed.completion_tokens for billed in upstream.billed)
    ((amount,),) = gateway.rows("SELECT sum(amount_nano)::bigint FROM budgets_ledgerentry")
    upstream.wait_until(lambda: gateway.metric("litellm_proxy_total_requests_metric_total") == 60)
    gateway.wait_for_metric("litellm_spend_metric_total", amount / 1e9)
    for _ in range(6):
        assert gateway.metric("litellm_proxy_total_requests_metric_total", status_code="200") == 60
        assert gateway.metric("litellm_total_tokens_metric_total") == tokens
        assert gateway.metric("litellm_spend_metric_total") == pytest.approx(amount / 1e9, abs=1e-12)
        assert gateway.metric("litellm_request_total_latency_metric_count") == 60
    assert not [name for name in gateway.metrics() if "pid=" in name or name.startswith("process_")]


def test_failure_seen_by_both_processes_rings_once(gateway: Gateway, upstream: FakeUpstream, slack: FakeSlack) -> None:
    upstream.script(*[openai_error(500, "oops", "server_error")] * 40)
    assert ask_many(gateway, 40) == {500: 40}

    slack.wait_for(1)
    gateway.wait_for_rows("SELECT 1 FROM alerts_incident WHERE count = 40", 1)
    opened = gateway.rows("SELECT fingerprint, alert_type FROM alerts_incident")
    told = gateway.rows("SELECT incident_id FROM alerts_delivery")
    assert len({fingerprint for fingerprint, _ in opened}) == len(opened)
    assert len(set(told)) == len(told)
    # Forty failures and nothing else are an outage as well.
    assert [name for _, name in opened].count("llm_exceptions") == 1
    assert {name for _, name in opened} <= {"llm_exceptions", "outage_alerts"}
    assert sum("llm_exceptions" in message["text"] for message in slack.messages) == 1


def test_workers_whose_main_process_is_killed_end_and_free_the_port(gateway: Gateway) -> None:
    gateway.kill()
    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", httpx.URL(gateway.url).port or 0), timeout=1):
                pass
        except OSError:
            break
        assert time.monotonic() < deadline, "somebody still listens"
        time.sleep(0.1)
