"""What a process has raised and not yet settled: raised once, kept alive, and settled as soon as it is over."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import alerts.services
from alerts.events import Event

# Less than the shortest quiet interval of what is followed so.
STILL_SECONDS = 30.0


@dataclass(slots=True)
class _Open:
    event: Event
    emitted_at: float


class OpenAlerts:
    """`stays` says of what is over here that it is not over everywhere."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, stays: Callable[[Event], bool] = lambda _: False
    ) -> None:
        self._clock = clock
        self._stays = stays
        self._open: dict[str, _Open] = {}

    def follow(self, found: Iterable[tuple[Event, int]]) -> None:
        """`found` is all that is wrong now, and how many times more than when it was followed last."""
        now, seen = self._clock(), set()
        for event, count in found:
            fingerprint = event.fingerprint()
            seen.add(fingerprint)
            known = self._open.get(fingerprint)
            if known is None:
                alerts.services.emit(event, count=max(1, count))
            elif count or now - known.emitted_at >= STILL_SECONDS:
                alerts.services.emit(event, count=count)
            else:
                continue
            self._open[fingerprint] = _Open(event, now)
        for fingerprint in self._open.keys() - seen:
            if not self._stays(self._open[fingerprint].event):
                alerts.services.settle(self._open.pop(fingerprint).event)
