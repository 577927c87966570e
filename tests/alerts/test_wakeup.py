"""The hint that deliveries wait: it may get lost, and must never take anything with it."""

import time
from collections.abc import Iterator

import pytest
import redis as redis_client
from celery import Celery
from django.conf import settings

import gateway_project.celery
from alerts.wakeup import wake_channels
from tests.conftest import started
from tests.services import RedisService, redis


@pytest.fixture
def broker(request: pytest.FixtureRequest) -> Iterator[RedisService]:
    """A private Redis that tasks of this thread are sent to."""
    for service in started(redis(), request):
        app = Celery("test", broker=service.url.replace("unix://", "redis+socket://", 1))
        app.conf.task_publish_retry = settings.CELERY_TASK_PUBLISH_RETRY
        # What the product adds once it has a REDIS_URL.
        app.conf.broker_transport_options = settings.REDIS_BROKER_OPTIONS
        app.set_current()
        yield service
        app.close()
        gateway_project.celery.app.set_current()


def waiting(broker: RedisService) -> int:
    with redis_client.Redis.from_url(broker.url) as client:
        return int(client.llen("celery"))


def test_each_channel_gets_a_task_of_its_own(broker: RedisService) -> None:
    wake_channels([1, 2, 3])

    assert waiting(broker) == 3


def test_a_broker_that_is_away_stops_nobody(broker: RedisService) -> None:
    broker.kill()
    started_at = time.monotonic()

    wake_channels([1, 2])

    # The thread that writes incidents waits for this, once for each incident.
    assert time.monotonic() - started_at < 3


def test_a_broker_that_takes_nothing_more_stops_nobody(broker: RedisService) -> None:
    with redis_client.Redis.from_url(broker.url) as client:
        client.config_set("maxmemory", 1)

    wake_channels([1])
