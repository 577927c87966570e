"""The gauges of what is so at the scrape, put together: each collector fails alone."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Gauge

from budgets.every_budget import EveryBudget, Window
from proxy.metrics.budgets import BudgetMetrics
from proxy.metrics.counts import CountMetrics
from proxy.metrics.deployments import DeploymentMetrics, QuotaMetrics
from proxy.metrics.gauges import DroppedSeries, Gauges
from proxy.metrics.limits import LimitMetrics
from proxy.metrics.settings import MetricSettings
from proxy.version import VERSION
from teams.holders import Counts, Holders, count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxy.runtime import Runtime


def register_state(registry: CollectorRegistry, settings: MetricSettings, runtime: "Runtime") -> None:
    """Once a process."""
    gauges, holders = Gauges(settings), Holders(runtime.keys)
    every = _UpToDate(runtime, EveryBudget(holders, runtime.limits))
    collectors: tuple[Any, ...] = (
        BudgetMetrics(gauges, every.read),
        CountMetrics(gauges, every.counts),
        DeploymentMetrics(gauges, lambda: runtime.table, runtime.state),
        QuotaMetrics(gauges, lambda: runtime.table, runtime.state, runtime.quotas),
        LimitMetrics(gauges, holders, runtime.admission.meters_used.read),
        DroppedSeries(gauges),
    )
    for collector in collectors:
        registry.register(collector)
    _declare(registry, settings, lambda: len(runtime.under_way))


@dataclass(frozen=True, slots=True)
class _UpToDate:
    """After what is committed by now has reached the snapshots."""

    runtime: "Runtime"
    every: EveryBudget

    def read(self, now: datetime) -> "Sequence[Window]":
        self.runtime.catch_up()
        return self.every.read(now)

    def counts(self) -> Counts:
        return count(self.runtime.keys)


def _declare(registry: CollectorRegistry, settings: MetricSettings, in_flight: Callable[[], int]) -> None:
    """What each process says of itself."""
    if (metric := settings.metrics.get("litellm_in_flight_requests")) is not None:
        gauge = Gauge(metric.name, metric.documentation, registry=registry, multiprocess_mode="livesum")
        gauge.set_function(in_flight)
    if (metric := settings.metrics.get("tollkeeper_build_info")) is not None:
        gauge = Gauge(metric.name, metric.documentation, metric.labels, registry=registry, multiprocess_mode="livemax")
        known = {"version": VERSION, "python_version": platform.python_version()}
        (gauge.labels(*(known[name] for name in metric.labels)) if metric.labels else gauge).set(1)
