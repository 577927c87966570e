"""An OpenTelemetry collector: takes metrics by OTLP over HTTP, and spells them as a page of Prometheus would."""

from collections.abc import Iterator, Mapping
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

from tests.fakes.server import FakeServer, Received, Reply

PATH = "/v1/metrics"
Labels = frozenset[tuple[str, str]]
Samples = Mapping[tuple[str, Labels], float]
_UNITS = {"s": "_seconds", "{token}": "", "": ""}


def accepted(*, rejected: int = 0) -> Reply:
    partial = ExportMetricsPartialSuccess(rejected_data_points=rejected, error_message="too old")
    answer = ExportMetricsServiceResponse(partial_success=partial if rejected else None)
    return Reply(200, answer.SerializeToString(), headers={"Content-Type": "application/x-protobuf"})


class FakeCollector(FakeServer):
    """`pushes` are those that it took, decoded; requests about the same moment are one."""

    def __init__(self) -> None:
        super().__init__()
        self.pushes: list[ExportMetricsServiceRequest] = []

    def respond(self, received: Received) -> Reply:
        if received.path != PATH or received.headers.get("content-type") != "application/x-protobuf":
            return Reply(404)
        push = ExportMetricsServiceRequest.FromString(received.body)
        if self.pushes and pushed_at(self.pushes[-1]) == pushed_at(push):
            self.pushes[-1] = _together(self.pushes[-1], push)
        else:
            self.pushes.append(push)
        return accepted()


def _together(first: ExportMetricsServiceRequest, second: ExportMetricsServiceRequest) -> ExportMetricsServiceRequest:
    whole = ExportMetricsServiceRequest()
    whole.CopyFrom(first)
    known = metrics(whole)
    for name, metric in metrics(second).items():
        if name in known:
            _points(known[name]).extend(_points(metric))
        else:
            whole.resource_metrics[0].scope_metrics[0].metrics.append(metric)
    return whole


def pushed_at(push: ExportMetricsServiceRequest) -> int:
    """Nanoseconds: the moment that all of its points are about."""
    (at,) = {point.time_unix_nano for metric in metrics(push).values() for point in _points(metric)}
    return int(at)


def _points(metric: Any) -> Any:
    return getattr(metric, metric.WhichOneof("data")).data_points


def resource(push: ExportMetricsServiceRequest) -> dict[str, str]:
    (of,) = push.resource_metrics
    return {pair.key: pair.value.string_value for pair in of.resource.attributes}


def metrics(push: ExportMetricsServiceRequest) -> dict[str, Any]:
    """By the names that they were pushed with."""
    (of,) = push.resource_metrics
    (scope,) = of.scope_metrics
    found = {metric.name: metric for metric in scope.metrics}
    assert len(found) == len(scope.metrics), "a metric was pushed twice"
    return found


def samples(push: ExportMetricsServiceRequest) -> Samples:
    """By name and labels, as the page says them."""
    return dict(sample for metric in metrics(push).values() for sample in _samples(metric))


def _samples(metric: Any) -> Iterator[tuple[tuple[str, Labels], float]]:
    name = metric.name.replace(".", "_") + _UNITS[metric.unit]
    kind = metric.WhichOneof("data")
    data = getattr(metric, kind)
    if kind != "gauge":
        assert data.aggregation_temporality == AGGREGATION_TEMPORALITY_CUMULATIVE
    for point in data.data_points:
        labels = frozenset((pair.key.replace(".", "_"), pair.value.string_value) for pair in point.attributes)
        if kind == "gauge":
            yield (name, labels), point.as_double
        elif kind == "sum":
            assert data.is_monotonic
            yield (f"{name}_total", labels), point.as_double
        else:
            yield from _buckets(name, labels, point)


def _buckets(name: str, labels: Labels, point: Any) -> Iterator[tuple[tuple[str, Labels], float]]:
    total = 0
    bounds = [*map(float, point.explicit_bounds), float("inf")]
    for bound, count in zip(bounds, point.bucket_counts, strict=True):
        total += count
        yield (f"{name}_bucket", labels | {("le", str(bound))}), total
    yield (f"{name}_count", labels), point.count
    yield (f"{name}_sum", labels), point.sum
