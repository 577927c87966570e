"""The door to admission: what many requests ask for at the same time goes to the store in one call.

Without a Redis this process counts alone, in memory. While Redis is away, budgets are decided by the database.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from budgets.core.admission import Answer, Ask, Granted, Op, Refused, RefusedBy, Seed, Settle, settlement
from budgets.core.local_admission import LocalAdmission
from budgets.limits.meters_used import MetersUsed
from budgets.limits.own import Own
from budgets.limits.redis_store import RedisStore, Unreachable
from budgets.limits.sql_store import SpentNow, SqlStore, WhenUnknown
from budgets.limits.wire import Wait

logger = logging.getLogger(__name__)

BEAT_SECONDS = 0.25
# All processes have to be back within the time in which Redis grants nothing (`scripts.YOUNG_MS`).
PROBE_SECONDS = 0.1
PATIENCE_SECONDS = 1.5
LARGEST_BATCH = 256
MOST_WAITING = 20_000


@dataclass(frozen=True, slots=True)
class _Waiting:
    op: Op
    future: "asyncio.Future[Answer | None] | None"
    deadline: float


class Admission:
    """Belongs to one event loop. `start` and `stop` once each; `clock` is unix seconds.

    `spent_now` says what the ledger has spent by counter; it is called in a thread, within a transaction.
    """

    def __init__(
        self,
        *,
        redis_url: str = "",
        spent_now: SpentNow,
        when_unknown: WhenUnknown = WhenUnknown.CLOSED,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._local = LocalAdmission()
        self.meters_used = MetersUsed(redis_url, self._local, clock)
        self._shared: _Shared | None = None
        if redis_url:
            self._shared = _Shared(redis_url, spent_now=spent_now, when_unknown=when_unknown, clock=clock)

    @property
    def is_degraded(self) -> bool:
        """Whether Redis should be there and is away."""
        return self._shared is not None and self._shared.is_degraded

    def held_nano(self) -> int:
        """What requests of this process hold, of all counters together. From any thread."""
        return self._shared.own.held_nano() if self._shared else self._local.held_nano()

    @property
    def processes(self) -> int:
        """How many admit together, as far as was known last."""
        return self._shared.processes if self._shared else 1

    def start(self) -> None:
        if self._shared:
            self._shared.start()

    async def stop(self) -> None:
        """Everything given so far has its effect when this returns, and this process holds nothing any more."""
        if self._shared:
            await self._shared.stop()
        self.meters_used.close()

    async def admit(self, ask: Ask) -> Answer:
        """Granted is to be ended by `settle`; after Unseeded, read the ledger, `seed` and ask again."""
        if self._shared:
            return await self._shared.admit(ask)
        (answer,) = self._run((ask,))
        assert answer is not None
        return answer

    def settle(self, settle: Settle) -> None:
        """Returns at once."""
        if self._shared:
            self._shared.settle(settle)
        else:
            self._run((settle,))

    async def seed(self, *seeds: Seed) -> None:
        if self._shared:
            await self._shared.seed(*seeds)
        else:
            self._run(seeds)

    def _run(self, ops: Sequence[Op]) -> list[Answer | None]:
        return self._local.run(ops, now_ms=int(self._clock() * 1000))


class _Shared:
    """One call to a store at a time; what comes meanwhile goes together in the next."""

    def __init__(
        self, redis_url: str, *, spent_now: SpentNow, when_unknown: WhenUnknown, clock: Callable[[], float]
    ) -> None:
        self.own, process = Own(), uuid4().hex
        self._redis = RedisStore(redis_url, process=process, own=self.own)
        self._sql = SqlStore(
            process=process, own=self.own, spent_now=spent_now, when_unknown=when_unknown, clock=clock
        )  # fmt: skip
        self._queue: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._is_beat_due = True
        self._is_stopping = False
        self._is_redis_back = False
        self._postponed = 0
        self._worker: asyncio.Task[None] | None = None
        self._probe: asyncio.Task[None] | None = None
        self._beat: asyncio.TimerHandle | None = None
        self.is_degraded = False

    @property
    def processes(self) -> int:
        return self._redis.processes

    def start(self) -> None:
        self._worker = asyncio.create_task(self._work())
        self._beat_later()

    async def stop(self) -> None:
        assert self._worker is not None, "start() first"
        self._is_stopping = True
        self._wake.set()
        await self._worker
        for pending in (self._beat, self._probe):
            if pending:
                pending.cancel()
        if not self.is_degraded:
            await self._redis.leave()
        await self._redis.close()
        await self._sql.close()

    async def admit(self, ask: Ask) -> Answer:
        if len(self._queue) >= MOST_WAITING:
            return _unavailable(ask)
        future = self._put(ask)
        try:
            answer = await future
        except asyncio.CancelledError:
            # Cancelled between the answer and its arrival.
            if future.done() and not future.cancelled() and future.exception() is None:
                self._give_back(ask, future.result())
            raise
        assert answer is not None
        return answer

    def settle(self, settle: Settle) -> None:
        """There are no more of these than grants, so this needs no bound of its own."""
        self._queue.append(_Waiting(settle, None, 0.0))
        self._wake.set()

    async def seed(self, *seeds: Seed) -> None:
        if seeds:
            await asyncio.gather(*map(self._put, seeds))

    def _put(self, op: Op) -> "asyncio.Future[Answer | None]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer | None] = loop.create_future()
        self._queue.append(_Waiting(op, future, loop.time() + PATIENCE_SECONDS))
        self._wake.set()
        return future

    async def _work(self) -> None:
        while not self._is_stopping or self._queue or self._postponed:
            await self._wake.wait()
            self._wake.clear()
            while self._queue or self._is_beat_due:
                # What is ready to ask goes along: a call for many costs hardly more than one.
                await asyncio.sleep(0)
                batch, self._queue = self._queue[:LARGEST_BATCH], self._queue[LARGEST_BATCH:]
                self._is_beat_due = False
                await self._carry_out(batch)

    async def _carry_out(self, batch: Sequence[_Waiting]) -> None:
        try:
            answers = await self._run([waiting.op for waiting in batch])
        except Exception as error:  # a store must not end the worker: all requests would wait for ever
            logger.exception("admission failed")
            for waiting in batch:
                if waiting.future and not waiting.future.done():
                    waiting.future.set_exception(error)
            return
        for waiting, answer in zip(batch, answers, strict=True):
            if waiting.future is not None:
                self._deliver(waiting, waiting.future, answer)

    async def _run(self, ops: Sequence[Op]) -> Sequence[Answer | Wait | None]:
        if self.is_degraded and self._is_redis_back:
            await self._return_to_redis()
        if not self.is_degraded:
            try:
                return await self._redis.run(ops)
            except Unreachable as error:
                logger.warning("Redis is away: budgets by the database", extra={"reason": repr(error.__cause__)})
                self._leave_redis()
        return await self._sql.run(ops)

    def _leave_redis(self) -> None:
        self.is_degraded, self._is_redis_back = True, False
        self._sql.begin(processes=self._redis.processes)
        self._probe = asyncio.create_task(self._look_for_redis())

    async def _return_to_redis(self) -> None:
        self._is_redis_back = False
        try:
            await self._redis.register()
        except Unreachable:
            self._probe = asyncio.create_task(self._look_for_redis())
            return
        logger.info("Redis is back")
        self.is_degraded = False
        self._sql.end()

    async def _look_for_redis(self) -> None:
        """Not on any request's time."""
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            if await self._redis.is_reachable():
                break
        self._is_redis_back = self._is_beat_due = True
        self._wake.set()

    def _deliver(
        self, waiting: _Waiting, future: "asyncio.Future[Answer | None]", answer: Answer | Wait | None
    ) -> None:
        if isinstance(answer, Wait):
            self._postpone(waiting, future, answer.milliseconds / 1000)
        elif future.done():
            self._give_back(waiting.op, answer)
        else:
            future.set_result(answer)

    def _postpone(self, waiting: _Waiting, future: "asyncio.Future[Answer | None]", seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if future.done():
            return
        if loop.time() + seconds > waiting.deadline:
            assert isinstance(waiting.op, Ask)
            future.set_result(_unavailable(waiting.op))
            return
        self._postponed += 1
        loop.call_later(seconds, self._resume, waiting)

    def _resume(self, waiting: _Waiting) -> None:
        self._postponed -= 1
        self._queue.append(waiting)
        self._wake.set()

    def _give_back(self, op: Op, answer: Answer | None) -> None:
        """Nobody is there any more to use it."""
        if isinstance(op, Ask) and isinstance(answer, Granted):
            self.settle(settlement(op, answer))

    def _beat_later(self) -> None:
        self._beat = asyncio.get_running_loop().call_later(BEAT_SECONDS, self._beat_now)

    def _beat_now(self) -> None:
        self._is_beat_due = True
        self._wake.set()
        self._beat_later()


def _unavailable(ask: Ask) -> Refused:
    return Refused(ask.id, RefusedBy.UNAVAILABLE, 0, retry_after_ms=1000)
