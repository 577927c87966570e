"""Metrics as a collector receives them: the page's numbers, from one process, whatever was away in between."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from tests.conftest import started
from tests.fakes.collector import FakeCollector, Samples, accepted, metrics, pushed_at, resource, samples
from tests.fakes.server import Reply
from tests.fakes.upstream import FakeUpstream
from tests.gateway import Gateway, Store, chat, migrate, model
from tests.gateway_project.metrics.otlp.page import of_page
from tests.services import postgres, redis

SECRET = "push-secret-4711"
PUSHES, LAST = "tollkeeper_otlp_pushes_total", "tollkeeper_otlp_last_success_timestamp_seconds"
REQUESTS = "litellm_proxy_total_requests_metric_total"
# What goes on changing while nobody asks for anything.
QUIET = ("litellm_", "gen_ai_", "tollkeeper_request", "tollkeeper_build")
_CHANGING = ("_hours_metric", "litellm_redis", "litellm_postgres")


@pytest.fixture
def collector() -> Iterator[FakeCollector]:
    with FakeCollector() as server:
        yield server


def environment(collector: FakeCollector, *, interval_ms: int = 300) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"{collector.url}/",
        "OTEL_EXPORTER_OTLP_HEADERS": f"api-key={SECRET}",
        "OTEL_METRIC_EXPORT_INTERVAL": str(interval_ms),
        "OTEL_SERVICE_NAME": "gateway-1",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
    }


def quiet(found: Samples) -> Samples:
    return {
        key: value
        for key, value in found.items()
        if key[0].startswith(QUIET) and not any(text in key[0] for text in _CHANGING)
    }


def page(gateway: Gateway) -> Samples:
    with gateway.client(key="") as client:
        return of_page(client.get("/metrics").text)


def ask(gateway: Gateway, *, stream: bool = False) -> None:
    with gateway.client() as client:
        assert client.post("/v1/chat/completions", json=chat(stream=stream)).status_code == 200


def total(found: Samples, name: str) -> float:
    return sum(value for (one, _), value in found.items() if one == name)


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_what_is_pushed_is_the_page(tmp_path: Path, upstream: FakeUpstream, collector: FakeCollector) -> None:
    config = {"model_list": [model("gpt-4o", upstream.url)]}
    with Gateway(tmp_path / "data", config, environment=environment(collector)) as gateway:
        for stream in (False, True, False):
            ask(gateway, stream=stream)
        gateway.wait_for_metric("litellm_deployment_success_responses_total", 3)

        wait_until(lambda: bool(collector.pushes) and quiet(samples(collector.pushes[-1])) == quiet(page(gateway)))
        push = collector.pushes[-1]
        found = samples(push)
        assert total(found, REQUESTS) == 3
        assert total(found, "gen_ai_server_request_duration_seconds_count") == 3
        assert total(found, "litellm_spend_metric_total") > 0
        assert not [name for name, _ in found if name.startswith(("process_", "python_"))]
        assert resource(push)["service.name"] == "gateway-1"
        assert resource(push)["deployment.environment.name"] == "test"
        assert {received.headers["api-key"] for received in collector.received} == {SECRET}
        assert gateway.metric(PUSHES, outcome="success") >= 1
        assert abs(gateway.metric(LAST) - time.time()) < 30
        assert SECRET not in str(page(gateway))

        gateway.kill()
        gateway.start()
        collector.pushes.clear()
        ask(gateway)
        wait_until(lambda: bool(collector.pushes) and total(samples(collector.pushes[-1]), REQUESTS) == 4)
        began = {_began(one) for one in (push, collector.pushes[-1])}
        assert len(began) == 1


def _began(push: ExportMetricsServiceRequest) -> int:
    (point,) = metrics(push)["litellm_self_total_requests"].sum.data_points
    return int(point.start_time_unix_nano)


def test_a_collector_that_is_away_is_told_of_once_and_misses_nothing(
    tmp_path: Path, upstream: FakeUpstream, collector: FakeCollector
) -> None:
    config = {"model_list": [model("gpt-4o", upstream.url)], "litellm_settings": {"callbacks": ["otel"]}}
    collector.script(Reply(401, f"who has {SECRET}?"), Reply(307, headers={"Location": "/elsewhere"}))
    collector.script(accepted(rejected=7))
    with Gateway(tmp_path / "data", config, environment=environment(collector)) as gateway:
        wait_until(lambda: gateway.metric(PUSHES, outcome="failure") >= 3)
        wait_until(lambda: gateway.metric(PUSHES, outcome="success") >= 1)
        collector.close()
        ask(gateway)
        failures = gateway.metric(PUSHES, outcome="failure")
        wait_until(lambda: gateway.metric(PUSHES, outcome="failure") > failures)
        last = gateway.metric(LAST)
        ask(gateway)
        collector.pushes.clear()
        collector.open()
        wait_until(lambda: bool(collector.pushes) and total(samples(collector.pushes[-1]), REQUESTS) == 2)
        wait_until(lambda: gateway.metric(LAST) > last)

        log = gateway.log()
        assert log.count("Metrics cannot be pushed") == 2
        assert "HTTP 401" in log
        assert "No answer" in log
        assert log.count("Metrics are pushed again") == 2
        assert "/elsewhere" not in [received.path for received in collector.received]
        assert SECRET not in log
        assert collector.url not in log
        assert "without effect" not in log


def test_of_two_processes_one_pushes_the_sums_of_both(
    tmp_path: Path, request: pytest.FixtureRequest, upstream: FakeUpstream, collector: FakeCollector
) -> None:
    config = {"model_list": [model("gpt-4o", upstream.url)]}
    interval = 2.0
    for database in started(postgres(prepare=migrate), request):
        for cache in started(redis(), request):
            with Gateway(
                tmp_path / "data",
                config,
                store=Store(database.url, cache.url),
                environment=environment(collector, interval_ms=int(interval * 1000)),
                arguments=("--num_workers", "2"),
            ) as gateway:
                for _ in range(20):
                    ask(gateway)
                gateway.wait_for_metric("litellm_deployment_success_responses_total", 20)
                wait_until(
                    lambda: bool(collector.pushes) and quiet(samples(collector.pushes[-1])) == quiet(page(gateway))
                )
                assert total(samples(collector.pushes[-1]), REQUESTS) == 20

                collector.pushes.clear()
                wait_until(lambda: len(collector.pushes) > 5)
                times = [pushed_at(push) / 1e9 for push in collector.pushes]
                # Six turns of one process, and not three of both.
                assert times[5] - times[0] > 3.5 * interval
                assert gateway.stop(signal.SIGTERM) == 0
