"""Deleting traces that are older than they are kept, a little at a time."""

import time
from datetime import datetime

from proxy.models import ConfigField, RequestTrace, Section
from proxy.trace_policy import TracePolicy

BATCH = 5000
# Half of what a task may take; what is left over is the next run's.
LONGEST_SECONDS = 30.0
# Of SQLite's one writer, the ledger must have its share.
PAUSE_SECONDS = 0.05


def forget_traces(*, now: datetime, batch: int = BATCH, seconds: float = LONGEST_SECONDS) -> int:
    """Oldest first. Returns how many are gone."""
    fields = ConfigField.objects.filter(section=Section.GENERAL, name__startswith="request_traces").order_by()
    before = now - TracePolicy.read(dict(fields.values_list("name", "value"))).retention
    deadline, count = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        oldest = RequestTrace.objects.filter(at__lt=before).order_by("at").values("pk")[:batch]
        gone = RequestTrace.objects.filter(pk__in=oldest).delete()[0]
        count += gone
        if gone < batch:
            break
        time.sleep(PAUSE_SECONDS)
    return count
