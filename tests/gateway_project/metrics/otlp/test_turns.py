"""Each turn is one process's, by one clock."""

import time
from collections.abc import Iterator

import pytest

from gateway_project.metrics.otlp.turns import Turns
from tests.conftest import started
from tests.services import RedisService, redis


@pytest.fixture
def shared(request: pytest.FixtureRequest) -> Iterator[RedisService]:
    yield from started(redis(), request)


def test_of_processes_that_share_a_redis_one_gets_each_turn(shared: RedisService) -> None:
    fleet = [Turns(shared.url, 0.2) for _ in range(3)]
    got = 0
    ends = time.time() + 1.5
    while time.time() < ends:
        got += sum(one.is_mine() for one in fleet)
        assert all(0 < one.seconds_left() <= 0.2 for one in fleet)
        time.sleep(0.01)
    assert 2 <= got <= 9
    for one in fleet:
        one.close()


def test_alone_every_turn_is_ones_own_and_comes_once() -> None:
    alone = Turns("", 3600)
    assert alone.is_mine()
    assert not alone.is_mine()
    assert 0 < alone.seconds_left() <= 3600
