"""From requests of a client to the admin's home: the same money as the answers and `/metrics` say."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.fakes.upstream import FakeUpstream, openai_error
from tests.functional.alerting_admin.conftest import plain
from tests.functional.browser import Browser
from tests.gateway import Gateway, Store, chat, model


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, "not within 30 s"
        time.sleep(0.2)


def test_requests_are_on_the_home_when_they_are_in_the_metrics(
    tmp_path: Path, store: Store, upstream: FakeUpstream
) -> None:
    config = {"model_list": [model("gpt-4o", upstream.url)], "router_settings": {"num_retries": 0}}
    with Gateway(tmp_path / "data", config, store=store) as gateway, gateway.client() as client:
        password = json.loads((gateway.data / "secrets.json").read_text())["admin_password"]
        with Browser(gateway.url, username="admin", password=password) as admin:

            def home() -> str:
                return plain(admin.open("/admin/?window=24h"))

            before = home()
            assert "Getting started" in before
            assert "Spend today" not in before
            assert "1 model: 1 in service" in before
            costs = [_cost(client.post("/v1/chat/completions", json=chat()).headers) for _ in range(3)]
            upstream.script(openai_error(500, "boom", "server_error"))
            assert client.post("/v1/chat/completions", json=chat()).status_code == 500
            gateway.wait_for_metric("litellm_spend_metric_total", sum(costs))
            # The failed one costs nothing, and may be added up later.
            eventually(lambda: " 4 25.0 % failed (1)" in home())
            shown = home()

            assert f"${sum(costs):.9f}".rstrip("0") in shown
            assert "Calls today" in shown
            assert "p50" in shown
            eventually(lambda: "Beat Well" in home() and "Worker Well" in home())
            assert ("Redis Well" if store.redis_url else "Redis Not used") in home()


def _cost(headers: httpx.Headers) -> float:
    found = float(headers["x-litellm-response-cost"])
    assert found > 0
    return found
