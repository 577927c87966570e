"""`prometheus_metrics_ttl_seconds` as a scraper meets it."""

import time
from pathlib import Path

from tests.fakes.upstream import FakeUpstream
from tests.gateway import Gateway, chat, model

REQUESTS = "litellm_proxy_total_requests_metric_total"
SECONDS = "litellm_request_total_latency_metric_count"
CALLS = "litellm_deployment_success_responses_total"


def test_series_of_requests_leave_the_page_when_idle_and_come_back_with_all_they_had_counted(
    tmp_path: Path, upstream: FakeUpstream
) -> None:
    config = {
        "model_list": [model("gpt-4o", upstream.url), model("gpt-4o-mini", upstream.url)],
        "litellm_settings": {
            "prometheus_metrics_ttl_seconds": 2,
            "prometheus_metrics_cleanup_interval_seconds": 0.5,
        },
    }

    def ask(name: str) -> None:
        with gateway.client() as client:
            assert client.post("/v1/chat/completions", json=chat(name)).status_code == 200

    with Gateway(tmp_path / "data", config) as gateway:
        assert "without effect" not in gateway.log()
        for name in ("gpt-4o", "gpt-4o", "gpt-4o-mini"):
            ask(name)
        assert gateway.metric(REQUESTS, requested_model="gpt-4o") == 2
        gateway.wait_for_metric(CALLS, 3)

        def is_idle() -> bool:
            ask("gpt-4o-mini")
            page = gateway.metrics()
            assert any(name.startswith(f"{REQUESTS}{{") and "gpt-4o-mini" in name for name in page)
            return not any(name.startswith((REQUESTS, SECONDS)) and '"gpt-4o"' in name for name in page)

        deadline = time.monotonic() + 20
        while not is_idle():
            assert time.monotonic() < deadline, "the series did not leave"
            time.sleep(0.1)
        # The ledger's sums stay whole.
        assert gateway.metric(CALLS, requested_model="gpt-4o") == 2

        gateway.kill()
        gateway.start()
        assert gateway.metric(REQUESTS, requested_model="gpt-4o") == 0
        ask("gpt-4o")
        assert gateway.metric(REQUESTS, requested_model="gpt-4o") == 3
        assert gateway.metric(SECONDS, requested_model="gpt-4o") == 3
