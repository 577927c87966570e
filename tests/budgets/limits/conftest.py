"""A private Redis for the tests of admission."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis as redis_client

from tests.conftest import started
from tests.services import Missing, RedisService, redis


@pytest.fixture(scope="module")
def redis_server(request: pytest.FixtureRequest) -> Iterator[RedisService]:
    yield from started(redis(), request)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[RedisService]:
    """One of its own for each test, to be killed."""
    yield from started(_to_be_killed(), request)


@contextmanager
def _to_be_killed() -> Iterator[RedisService]:
    with redis() as running:
        if running.pid is None:
            raise Missing("a Redis that may be killed")
        yield running


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """What members of a test have spent, a line each."""
    return tmp_path / "ledger"


@pytest.fixture
def shared(redis_server: RedisService) -> RedisService:
    """Empty."""
    with redis_client.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server
