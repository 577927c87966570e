"""Between the request path and the database: `add` costs a list append, one thread writes the incidents.

The first event of a fingerprint is written at once; what repeats within seconds is counted and written as one. Until
it is written, it stands in the journal, so that a kill loses no more than counts. What is about the database itself is
told directly while that does not take it.
"""

import logging
import threading
import time
import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connection
from django.utils import timezone

from alerts import incidents
from alerts.direct import REFRESH_SECONDS, DirectPath, direct_path
from alerts.events import Event
from alerts.journal import Journal
from alerts.metrics import DROPPED
from alerts.patience import give_up_after
from alerts.presence import Presence
from alerts.stall import StallWatch

logger = logging.getLogger(__name__)

MERGE_SECONDS = 0.2
# What was written so lately is counted in memory: writing costs a process more than thousands of requests notice.
REPEAT_SECONDS = 2.0
RETRY_SECONDS = 1.0
# What this thread asks for is a few rows.
ANSWER_SECONDS = 5.0
MOST_FINGERPRINTS = 1000


@dataclass(slots=True)
class _Waiting:
    """What is to be written of one fingerprint: that it was raised so often, then perhaps that it is over.

    `known_as` is what the incident is called that it opens, should it open one.
    """

    event: Event
    known_as: uuid.UUID
    count: int = 0
    is_raised: bool = False
    is_over: bool = False

    def put_before(self, later: "_Waiting") -> "_Waiting":
        """One for both: what is raised again was never over, what is over stays raised before."""
        first = self if self.is_raised else later
        is_raised = self.is_raised or later.is_raised
        return _Waiting(first.event, first.known_as, self.count + later.count, is_raised, later.is_over)


class AlertBuffer:
    def __init__(self, direct: DirectPath | None = None) -> None:
        self._direct = direct or direct_path()
        self._presence = Presence()
        self._stall_watch = StallWatch(self._direct)
        self._journal = Journal(settings.LEDGER_SPOOL_DIR / "alerts")
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        # Of what is in the database already; and when that was written.
        self._repeats: dict[str, _Waiting] = {}
        self._written_at: dict[str, float] = {}
        self._repeated_at = self._refresh_at = 0.0
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="alert-buffer", daemon=True)
        self.dropped = 0

    def start(self) -> None:
        self._journal.open()
        self._thread.start()

    def stop(self) -> None:
        """What waits is written before this returns; what the database does not take is left to another process."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout=10)

    def add(self, event: Event, *, count: int = 1) -> None:
        fingerprint = event.fingerprint()
        with self._lock:
            known = (self._repeats if fingerprint in self._written_at else self._waiting).get(fingerprint)
            if known is not None and known.is_raised and not known.is_over:
                # What most of a storm comes to.
                known.count += count
                return
        self._put(fingerprint, _Waiting(event, uuid.uuid4(), count, is_raised=True))

    def settle(self, event: Event) -> None:
        self._put(event.fingerprint(), _Waiting(event, uuid.uuid4(), is_over=True))

    def _put(self, fingerprint: str, later: _Waiting) -> None:
        with self._lock:
            if fingerprint in self._written_at and not later.is_over:
                if known := self._repeats.get(fingerprint):
                    later = known.put_before(later)
                else:
                    # It may be over by another process's word, and then this opens it again.
                    self._journal.note(later.event, later.known_as)
                self._repeats[fingerprint] = later
                return
            if repeats := self._repeats.pop(fingerprint, None):
                later = repeats.put_before(later)
            self._written_at.pop(fingerprint, None)
            known = self._waiting.get(fingerprint)
            if known is not None:
                self._waiting[fingerprint] = known.put_before(later)
            elif len(self._waiting) < MOST_FINGERPRINTS:
                self._waiting[fingerprint] = later
            else:
                if not self.dropped:
                    logger.error("More kinds of events wait than the buffer holds: further kinds are dropped")
                self.dropped += 1
                DROPPED.inc()
                return
            if later.is_raised and not (known and known.is_raised):
                self._journal.note(later.event, later.known_as)
        self._wake.set()

    def _keep(self, fingerprint: str, earlier: _Waiting) -> None:
        """Not written; what came meanwhile comes after it."""
        with self._lock:
            later = self._waiting.get(fingerprint)
            self._waiting[fingerprint] = earlier.put_before(later) if later else earlier

    def _work(self) -> None:
        give_up_after(ANSWER_SECONDS)
        try:
            while not self._stopping.is_set():
                self._refresh()
                self._wake.wait(REPEAT_SECONDS)
                self._wake.clear()
                written = self._write()
                self._stopping.wait(MERGE_SECONDS if written else RETRY_SECONDS)
                if not written:
                    self._wake.set()
            self._journal.close(all_written=self._write(is_last=True))
            self._leave()
        finally:
            connection.close()

    def _leave(self) -> None:
        try:
            self._presence.leave()
        except (DatabaseError, InterfaceError):
            logger.warning("The database is away: it hears of no goodbye")

    def _refresh(self) -> None:
        now = time.monotonic()
        if now < self._refresh_at:
            return
        self._refresh_at = now + REFRESH_SECONDS
        try:
            self._direct.refresh()
            self._presence.note(now=timezone.now())
            self._stall_watch.look(now=timezone.now())
            if count := self._journal.take_over(_raise_again):
                logger.warning("Raised what a process left behind that died", extra={"count": count})
        except (DatabaseError, InterfaceError):
            connection.close()
        except Exception:
            # Whoever waits to be written must not wait for this.
            logger.exception("Could not read where alerts go")

    def _write(self, *, is_last: bool = False) -> bool:
        """False when something had to be kept for another try."""
        all_written = True
        batch = self._taken(is_last=is_last)
        for fingerprint, waiting in list(batch.items()):
            try:
                self._write_down(waiting)
                self._note_written(fingerprint, waiting)
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
        if all_written:
            self._journal.written()
        return all_written

    def _taken(self, *, is_last: bool) -> dict[str, _Waiting]:
        """What is to be written now; of repeats only when they have been collected for long enough."""
        now = time.monotonic()
        with self._lock:
            batch, self._waiting = self._waiting, {}
            if is_last or now - self._repeated_at >= REPEAT_SECONDS:
                self._repeated_at = now
                for fingerprint, later in self._repeats.items():
                    batch[fingerprint] = batch[fingerprint].put_before(later) if fingerprint in batch else later
                self._repeats = {}
            old = [one for one, at in self._written_at.items() if now - at > 2 * REPEAT_SECONDS]
            for fingerprint in old:
                # What comes from here on is written at once.
                if fingerprint not in batch and fingerprint not in self._repeats:
                    del self._written_at[fingerprint]
            self._journal.turn()
            for later in self._repeats.values():
                self._journal.note(later.event, later.known_as)
        return batch

    def _note_written(self, fingerprint: str, waiting: _Waiting) -> None:
        """From here on it is repeated; but not what is over, nor news, each of which is told."""
        with self._lock:
            if waiting.is_over or waiting.event.is_notice or fingerprint in self._waiting:
                return
            self._written_at[fingerprint] = time.monotonic()

    def _write_down(self, waiting: _Waiting) -> None:
        event = waiting.event
        if event.needs_no_database:
            self._direct.store()
        if waiting.is_raised:
            incidents.raise_event(event, count=waiting.count, now=timezone.now(), known_as=waiting.known_as)
            # Should the rest fail, this is not to be counted again.
            waiting.is_raised, waiting.count = False, 0
        if waiting.is_over:
            incidents.resolve_event(event, now=timezone.now())
            self._direct.forget(event)


def _raise_again(event: Event, known_as: uuid.UUID) -> None:
    """Raises django.db.Error while the database is away; what it does not take at all is not tried for ever."""
    try:
        incidents.raise_event(event, count=1, now=timezone.now(), known_as=known_as)
    except (DataError, IntegrityError):
        logger.exception("An incident cannot be stored", extra={"alert_type": event.alert_type})
