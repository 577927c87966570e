"""Admission within one process: a state machine in memory, and the twin of the Lua script for Redis."""

from collections.abc import Iterator, Sequence

from budgets.core.admission import (
    MAX_NANO,
    Answer,
    Ask,
    Granted,
    MeterCheck,
    Op,
    Refused,
    RefusedBy,
    Seed,
    Settle,
    Unseeded,
)
from budgets.core.meters import BUCKETS, Meter, bucket_width

# How long who was told Unseeded may take to seed; what is settled in between may be missing in what they read.
SEEDING_MS = 5000
# Entries looked at by each run, to forget what is over.
SWEPT = 4


class _Counter:
    __slots__ = ("asked_at", "expires_at", "held", "pending", "spent")

    def __init__(self, expires_at: int) -> None:
        self.expires_at = expires_at
        self.spent: int | None = None
        self.held = 0
        self.asked_at: int | None = None
        self.pending = 0


class LocalAdmission:
    """`now_ms` is unix time, handed in with each run."""

    def __init__(self) -> None:
        self._counters: dict[str, _Counter] = {}
        self._meters: dict[str, Meter] = {}
        self._parallels: dict[str, int] = {}
        self._sweep: Iterator[str] = iter(())

    def __len__(self) -> int:
        """How many counters, meters and parallel limits are remembered."""
        return len(self._counters) + len(self._meters) + len(self._parallels)

    def held_nano(self) -> int:
        """Of all counters together. From any thread."""
        return sum(counter.held for counter in list(self._counters.values()))

    def run(self, ops: Sequence[Op], *, now_ms: int) -> list[Answer | None]:
        """One after the other; None for those that nobody waits for."""
        answers: list[Answer | None] = []
        for op in ops:
            if type(op) is Ask:
                answers.append(self._ask(op, now_ms))
                continue
            answers.append(None)
            if isinstance(op, Settle):
                self._settle(op, now_ms)
            elif isinstance(op, Seed):
                self._seed(op, now_ms)
        self._forget(now_ms)
        return answers

    def used(self, key: str, *, now_ms: int) -> tuple[int, int]:
        """Requests and tokens of a meter; any thread may ask."""
        meter = self._meters.get(key)
        return (0, 0) if meter is None else meter.used(now_ms)

    def put_counter(self, key: str, *, spent_nano: int, held_nano: int, expires_at: int) -> None:
        """Replace what is known of a counter by what somebody knows better."""
        counter = self._counters[key] = _Counter(expires_at)
        counter.spent, counter.held = min(spent_nano, MAX_NANO), held_nano

    def put_parallel(self, key: str, in_flight: int) -> None:
        self._parallels[key] = in_flight

    def _ask(self, ask: Ask, now_ms: int) -> Answer:
        counters = [self._counter(check.key, check.expires_at, now_ms) for check in ask.counters]
        if unknown := [counter for counter in counters if counter.spent is None]:
            for counter in unknown:
                _await_seed(counter, now_ms)
            keys = [check.key for check, known in zip(ask.counters, counters, strict=True) if known.spent is None]
            return Unseeded(ask.id, tuple(keys))
        hold, refused = _fit(ask, counters)
        if refused:
            return refused
        parallels = self._parallels
        for index, parallel in enumerate(ask.parallels):
            if (used := parallels.get(parallel.key, 0)) >= parallel.limit:
                return Refused(ask.id, RefusedBy.PARALLEL, index, used=used)
        meters = []
        for index, check in enumerate(ask.meters):
            meter = self._meter(check.key, check.window_seconds, now_ms)
            current = meter.advance(now_ms)
            if refused := _over(ask, index, meter, current=current, now_ms=now_ms):
                return refused
            meters.append((check, meter, current))
        return self._take(ask, counters, meters, hold=hold, now_ms=now_ms)

    def _take(
        self,
        ask: Ask,
        counters: Sequence[_Counter],
        meters: Sequence[tuple[MeterCheck, Meter, int]],
        *,
        hold: int,
        now_ms: int,
    ) -> Granted:
        for counter in counters:
            counter.held += hold
        remaining = []
        for check, meter, current in meters:
            meter.count(current, tokens=ask.tokens)
            remaining.append(
                (
                    None if check.requests is None else check.requests - meter.requests,
                    None if check.tokens is None else check.tokens - meter.tokens,
                )
            )
        left = []
        for parallel in ask.parallels:
            used = self._parallels[parallel.key] = self._parallels.get(parallel.key, 0) + 1
            left.append(parallel.limit - used)
        spent = tuple([counter.spent or 0 for counter in counters])
        return Granted(ask.id, hold, spent, tuple(remaining), tuple(left), now_ms)

    def _settle(self, settle: Settle, now_ms: int) -> None:
        for key, release, spent, _ in settle.counters:
            counter = self._counters.get(key)
            if counter is None or counter.expires_at * 1000 <= now_ms:
                continue
            counter.held = max(0, counter.held - release)
            if counter.spent is not None:
                counter.spent = min(max(0, counter.spent + spent), MAX_NANO)
            elif counter.asked_at is not None:
                counter.pending += spent
        for key, window, bucket_ms, difference in settle.meters:
            meter = self._meter(key, window, now_ms)
            current = meter.advance(now_ms)
            meter.correct(bucket_ms // meter.width, tokens=difference, current=current)
        for key in settle.parallels:
            if (used := self._parallels.get(key, 0)) > 1:
                self._parallels[key] = used - 1
            else:
                self._parallels.pop(key, None)

    def _seed(self, seed: Seed, now_ms: int) -> None:
        counter = self._counter(seed.key, seed.expires_at, now_ms)
        if counter.spent is None and seed.only_raises:
            return
        if counter.spent is None:
            counter.spent = min(max(0, seed.spent_nano + counter.pending), MAX_NANO)
            counter.asked_at, counter.pending = None, 0
        else:
            counter.spent = min(max(counter.spent, seed.spent_nano), MAX_NANO)

    def _counter(self, key: str, expires_at: int, now_ms: int) -> _Counter:
        counter = self._counters.get(key)
        if counter is None or counter.expires_at * 1000 <= now_ms:
            counter = self._counters[key] = _Counter(expires_at)
        return counter

    def _meter(self, key: str, window_seconds: int, now_ms: int) -> Meter:
        if (meter := self._meters.get(key)) is None:
            meter = self._meters[key] = Meter(width=bucket_width(window_seconds), now_ms=now_ms)
        return meter

    def _forget(self, now_ms: int) -> None:
        """A few entries at a time. Parallel limits forget themselves."""
        for _ in range(SWEPT):
            if (key := next(self._sweep, None)) is None:
                self._sweep = iter([*self._counters, *self._meters])
                return
            counter = self._counters.get(key)
            if counter is not None and counter.expires_at * 1000 <= now_ms:
                del self._counters[key]
            meter = self._meters.get(key)
            if meter is not None and meter.newest < now_ms // meter.width - BUCKETS:
                del self._meters[key]


def _await_seed(counter: _Counter, now_ms: int) -> None:
    """From now on what is settled is kept for the seed, which may have been read before."""
    if counter.asked_at is None or now_ms - counter.asked_at > SEEDING_MS:
        counter.asked_at, counter.pending = now_ms, 0


def _fit(ask: Ask, counters: Sequence[_Counter]) -> tuple[int, Refused | None]:
    """How much can be held in all of them."""
    hold = ceiling = min(ask.ceiling_nano, MAX_NANO)
    for index, counter in enumerate(counters):
        limit, spent = min(ask.counters[index].limit_nano, MAX_NANO), counter.spent or 0
        left = limit - spent - counter.held
        if spent >= limit or (left < ceiling and left < ask.floor_nano):
            return 0, Refused(ask.id, RefusedBy.COUNTER, index, spent=spent, held=counter.held)
        hold = min(hold, left)
    return hold, None


def _over(ask: Ask, index: int, meter: Meter, *, current: int, now_ms: int) -> Refused | None:
    check = ask.meters[index]
    if check.requests is not None and (excess := meter.requests + 1 - check.requests) > 0:
        wait = meter.wait_ms(excess, kind=0, current=current, now_ms=now_ms)
        return Refused(ask.id, RefusedBy.REQUESTS, index, used=meter.requests, retry_after_ms=wait)
    if check.tokens is not None and (excess := meter.tokens + ask.tokens - check.tokens) > 0:
        wait = meter.wait_ms(excess, kind=1, current=current, now_ms=now_ms)
        return Refused(ask.id, RefusedBy.TOKENS, index, used=meter.tokens, retry_after_ms=wait)
    return None
