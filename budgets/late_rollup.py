"""The roll-up where its task does not come: that travels through Redis, and entries do not wait for Redis.

Meanwhile each decision about a budget reads all that waits, so it must not become much.
"""

import logging
import threading
from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

import alerts.services
from alerts.patience import give_up_after
from budgets.models import UnrolledBatch
from budgets.rollup import roll_up

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
PATIENCE_SECONDS = 30.0
# The task comes every two seconds.
LATE = timedelta(seconds=6)


def roll_up_if_late(*, now: datetime) -> int:
    """Returns how many entries, 0 when the task keeps up. Raises django.db.Error."""
    if not UnrolledBatch.objects.filter(created_at__lte=now - LATE).exists():
        return 0
    return roll_up(now=now)


_task_fails = threading.Event()


def roll_up_or_tell(*, now: datetime) -> int:
    """The task's: what the database does to it is told, and settled by the next of this process that goes well.

    Raises django.db.Error.
    """
    try:
        count = roll_up(now=now)
    except (DatabaseError, InterfaceError) as error:
        _task_fails.set()
        alerts.services.emit_database_trouble("roll-up", error)
        raise
    if _task_fails.is_set():
        _task_fails.clear()
        alerts.services.settle_database_trouble("roll-up")
    return count


class LateRollUp:
    """A thread that looks now and then. `start` and `stop` once each."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._fails = False
        self._thread = threading.Thread(target=self._work, name="late-roll-up", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _work(self) -> None:
        give_up_after(PATIENCE_SECONDS)
        try:
            while not self._stopping.wait(LOOK_SECONDS):
                self._look()
        finally:
            connection.close()

    def _look(self) -> None:
        try:
            if count := roll_up_if_late(now=timezone.now()):
                logger.info("Rolled up here, since no worker did", extra={"count": count})
            if self._fails:
                alerts.services.settle_database_trouble("roll-up")
            self._fails = False
        except (DatabaseError, InterfaceError) as error:
            self._fails = True
            alerts.services.emit_database_trouble("roll-up", error)
            connection.close()
        except Exception:
            logger.exception("The late roll-up failed")
