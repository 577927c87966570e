"""How one process tells the others that keys or deployments changed."""

import logging
import threading
from datetime import datetime, timedelta

import redis
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from teams.models import Change, Revision

logger = logging.getLogger(__name__)

CHANNEL = "tollkeeper:revisions"
KEYS = "keys"
DEPLOYMENTS = "deployments"
# A process that slept longer than this loads everything.
CHANGES_KEPT = timedelta(hours=1)


def hold(name: str = KEYS) -> None:
    """Lock the counter before any row, so that no two changes ever wait for each other in a circle."""
    if not Revision.objects.filter(name=name).update(number=F("number")):
        Revision.objects.get_or_create(name=name)
        Revision.objects.filter(name=name).update(number=F("number"))


def bump(name: str, *, kind: str = "", object_id: str = "") -> None:
    """Count the revision up with the change itself, and wake whoever listens once it is committed.

    Of the keys' revision, `kind` and `object_id` say what changed; without them, everything did.
    """
    with transaction.atomic():
        number = _next_number(name)
        if name == KEYS:
            Change.objects.create(number=number, kind=kind, object_id=object_id)
    if not connection.in_atomic_block or all(waiting[1] is not _announce for waiting in connection.run_on_commit):
        transaction.on_commit(_announce)


def _next_number(name: str) -> int:
    """The row stays locked until the transaction ends, so numbers are committed in their order."""
    if not Revision.objects.filter(name=name).update(number=F("number") + 1):
        Revision.objects.get_or_create(name=name)
        Revision.objects.filter(name=name).update(number=F("number") + 1)
    return Revision.objects.values_list("number", flat=True).get(name=name)


def current() -> dict[str, int]:
    return dict(Revision.objects.values_list("name", "number"))


def forget_changes(*, now: datetime) -> int:
    """Delete what every process has long followed."""
    return Change.objects.filter(at__lt=now - CHANGES_KEPT).delete()[0]


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
