"""Between the request path and the database: `add` costs a list append, one thread writes the incidents.

The first event of a fingerprint is written at once; what repeats meanwhile is counted and written as one. What is
about the database itself is told directly while that does not take it.
"""

import logging
import threading
from dataclasses import dataclass

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connection
from django.utils import timezone

from alerts import incidents
from alerts.direct import REFRESH_SECONDS, DirectPath, direct_path
from alerts.events import Event

logger = logging.getLogger(__name__)

MERGE_SECONDS = 0.2
RETRY_SECONDS = 1.0
MOST_FINGERPRINTS = 1000


@dataclass(slots=True)
class _Waiting:
    """What is to be written of one fingerprint: that it was raised so often, then perhaps that it is over."""

    event: Event
    count: int = 0
    is_raised: bool = False
    is_over: bool = False

    def put_before(self, later: "_Waiting") -> "_Waiting":
        """One for both: what is raised again was never over, what is over stays raised before."""
        is_raised = self.is_raised or later.is_raised
        return _Waiting(
            self.event if self.is_raised else later.event, self.count + later.count, is_raised, later.is_over
        )


class AlertBuffer:
    def __init__(self, direct: DirectPath | None = None) -> None:
        self._direct = direct or direct_path()
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
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

    def add(self, event: Event, *, count: int = 1) -> None:
        self._put(_Waiting(event, count, is_raised=True))
        self._wake.set()

    def settle(self, event: Event) -> None:
        self._put(_Waiting(event, is_over=True))
        self._wake.set()

    def _put(self, later: _Waiting) -> None:
        fingerprint = later.event.fingerprint()
        with self._lock:
            if known := self._waiting.get(fingerprint):
                self._waiting[fingerprint] = known.put_before(later)
            elif len(self._waiting) < MOST_FINGERPRINTS:
                self._waiting[fingerprint] = later
            else:
                if not self.dropped:
                    logger.error("More kinds of events wait than the buffer holds: further kinds are dropped")
                self.dropped += 1

    def _keep(self, fingerprint: str, earlier: _Waiting) -> None:
        """Not written; what came meanwhile comes after it."""
        with self._lock:
            later = self._waiting.get(fingerprint)
            self._waiting[fingerprint] = earlier.put_before(later) if later else earlier

    def _work(self) -> None:
        try:
            while not self._stopping.is_set():
                self._refresh()
                self._wake.wait(REFRESH_SECONDS)
                self._wake.clear()
                written = self._write()
                self._stopping.wait(MERGE_SECONDS if written else RETRY_SECONDS)
                if not written:
                    self._wake.set()
            self._write()
        finally:
            connection.close()

    def _refresh(self) -> None:
        try:
            self._direct.refresh()
        except (DatabaseError, InterfaceError):
            connection.close()
        except Exception:
            # Whoever waits to be written must not wait for this.
            logger.exception("Could not read where alerts go")

    def _write(self) -> bool:
        """False when something had to be kept for another try."""
        all_written = True
        with self._lock:
            batch, self._waiting = self._waiting, {}
        for fingerprint, waiting in list(batch.items()):
            try:
                self._write_down(waiting)
            except (DataError, IntegrityError):
                logger.exception(
                    "An incident cannot be stored",
                    extra={"alert_type": waiting.event.alert_type, "count": waiting.count},
                )
            except (DatabaseError, InterfaceError):
                logger.exception("Could not write an incident; it is kept and tried again")
                connection.close()
                if waiting.event.needs_no_database and waiting.is_raised:
                    self._direct.tell(waiting.event, now=timezone.now())
                self._keep(fingerprint, waiting)
                all_written = False
        return all_written

    def _write_down(self, waiting: _Waiting) -> None:
        event = waiting.event
        if event.needs_no_database:
            self._direct.store()
        if waiting.is_raised:
            incidents.raise_event(event, count=waiting.count, now=timezone.now())
            # Should the rest fail, this is not to be counted again.
            waiting.is_raised, waiting.count = False, 0
        if waiting.is_over:
            incidents.resolve_event(event, now=timezone.now())
            self._direct.forget(event)
