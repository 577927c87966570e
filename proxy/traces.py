"""Traces of requests on their way to the database: an append for the request, the rest for a thread.

They help to find out what happened; nothing about money depends on them. What the database does not take is dropped
and told in the log, and where more come than can be written, the oldest go.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterator

import orjson
from django.db import DatabaseError, InterfaceError, connection

from alerts.patience import give_up_after
from budgets import batches
from proxy.core.trace import Attempted, Trace
from proxy.metrics.internals import TRACES_DROPPED
from proxy.models import RequestTrace
from proxy.trace_policy import is_eventful

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 0.5
# More than a gateway of one process can serve in several intervals.
MOST_WAITING = 10_000
# SQLite has one writer at a time, and the ledger waits for its turn while a batch is stored.
BATCH = 500
PAUSE_SECONDS = 0.02
STORE_SECONDS = 10.0
_MOST_STEPS = 200


class TraceWriter:
    """`start` and `stop` once each. `dropped` counts traces that never reached the database."""

    def __init__(self) -> None:
        self._waiting: deque[Trace] = deque(maxlen=MOST_WAITING)
        self._overflowed = 0
        self._lost = 0
        self._away = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="trace-writer", daemon=True)

    @property
    def dropped(self) -> int:
        return self._overflowed + self._lost

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What was put so far is stored, if the database takes it, when this returns."""
        self._stopping.set()
        self._thread.join()

    def put(self, trace: Trace) -> None:
        """From one thread, when the request has ended: nobody may change the trace afterwards."""
        if len(self._waiting) == MOST_WAITING:
            self._overflowed += 1
            TRACES_DROPPED.inc()
        self._waiting.append(trace)

    def _work(self) -> None:
        """The writer thread, with a database connection of its own."""
        told = False
        give_up_after(STORE_SECONDS)
        try:
            while not self._stopping.wait(INTERVAL_SECONDS):
                self.store_waiting(pause=PAUSE_SECONDS)
                if self._overflowed and not told:
                    told = True
                    logger.warning("More request traces than can be written: the oldest are dropped")
            self.store_waiting()
        finally:
            connection.close()

    def store_waiting(self, *, pause: float = 0.0) -> None:
        """Store what waits now, and nothing that comes meanwhile: that has its own turn."""
        left = len(self._waiting)
        while left > 0:
            lines = list(self._encoded(min(left, BATCH)))
            left -= BATCH
            if lines:
                self._store(lines)
            if left > 0 and pause:
                time.sleep(pause)

    def _encoded(self, count: int) -> Iterator[bytes]:
        for _ in range(count):
            trace = self._waiting.popleft()
            try:
                yield encode(trace)
            except TypeError:
                self._lost += 1
                TRACES_DROPPED.inc()
                logger.exception("A request trace cannot be written down", extra={"request_id": str(trace.request_id)})

    def _store(self, lines: list[bytes]) -> None:
        try:
            batches.insert(RequestTrace, lines)
        except (DatabaseError, InterfaceError):
            self._lost += len(lines)
            TRACES_DROPPED.inc(len(lines))
            # Told once for as long as it lasts.
            if not self._away:
                logger.exception("The database does not take request traces: they are dropped")
            self._away = True
            connection.close()
        else:
            if self._away:
                logger.warning("Request traces are written again", extra={"dropped": self._lost})
            self._away = False


def encode(trace: Trace) -> bytes:
    """The row as one JSON object of RequestTrace's columns. Raises TypeError for what no JSON can hold."""
    attempts = sum(isinstance(step, Attempted) for step in trace.steps)
    line = orjson.dumps(
        {
            "id": trace.request_id,
            "call_id": trace.call_id[:128],
            "at": trace.began_at,
            "route": trace.route[:255],
            "operation": trace.operation,
            "model": trace.model[:255],
            "model_group": trace.model_group[:255],
            "deployment": trace.deployment[:255],
            "status": trace.status,
            "error_class": trace.error_class[:64],
            "message": trace.message[:500],
            "key_hash": trace.key_hash,
            "key_alias": trace.key_alias,
            "user_id": trace.user_id,
            "team_id": trace.team_id,
            "end_user": trace.end_user[:255],
            "tags": trace.tags,
            "stream": trace.stream,
            "seconds": trace.seconds,
            "amount_nano": trace.amount_nano,
            "price": trace.price[:255],
            "attempts": attempts,
            "eventful": is_eventful(trace),
            "steps": [step.as_json() for step in trace.steps[:_MOST_STEPS]],
        },
        default=str,
    )
    return _without_nul(line) if rb"\u0000" in line else line


def _without_nul(line: bytes) -> bytes:
    """PostgreSQL keeps no NUL, and for one of them would refuse the whole batch."""
    return orjson.dumps(_cleaned(orjson.loads(line)))


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    if isinstance(value, dict):
        return {_cleaned(name): _cleaned(one) for name, one in value.items()}
    return value
