"""Admission in Redis, one script call a batch: exact over all processes, and over lost replies and lost memory."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import orjson
import redis.asyncio as redis
from redis.exceptions import NoScriptError, RedisError, ResponseError

from budgets.core.admission import Answer, Op, Settle
from budgets.limits.own import Own
from budgets.limits.scripts import BATCH, LEAVE, REGISTER
from budgets.limits.wire import Wait, decode, encode
from budgets.metrics import REDIS

TIMEOUT_SECONDS = 0.25
# Tries in a row before Redis counts as away.
FAILURES = 3

_FAILED = (RedisError, OSError, TimeoutError)


# As metrics name what was asked for.
_FUNCTIONS = {REGISTER: "register", LEAVE: "leave"}


class Unreachable(Exception):
    """Redis does not answer, or not what it should."""


class RedisStore:
    """One call at a time. `batch` is the script, which tests give another clock."""

    def __init__(self, url: str, *, process: str, own: Own, batch: str = BATCH) -> None:
        self._process = process
        self._own = own
        self._scripts = {text: hashlib.sha1(text.encode()).hexdigest() for text in (batch, REGISTER, LEAVE)}  # noqa: S324 - Redis's own choice
        self._batch = batch
        # redis-py looks at the socket before each command if it may retry; we do that ourselves.
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=None,
            health_check_interval=0,
        )
        self._connection: Any = None
        self._registered = self._renew = False
        self._generation = 0
        self._batches = 0
        self._epoch = ""
        self.processes = 1

    async def run(self, ops: Sequence[Op]) -> list[Answer | Wait | None]:
        """Raises Unreachable after a few tries."""
        sent = False
        reason: Exception | None = None
        for _ in range(FAILURES):
            try:
                if not self._registered and await self._register() and sent:
                    # The answer was lost, but what was spent has been added.
                    ops = [_released(op) for op in ops]
                sent = True
                reply = await self._call(self._batch, self._batches, self._epoch, encode(ops))
            except _FAILED as error:
                self._registered, reason = False, error
                continue
            if reply[0]:
                return self._carried_out(ops, reply)
            self._registered = sent = False
        self.distrust()
        raise Unreachable("no answer, or none but to register again") from reason

    async def register(self) -> None:
        """Begin, or begin again after Unreachable. Raises Unreachable."""
        try:
            await self._register()
        except _FAILED as error:
            raise Unreachable("registering failed") from error

    def distrust(self) -> None:
        """Something was spent that Redis was not told of: all processes have to seed their counters again."""
        self._registered, self._renew = False, True

    async def _register(self) -> bool:
        """Say what this process holds, and void what it may have held; returns whether a lost call was carried out."""
        self._registered = False
        self._generation += 1
        own = orjson.dumps([self._own.holds(), self._own.in_flight()])
        ended = self._epoch if self._renew else ""
        reply = await self._call(REGISTER, self._batches, ended, secrets.token_hex(8), own)
        if not reply[0]:
            raise RedisError("a later registration is there")
        carried_out: bool = reply[2] > self._batches
        self._epoch, self._batches = reply[1].decode(), reply[2]
        self._registered, self._renew = True, False
        return carried_out

    async def is_reachable(self) -> bool:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                await self._redis.ping()
        except _FAILED:
            return False
        return True

    async def leave(self) -> None:
        """What this process holds is void at once, or soon if Redis cannot be told."""
        with suppress(*_FAILED):
            await self._call(LEAVE)

    async def close(self) -> None:
        with suppress(*_FAILED):
            if self._connection is not None:
                await self._connection.disconnect(nowait=True)
            await self._redis.aclose()

    async def _call(self, script: str, *arguments: int | str | bytes) -> Any:
        rest = (0, self._process, self._generation, *arguments)
        began = time.perf_counter()
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                try:
                    reply = await self._ask("EVALSHA", self._scripts[script], *rest)
                except NoScriptError:
                    reply = await self._ask("EVAL", script, *rest)
        except _FAILED as error:
            REDIS.failed(error, _FUNCTIONS.get(script, "admission"))
            raise
        REDIS.answered(time.perf_counter() - began)
        return reply

    async def _ask(self, *command: int | str | bytes) -> Any:
        """On a connection of its own: what redis-py's pool does for each command costs more than the command."""
        if (connection := self._connection) is None:
            pool = self._redis.connection_pool
            connection = self._connection = await pool.get_connection()  # type: ignore[no-untyped-call]
        try:
            if not connection.is_connected:
                await connection.connect()
            await connection.send_command(*command, check_health=False)
            return await connection.read_response()
        except ResponseError:
            raise
        except BaseException:
            # An answer that comes late would be taken for that of the next command.
            await connection.disconnect(nowait=True)
            raise

    def _carried_out(self, ops: Sequence[Op], reply: Any) -> list[Answer | Wait | None]:
        _, self.processes, wait_ms, now_ms, replies = reply
        self._batches += 1
        answers = decode(ops, replies, now_ms=now_ms, wait_ms=wait_ms)
        for op, answer in zip(ops, answers, strict=True):
            self._own.apply(op, answer)
        return answers


def _released(op: Op) -> Op:
    """Of a settle that was carried out already: only what this process has registered anew since."""
    if not isinstance(op, Settle):
        return op
    return replace(
        op, counters=tuple((key, release, 0, expires_at) for key, release, _, expires_at in op.counters), meters=()
    )
