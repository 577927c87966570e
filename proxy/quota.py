"""What upstreams say is left of their rate limits: the latest word that any process of the gateway has heard.

Noting it costs a request two look-ups and an entry of a dictionary; what was noted is read about once a second.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
import redis

from proxy.core.quota_headers import ANTHROPIC, LONGEST_SECONDS, OPENAI, Left, read_quota
from proxy.upstream import Destination

__all__ = ["Left", "Quotas"]

KEY = "tollkeeper:quota"
# The newest word is kept, whoever comes last. All is forgotten some time after everybody has fallen silent.
TELL = f"""
for i = 1, #ARGV, 3 do
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  if not known or tonumber(string.match(known, '^[%d.]+')) < tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[i + 2])
  end
end
redis.call('EXPIRE', KEYS[1], {int(LONGEST_SECONDS) * 2})
"""
_FIRST, _SECOND = OPENAI
_FIRST_OF_ANTHROPIC, _SECOND_OF_ANTHROPIC = ANTHROPIC
Heard = tuple[float, Left]


class Quotas:
    """`note` and `news` belong to the event loop, `read` is for other threads. `clock` is unix seconds."""

    def __init__(self, redis_url: str = "", *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._noted: dict[str, tuple[float, Mapping[str, str]]] = {}
        self._heard: dict[str, Heard] = {}
        self._redis: redis.Redis | None = None
        if redis_url:
            self._redis = redis.Redis.from_url(redis_url, socket_timeout=2, socket_connect_timeout=1, retry=None)

    def note(self, deployment: Destination, headers: Mapping[str, str]) -> None:
        """An answer that does not say it is no news."""
        if _FIRST in headers or _SECOND in headers or _FIRST_OF_ANTHROPIC in headers or _SECOND_OF_ANTHROPIC in headers:
            self._noted[deployment.id] = (self._clock(), headers)

    def news(self) -> list[Any]:
        """What was heard since the last time, as TELL wants it."""
        noted, self._noted = self._noted, {}
        told: list[Any] = []
        for deployment_id, (at, headers) in noted.items():
            if (left := read_quota(headers, now=datetime.fromtimestamp(at, UTC))) is not None:
                self._heard[deployment_id] = (at, left)
                told += (deployment_id, f"{at:.6f}", orjson.dumps([left.requests, left.tokens, left.seconds]))
        if told:
            now = self._clock()
            self._heard = {name: one for name, one in self._heard.items() if now < one[0] + one[1].seconds}
        return told

    def read(self) -> dict[str, Left]:
        """By deployment, the latest of the fleet; what is too old to be believed is left out. Raises RedisError."""
        now = self._clock()
        found = self._heard.copy()
        for deployment_id, (at, headers) in self._noted.copy().items():
            if (left := read_quota(headers, now=datetime.fromtimestamp(at, UTC))) is not None:
                found[deployment_id] = (at, left)
        for deployment_id, heard in self._elsewhere().items():
            if deployment_id not in found or found[deployment_id][0] < heard[0]:
                found[deployment_id] = heard
        return {name: left for name, (at, left) in found.items() if now < at + left.seconds}

    def _elsewhere(self) -> dict[str, Heard]:
        if self._redis is None:
            return {}
        fields: Any = self._redis.hgetall(KEY)
        return {name.decode(): _heard(text) for name, text in fields.items()}

    def close(self) -> None:
        if self._redis is not None:
            self._redis.close()


def _heard(text: bytes) -> Heard:
    at, _, told = text.partition(b" ")
    return float(at), Left(*orjson.loads(told))
