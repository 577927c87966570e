"""One turn of one target: chat and streams as fast as they go, then what a request waits longer than without it."""

import time
from dataclasses import dataclass, field

from benchmarks.gateway import Books, Gateway
from benchmarks.load import Load, Request, Rig, direct, run_load
from benchmarks.process import NotReady, cpu_used

WARM_UP_SECONDS = 0.5
# After the last answer, so that what a gateway still has to write is in its CPU.
SETTLE_SECONDS = 0.3
LATENCY_RATE = 50.0
LATENCY_CONNECTIONS = 16
BOOKS_SECONDS = 10.0
# Counters reach /metrics about once a second.
METRIC_LAG_SECONDS = 2.0


@dataclass(frozen=True)
class Plan:
    rounds: int
    seconds: float
    latency_seconds: float
    connections: int


@dataclass(frozen=True)
class Speed:
    per_second: float
    cpu_us: float
    errors: int
    first_error: str
    events_per_answer: float

    @property
    def busy(self) -> float:
        """Share of its core that the gateway used; clearly below 1, something else was the limit."""
        return self.per_second * self.cpu_us / 1e6


@dataclass(frozen=True)
class Added:
    """Milliseconds over a direct request in the same round."""

    p50_ms: float
    p99_ms: float
    errors: int


@dataclass(frozen=True)
class Turn:
    chat: Speed
    stream: Speed
    added: Added


@dataclass(frozen=True)
class BooksCheck:
    """Since the start of the measurement."""

    answered: int
    ledger_rows: int
    metric: int

    @property
    def is_complete(self) -> bool:
        return min(self.ledger_rows, self.metric) >= self.answered

    @property
    def is_equal(self) -> bool:
        return self.ledger_rows == self.metric == self.answered


@dataclass
class Course:
    """A target through all rounds."""

    gateway: Gateway
    idle_bytes: int
    books_before: Books | None = None
    turns: list[Turn] = field(default_factory=list)
    after_bytes: int = 0
    answered: int = 0
    books: list[BooksCheck] = field(default_factory=list)

    @classmethod
    def begin(cls, gateway: Gateway) -> "Course":
        if not gateway.read_books:
            return cls(gateway, gateway.program.memory_bytes())
        time.sleep(METRIC_LAG_SECONDS)
        return cls(gateway, gateway.program.memory_bytes(), gateway.read_books())

    def take_turn(self, rig: Rig, plan: Plan, base: Load) -> None:
        """Raises NotReady when the gateway does not answer any more."""
        chat = self._speed(rig, plan, stream=False)
        stream = self._speed(rig, plan, stream=True)
        self.turns.append(Turn(chat, stream, self._added(rig, plan, base)))
        self.after_bytes = self.gateway.program.memory_bytes()

    def _speed(self, rig: Rig, plan: Plan, *, stream: bool) -> Speed:
        request = self.gateway.ask(stream, False)
        self._load(rig, request, connections=plan.connections, seconds=WARM_UP_SECONDS)
        before = self.gateway.program.cpu_ns()
        load = self._load(rig, request, connections=plan.connections, seconds=plan.seconds)
        time.sleep(SETTLE_SECONDS)
        used_ns = cpu_used(before, self.gateway.program.cpu_ns())
        self._check_books()
        return Speed(
            per_second=load.per_second,
            cpu_us=used_ns / 1000 / max(load.answered, 1),
            errors=load.errors,
            first_error=load.first_error,
            events_per_answer=load.events_per_answer,
        )

    def _added(self, rig: Rig, plan: Plan, base: Load) -> Added:
        load = self._load(
            rig,
            self.gateway.ask(False, True),
            connections=LATENCY_CONNECTIONS,
            seconds=plan.latency_seconds,
            rate=LATENCY_RATE,
        )
        return Added(load.p50_ms - base.p50_ms, load.p99_ms - base.p99_ms, load.errors)

    def _load(self, rig: Rig, request: Request, *, connections: int, seconds: float, rate: float = 0.0) -> Load:
        load = run_load(rig, request, connections=connections, seconds=seconds, rate=rate)
        if not load.answered:
            raise NotReady(f"answers nothing: {load.first_error}\n{self.gateway.program.log_tail()}")
        self.answered += load.answered
        return load

    def _check_books(self) -> None:
        if not self.gateway.read_books:
            return
        until = time.monotonic() + BOOKS_SECONDS
        while not (check := self._compare(self.gateway.read_books())).is_complete and time.monotonic() < until:
            time.sleep(0.1)
        self.books.append(check)

    def _compare(self, books: Books) -> BooksCheck:
        before = self.books_before or Books(0, 0)
        return BooksCheck(self.answered, books.ledger_rows - before.ledger_rows, books.metric - before.metric)


def measure_direct(rig: Rig, plan: Plan) -> Load:
    """The latency without a gateway."""
    return run_load(
        rig,
        direct(rig, slow=True),
        connections=LATENCY_CONNECTIONS,
        seconds=plan.latency_seconds,
        rate=LATENCY_RATE,
    )
