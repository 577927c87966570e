"""Noticing, where requests are served, that beat or the workers stand still: then nobody sends what is raised.

Told by the direct path, by one of the processes.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from alerts.direct import DirectPath
from alerts.events import AlertChainFailing
from alerts.models import EngineState

STALLED = timedelta(seconds=120)
# Seen for so long, so that a machine which slept is given time to come round.
CONFIRMED_SECONDS = 20.0
EVENT = AlertChainFailing(trouble="stalled", said="Alerts and reports wait until they run again.")


class StallWatch:
    """Belongs to the thread of its direct path."""

    def __init__(self, direct: DirectPath, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._direct = direct
        self._clock = clock
        self._began = clock()
        self._stalled_since: float | None = None
        self._has_told = False

    def look(self, *, now: datetime) -> None:
        """Raises django.db.Error."""
        if self._clock() - self._began < STALLED.total_seconds():
            return
        state = EngineState.load()
        if state.ticked_at is not None and now - state.ticked_at <= STALLED:
            self._stalled_since = None
            if self._has_told:
                self._direct.forget(EVENT)
                self._has_told = False
            return
        if self._stalled_since is None:
            self._stalled_since = self._clock()
        if self._clock() - self._stalled_since >= CONFIRMED_SECONDS and _claim(state, now=now):
            self._has_told = self._direct.tell(EVENT, now=now, is_claimed=True)
            if not self._has_told:
                EngineState.objects.filter(pk=1, stall_told_at=now).update(stall_told_at=state.stall_told_at)


def _claim(state: EngineState, *, now: datetime) -> bool:
    """Once for each time that it stands still, and again after the repeat interval."""
    told_at = state.stall_told_at
    is_of_this_time = told_at is not None and (state.ticked_at is None or told_at > state.ticked_at)
    if told_at is not None and is_of_this_time and now - told_at < timedelta(seconds=EVENT.repeat_interval):
        return False
    EngineState.objects.bulk_create([EngineState()], ignore_conflicts=True)
    return bool(EngineState.objects.filter(pk=1, stall_told_at=told_at).update(stall_told_at=now))
