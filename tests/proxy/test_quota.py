"""The latest that any process heard of an upstream's quota."""

import asyncio
from collections.abc import Iterator

import pytest
import redis as redis_client

from proxy.fleet import Fleet
from proxy.quota import KEY, TELL, Left, Quotas
from proxy.state import RouterState
from tests.conftest import started
from tests.proxy.destination import Deployed
from tests.proxy.test_fleet import until
from tests.services import redis

D = Deployed(id="d")
REQUESTS, TOKENS = "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    for server in started(redis(), request):
        yield server.url


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_last_word_stands_and_silence_is_none(clock: Clock) -> None:
    quotas = Quotas(clock=clock)
    quotas.note(D, {REQUESTS: "5"})
    quotas.note(D, {REQUESTS: "0", TOKENS: "9"})
    quotas.note(D, {"content-type": "text/html"})
    assert quotas.read() == {"d": Left(0, 9)}


def test_it_is_forgotten_without_news(clock: Clock) -> None:
    quotas = Quotas(clock=clock)
    quotas.note(D, {REQUESTS: "5", "x-ratelimit-reset-requests": "90s"})
    clock.now += 89
    assert quotas.read() == {"d": Left(5, None, 90)}
    clock.now += 1
    assert quotas.read() == {}
    quotas.news()
    assert quotas.read() == {}


def test_who_tells_later_what_it_heard_earlier_changes_nothing(redis_url: str, clock: Clock) -> None:
    first, second, reader = (Quotas(redis_url, clock=clock) for _ in range(3))
    first.note(D, {REQUESTS: "9"})
    clock.now += 0.5
    second.note(D, {REQUESTS: "8"})
    with redis_client.Redis.from_url(redis_url) as client:
        client.delete(KEY)
        for one in (second, first):
            client.eval(TELL, 1, KEY, *one.news())
    assert reader.read() == {"d": Left(8, None)}
    # What this process has heard itself and not told yet is newer.
    clock.now += 0.1
    first.note(D, {REQUESTS: "7"})
    assert first.read() == {"d": Left(7, None)}
    assert second.read() == {"d": Left(8, None)}
    for one in (first, second, reader):
        one.close()


def test_processes_tell_each_other_within_a_second_or_so(redis_url: str) -> None:
    async def run() -> None:
        with redis_client.Redis.from_url(redis_url) as client:
            client.delete(KEY)
        mine, others = Quotas(redis_url), Quotas(redis_url)
        fleet = Fleet(RouterState(), redis_url, mine)
        fleet.start()
        try:
            mine.note(D, {TOKENS: "3"})
            await until(lambda: others.read() == {"d": Left(None, 3)})
        finally:
            await fleet.stop()
            mine.close()
            others.close()

    asyncio.run(run())
