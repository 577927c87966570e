"""The numbers of the page as OpenTelemetry's data: cumulative, under its own names where it has some (metrics.md 9).

What a process counts for itself alone, such as its memory, is left out: another one may push the next time.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
)
from opentelemetry.sdk.metrics.export import Gauge as GaugeData
from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, CollectorRegistry, Gauge
from prometheus_client.metrics import MetricWrapperBase

from gateway_project.metrics.page import by_bound, counter_value, gauge_values, of_now
from gateway_project.metrics.series import Series
from gateway_project.metrics.store import Sums
from gateway_project.metrics.values import SUMMED_TYPES
from proxy.exposition import TextFamily, labels_of
from proxy.metrics.errors import note_error

logger = logging.getLogger(__name__)

CUMULATIVE = AggregationTemporality.CUMULATIVE
_OF_PROCESS = (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR)
# Its names and units, from which a collector makes the page's again. All other metrics keep theirs.
_NAMES = {
    "gen_ai_client_operation_duration_seconds": ("gen_ai.client.operation.duration", "s"),
    "gen_ai_client_token_usage": ("gen_ai.client.token.usage", "{token}"),
    "gen_ai_server_request_duration_seconds": ("gen_ai.server.request.duration", "s"),
    "gen_ai_server_time_to_first_token_seconds": ("gen_ai.server.time_to_first_token", "s"),
    "gen_ai_server_time_per_output_token_seconds": ("gen_ai.server.time_per_output_token", "s"),
}
_ATTRIBUTES = {
    "gen_ai_operation_name": "gen_ai.operation.name",
    "gen_ai_provider_name": "gen_ai.provider.name",
    "gen_ai_request_model": "gen_ai.request.model",
    "gen_ai_response_model": "gen_ai.response.model",
    "gen_ai_token_type": "gen_ai.token.type",
    "error_type": "error.type",
}


@dataclass(frozen=True, slots=True)
class Times:
    """Nanoseconds: when it is now, since when processes count, and since when the ledger adds up; 0 for not known."""

    now: int
    counted: int
    ledger: int


def metrics_of(registry: CollectorRegistry, sums: Sums, times: Times) -> list[Metric]:
    """What can be had: a collector that fails is logged, and costs no other."""
    found: list[Metric] = []
    by_metric = sums.by_metric()
    for collector in list(registry._collector_to_names):
        if collector in _OF_PROCESS:
            continue
        try:
            if isinstance(collector, MetricWrapperBase):
                found += _declared(collector, by_metric.get(collector._name, ()), sums, times)
            else:
                found += [_family(family, times) for family in collector.collect()]
        except Exception:
            note_error("push")
            logger.exception("Some metrics cannot be pushed", extra={"collector": type(collector).__name__})
    return [metric for metric in found if metric.data.data_points]


def batches(metrics: Iterable[Metric], *, most: int) -> Iterator[list[Metric]]:
    """All their points, at most so many at a time."""
    batch: list[Metric] = []
    room = most
    for metric in metrics:
        # Of whichever kind: they stay with their own.
        points: list[Any] = list(metric.data.data_points)
        data: Any = metric.data
        while points:
            some, points = points[:room], points[room:]
            batch.append(replace(metric, data=replace(data, data_points=some)))
            room -= len(some)
            if not room:
                yield batch
                batch, room = [], most
    if batch:
        yield batch


def _declared(metric: MetricWrapperBase, found: Sequence[Series], sums: Sums, times: Times) -> Iterator[Metric]:
    if metric._type in SUMMED_TYPES:
        if sums.is_whole:
            yield _summed(metric, list(of_now(metric, found)), sums, times)
    elif isinstance(metric, Gauge) and sums.is_fleet:
        points = [_number(_attributes(text), value, times.now) for text, value in gauge_values(metric, sums).items()]
        yield Metric(metric._name, metric._documentation, "", GaugeData(points))
    else:
        for family in metric.collect():
            yield _family(family, times)


def _summed(metric: Any, found: Iterable[Series], sums: Sums, times: Times) -> Metric:
    name, unit = _NAMES.get(metric._name, (metric._name, ""))
    data: Sum | Histogram
    if metric._type == "histogram":
        points = [_histogram_point(metric, one, sums.numbers[one.id], times) for one in found]
        data = Histogram(points, CUMULATIVE)
    else:
        data = Sum(
            [
                _number(_labels(one), counter_value(metric, sums.numbers[one.id]), times.now, began=times.counted)
                for one in found
            ],
            CUMULATIVE,
            is_monotonic=True,
        )
    return Metric(name, metric._documentation, unit, data)


def _histogram_point(metric: Any, series: Series, parts: Mapping[str, float], times: Times) -> HistogramDataPoint:
    bounds = [bound for bound in metric._upper_bounds if bound != float("inf")]
    counts = [int(count) for count in by_bound(metric._upper_bounds, parts)]
    return HistogramDataPoint(
        attributes=_labels(series),
        start_time_unix_nano=times.counted,
        time_unix_nano=times.now,
        count=sum(counts),
        sum=float(parts.get("_sum", 0)),
        bucket_counts=counts,
        explicit_bounds=bounds,
        # Of all the time they say nothing, and the page has none.
        min=None,  # type: ignore[arg-type]
        max=None,  # type: ignore[arg-type]
    )


def _family(family: Any, times: Times) -> Metric:
    """Of a collector: what counts there is what the ledger adds up to."""
    if isinstance(family, TextFamily):
        values = [(_attributes(text), value) for text, value in family.values.items()]
    else:
        values = [(_renamed(sample.labels), sample.value) for sample in family.samples]
    is_counter = family.type == "counter"
    points = [_number(labels, value, times.now, began=times.ledger if is_counter else 0) for labels, value in values]
    data = Sum(points, CUMULATIVE, is_monotonic=True) if is_counter else GaugeData(points)
    return Metric(family.name, family.documentation, "", data)


def _number(labels: Mapping[str, str], value: float, now: int, *, began: int = 0) -> NumberDataPoint:
    return NumberDataPoint(attributes=labels, start_time_unix_nano=began, time_unix_nano=now, value=float(value))


def _labels(series: Series) -> Mapping[str, str]:
    return _renamed(dict(zip(series.names, series.values, strict=True)))


@lru_cache(maxsize=20_000)
def _attributes(text: str) -> Mapping[str, str]:
    return _renamed(labels_of(text))


def _renamed(labels: Mapping[str, str]) -> Mapping[str, str]:
    """OpenTelemetry says that there was no error by saying nothing."""
    if "gen_ai_operation_name" not in labels:
        return labels
    return {_ATTRIBUTES.get(name, name): value for name, value in labels.items() if value}
