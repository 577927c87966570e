"""From sums to the text that Prometheus reads, in both of its formats.

Metrics that prometheus_client declares and that count are written from the sums of the fleet; gauges and collectors,
which tell the truth of this moment, from what they say when they are asked.
"""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.utils import floatToGoString

from gateway_project.metrics.series import Series
from gateway_project.metrics.store import Sums
from gateway_project.metrics.values import SUMMED_TYPES
from proxy.exposition import TextFamily, label_text
from proxy.metrics.errors import note_error

logger = logging.getLogger(__name__)

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum"), "summary": ("_count", "_sum")}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: a format, and with `names` only the samples of these names."""

    is_open_metrics: bool = False
    names: frozenset[str] = frozenset()

    def takes(self, name: str) -> bool:
        return not self.names or name in self.names


def render(registry: CollectorRegistry, sums: Sums, wanted: Wanted) -> bytes:
    """The page. A collector that fails is logged and said in `tollkeeper_metrics_collector_up`, and costs no other."""
    lines: list[str] = []
    by_metric = sums.by_metric()
    troubles: dict[str, bool] = {}
    for collector in list(registry._collector_to_names):
        if isinstance(collector, MetricWrapperBase):
            lines += _declared(collector, by_metric.get(collector._name, ()), sums, wanted)
        else:
            lines += _collected(collector, wanted, troubles)
    lines += _about_itself(sums, troubles, wanted)
    if wanted.is_open_metrics:
        lines.append("# EOF\n")
    return "".join(lines).encode()


def _declared(metric: MetricWrapperBase, found: Sequence[Series], sums: Sums, wanted: Wanted) -> list[str]:
    try:
        if metric._type in SUMMED_TYPES:
            return list(_summed(metric, found, sums, wanted)) if sums.is_whole else []
        if isinstance(metric, Gauge) and sums.is_fleet:
            return list(_gauge(metric, sums, wanted))
        return [line for family in metric.collect() for line in _family(family, wanted)]
    except Exception:
        note_error("render")
        logger.exception("A metric cannot be shown", extra={"metric": metric._name})
        return []


def _summed(metric: MetricWrapperBase, found: Sequence[Series], sums: Sums, wanted: Wanted) -> Iterator[str]:
    kind, name = str(metric._type), metric._name
    if not any(wanted.takes(f"{name}{suffix}") for suffix in _SUFFIXES[kind]):
        return
    yield _head(name, kind, metric._documentation, wanted)
    for series in sorted(of_now(metric, found), key=_values):
        yield from _SAMPLES[kind](metric, series, sums.numbers[series.id], wanted)


def of_now(metric: MetricWrapperBase, found: Iterable[Series]) -> Iterator[Series]:
    """Series of other labels are of another version, or were counted with other settings."""
    names = set(metric._labelnames)
    return (series for series in found if set(series.names) == names)


def _values(series: Series) -> tuple[str, ...]:
    return series.values


def _counter(metric: Any, series: Series, parts: Mapping[str, float], _: Wanted) -> Iterator[str]:
    yield f"{metric._name}_total{_braces(series.text)} {_number(counter_value(metric, parts))}\n"


def counter_value(metric: Any, parts: Mapping[str, float]) -> float:
    value = parts.get("_total", 0)
    scale = getattr(metric, "scale", None)
    return value / scale if scale else value


def _histogram(metric: Histogram, series: Series, parts: Mapping[str, float], wanted: Wanted) -> Iterator[str]:
    name, labels = metric._name, series.text
    lead = f'{name}_bucket{{{labels},le="' if labels else f'{name}_bucket{{le="'
    counts = by_bound(metric._upper_bounds, parts)
    total = 0.0
    lines = []
    for bound, count in zip(metric._upper_bounds, counts, strict=True):
        total += count
        lines.append(f'{lead}{_bound(bound)}"}} {_number(total)}\n')
    if wanted.takes(f"{name}_bucket"):
        yield from lines
    if wanted.takes(f"{name}_count"):
        yield f"{name}_count{_braces(labels)} {_number(total)}\n"
    if wanted.takes(f"{name}_sum"):
        yield f"{name}_sum{_braces(labels)} {_number(parts.get('_sum', 0))}\n"


def by_bound(bounds: Sequence[float], parts: Mapping[str, float]) -> list[float]:
    """What was counted under another bound, by a process with other settings, belongs under the next higher of ours."""
    counts = [0.0] * len(bounds)
    for part, count in parts.items():
        if part.startswith("_bucket:") and count:
            bound = float(part.removeprefix("_bucket:"))
            counts[next(place for place, ours in enumerate(bounds) if bound <= ours)] += count
    return counts


def _summary(metric: Any, series: Series, parts: Mapping[str, float], wanted: Wanted) -> Iterator[str]:
    for part in ("_count", "_sum"):
        if wanted.takes(f"{metric._name}{part}"):
            yield f"{metric._name}{part}{_braces(series.text)} {_number(parts.get(part, 0))}\n"


_SAMPLES: Mapping[str, Any] = {"counter": _counter, "histogram": _histogram, "summary": _summary}


def _gauge(gauge: Gauge, sums: Sums, wanted: Wanted) -> Iterator[str]:
    name = gauge._name
    if not wanted.takes(name):
        return
    yield _head(name, "gauge", gauge._documentation, wanted)
    for labels, value in sorted(gauge_values(gauge, sums).items()):
        yield f"{name}{_braces(labels)} {_number(value)}\n"


def gauge_values(gauge: Gauge, sums: Sums) -> dict[str, float]:
    """By labels as spelled: of all living processes the sum where the gauge says so (`livesum`), else the highest."""
    found: dict[str, float] = {}
    is_sum = gauge._multiprocess_mode in {"sum", "livesum"}
    for said in sums.gauges:
        for metric, labels, value in said:
            if metric == gauge._name:
                known = found.get(labels)
                found[labels] = value if known is None else known + value if is_sum else max(known, value)
    return found


def _collected(collector: Any, wanted: Wanted, troubles: dict[str, bool]) -> Iterable[str]:
    label = getattr(collector, "label", "")
    try:
        lines = [line for family in collector.collect() for line in _family(family, wanted)]
    except Exception:
        note_error("collect")
        logger.exception("A collector of metrics failed", extra={"collector": label or type(collector).__name__})
        lines = []
        if label:
            troubles[label] = False
    else:
        if label:
            troubles[label] = True
    return lines


def _family(family: Any, wanted: Wanted) -> Iterator[str]:
    if isinstance(family, TextFamily):
        yield from _spelled(family, wanted)
        return
    lines = [
        f"{sample.name}{_braces(label_text(sample.labels))} {_number(sample.value)}\n"
        for sample in family.samples
        if wanted.takes(sample.name)
    ]
    if lines or not wanted.names:
        yield _head(family.name, family.type, family.documentation, wanted)
        yield from lines


def _spelled(family: TextFamily, wanted: Wanted) -> Iterator[str]:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    if wanted.takes(name):
        yield _head(family.name, family.type, family.documentation, wanted)
        for labels, value in family.values.items():
            yield f"{name}{_braces(labels)} {_number(value)}\n"


def _about_itself(sums: Sums, troubles: Mapping[str, bool], wanted: Wanted) -> Iterator[str]:
    name = "tollkeeper_metrics_store_up"
    if wanted.takes(name):
        yield _head(
            name, "gauge", "Whether the sums of all processes could be read: 0, and counters are missing", wanted
        )
        yield f"{name} {int(sums.is_whole)}\n"
    name = "tollkeeper_metrics_collector_up"
    if troubles and wanted.takes(name):
        yield _head(
            name, "gauge", "Whether what is computed at the scrape could be: 0, and its metrics are missing", wanted
        )
        for label, is_well in sorted(troubles.items()):
            yield f'{name}{{collector="{label}"}} {int(is_well)}\n'


def _head(name: str, kind: str, documentation: str, wanted: Wanted) -> str:
    if not wanted.is_open_metrics:
        name = f"{name}_total" if kind == "counter" else f"{name}_info" if kind == "info" else name
        kind = {"info": "gauge", "stateset": "gauge", "gaugehistogram": "histogram", "unknown": "untyped"}.get(
            kind, kind
        )
    text = documentation.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


def _number(value: float) -> str:
    value = float(value)
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def _bound(value: float) -> str:
    # As prometheus_client has it in the names of its values.
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]


def _braces(labels: str) -> str:
    return f"{{{labels}}}" if labels else ""
