"""How one process tells the others that keys or deployments changed."""

import logging
import threading

import redis
from django.conf import settings
from django.db import transaction
from django.db.models import F

from teams.models import Revision

logger = logging.getLogger(__name__)

CHANNEL = "tollkeeper:revisions"
KEYS = "keys"
DEPLOYMENTS = "deployments"


def bump(name: str) -> None:
    """Count the revision up with the change itself, and wake whoever listens once it is committed."""
    if not Revision.objects.filter(name=name).update(number=F("number") + 1):
        Revision.objects.get_or_create(name=name, defaults={"number": 1})
    transaction.on_commit(_announce)


def current() -> dict[str, int]:
    return dict(Revision.objects.values_list("name", "number"))


def _announce() -> None:
    """A hint only: who misses it polls."""
    changed.wake()
    if settings.REDIS_URL:
        try:
            with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1) as client:
                client.publish(CHANNEL, "")
        except redis.RedisError:
            logger.warning("Could not announce a revision; other processes will poll it")


class Wakeup:
    """Waits for a change, in this process or (through Redis) in another, or for the poll interval to pass."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._pubsub: redis.client.PubSub | None = None

    def wake(self) -> None:
        self._event.set()

    def wait(self, seconds: float) -> None:
        if settings.REDIS_URL and not self._event.is_set():
            self._wait_for_redis(seconds)
        else:
            self._event.wait(seconds)
        self._event.clear()

    def _wait_for_redis(self, seconds: float) -> None:
        try:
            if self._pubsub is None:
                client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=1)
                self._pubsub = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
                self._pubsub.subscribe(CHANNEL)
            self._pubsub.get_message(timeout=seconds)
        except redis.RedisError:
            self._pubsub = None
            self._event.wait(seconds)


changed = Wakeup()
