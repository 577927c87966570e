"""Between the request path and the database: `add` costs a list append, one thread writes the incidents.

The first event of a fingerprint is written at once; what repeats meanwhile is counted and written as one.
"""

import logging
import threading
from dataclasses import dataclass

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connection
from django.utils import timezone

from alerts import incidents
from alerts.events import Event

logger = logging.getLogger(__name__)

MERGE_SECONDS = 0.2
RETRY_SECONDS = 1.0
MOST_FINGERPRINTS = 1000


@dataclass(slots=True)
class _Counted:
    event: Event
    count: int


class AlertBuffer:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, _Counted] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="alert-buffer", daemon=True)
        self.dropped = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What waits is written before this returns, if the database takes it."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout=10)

    def add(self, event: Event) -> None:
        self._count(event, 1)
        self._wake.set()

    def _count(self, event: Event, count: int) -> None:
        fingerprint = event.fingerprint()
        with self._lock:
            if known := self._waiting.get(fingerprint):
                known.count += count
            elif len(self._waiting) < MOST_FINGERPRINTS:
                self._waiting[fingerprint] = _Counted(event, count)
            else:
                if not self.dropped:
                    logger.error("More kinds of events wait than the buffer holds: further kinds are dropped")
                self.dropped += 1

    def _work(self) -> None:
        try:
            while not self._stopping.is_set():
                self._wake.wait()
                self._wake.clear()
                written = self._write()
                self._stopping.wait(MERGE_SECONDS if written else RETRY_SECONDS)
                if not written:
                    self._wake.set()
            self._write()
        finally:
            connection.close()

    def _write(self) -> bool:
        """False when something had to be kept for another try."""
        all_written = True
        with self._lock:
            batch, self._waiting = self._waiting, {}
        for counted in list(batch.values()):
            try:
                incidents.raise_event(counted.event, count=counted.count, now=timezone.now())
            except (DataError, IntegrityError):
                logger.exception(
                    "An incident cannot be stored",
                    extra={"alert_type": counted.event.alert_type, "count": counted.count},
                )
            except (DatabaseError, InterfaceError):
                logger.exception("Could not write an incident; it is kept and tried again")
                connection.close()
                self._count(counted.event, counted.count)
                all_written = False
        return all_written
