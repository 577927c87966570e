"""What came of a deployment's requests within a sliding window: a ring of counters, cheap to add to.

One counter each for answers and for every kind of trouble; in which slot they are depends on how long a slot is, so
whoever changes that begins anew.
"""

from collections.abc import Iterable, Sequence

from proxy.core.outages import TROUBLES, Trouble

SLOTS = 12
ANSWERED = 0
POSITIONS: dict[Trouble, int] = {kind: position for position, kind in enumerate(TROUBLES, start=1)}
SIZE = 1 + len(TROUBLES)
NONE: tuple[int, ...] = (0,) * SIZE


class Outcomes:
    """Times are monotonic seconds, `slot_seconds` the same at every call."""

    __slots__ = ("_at", "_counters")

    def __init__(self) -> None:
        self._at = [-1] * SLOTS
        self._counters = [[0] * SIZE for _ in range(SLOTS)]

    def add(self, position: int, *, now: float, slot_seconds: float) -> None:
        slot = int(now / slot_seconds)
        place = slot % SLOTS
        if self._at[place] != slot:
            self._at[place] = slot
            self._counters[place] = [0] * SIZE
        self._counters[place][position] += 1

    def sums(self, *, now: float, slot_seconds: float) -> tuple[int, ...]:
        oldest = int(now / slot_seconds) - SLOTS
        recent = [self._counters[place] for place, slot in enumerate(self._at) if slot > oldest]
        return added(recent) if recent else NONE


def added(rows: Iterable[Sequence[int]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*rows, strict=True)))
