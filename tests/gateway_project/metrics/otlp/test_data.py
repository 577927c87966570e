"""What is pushed is what the page shows, since when it was counted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics.export import Metric, MetricsData, ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from gateway_project.metrics.otlp.data import Times, batches, metrics_of
from gateway_project.metrics.page import Wanted, render
from gateway_project.metrics.store import Sums
from proxy.exposition import TextFamily, label_text
from proxy.metrics.requests import Labels, RequestMetrics, Timing
from proxy.metrics.settings import MetricSettings
from tests.conftest import started
from tests.fakes.collector import metrics, samples
from tests.gateway_project.metrics.otlp.page import of_page
from tests.gateway_project.metrics.test_store import Process
from tests.metric_store import own_store
from tests.services import redis

NOW, LEDGER = 1_800_000_000_000_000_000, 1_700_000_000_000_000_000


@pytest.fixture(params=["alone", "fleet"])
def process(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Process]:
    made = Process()
    if request.param == "alone":
        made.store.start(tmp_path, redis_url="")
        yield made
        return
    for shared in started(redis(), request):
        made.store.start(tmp_path, redis_url=shared.url)
        yield made
        made.store.stop()


class Spends:
    """A collector."""

    def __init__(self, *, fails: bool = False) -> None:
        self._fails = fails

    def describe(self) -> list[Any]:
        return []

    def collect(self) -> Iterator[Any]:
        if self._fails:
            raise RuntimeError("on purpose")
        text = label_text({"team": 'the "red"\\\n', "user": "None"})
        yield TextFamily("spend", "counter", "Of the ledger", {text: 1.25})
        yield TextFamily("left", "gauge", "Of now", {"": -3})


def pushed(process: Process, sums: Sums | None = None) -> ExportMetricsServiceRequest:
    sums = sums or process.store.sums()
    return encoded(metrics_of(process.registry, sums, Times(NOW, counted=sums.began, ledger=LEDGER)))


def encoded(found: list[Metric]) -> ExportMetricsServiceRequest:
    scope = ScopeMetrics(InstrumentationScope("tests"), found, "")
    return encode_metrics(MetricsData([ResourceMetrics(Resource({}), [scope], "")]))


def count(process: Process) -> None:
    process.count("a", 5)
    process.count('b "quoted"', 0.5)
    process.plain.inc(7)
    process.open.set(4)
    with own_store(process.store):
        for seconds in (0.5, 3, 3, 99):
            process.seconds.labels("a").observe(seconds)


def test_every_number_is_the_pages(process: Process) -> None:
    count(process)
    process.registry.register(Spends())
    sums = process.store.sums()
    page = render(process.registry, sums, Wanted()).decode()

    shown = {key: value for key, value in of_page(page).items() if not key[0].startswith("tollkeeper_metrics_")}
    assert samples(pushed(process, sums)) == shown
    assert shown["seconds_count", frozenset({("who", "a")})] == 4


def test_batches_have_every_point_once(process: Process) -> None:
    for number in range(10):
        process.count(f"caller {number}")
    count(process)
    found = metrics_of(process.registry, process.store.sums(), Times(NOW, counted=0, ledger=0))
    points: dict[Any, float] = {}
    for batch in batches(found, most=4):
        assert 1 <= sum(len(metric.data.data_points) for metric in batch) <= 4
        here = samples(encoded(batch))
        assert not points.keys() & here.keys()
        points |= here
    assert points == samples(encoded(found))
    assert not list(batches([], most=4))


def test_a_sum_says_since_when_it_is_counted(process: Process) -> None:
    count(process)
    process.registry.register(Spends())
    first = pushed(process)
    process.count("a")
    again = metrics(pushed(process))

    (began,) = {point.start_time_unix_nano for point in metrics(first)["calls"].sum.data_points}
    assert 0 < began < NOW
    assert {point.start_time_unix_nano for point in again["calls"].sum.data_points} == {began}
    assert {point.time_unix_nano for point in again["calls"].sum.data_points} == {NOW}
    assert again["seconds"].histogram.data_points[0].start_time_unix_nano == began
    assert again["spend"].sum.data_points[0].start_time_unix_nano == LEDGER


def test_a_collector_that_fails_costs_no_other(process: Process) -> None:
    process.registry.register(Spends(fails=True))
    count(process)
    assert "calls" in metrics(pushed(process))


def test_generative_ai_has_opentelemetrys_names(process: Process) -> None:
    wanted = MetricSettings.read({"prometheus_metrics_config": [{"group": "ai", "metrics": list(NAMES)}]})
    with own_store(process.store):
        observed = RequestMetrics(process.registry, wanted)
        labels = Labels(operation="chat", api_provider="azure", requested_model="fast", model="gpt-4o", stream="True")
        timing = Timing(total=1, upstream=0.5, queue=0, own=0, first_token=0.1, first_token_total=0.2, per_token=0.01)
        observed.answered(labels, timing, prompt_tokens=10, completion_tokens=20)
        observed.failed(labels, status=500, error_class="InternalServerError", seconds=2)

    found = metrics(pushed(process))
    assert {found[name].unit for name in found if name.startswith("gen_ai.")} == {"s", "{token}"}
    assert set(NAMES.values()) <= set(found)
    of_all = {"gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model"}
    keys = [
        {pair.key for pair in point.attributes}
        for point in found["gen_ai.server.request.duration"].histogram.data_points
    ]
    assert sorted(keys, key=len) == [of_all, of_all | {"error.type"}]
    assert list(found["gen_ai.client.token.usage"].histogram.data_points[0].explicit_bounds)[:3] == [1, 4, 16]


NAMES = {
    "gen_ai_client_operation_duration_seconds": "gen_ai.client.operation.duration",
    "gen_ai_client_token_usage": "gen_ai.client.token.usage",
    "gen_ai_server_request_duration_seconds": "gen_ai.server.request.duration",
    "gen_ai_server_time_to_first_token_seconds": "gen_ai.server.time_to_first_token",
    "gen_ai_server_time_per_output_token_seconds": "gen_ai.server.time_per_output_token",
}
