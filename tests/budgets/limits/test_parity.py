"""The Lua script answers as its twin in Python does, whatever is asked in whatever order."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import pytest
import redis as redis_client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from budgets.core.admission import (
    MAX_NANO,
    Answer,
    Ask,
    CounterCheck,
    Granted,
    MeterCheck,
    Op,
    ParallelCheck,
    Seed,
    Settle,
    settlement,
)
from budgets.core.local_admission import LocalAdmission
from budgets.limits import scripts
from budgets.limits.own import Own
from budgets.limits.redis_store import RedisStore
from budgets.limits.wire import Wait
from tests.services import RedisService

R = TypeVar("R")
START = 1_700_000_000_000
FAR = 2**40  # seconds: nothing expires here
# The product's script has no such line: only this copy of it reads its time from a key.
HANDED_IN = scripts.BATCH.replace(scripts.TIME, "local now = tonumber(redis.call('GET', 'test-now'))")


class Clocked:
    """A RedisStore whose clock is handed in."""

    def __init__(self, url: str) -> None:
        assert HANDED_IN != scripts.BATCH
        self._loop = asyncio.new_event_loop()
        self._client = redis_client.Redis.from_url(url)
        self._url = url

    def begin(self) -> None:
        """An empty Redis, and a process that holds nothing."""
        self._client.flushall()
        self.store = RedisStore(self._url, process="one", own=Own(), batch=HANDED_IN)
        self.do(self.store.register())
        # Registered by Redis's own clock; it is another time now.
        epoch = self._client.get("tollkeeper:epoch")
        assert isinstance(epoch, bytes)
        aged = epoch.split(b":")[0] + b":1"
        self._client.set("tollkeeper:epoch", aged)
        self.store._epoch = aged.decode()

    def run(self, ops: Sequence[Op], *, now_ms: int) -> list[Answer | Wait | None]:
        self._client.set("test-now", now_ms)
        (name,) = self._client.zrange("tollkeeper:alive", 0, -1)
        assert isinstance(name, bytes)
        self._client.zadd("tollkeeper:alive", {name: now_ms})
        return self.do(self.store.run(ops))

    def do(self, coroutine: Coroutine[Any, Any, R]) -> R:
        return self._loop.run_until_complete(coroutine)

    def end(self) -> None:
        self.do(self.store.close())

    def close(self) -> None:
        self._client.close()
        self._loop.close()


@pytest.fixture
def clocked(redis_server: RedisService) -> Any:
    made = Clocked(redis_server.url)
    yield made
    made.close()


_amount = st.integers(0, 120)
_counters = st.lists(st.sampled_from("abc"), unique=True, max_size=3).flatmap(
    lambda keys: st.tuples(*[st.builds(CounterCheck, st.just(key), _amount, st.just(FAR)) for key in keys])
)
_limit = st.none() | st.integers(0, 6)
_meter = st.sampled_from([("m", 60), ("n", 60), ("d", 86_400), ("odd", 7)]).flatmap(
    lambda kind: st.builds(
        MeterCheck, st.just(kind[0]), st.just(kind[1]), _limit, _limit.map(lambda most: most and 9 * most)
    )
)
_meters = st.lists(_meter, unique_by=lambda check: check.key, max_size=3).map(tuple)
_parallels = st.lists(
    st.builds(ParallelCheck, st.sampled_from("pq"), st.integers(0, 3)), unique_by=lambda check: check.key, max_size=2
).map(tuple)
_ask = st.builds(Ask, st.integers(0, 99), _counters, _meters, _parallels, _amount, _amount, st.integers(0, 20))
_seed = st.builds(Seed, st.sampled_from("abc"), st.integers(0, 100), st.just(FAR))
# How an earlier grant ends, by position; and settles of what never was.
_ending = st.tuples(st.integers(0, 5), st.integers(0, 150), st.integers(0, 40))
_stray = st.builds(
    Settle,
    st.lists(st.tuples(st.sampled_from("abc"), _amount, st.integers(-30, 100), st.just(FAR)), max_size=2).map(tuple),
    st.lists(
        st.tuples(st.just("m"), st.just(60), st.integers(START - 90_000, START), st.integers(-30, 30)), max_size=2
    ).map(tuple),
    st.lists(st.sampled_from("pq"), max_size=2).map(tuple),
)
_batch = st.tuples(
    st.sampled_from([0, 1, 400, 500, 30_000, 59_999, 60_500, 200_000]),
    st.lists(_ask | _ask | _ask | _seed | _ending | _stray, max_size=8),
)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(_batch, max_size=12))
@example(
    batches=[
        (0, [Seed("a", MAX_NANO - 5, FAR)]),
        (0, [Ask(1, (CounterCheck("a", MAX_NANO * 9, FAR),), (), (), 3, 3), (0, MAX_NANO, 0)]),
        (0, [Ask(1, (CounterCheck("a", MAX_NANO, FAR),), (), (), 3, 1)]),
        (0, [Ask(1, (CounterCheck("a", MAX_NANO - 1, FAR),), (), (), MAX_NANO * 5, 1)]),
    ]
)
def test_the_script_and_its_twin_give_the_same_answers(clocked: Clocked, batches: list[tuple[int, list[Any]]]) -> None:
    clocked.begin()
    twin, now = LocalAdmission(), START
    grants: list[tuple[Ask, Granted]] = []
    for wait, drawn in batches:
        now += wait
        ops = [op if isinstance(op, Ask | Seed | Settle) else _end(grants, *op) for op in drawn]

        answers = clocked.run(ops, now_ms=now)

        assert answers == twin.run(ops, now_ms=now)
        for op, answer in zip(ops, answers, strict=True):
            if isinstance(op, Ask) and isinstance(answer, Granted):
                grants.append((op, answer))
    clocked.end()


def _end(grants: list[tuple[Ask, Granted]], position: int, spent: int, tokens: int) -> Settle:
    if not grants:
        return Settle()
    ask, granted = grants.pop(position % len(grants))
    return settlement(ask, granted, spent_nano=spent, tokens=tokens)


def test_the_store_counts_by_the_clock_of_redis_and_no_other(shared: RedisService) -> None:
    """The product's own script does not look at the key that tests hand their time in by."""
    check = MeterCheck("m", 60, 1, None)

    async def main() -> tuple[Answer | Wait | None, int]:
        store = RedisStore(shared.url, process="one", own=Own())
        with redis_client.Redis.from_url(shared.url) as client:
            client.set("test-now", START)
            try:
                (answer,) = await store.run([Ask(1, meters=(check,))])
            finally:
                await store.close()
            seconds, micros = client.time()
        return answer, seconds * 1000 + micros // 1000

    answer, now = asyncio.run(main())
    assert isinstance(answer, Granted)
    assert now - 2000 < answer.bucket_ms <= now
