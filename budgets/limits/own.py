"""What this process holds, in truth: stores are told all of it again whenever they may have got it wrong."""

from budgets.core.admission import Ask, Granted, Op, Settle

Holds = list[tuple[str, int, int]]  # key, nano-dollars, expires_at


class Own:
    """No larger than what is in flight."""

    def __init__(self) -> None:
        self._held: dict[str, list[int]] = {}
        self._in_flight: dict[str, int] = {}

    def take(self, ask: Ask, granted: Granted) -> None:
        for check in ask.counters:
            if granted.hold_nano:
                known = self._held.setdefault(check.key, [0, check.expires_at])
                known[0] += granted.hold_nano
        for parallel in ask.parallels:
            self._in_flight[parallel.key] = self._in_flight.get(parallel.key, 0) + 1

    def release(self, settle: Settle) -> None:
        for key, released, _, _ in settle.counters:
            if (known := self._held.get(key)) is not None:
                known[0] -= released
                if known[0] <= 0:
                    del self._held[key]
        for key in settle.parallels:
            if (count := self._in_flight.get(key, 0)) > 1:
                self._in_flight[key] = count - 1
            else:
                self._in_flight.pop(key, None)

    def apply(self, op: Op, answer: object) -> None:
        """What has been carried out."""
        if isinstance(op, Settle):
            self.release(op)
        elif isinstance(op, Ask) and isinstance(answer, Granted):
            self.take(op, answer)

    def held(self, key: str) -> int:
        known = self._held.get(key)
        return known[0] if known else 0

    def holds(self) -> Holds:
        return [(key, nano, expires_at) for key, (nano, expires_at) in self._held.items()]

    def held_nano(self) -> int:
        """Of all counters together. From any thread."""
        return sum(nano for nano, _ in list(self._held.values()))

    def in_flight(self) -> list[tuple[str, int]]:
        return list(self._in_flight.items())
