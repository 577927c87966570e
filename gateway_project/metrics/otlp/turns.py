"""Whose turn it is to push: of all processes that share a Redis one, and another one if that dies."""

import time
import uuid

import redis

_TURN_KEY = "tollkeeper:metrics:push:"


class Turns:
    """`interval` is in seconds: turns begin at its multiples, by Redis's clock where there is one."""

    def __init__(self, redis_url: str, interval: float) -> None:
        self._interval = interval
        self._process = uuid.uuid4().hex
        self._last: int | None = None
        self._redis: redis.Redis | None = None
        if redis_url:
            self._redis = redis.Redis.from_url(redis_url, socket_timeout=2, socket_connect_timeout=1, retry=None)

    def is_mine(self) -> bool:
        """Whether this process has just got the turn that is now; once for each turn. Raises redis.RedisError."""
        turn = int(self._now() // self._interval)
        if turn == self._last:
            return False
        self._last = turn
        if self._redis is None:
            return True
        # It outlives its turn, so that a slow process does not take it a second time.
        lives_ms = max(int(2000 * self._interval), 10_000)
        return bool(self._redis.set(f"{_TURN_KEY}{turn}", self._process, nx=True, px=lives_ms))

    def seconds_left(self) -> float:
        """Until the next turn begins. Raises redis.RedisError."""
        return self._interval - self._now() % self._interval

    def _now(self) -> float:
        if self._redis is None:
            return time.time()
        seconds, microseconds = self._redis.time()
        return float(seconds + microseconds / 1e6)

    def close(self) -> None:
        if self._redis is not None:
            self._redis.close()
