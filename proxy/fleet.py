"""What the processes of one gateway tell each other about deployments, through Redis; nothing without one.

Cooldowns go out at once and are never shortened: an entry of a sorted set only ever moves later. About once a second
each process says what it did in the last minute under a name that expires, and reads what the others say; a process
that dies is forgotten within seconds, with all that it had in flight. No request ever waits for this.
"""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any
from uuid import uuid4

import orjson
import redis.asyncio as redis
from redis.exceptions import RedisError

from proxy import quota
from proxy.quota import Quotas
from proxy.state import NUMBERS, Elsewhere, RouterState

logger = logging.getLogger(__name__)

SYNC_SECONDS = 1.0
ALIVE_SECONDS = 5
CANCEL_SECONDS = 0.5
CHANNEL = "tollkeeper:deployments"
COOLDOWNS = "tollkeeper:cooldowns"
DETAILS = "tollkeeper:cooldown-details"
PROCESSES = "tollkeeper:routers"

# Redis's own clock decides, so that no host's clock does. A later end is kept, never an earlier one.
_COOL = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZADD', KEYS[1], 'GT', now + tonumber(ARGV[2]), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
redis.call('EXPIRE', KEYS[1], 172800)
redis.call('EXPIRE', KEYS[2], 172800)
redis.call('PUBLISH', ARGV[4], ARGV[5])
"""
# Those that cool, with the seconds they have left.
_COOLING = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 600)
local found = redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf', 'WITHSCORES')
local answer = {}
for i = 1, #found, 2 do
  local detail = redis.call('HGET', KEYS[2], found[i])
  answer[#answer + 1] = {found[i], tostring(found[i + 1] - now), detail or ''}
end
return answer
"""


class Fleet:
    """`start` and `stop` once each, in the loop that the state belongs to."""

    def __init__(self, state: RouterState, redis_url: str, quotas: Quotas | None = None) -> None:
        self._state = state
        self._quotas = quotas or Quotas()
        self._url = redis_url
        self._name = uuid4().hex
        self._redis: redis.Redis | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self.connected = False

    def start(self) -> None:
        if not self._url:
            return
        self._redis = redis.Redis.from_url(
            self._url, socket_timeout=2, socket_connect_timeout=1, retry=None, health_check_interval=0
        )
        self._run(self._sync_for_ever())
        self._run(self._listen_for_ever())

    async def stop(self) -> None:
        # Where an answer comes in the same moment, the client for Redis may lose a cancellation: it is told again then.
        while tasks := [task for task in self._tasks if not task.done()]:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
        if self._redis is not None:
            with suppress(RedisError, OSError):
                await self._redis.delete(f"{PROCESSES}:{self._name}")
            await self._redis.aclose()

    def cooled(self, deployment_id: str, *, seconds: float, reason: str, status: int, times: int) -> None:
        """Tell the others; this process knows already."""
        if self._redis is not None and len(self._tasks) < 1000:
            detail = orjson.dumps({"reason": reason, "status": status, "times": times})
            told = orjson.dumps(
                {"from": self._name, "cool": deployment_id, "seconds": seconds, "reason": reason, "status": status,
                 "times": times}
            )  # fmt: skip
            self._run(self._quietly(self._redis.eval(
                _COOL, 2, COOLDOWNS, DETAILS, deployment_id, str(seconds), detail, CHANNEL, told
            )))  # fmt: skip

    def restored(self, deployment_id: str) -> None:
        if self._redis is not None and len(self._tasks) < 1000:
            self._run(self._quietly(self._tell_restored(self._redis, deployment_id)))

    async def _tell_restored(self, client: redis.Redis, deployment_id: str) -> None:
        async with client.pipeline(transaction=True) as pipe:
            pipe.zrem(COOLDOWNS, deployment_id)
            pipe.hdel(DETAILS, deployment_id)
            pipe.publish(CHANNEL, orjson.dumps({"from": self._name, "restore": deployment_id}))
            await pipe.execute()

    def _run(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _quietly(self, work: Any) -> None:
        """A cooldown that cannot be told is noticed by the others themselves."""
        try:
            await work
        except (RedisError, OSError):
            logger.warning("Redis did not take a deployment's change; other processes find out by themselves")

    async def _sync_for_ever(self) -> None:
        while True:
            try:
                await self._sync()
                self.connected = True
            except (RedisError, OSError, ValueError):
                if self.connected:
                    logger.warning("Redis is away: each process routes by what it sees itself")
                self.connected = False
                self._state.set_elsewhere({})
            except Exception:
                # Who stops listening to the others would not know it.
                logger.exception("Could not follow what other processes see of the deployments")
            await asyncio.sleep(SYNC_SECONDS)

    async def _sync(self) -> None:
        assert self._redis is not None
        own, news = orjson.dumps(self._state.own()), self._quotas.news()
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.set(f"{PROCESSES}:{self._name}", own, ex=ALIVE_SECONDS)
            pipe.sadd(PROCESSES, self._name)
            pipe.smembers(PROCESSES)
            pipe.eval(_COOLING, 2, COOLDOWNS, DETAILS)
            if news:
                pipe.eval(quota.TELL, 1, quota.KEY, *news)
            _, _, names, cooling, *_ = await pipe.execute()
        for raw_id, left, detail in cooling:
            told = orjson.loads(detail) if detail else {}
            self._state.cooled_elsewhere(
                raw_id.decode(), seconds=float(left), reason=str(told.get("reason", "")),
                status=int(told.get("status", 0)), times=int(told.get("times", 1)),
            )  # fmt: skip
        others = sorted(name.decode() for name in names if name.decode() != self._name)
        await self._read_others(others)

    async def _read_others(self, others: list[str]) -> None:
        assert self._redis is not None
        values = await self._redis.mget([f"{PROCESSES}:{name}" for name in others]) if others else []
        if dead := [name for name, value in zip(others, values, strict=True) if value is None]:
            await self._redis.srem(PROCESSES, *dead)
        sums: dict[str, list[int]] = {}
        for value in values:
            for name, numbers in (orjson.loads(value) if value else {}).items():
                total = sums.setdefault(name, [0] * NUMBERS)
                # One of another version may say less, or more.
                for position, number in enumerate(numbers[:NUMBERS]):
                    total[position] += int(number)
        self._state.set_elsewhere({name: Elsewhere.read(numbers) for name, numbers in sums.items()})

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
            except (RedisError, OSError):
                await asyncio.sleep(SYNC_SECONDS)
            except Exception:
                logger.exception("Could not listen to other processes")
                await asyncio.sleep(SYNC_SECONDS)

    async def _listen(self) -> None:
        assert self._redis is not None
        async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(CHANNEL)
            while True:
                message = await pubsub.get_message(timeout=SYNC_SECONDS)
                if message is not None:
                    self._hear(message["data"])

    def _hear(self, data: bytes) -> None:
        try:
            told = orjson.loads(data)
            if told["from"] == self._name:
                return
            if "restore" in told:
                self._state.restore(told["restore"])
            else:
                self._state.cooled_elsewhere(
                    told["cool"], seconds=float(told["seconds"]), reason=str(told["reason"]),
                    status=int(told["status"]), times=int(told["times"]),
                )  # fmt: skip
        except (ValueError, KeyError, TypeError):
            logger.warning("A message of another process makes no sense and is ignored")
