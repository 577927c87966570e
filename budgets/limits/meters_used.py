"""What rate limits have counted in the window that ends now, for many at once: for metrics, in a thread of theirs."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import redis
from redis.exceptions import NoScriptError

from budgets.core.admission import MeterCheck
from budgets.core.local_admission import LocalAdmission
from budgets.core.meters import BUCKETS, bucket_width
from budgets.limits.scripts import TIME

# Of one call: Redis does nothing else meanwhile.
_AT_ONCE = 250

# ARGV: key and bucket width of each. Answers requests and tokens of each. Changes nothing.
READ = (
    TIME
    + f"local BUCKETS = {BUCKETS}"
    + """
local found = {}
for i = 1, #ARGV, 2 do
  local at, current = 'tollkeeper:m:' .. ARGV[i], math.floor(now / ARGV[i + 1])
  local f = redis.call('HMGET', at, 'r', 't', 'first', 'newest')
  local r, t, first, newest = tonumber(f[1] or 0), tonumber(f[2] or 0), tonumber(f[3] or 0), tonumber(f[4] or 0)
  local oldest = current - BUCKETS
  if f[1] and first < oldest then
    r, t = 0, 0
    local names = {}
    for n = oldest, math.min(newest, current + BUCKETS) do
      names[#names + 1] = 'r' .. n
      names[#names + 1] = 't' .. n
    end
    if #names > 0 then
      local values = redis.call('HMGET', at, unpack(names))
      for n = 1, #names, 2 do r, t = r + (values[n] or 0), t + (values[n + 1] or 0) end
    end
  end
  found[#found + 1], found[#found + 2] = r, t
end
return found
"""
)
_SHA = hashlib.sha1(READ.encode()).hexdigest()  # noqa: S324 - Redis's own choice
Used = tuple[int, int]


class MetersUsed:
    """`clock` is unix seconds; with a Redis its own clock is taken."""

    def __init__(self, redis_url: str, local: LocalAdmission, clock: Callable[[], float]) -> None:
        self._local, self._clock = local, clock
        self._redis: redis.Redis | None = None
        if redis_url:
            self._redis = redis.Redis.from_url(redis_url, socket_timeout=2, socket_connect_timeout=1, retry=None)

    def read(self, checks: Sequence[MeterCheck]) -> list[Used]:
        """Requests and tokens, in the order of the checks. Raises redis.RedisError."""
        if self._redis is None:
            now_ms = int(self._clock() * 1000)
            return [self._local.used(check.key, now_ms=now_ms) for check in checks]
        return list(self._shared(self._redis, checks))

    def close(self) -> None:
        if self._redis is not None:
            self._redis.close()

    def _shared(self, client: redis.Redis, checks: Sequence[MeterCheck]) -> Iterator[Used]:
        for first in range(0, len(checks), _AT_ONCE):
            named: list[Any] = []
            for check in checks[first : first + _AT_ONCE]:
                named += (check.key, bucket_width(check.window_seconds))
            try:
                numbers: Any = client.evalsha(_SHA, 0, *named)
            except NoScriptError:
                numbers = client.eval(READ, 0, *named)
            yield from zip(numbers[::2], numbers[1::2], strict=True)
