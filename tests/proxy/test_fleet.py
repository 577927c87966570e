"""Two processes' worth of router state over a real Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress

import pytest

from proxy.core.cooldown import Cooldown, CooldownReason
from proxy.core.outages import Trouble
from proxy.fleet import ALIVE_SECONDS, Fleet
from proxy.state import RouterState
from tests.conftest import started
from tests.services import redis


@pytest.fixture(scope="module")
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    for server in started(redis(), request):
        yield server.url


@asynccontextmanager
async def two(url: str) -> AsyncIterator[tuple[tuple[RouterState, Fleet], tuple[RouterState, Fleet]]]:
    states = RouterState(), RouterState()
    fleets = [Fleet(state, url) for state in states]
    for fleet in fleets:
        fleet.start()
    try:
        await until(lambda: all(fleet.connected for fleet in fleets))
        yield (states[0], fleets[0]), (states[1], fleets[1])
    finally:
        for fleet in fleets:
            await fleet.stop()


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        await asyncio.sleep(0.01)
    return time.monotonic() - began


def cool(state: RouterState, fleet: Fleet, name: str, seconds: float) -> None:
    state.cool(name, Cooldown(seconds, CooldownReason.RATE_LIMITED), status=429)
    fleet.cooled(name, seconds=seconds, reason="rate_limited", status=429, times=state.cooldowns(name))


def test_cooldown_reaches_the_other_within_a_second(redis_url: str) -> None:
    async def run() -> None:
        async with two(redis_url) as ((state, fleet), (other, _)):
            cool(state, fleet, "quick", 30)
            assert await until(lambda: other.cooling_seconds("quick") > 25) < 1

    asyncio.run(run())


def test_who_comes_later_learns_of_it(redis_url: str) -> None:
    async def run() -> None:
        async with two(redis_url) as ((state, fleet), _):
            cool(state, fleet, "earlier", 30)
            await asyncio.sleep(0.2)
        late = RouterState()
        newcomer = Fleet(late, redis_url)
        newcomer.start()
        try:
            await until(lambda: late.cooling_seconds("earlier") > 20)
            assert late.describe("earlier")["cooldown_reason"] == "rate_limited"
        finally:
            await newcomer.stop()

    asyncio.run(run())


def test_shorter_cooldown_of_another_process_shortens_nothing(redis_url: str) -> None:
    async def run() -> None:
        async with two(redis_url) as ((state, fleet), (other, other_fleet)):
            cool(state, fleet, "both", 60)
            await until(lambda: other.cooling_seconds("both") > 50)
            other_fleet.cooled("both", seconds=1, reason="rate_limited", status=429, times=1)
            await asyncio.sleep(1.5)
            assert state.cooling_seconds("both") > 50
        late = RouterState()
        newcomer = Fleet(late, redis_url)
        newcomer.start()
        try:
            await until(lambda: late.cooling_seconds("both") > 50)
        finally:
            await newcomer.stop()

    asyncio.run(run())


def test_it_stops_though_a_cancellation_is_lost() -> None:
    async def deaf() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    async def run() -> None:
        fleet = Fleet(RouterState(), "")
        fleet._run(deaf())
        await asyncio.sleep(0)
        await asyncio.wait_for(fleet.stop(), 5)

    asyncio.run(run())


def test_recovery_reaches_the_other(redis_url: str) -> None:
    async def run() -> None:
        async with two(redis_url) as ((state, fleet), (other, _)):
            cool(state, fleet, "well", 30)
            await until(lambda: other.cooling_seconds("well") > 0)
            state.restore("well")
            fleet.restored("well")
            await until(lambda: other.cooling_seconds("well") == 0)
            await asyncio.sleep(1.2)
            assert state.state("well") is None

    asyncio.run(run())


def test_numbers_of_all_are_added_and_those_of_the_dead_forgotten(redis_url: str) -> None:
    async def run() -> None:
        async with two(redis_url) as ((state, fleet), (other, _)):
            for _ in range(3):
                state.begin("busy")
            await until(lambda: other.in_flight("busy") == 3)
            assert other.requests("busy") == 3
            state.had_trouble("busy", Trouble.TIMEOUT)
            await until(lambda: other.outcomes("busy") == (0, 1, 0, 0, 0, 0))
            assert other.failing() == ["busy"]
            # As a kill does: nothing is taken back.
            for task in list(fleet._tasks):
                task.cancel()
            await until(lambda: other.in_flight("busy") == 0, ALIVE_SECONDS + 3)

    asyncio.run(run())


def test_without_redis_each_sees_what_it_saw() -> None:
    async def run() -> None:
        state = RouterState()
        fleet = Fleet(state, "")
        fleet.start()
        cool(state, fleet, "d", 5)
        assert state.cooling_seconds("d") > 0
        await fleet.stop()

    asyncio.run(run())


def test_redis_that_is_away_disturbs_nobody() -> None:
    async def run() -> None:
        state = RouterState()
        fleet = Fleet(state, "redis://127.0.0.1:1/0")
        fleet.start()
        cool(state, fleet, "d", 5)
        await asyncio.sleep(0.3)
        assert not fleet.connected
        assert state.cooling_seconds("d") > 0
        await fleet.stop()

    asyncio.run(run())
