"""What a web process says of its own inside: what waits, what it holds, how old is what it goes by."""

from collections.abc import Callable

from prometheus_client import Counter, Gauge

from budgets import metrics
from budgets.core.pricing import NANO
from budgets.ledger import LedgerWriter
from budgets.limits.batching import Admission

TRACES_DROPPED = Counter(
    "tollkeeper_request_traces_dropped", "Request traces that the database did not take, or that were too many"
)
SNAPSHOT_AGE = Gauge(
    "tollkeeper_snapshot_age_seconds", "How old the snapshots of keys and deployments may be, where they are oldest"
)


def follow(ledger: LedgerWriter, admission: Admission, snapshot_age: Callable[[], float]) -> None:
    """These are asked whenever it is to be known, from any thread."""
    metrics.SPOOL_LINES.set_function(lambda: ledger.spooled()[0])
    metrics.SPOOL_BYTES.set_function(lambda: ledger.spooled()[1])
    metrics.SPOOLING.set_function(lambda: float(ledger.spooling))
    metrics.IN_FLIGHT.set_function(lambda: ledger.in_flight)
    metrics.DEGRADED.set_function(lambda: float(admission.is_degraded))
    metrics.HELD.set_function(lambda: admission.held_nano() / NANO)
    SNAPSHOT_AGE.set_function(snapshot_age)
