"""Reading what rate limits have counted changes nothing, and says what admission itself would."""

import asyncio
from collections.abc import Iterator

import pytest
import redis as redis_client

from budgets.core.admission import Ask, MeterCheck
from budgets.core.local_admission import LocalAdmission
from budgets.limits.meters_used import MetersUsed
from budgets.limits.own import Own
from budgets.limits.redis_store import RedisStore
from tests.conftest import started
from tests.services import redis

MINUTE = MeterCheck("k", 60, 100, 1000)
NOBODY = MeterCheck("nobody", 60, 1, None)
DAY = MeterCheck("k:day", 86_400, None, 9)


def ask(number: int, *, tokens: int) -> Ask:
    return Ask(number, meters=(MINUTE, DAY), tokens=tokens)


@pytest.fixture(scope="module")
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    for server in started(redis(), request):
        yield server.url


def test_without_a_redis_it_is_this_processes_own_count() -> None:
    now = 1_000_000.0
    local = LocalAdmission()
    meters = MetersUsed("", local, lambda: now)
    local.run([ask(1, tokens=7)], now_ms=int(now * 1000))
    assert meters.read([MINUTE, NOBODY, DAY]) == [(1, 7), (0, 0), (1, 7)]
    now += 59
    assert meters.read([MINUTE]) == [(1, 7)]
    now += 3
    assert meters.read([MINUTE, DAY]) == [(0, 0), (1, 7)]


def test_in_redis_it_is_the_fleets_and_what_has_left_the_window_is_left_out(redis_url: str) -> None:
    async def run() -> None:
        meters = MetersUsed(redis_url, LocalAdmission(), lambda: 0.0)
        stores = [RedisStore(redis_url, process=name, own=Own()) for name in ("one", "other")]
        for store in stores:
            await store.register()
            await store.run([ask(1, tokens=3)])
        assert meters.read([MINUTE, NOBODY, DAY]) == [(2, 6), (0, 0), (2, 6)]
        assert meters.read([]) == []
        many = [MeterCheck(f"n{number}", 60, 1, 1) for number in range(600)]
        assert meters.read([*many, MINUTE]) == [(0, 0)] * 600 + [(2, 6)]
        for store in stores:
            await store.leave()
            await store.close()
        meters.close()

    asyncio.run(run())


def test_in_redis_what_is_older_than_the_window_counts_no_more(redis_url: str) -> None:
    with redis_client.Redis.from_url(redis_url, decode_responses=True) as client:
        seconds, _ = client.time()
        bucket = int(seconds) * 1000 // 500
        old, fresh = bucket - 130, bucket - 10
        key = "tollkeeper:m:aged"
        client.hset(key, mapping={"r": 5, "t": 50, "first": old, "newest": fresh, f"r{old}": 3, f"t{old}": 30,
                                  f"r{fresh}": 2, f"t{fresh}": 20})  # fmt: skip
        before = client.hgetall(key)
        meters = MetersUsed(redis_url, LocalAdmission(), lambda: 0.0)
        assert meters.read([MeterCheck("aged", 60, 9, 9)]) == [(2, 20)]
        assert client.hgetall(key) == before
        meters.close()
