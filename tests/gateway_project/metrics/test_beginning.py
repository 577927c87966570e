"""Since when numbers are counted: the same after any death, another time where they began anew."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_client

from gateway_project.metrics.fleet_sums import BEGAN_KEY
from tests.conftest import started
from tests.gateway_project.metrics.test_store import Process
from tests.services import RedisService, redis


def test_who_counts_on_says_the_same_beginning(tmp_path: Path) -> None:
    began = set()
    for _ in range(2):
        process = Process()
        process.store.start(tmp_path, redis_url="")
        began.add(process.store.sums().began)
        process.store._cells.close()
    assert len(began) == 1


@pytest.fixture
def shared(request: pytest.FixtureRequest) -> Iterator[RedisService]:
    yield from started(redis(), request)


def test_sums_that_began_anew_say_so(shared: RedisService, tmp_path: Path) -> None:
    process = Process()
    process.store.start(tmp_path, redis_url=shared.url)
    process.count("a")
    with redis_client.Redis.from_url(shared.url) as client:
        client.set(BEGAN_KEY, 1000)
        process.count("a")
        assert process.store.sums().began == 1000 * 10**9
        client.flushall()
    process.count("a")
    assert process.store.sums().began > 1000 * 10**9
    process.store.stop()
