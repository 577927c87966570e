"""Admission while Redis is away: budgets exact by the database, rate limits by this process's share of them.

Processes tell each other what they hold by rows, read and written under one lock; what was spent is the ledger's.
"""

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models.functions import Now

from budgets.core.admission import Answer, Ask, Granted, Op, Refused, RefusedBy, Settle, settlement
from budgets.core.local_admission import LocalAdmission
from budgets.limits.own import Own
from budgets.limits.wire import Wait
from budgets.models import CounterHold

logger = logging.getLogger(__name__)

ALIVE_SECONDS = 12
SEEN_SECONDS = 3.0
# Other processes notice at about the same time that Redis is away, and then say what they hold.
GATHERING_SECONDS = 1.0
GATHERING_MS = 20
# How often the database is asked whether it is back.
AWAY_SECONDS = 2.0
FORGET_SECONDS = 3.0
# What the local twin remembers of a counter, which is read anew for each batch.
FORGOTTEN_SECONDS = 60

SpentNow = Callable[[Sequence[str]], Mapping[str, int]]

P = ParamSpec("P")
R = TypeVar("R")

_AWAY = (DatabaseError, InterfaceError)
_LOCK = 7_046_029_254  # any number, but the same in all processes: guards the holds


class WhenUnknown(StrEnum):
    """What becomes of requests with budgets while neither Redis nor the database can say what was spent."""

    CLOSED = "closed"
    OPEN = "open"


class SqlStore:
    """One call at a time, from one event loop. `begin` when Redis is found to be away, `end` when it is back."""

    def __init__(
        self, *, process: str, own: Own, spent_now: SpentNow, when_unknown: WhenUnknown, clock: Callable[[], float]
    ) -> None:
        self._process = process
        self._own = own
        self._spent_now = spent_now
        self._when_unknown = when_unknown
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="holds")
        self._local = LocalAdmission()
        self._written: dict[str, int] | None = None
        self._processes = 1
        self._began_at = 0.0
        self._seen_at = -math.inf
        self._database_away = False
        self._later: asyncio.Task[None] | None = None

    def begin(self, *, processes: int) -> None:
        """`processes`: how many share the limits."""
        self._cancel_later()
        self._local = LocalAdmission()
        for key, in_flight in self._own.in_flight():
            self._local.put_parallel(key, in_flight)
        self._processes = max(1, processes)
        self._began_at = time.monotonic()
        self._seen_at = -math.inf
        self._database_away = False

    async def run(self, ops: Sequence[Op]) -> list[Answer | Wait | None]:
        for op in ops:
            if isinstance(op, Settle):
                self._settle(op)
        asks = [_share(op, self._processes) for op in ops if isinstance(op, Ask)]
        answers = iter(await self._answer(asks, is_due=any(isinstance(op, Settle) and op.counters for op in ops)))
        return [next(answers) if isinstance(op, Ask) else None for op in ops]

    def end(self) -> None:
        """What this process holds stays to be seen until the others are back at Redis too."""
        self._cancel_later()
        self._later = asyncio.create_task(self._forget_later())

    async def close(self) -> None:
        self._cancel_later()
        if self._written is not None:
            await self._in_thread(self._forget)
        await self._in_thread(_hang_up)
        self._thread.shutdown(wait=False)

    async def _answer(self, asks: Sequence[Ask], *, is_due: bool) -> Sequence[Answer | Wait]:
        if self._database_away:
            return self._without_database(asks)
        is_due = is_due or time.monotonic() - self._seen_at > SEEN_SECONDS
        if not is_due and not any(ask.counters for ask in asks):
            return self._decide(asks)
        try:
            return await self._in_thread(self._with_database, asks)
        except _AWAY as error:
            logger.warning("neither Redis nor the database knows the budgets", extra={"reason": str(error)})
            self._database_away = True
            self._cancel_later()
            self._later = asyncio.create_task(self._look_for_database())
            return self._without_database(asks)

    def _with_database(self, asks: Sequence[Ask]) -> Sequence[Answer | Wait]:
        """In a thread of its own. Raises django.db.Error; then nothing was granted."""
        connection.close_if_unusable_or_obsolete()
        answers: Sequence[Answer | Wait] = ()
        try:
            with transaction.atomic():
                _lock()
                living = _living()
                if self._process not in living:
                    self._written = None
                # Redis may have been away since this process began.
                self._processes = max(self._processes, len(living | {self._process}))
                if self._must_gather(living):
                    answers = [Wait(GATHERING_MS) if ask.counters else self._decide([ask])[0] for ask in asks]
                else:
                    self._read(asks, living)
                    answers = self._decide(asks)
                written = self._write(living)
        except BaseException:
            self._take_back(asks, answers)
            self._written = None
            raise
        self._written, self._seen_at = written, time.monotonic()
        return answers

    def _must_gather(self, living: set[str]) -> bool:
        is_complete = len(living | {self._process}) >= self._processes
        return not is_complete and time.monotonic() - self._began_at < GATHERING_SECONDS

    def _read(self, asks: Sequence[Ask], living: set[str]) -> None:
        """What the database knows of the counters."""
        keys = sorted({check.key for ask in asks for check in ask.counters})
        if not keys:
            return
        spent = self._spent_now(keys)
        rows = CounterHold.objects.filter(key__in=keys, process__in=living).exclude(process=self._process)
        others: Counter[str] = Counter()
        for key, held_nano in rows.values_list("key", "held_nano"):
            others[key] += held_nano
        for key in keys:
            self._local.put_counter(
                key,
                spent_nano=spent.get(key, 0),
                held_nano=others[key] + self._own.held(key),
                expires_at=int(self._clock()) + FORGOTTEN_SECONDS,
            )

    def _decide(self, asks: Sequence[Ask]) -> list[Answer]:
        answers: list[Answer] = []
        for ask, answer in zip(asks, self._local.run(asks, now_ms=int(self._clock() * 1000)), strict=True):
            assert answer is not None
            self._own.apply(ask, answer)
            answers.append(_marked(answer))
        return answers

    def _write(self, living: set[str]) -> dict[str, int]:
        """What this process holds, as far as the rows say otherwise; returns what they say now."""
        wanted = {key: nano for key, nano, _ in self._own.holds()}
        mine = CounterHold.objects.filter(process=self._process)
        if self._written is None:
            mine.delete()
            CounterHold.objects.exclude(process__in=living).delete()
        known = self._written or {}
        if gone := known.keys() - wanted.keys():
            mine.filter(key__in=gone).delete()
        changed = ["", *(key for key, nano in wanted.items() if known.get(key) != nano)]
        CounterHold.objects.bulk_create(
            [CounterHold(process=self._process, key=key, held_nano=wanted.get(key, 0)) for key in sorted(changed)],
            update_conflicts=True,
            unique_fields=["process", "key"],
            update_fields=["held_nano", "seen_at"],
        )
        return wanted

    def _without_database(self, asks: Sequence[Ask]) -> list[Answer]:
        if self._when_unknown is WhenUnknown.OPEN:
            return [_as_if_free(ask, *self._decide([replace(ask, counters=())])) for ask in asks]
        return [
            Refused(ask.id, RefusedBy.UNAVAILABLE, 0, retry_after_ms=int(AWAY_SECONDS * 1000))
            if ask.counters
            else self._decide([ask])[0]
            for ask in asks
        ]

    def _settle(self, settle: Settle) -> None:
        self._own.release(settle)
        # Counters are read anew for each batch; tokens counted in Redis are not in this window.
        meters = tuple((key, window, -bucket, tokens) for key, window, bucket, tokens in settle.meters if bucket < 0)
        self._local.run((replace(settle, counters=(), meters=meters),), now_ms=int(self._clock() * 1000))

    def _take_back(self, asks: Sequence[Ask], answers: Sequence[Answer | Wait]) -> None:
        for ask, answer in zip(asks, answers, strict=False):
            if isinstance(answer, Granted):
                self._settle(settlement(ask, answer))

    async def _look_for_database(self) -> None:
        while self._database_away:
            await asyncio.sleep(AWAY_SECONDS)
            with suppress(*_AWAY):
                await self._in_thread(_reconnect)
                self._database_away = False

    async def _forget_later(self) -> None:
        await asyncio.sleep(FORGET_SECONDS)
        await self._in_thread(self._forget)

    def _forget(self) -> None:
        with suppress(*_AWAY):
            connection.close_if_unusable_or_obsolete()
            CounterHold.objects.filter(process=self._process).delete()
            self._written = None
        connection.close()

    def _cancel_later(self) -> None:
        if self._later:
            self._later.cancel()
            self._later = None

    async def _in_thread(self, do: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._thread, partial(do, *arguments, **named))


def _share(ask: Ask, processes: int) -> Ask:
    if processes == 1 or not (ask.meters or ask.parallels):
        return ask
    return replace(
        ask,
        meters=tuple(
            replace(check, requests=_part(check.requests, processes), tokens=_part(check.tokens, processes))
            for check in ask.meters
        ),
        parallels=tuple(
            replace(check, limit=check.limit // processes or min(check.limit, 1)) for check in ask.parallels
        ),
    )


def _part(limit: int | None, processes: int) -> int | None:
    return None if limit is None else limit // processes or min(limit, 1)


def _marked(answer: Answer) -> Answer:
    """Times below 0 are those of this process's own windows, which Redis knows nothing of."""
    return replace(answer, bucket_ms=-answer.bucket_ms) if isinstance(answer, Granted) else answer


def _as_if_free(ask: Ask, answer: Answer) -> Answer:
    if not isinstance(answer, Granted):
        return answer
    return replace(answer, spent=(0,) * len(ask.counters))


def _living() -> set[str]:
    """By the database's clock."""
    since = Now() - timedelta(seconds=ALIVE_SECONDS)
    return set(CounterHold.objects.filter(key="", seen_at__gte=since).values_list("process", flat=True).order_by())


def _lock() -> None:
    """SQLite needs none: each of its transactions begins with it."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _hang_up() -> None:
    connection.close()


def _reconnect() -> None:
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
