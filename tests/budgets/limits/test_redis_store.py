"""The store for one process of several, when replies are lost and calls come late."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis as redis_client

from budgets.core.admission import (
    Ask,
    CounterCheck,
    Granted,
    MeterCheck,
    ParallelCheck,
    Refused,
    RefusedBy,
    Seed,
    Unseeded,
    settlement,
)
from budgets.limits.own import Own
from budgets.limits.redis_store import RedisStore, Unreachable
from budgets.limits.wire import Wait
from tests.budgets.limits.line import Line, line_to
from tests.services import RedisService

FAR = 2**33
LIMIT = 100
ASK = Ask(
    1,
    counters=(CounterCheck("team", LIMIT, FAR),),
    meters=(MeterCheck("m", 60, None, 1000),),
    parallels=(ParallelCheck("p", 10),),
    ceiling_nano=40,
    floor_nano=40,
    tokens=100,
)
# Refused by a counter, and so tells what is spent and held; or by the tokens.
HOW_MUCH = Ask(2, counters=(CounterCheck("team", 1, FAR),), ceiling_nano=LIMIT, floor_nano=LIMIT)
HOW_MANY = Ask(3, meters=(MeterCheck("m", 60, None, 0),), tokens=1)
IN_FLIGHT = Ask(4, parallels=(ParallelCheck("p", 0),))


class Scene:
    """One store on a line that fails, another on a good one, and a team of which nothing is spent."""

    def __init__(self, line: Line, url: str) -> None:
        self.line = line
        self.store = RedisStore(line.url, process="one", own=Own())
        self.other = RedisStore(url, process="other", own=Own())

    async def begin(self) -> None:
        await self.store.register()
        await self.other.register()
        await self.other.run([Seed("team", 0, FAR)])
        (answer,) = await self.other.run([IN_FLIGHT])
        if isinstance(answer, Wait):
            await asyncio.sleep(answer.milliseconds / 1000)

    async def admit(self) -> Granted:
        (answer,) = await self.store.run([ASK])
        assert isinstance(answer, Granted)
        return answer

    async def counted(self) -> tuple[int, int, int]:
        """Spent, held and in flight."""
        answers = await self.other.run([HOW_MUCH, IN_FLIGHT])
        much, flight = answers
        assert isinstance(much, Refused)
        assert isinstance(flight, Refused)
        return much.spent, much.held, flight.used

    async def close(self) -> None:
        await self.store.close()
        await self.other.close()


def play(shared: RedisService, use: Callable[[Scene], Awaitable[None]]) -> None:
    async def main() -> None:
        with tempfile.TemporaryDirectory(dir="/tmp") as folder:
            async with scene(shared.url, Path(folder)) as made:
                await use(made)

    asyncio.run(main())


@asynccontextmanager
async def scene(url: str, folder: Path) -> AsyncIterator[Scene]:
    async with line_to(url, folder) as line:
        made = Scene(line, url)
        try:
            await made.begin()
            yield made
        finally:
            await made.close()


def test_a_batch_is_one_call(shared: RedisService) -> None:
    async def use(scene: Scene) -> None:
        await scene.admit()
        before = scene.line.calls
        await scene.store.run([HOW_MUCH] * 200)
        assert scene.line.calls == before + 1

    play(shared, use)


@pytest.mark.parametrize("lost", [1, 2])
def test_a_grant_whose_reply_was_lost_is_held_once(shared: RedisService, lost: int) -> None:
    async def use(scene: Scene) -> None:
        scene.line.lose_replies = lost
        granted = await scene.admit()
        assert await scene.counted() == (0, 40, 1)

        await scene.store.run([settlement(ASK, granted, spent_nano=5)])
        assert await scene.counted() == (5, 0, 0)

    play(shared, use)


@pytest.mark.parametrize("lost", [1, 2])
def test_a_settle_whose_reply_was_lost_is_spent_once(shared: RedisService, lost: int) -> None:
    async def use(scene: Scene) -> None:
        first, second = await scene.admit(), await scene.admit()
        scene.line.lose_replies = lost
        await scene.store.run([settlement(ASK, first, spent_nano=7, tokens=150)])
        assert await scene.counted() == (7, 40, 1)
        (tokens,) = await scene.other.run([HOW_MANY])
        # The second's estimate is still there, and the first's was corrected once.
        assert isinstance(tokens, Refused)
        assert tokens.used == 250

        await scene.store.run([settlement(ASK, second, spent_nano=7)])
        assert await scene.counted() == (14, 0, 0)

    play(shared, use)


def test_a_call_that_was_never_carried_out_is_made_again(shared: RedisService) -> None:
    async def use(scene: Scene) -> None:
        granted = await scene.admit()
        scene.line.is_open.clear()
        settling = asyncio.create_task(scene.store.run([settlement(ASK, granted, spent_nano=7)]))
        await asyncio.sleep(0.3)
        scene.line.is_open.set()
        await settling
        await asyncio.sleep(0.1)

        assert scene.line.late >= 1
        assert await scene.counted() == (7, 0, 0)

    play(shared, use)


def test_a_call_that_arrives_after_all_was_said_again_does_nothing(shared: RedisService) -> None:
    async def use(scene: Scene) -> None:
        granted = await scene.admit()
        scene.line.is_open.clear()
        with pytest.raises(Unreachable):
            await scene.store.run([ASK, settlement(ASK, granted, spent_nano=7)])
        # The caller has gone on without Redis; now it is back, by another way than the calls that are still under way.
        direct = RedisStore(f"unix://{scene.line._server}", process="one", own=Own())
        direct._generation = scene.store._generation
        await direct.register()
        scene.line.is_open.set()
        await asyncio.sleep(0.1)

        assert scene.line.late >= 1
        assert await scene.counted() == (0, 0, 0)
        await direct.close()

    play(shared, use)


def test_what_a_store_says_it_holds_is_all_it_holds(shared: RedisService) -> None:
    async def use(scene: Scene) -> None:
        await scene.admit()
        await scene.store.register()
        await scene.store.register()
        assert await scene.counted() == (0, 40, 1)
        await scene.store.leave()
        assert await scene.counted() == (0, 0, 0)

    play(shared, use)


def test_a_script_that_redis_has_forgotten_is_sent_again(shared: RedisService) -> None:
    async def use(scene: Scene) -> None:
        with redis_client.Redis.from_url(shared.url) as client:
            client.script_flush()
        await scene.admit()

    play(shared, use)


def test_nothing_is_left_of_what_is_over(shared: RedisService) -> None:
    async def use(scene: Scene) -> None:
        new = Ask(5, counters=(CounterCheck("new", LIMIT, FAR),), ceiling_nano=40)
        assert await scene.store.run([new]) == [Unseeded(5, ("new",))]
        await scene.store.run([Seed("new", 0, FAR)])
        granted = await scene.admit()
        await scene.store.run([settlement(ASK, granted, spent_nano=1)])
        with redis_client.Redis.from_url(shared.url) as client:
            names = {name.decode() for name in client.scan_iter()}
            lives = {name: client.ttl(name) for name in names}
            fields = {name.decode() for key in ("team", "new") for name in client.hkeys(f"tollkeeper:c:{key}")}
        assert fields == {"e", "s"}
        assert {name for name, seconds in lives.items() if seconds == -1} == {"tollkeeper:epoch", "tollkeeper:alive"}
        assert "tollkeeper:p:p" not in names
        assert 0 < lives["tollkeeper:m:m"] <= 62

    play(shared, use)


def test_a_counter_is_forgotten_when_its_period_is_over(shared: RedisService) -> None:
    async def use(scene: Scene) -> None:
        with redis_client.Redis.from_url(shared.url) as client:
            soon = client.time()[0] + 2
            await scene.store.run([Seed("soon", 1, soon)])
            ask = Ask(1, counters=(CounterCheck("soon", LIMIT, soon),), ceiling_nano=1)
            assert isinstance((await scene.store.run([ask]))[0], Granted)
            assert client.expiretime("tollkeeper:c:soon") == soon

    play(shared, use)


def test_limits_beyond_what_redis_counts_exactly_count_as_that_much(shared: RedisService) -> None:
    async def use(scene: Scene) -> None:
        most = 2**53 - 1
        await scene.store.run([Seed("rich", most - 2, FAR)])
        ask = Ask(1, counters=(CounterCheck("rich", 10**30, FAR),), ceiling_nano=2, floor_nano=2)
        first, second = await scene.store.run([ask, ask])
        assert first == Granted(1, 2, (most - 2,), (), (), first.bucket_ms if isinstance(first, Granted) else 0)
        assert second == Refused(1, RefusedBy.COUNTER, 0, spent=most - 2, held=2)

    play(shared, use)


# Nine seconds make no beat old enough to be void, but leave the others next to no time for another.
@pytest.mark.parametrize("seconds", [60, 9])
def test_a_clock_that_jumps_takes_nobody_s_holds(shared: RedisService, seconds: int) -> None:
    """All beats look old at once; whoever calls first must not take the others for dead."""

    async def use(scene: Scene) -> None:
        await scene.other.run([ASK])
        with redis_client.Redis.from_url(shared.url) as client:
            for name in client.zrange("tollkeeper:alive", 0, -1):
                assert isinstance(name, bytes)
                client.zincrby("tollkeeper:alive", -1000 * seconds, name)

        (answer,) = await scene.store.run([ASK])
        assert isinstance(answer, Wait)
        await scene.other.run([])
        await asyncio.sleep(answer.milliseconds / 1000)
        await scene.store.run([Seed("team", 0, FAR)])

        assert await scene.counted() == (0, 40, 1)

    play(shared, use)
