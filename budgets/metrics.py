"""What the ledger and the stores behind it say of themselves.

Services are LiteLLM's families `litellm_<service>_*` (metrics.md 5.1): seconds of what succeeded, how often it was
tried, and what failed.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Func, IntegerField, Min, Sum
from django.db.models.functions import Now
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily

from budgets.models import UnrolledBatch

# LiteLLM's.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 420, 600)


class Service:
    """One of LiteLLM's services, whose label has its name and says it again."""

    def __init__(self, name: str, what: str) -> None:
        self._name = name
        failure = (name, "error_class", "function_name")
        self._latency = Histogram(f"litellm_{name}_latency", f"Seconds of {what}", (name,), buckets=_SECONDS)
        self._total = Counter(f"litellm_{name}_total_requests", f"How often: {what}", (name,))
        self._failed = Counter(f"litellm_{name}_failed_requests", f"Failures of {what}", failure)
        self._observe: Any = None
        self._count: Any = None

    def answered(self, seconds: float) -> None:
        if self._observe is None:
            self._observe, self._count = self._latency.labels(self._name).observe, self._total.labels(self._name).inc
        self._observe(seconds)
        self._count()

    def failed(self, error: BaseException, function: str) -> None:
        self._total.labels(self._name).inc()
        self._failed.labels(self._name, type(error).__name__, function).inc()


REDIS = Service("redis", "a round trip of admission or settlement")
DATABASE = Service("postgres", "a commit of the ledger")
ROLL_UP = Service("batch_write_to_db", "a roll-up of ledger entries into balances")

SPOOL_LINES = Gauge(
    "tollkeeper_ledger_spool_lines", "Ledger entries on disk, for want of a database", multiprocess_mode="livesum"
)
SPOOL_BYTES = Gauge("tollkeeper_ledger_spool_bytes", "Bytes of these entries", multiprocess_mode="livesum")
SPOOLING = Gauge(
    "tollkeeper_ledger_spooling", "Processes whose ledger entries go to the disk", multiprocess_mode="livesum"
)
IN_FLIGHT = Gauge(
    "tollkeeper_attempts_in_flight", "Calls of upstreams that are not in the ledger yet", multiprocess_mode="livesum"
)
DEGRADED = Gauge("tollkeeper_admission_degraded", "Whether some process admits without the Redis that should be there")
HELD = Gauge("tollkeeper_held_usd", "What requests under way hold of budgets", multiprocess_mode="livesum")


class LedgerMetrics:
    """A collector. Raises django.db.Error when the database does not answer."""

    label = "ledger"

    def describe(self) -> list[Any]:
        """Nothing is read before the first scrape."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        seconds, entries = ledger_lag()
        yield GaugeMetricFamily(
            "tollkeeper_ledger_lag_seconds", "Age of the oldest ledger entry that is in no balance", value=seconds
        )
        yield GaugeMetricFamily(
            "tollkeeper_ledger_waiting_entries", "Ledger entries that are in no balance yet", value=entries
        )


def ledger_lag() -> tuple[float, int]:
    """Seconds, by the database's clock, and how many entries wait."""
    length = "jsonb_array_length" if connection.vendor == "postgresql" else "json_array_length"
    found = UnrolledBatch.objects.aggregate(
        oldest=Min("created_at"),
        entries=Sum(Func("entry_ids", function=length, output_field=IntegerField())),
        now=Min(Now()),
    )
    oldest, now = found["oldest"], found["now"]
    if not isinstance(oldest, datetime):
        return 0.0, 0
    return max(0.0, (now - oldest).total_seconds()), found["entries"]
