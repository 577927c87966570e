"""The page says the same as prometheus_client's would, in both formats, and one failure costs nobody else."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_open_metrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from gateway_project.metrics.page import Wanted, render
from gateway_project.metrics.series import Series
from gateway_project.metrics.store import Sums
from proxy.metrics.requests import NanoCounter
from tests.metric_store import own_store


class Filled:
    """A registry with something of everything, and the sums that a store would have of it."""

    def __init__(self, value: str = "a") -> None:
        self.registry = CollectorRegistry()
        Counter("plain", "Without labels", registry=self.registry).inc(5)
        calls = Counter("calls", 'With "labels"\nand \\', ("who", "at"), registry=self.registry)
        calls.labels(value, "x").inc(2.5)
        calls.labels("b", "").inc()
        seconds = Histogram("seconds", "Times", ("who",), buckets=(0.1, 1, 5), registry=self.registry)
        for amount in (0.05, 0.5, 0.7, 30):
            seconds.labels(value).observe(amount)
        Summary("sizes", "Sizes", registry=self.registry).observe(3)
        NanoCounter("spend", "Dollars", ("who",), registry=self.registry).labels(value).inc(13_200)
        Gauge("open", "Of now", ("who",), registry=self.registry).labels(value).set(-1.5)
        self.registry.register(_Truth())

    def sums(self, **changes: Any) -> Sums:
        series: dict[str, Series] = {}
        numbers: dict[str, dict[str, float]] = {}
        for metric in self.registry.collect():
            if metric.type not in {"counter", "histogram", "summary"} or metric.name == "truth":
                continue
            below = 0.0
            for sample in metric.samples:
                labels = {name: value for name, value in sample.labels.items() if name != "le"}
                part = sample.name.removeprefix(metric.name)
                value = sample.value * (10**9 if metric.name == "spend" else 1)
                if part == "_bucket":
                    part, value, below = f"_bucket:{sample.labels['le']}", value - below, value
                elif part == "_count" and metric.type == "histogram":
                    below = 0.0
                    continue
                one = Series(metric.name, tuple(labels), tuple(labels.values()))
                series[one.id] = one
                numbers.setdefault(one.id, {})[part] = value
        return Sums(series, numbers, **changes)


class _Truth:
    label = "truths"

    def collect(self) -> Iterator[Any]:
        gauge = GaugeMetricFamily("state", "Of now", labels=("which",))
        gauge.add_metric(["x\\y"], float("inf"))
        yield gauge
        counter = CounterMetricFamily("truth", "Counted elsewhere", labels=("which",))
        counter.add_metric(["x"], 3)
        yield counter
        yield InfoMetricFamily("build", "Which", value={"version": "1"})


class _Failing:
    label = "failing"

    def collect(self) -> Iterator[Any]:
        yield from ()
        raise RuntimeError("away")


def read(page: bytes, parse: Any = parse_text) -> dict[tuple[str, ...], tuple[str, float]]:
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): (
            family.type,
            sample.value,
        )
        for family in parse(page.decode())
        for sample in family.samples
        if not family.name.startswith("tollkeeper_metrics_")
    }


@given(st.text(min_size=1, max_size=20))
def test_a_page_says_what_prometheus_client_would_say(value: str) -> None:
    # prometheus_client's own reader of pages breaks lines wherever Unicode does.
    filled = Filled("".join(value.splitlines()))
    assert read(render(filled.registry, filled.sums(), Wanted())) == read(generate_latest(filled.registry))


def test_an_open_metrics_page_says_it_too() -> None:
    filled = Filled()
    page = render(filled.registry, filled.sums(), Wanted(is_open_metrics=True))
    expected = generate_open_metrics(filled.registry)  # type: ignore[no-untyped-call]
    assert read(page, parse_open_metrics) == read(expected, parse_open_metrics)
    assert page.endswith(b"# EOF\n")


def test_types_and_help_are_said_once_a_metric() -> None:
    filled = Filled()
    lines = render(filled.registry, filled.sums(), Wanted()).decode().splitlines()
    heads = [line for line in lines if line.startswith("#")]
    assert len(heads) == len(set(heads))
    assert "# TYPE calls_total counter" in heads
    assert '# HELP calls_total With "labels"\\nand \\\\' in heads


def test_names_choose_samples() -> None:
    filled = Filled()
    page = render(filled.registry, filled.sums(), Wanted(names=frozenset({"seconds_count", "state", "calls_total"})))
    assert {name for name, *_ in read(page)} == {"seconds_count", "state", "calls_total"}


def test_a_collector_that_fails_is_said_and_costs_no_other() -> None:
    filled = Filled()
    sums = filled.sums()
    filled.registry._collector_to_names[_Failing()] = []
    page = render(filled.registry, sums, Wanted())
    assert ("plain_total",) in read(page)
    assert b'tollkeeper_metrics_collector_up{collector="failing"} 0' in page
    assert b'tollkeeper_metrics_collector_up{collector="truths"} 1' in page


def test_without_the_sums_of_the_fleet_counters_are_missing_rather_than_wrong() -> None:
    filled = Filled()
    page = render(filled.registry, Sums({}, {}, is_fleet=True, is_whole=False), Wanted())
    assert {name for name, *_ in read(page)} == {"state", "truth_total", "build_info"}
    assert b"tollkeeper_metrics_store_up 0" in page


def test_gauges_of_a_fleet_are_added_up_where_they_say_so() -> None:
    registry = CollectorRegistry()
    Gauge("open", "Requests", multiprocess_mode="livesum", registry=registry)
    Gauge("oldest", "Seconds", ("who",), registry=registry)
    gauges = [
        [("open", "", 2.0), ("oldest", 'who="a"', 5.0)],
        [("open", "", 3.0), ("oldest", 'who="a"', 4.0), ("unknown", "", 1.0)],
    ]
    page = render(registry, Sums({}, {}, gauges, is_fleet=True), Wanted())
    assert read(page) == {("open",): ("gauge", 5.0), ("oldest", "who=a"): ("gauge", 5.0)}


def test_series_of_other_labels_are_not_shown() -> None:
    registry = CollectorRegistry()
    Counter("calls", "Calls", ("who",), registry=registry)
    old = Series("calls", ("who", "where"), ("a", "b"))
    assert read(render(registry, Sums({old.id: old}, {old.id: {"_total": 3}}), Wanted())) == {}


def test_counts_of_other_buckets_stay_counted() -> None:
    registry = CollectorRegistry()
    Histogram("seconds", "Times", buckets=(1, 10), registry=registry)
    one = Series("seconds", (), ())
    numbers = {"_bucket:0.5": 1, "_bucket:1.0": 2, "_bucket:5.0": 4, "_bucket:60.0": 8, "_sum": 100.0}
    found = read(render(registry, Sums({one.id: one}, {one.id: numbers}), Wanted()))
    buckets = [found["seconds_bucket", f"le={bound}"][1] for bound in ("1.0", "10.0", "+Inf")]
    assert (buckets, found["seconds_count",][1]) == ([3, 7, 15], 15)


@pytest.mark.parametrize("value", [0.000013200000000000001, 1e-9, 123456789.123])
def test_numbers_keep_every_digit(value: float) -> None:
    registry = CollectorRegistry()
    Counter("calls", "Calls", registry=registry)
    one = Series("calls", (), ())
    found = read(render(registry, Sums({one.id: one}, {one.id: {"_total": value}}), Wanted()))
    assert found["calls_total",][1] == value


def test_a_declared_metric_that_cannot_be_shown_costs_no_other() -> None:
    with own_store() as store:
        registry = CollectorRegistry()
        broken = Gauge("broken", "Fails", registry=registry)
        broken.set_function(lambda: 1 / 0)
        Gauge("whole", "Does not", registry=registry).set(3)
        text = render(registry, store.sums(), Wanted()).decode()
    assert "whole 3.0" in text
    assert "broken 1" not in text
