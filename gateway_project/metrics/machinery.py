"""What is asked of the machinery at each scrape."""

from prometheus_client import CollectorRegistry

from alerts.metrics import AlertMetrics
from budgets.metrics import LedgerMetrics
from gateway_project.metrics.jobs import JobMetrics, QueueMetrics


def register(registry: CollectorRegistry) -> None:
    for collector in (AlertMetrics(), LedgerMetrics(), JobMetrics(), QueueMetrics()):
        registry.register(collector)
