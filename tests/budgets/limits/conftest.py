"""A private Redis for the tests of admission."""

from collections.abc import Iterator

import pytest
import redis as redis_client

from tests.conftest import started
from tests.services import RedisService, redis


@pytest.fixture(scope="module")
def redis_server(request: pytest.FixtureRequest) -> Iterator[RedisService]:
    yield from started(redis(), request)


@pytest.fixture
def shared(redis_server: RedisService) -> RedisService:
    """Empty."""
    with redis_client.Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server
