"""What all processes counted, added up in Redis, and what each of them says of this moment."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import redis

from gateway_project.metrics.series import Changes, Key, Series

NUMBERS_KEY = "tollkeeper:metrics:numbers"
SERIES_KEY = "tollkeeper:metrics:series"
TOUCHED_KEY = "tollkeeper:metrics:touched"
BEGAN_KEY = "tollkeeper:metrics:began"
_FLUSHED_KEY = "tollkeeper:metrics:flushed:"
_LIVE_KEY = "tollkeeper:metrics:live"
_LIVE_SECONDS = 10
# Long enough for the machine of a dead process to come back with its file.
_FLUSHED_SECONDS = 30 * 86_400

# A flush has a number, and is added once however often it is sent. A Redis that lost its memory asks for the
# definitions again, before it takes numbers that nobody could name.
_ADD = """
local flushed, sequence, is_known, definitions = KEYS[3], tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
if tonumber(redis.call('GET', flushed) or '0') >= sequence then return 1 end
if is_known == '1' and redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
local time, touched, at = redis.call('TIME'), {}, 4
redis.call('SETNX', KEYS[5], time[1])
for _ = 1, definitions do
    redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])
    at = at + 2
end
while at < #ARGV do
    redis.call('HINCRBYFLOAT', KEYS[1], ARGV[at], ARGV[at + 1])
    local series = string.match(ARGV[at], '[^:]+')
    if not touched[series] then
        touched[series] = true
        redis.call('HSET', KEYS[4], series, time[1] .. '.' .. string.format('%06d', time[2]))
    end
    at = at + 2
end
redis.call('SET', flushed, ARGV[1], 'EX', ARGV[#ARGV])
return 1
"""
Gauges = list[tuple[str, str, float]]


class FleetSums:
    """Each call raises redis.RedisError when Redis does not answer within two seconds."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url, socket_timeout=2, socket_connect_timeout=1, retry=None, retry_on_timeout=False
        )
        self._add = self._redis.register_script(_ADD)
        self._announced: set[str] = set()
        self._series: dict[str, Series] = {}

    def add(self, process: str, sequence: int, changes: Changes, series: Mapping[str, Series]) -> None:
        """Once for each number of a flush of a process."""
        keys = [NUMBERS_KEY, SERIES_KEY, f"{_FLUSHED_KEY}{process}", TOUCHED_KEY, BEGAN_KEY]
        while True:
            new = {key.series for key in changes} - self._announced
            arguments: list[Any] = [sequence, int(bool(self._announced)), len(new)]
            for series_id in new:
                arguments += (series_id, series[series_id].definition)
            for key, amount in changes.items():
                arguments += (_field(key), _plain(amount))
            if self._add(keys=keys, args=[*arguments, _FLUSHED_SECONDS]):
                self._announced |= new
                return
            self._announced.clear()

    def read(self) -> dict[str, dict[str, float]]:
        """The numbers of each series, by part. Which series that are says `series`."""
        fields: Any = self._redis.hgetall(NUMBERS_KEY)
        found: dict[str, dict[str, float]] = {}
        for name, text in fields.items():
            series_id, _, part = name.decode().partition(":")
            if (parts := found.get(series_id)) is None:
                parts = found[series_id] = {}
            parts[part] = _number(text)
        return found

    def series(self, ids: Iterable[str]) -> Mapping[str, Series]:
        """Those that are defined."""
        if unknown := [one for one in ids if one not in self._series]:
            definitions: Any = self._redis.hmget(SERIES_KEY, unknown)
            for series_id, definition in zip(unknown, definitions, strict=True):
                if definition is not None:
                    self._series[series_id] = Series.defined(definition)
        return self._series

    def began(self) -> int:
        """Since when these sums are counted, in nanoseconds; 0 while there are none."""
        seconds: Any = self._redis.get(BEGAN_KEY)
        return int(seconds or 0) * 10**9

    def touched(self, ids: Iterable[str]) -> tuple[Mapping[str, float], float]:
        """When each of these series last counted, and what time it is: in seconds, by Redis's clock."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hgetall(TOUCHED_KEY)
        pipe.time()
        stamps, (seconds, microseconds) = pipe.execute()
        now = seconds + microseconds / 1e6
        found = {series_id.decode(): float(at) for series_id, at in stamps.items()}
        if unknown := [one for one in ids if one not in found]:
            # Counted by a version that noted no times: from now on they are idle.
            for series_id in unknown:
                pipe.hsetnx(TOUCHED_KEY, series_id, repr(now))
            pipe.execute()
        return found, now

    def say(self, process: str, gauges: Gauges) -> None:
        """What is so in this process now; forgotten if it is not said again within ten seconds."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.set(f"{_LIVE_KEY}:{process}", orjson.dumps(gauges), ex=_LIVE_SECONDS)
        pipe.sadd(_LIVE_KEY, process)
        pipe.execute()

    def said(self) -> list[Gauges]:
        """What each living process said last."""
        processes: Any = sorted(one.decode() for one in self._redis.smembers(_LIVE_KEY))  # type: ignore[union-attr]
        if not processes:
            return []
        texts: Any = self._redis.mget([f"{_LIVE_KEY}:{one}" for one in processes])
        if silent := [one for one, text in zip(processes, texts, strict=True) if text is None]:
            self._redis.srem(_LIVE_KEY, *silent)
        return [[(metric, labels, value) for metric, labels, value in orjson.loads(text)] for text in texts if text]

    def fall_silent(self, process: str) -> None:
        self._redis.delete(f"{_LIVE_KEY}:{process}")

    def close(self) -> None:
        self._redis.close()


def _field(key: Key) -> str:
    return f"{key.series}:{key.part}"


def _plain(amount: float) -> str:
    return str(int(amount)) if amount.is_integer() else repr(amount)


def _number(text: bytes) -> float:
    """Whole numbers stay integers, so that nano-dollars keep every digit."""
    return int(text) if text.lstrip(b"-").isdigit() else float(text)
