"""Which processes are there to notice trouble. Without one, what is no longer seen is not over: nobody looks."""

import socket
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from alerts.models import AlertProcess

NOTED_EVERY_SECONDS = 10.0
# Not heard of for so long, a process is gone.
SILENT_AFTER = timedelta(seconds=60)
# Those that went without a goodbye are remembered for so long, unless others took their place.
REMEMBERED = timedelta(days=1)


class Presence:
    """Of one process. Belongs to one thread; both verbs raise django.db.Error."""

    def __init__(self) -> None:
        self._id = uuid4().hex
        self._noted_at = -NOTED_EVERY_SECONDS

    def note(self, *, now: datetime) -> None:
        if time.monotonic() - self._noted_at < NOTED_EVERY_SECONDS:
            return
        if not AlertProcess.objects.filter(pk=self._id).update(seen_at=now):
            AlertProcess.objects.create(id=self._id, host=socket.gethostname()[:255], started_at=now, seen_at=now)
        self._noted_at = time.monotonic()

    def leave(self) -> None:
        AlertProcess.objects.filter(pk=self._id).delete()


def watched_since(*, now: datetime) -> datetime | None:
    """Since when somebody has looked without a break, as far as is known; None while nobody does.

    Where all said goodbye, or there was never anyone, nobody is missed.
    """
    rows = list(AlertProcess.objects.order_by("id").values_list("started_at", "seen_at"))
    if not rows:
        return _LONG_AGO
    return min((started_at for started_at, seen_at in rows if seen_at > now - SILENT_AFTER), default=None)


def forget_processes(*, now: datetime) -> None:
    rows = AlertProcess.objects.filter(seen_at__lte=now - SILENT_AFTER)
    if watched_since(now=now) is None:
        rows = rows.filter(seen_at__lte=now - REMEMBERED)
    rows.delete()


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
