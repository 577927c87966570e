"""Telling what is wrong with the database while it is away, by routes and channels as they were last read.

What was told so is kept in a file each; when the database is back it becomes an incident with its deliveries. Any
process of the machine may store any of the files, and each as often as it likes: rows bring their own ids.
"""

import logging
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import redis
from django.conf import settings
from django.core import serializers
from django.db import transaction
from django.utils import timezone
from redis.exceptions import RedisError

from alerts.core.message import Message
from alerts.core.routing import Decision, Destination, Routing, Subject, decide
from alerts.events import Event
from alerts.models import (
    LIVE,
    AlertChannel,
    AlertSettings,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Entry,
    Incident,
    IncidentEntry,
)
from alerts.setup import load_routing
from alerts.telling import body_of, message_of
from alerts.transports import TRANSPORTS
from alerts.transports.base import TransportError

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 10.0
# Where no channel took it, or another process speaks, it is looked at again so much later.
RETRY_SECONDS = 5.0
CLAIMS = "tollkeeper:told-directly"


@dataclass(frozen=True, slots=True)
class _Known:
    """What was set up when it was last read. The channels' addresses are in the clear here, and nowhere else."""

    routing: Routing
    channels: Mapping[int, AlertChannel] = field(repr=False)
    labels: Mapping[str, str]


class DirectPath:
    """Belongs to one thread."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self._folder = folder
        self._redis = (
            redis.Redis.from_url(redis_url, socket_timeout=2, socket_connect_timeout=1, retry=None)
            if redis_url
            else None
        )
        self._known: _Known | None = None
        self._read_at = -REFRESH_SECONDS
        # By fingerprint, when to look at it again.
        self._next_at: dict[str, datetime] = {}

    def refresh(self) -> None:
        """Read what is set up, if that is some seconds ago, and store what was told. Raises django.db.Error."""
        now = time.monotonic()
        if now - self._read_at < REFRESH_SECONDS:
            return
        common = AlertSettings.load().alerting_args.get("labels")
        self._known = _Known(
            routing=load_routing(now=timezone.now()),
            channels={row.pk: row for row in AlertChannel.objects.filter(enabled=True).order_by("id")},
            labels={str(name): str(value) for name, value in common.items()} if isinstance(common, dict) else {},
        )
        self._read_at = now
        self.store()

    def tell(self, event: Event, *, now: datetime, is_claimed: bool = False) -> bool:
        """Send it to whom it is meant for; once for each repeat interval, however often this is called.

        Whether a channel took it. `is_claimed`: it is sure already that no other process speaks.
        """
        fingerprint = event.fingerprint()
        if self._known is None or now < self._next_at.get(fingerprint, now):
            return False
        labels = {**self._known.labels, **{name: value for name, value in event.labels().items() if value}}
        decision = decide(Subject(event.alert_type, event.level, labels), self._known.routing, now=now)
        self._next_at[fingerprint] = now + timedelta(seconds=RETRY_SECONDS)
        if not decision.destinations or not (is_claimed or self._claim(event)):
            return False
        incident = _incident(event, decision, labels, now=now)
        delivered = [one for one in self._sent(incident, decision.destinations, now=now) if one is not None]
        if delivered:
            self._next_at[fingerprint] = incident.next_notify_at
            self._keep(incident, delivered)
        elif not is_claimed:
            self._give_back(event)
        return bool(delivered)

    def store(self) -> None:
        """What was told becomes rows. Raises django.db.Error."""
        for path in sorted(self._folder.glob("*.json")):
            try:
                rows = [one.object for one in serializers.deserialize("json", path.read_text(encoding="utf-8"))]
            except FileNotFoundError:
                continue
            except (OSError, serializers.base.DeserializationError):
                logger.exception("What was told without the database cannot be read: it is kept aside")
                path.rename(path.with_suffix(".damaged"))
                continue
            _store([row for row in rows if isinstance(row, Incident)], [r for r in rows if isinstance(r, Delivery)])
            path.unlink(missing_ok=True)

    def forget(self, event: Event) -> None:
        """It is over: should it come again, it is news."""
        if self._next_at.pop(event.fingerprint(), None):
            self._give_back(event)

    def _sent(
        self, incident: Incident, destinations: Iterable[Destination], *, now: datetime
    ) -> Iterable[Delivery | None]:
        assert self._known is not None
        for one in destinations:
            if (channel := self._known.channels.get(one.channel_id)) is None:
                continue
            made = uuid.uuid4()
            message = message_of(incident, kind=DeliveryKind.FIRING, at=now, route=one.route, id=str(made))
            yield _send(Delivery(id=made, incident=incident, channel=channel, created_at=now), message)

    def _claim(self, event: Event) -> bool:
        """Of several processes one tells it. Without Redis, or while that is away as well, each does."""
        if self._redis is None:
            return True
        name = f"{CLAIMS}:{event.fingerprint()}"
        try:
            return bool(self._redis.set(name, b"1", nx=True, ex=event.repeat_interval))
        except RedisError:
            return True

    def _give_back(self, event: Event) -> None:
        if self._redis is not None:
            try:
                self._redis.delete(f"{CLAIMS}:{event.fingerprint()}")
            except RedisError:
                logger.warning("Redis did not take back a claim; it runs out by itself")

    def _keep(self, incident: Incident, deliveries: list[Delivery]) -> None:
        text = serializers.serialize("json", [incident, *deliveries])
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._folder / f"{incident.pk}.json"
            path.with_suffix(".new").write_text(text, encoding="utf-8")
            path.with_suffix(".new").rename(path)
        except OSError:
            logger.exception("What was told without the database cannot be kept, and will be told again")


def direct_path() -> DirectPath:
    return DirectPath(settings.LEDGER_SPOOL_DIR / "alerts", settings.REDIS_URL)


def _send(delivery: Delivery, message: Message) -> Delivery | None:
    began = time.monotonic()
    try:
        receipt = TRANSPORTS[delivery.channel.kind].notify(delivery.channel, message)
    except TransportError as error:
        logger.warning(
            "A channel did not take an alert about the database",
            extra={"channel": delivery.channel.name, "error": str(error)},
        )
        return None
    delivery.kind, delivery.message = DeliveryKind.FIRING, message.as_json()
    delivery.state, delivery.attempt, delivery.last_status = DeliveryState.DELIVERED, 1, receipt.status
    delivery.next_attempt_at = delivery.created_at
    delivery.finished_at = timezone.now()
    delivery.latency_ms = round((time.monotonic() - began) * 1000)
    return delivery


def _incident(event: Event, decision: Decision, labels: Mapping[str, str], *, now: datetime) -> Incident:
    return Incident(
        fingerprint=event.fingerprint(),
        alert_type=event.alert_type,
        level=decision.level or event.level,
        title=event.title(),
        details={name: value for name, value in event.details().items() if value},
        labels=dict(labels),
        team_id=labels.get("team_id", "")[:255],
        body=body_of(event),
        # Whoever raises it when the database is back counts it.
        count=0,
        reason=decision.reason,
        opened_at=now,
        last_seen_at=now,
        told_at=now,
        next_notify_at=now + timedelta(seconds=decision.repeat_seconds or event.repeat_interval),
        quiet_seconds=event.quiet_interval,
    )


@transaction.atomic
def _store(incidents: list[Incident], deliveries: list[Delivery]) -> None:
    """Where the incident is open already, it gets the deliveries."""
    for incident in incidents:
        if Incident.objects.filter(pk=incident.pk).exists():
            continue
        Incident.objects.bulk_create([incident], ignore_conflicts=True)
        live = Incident.objects.filter(fingerprint=incident.fingerprint).filter(status__in=LIVE).get()
        channels = set(AlertChannel.objects.order_by().values_list("pk", flat=True))
        kept = [one for one in deliveries if one.incident_id == incident.pk and one.channel_id in channels]
        for one in kept:
            one.incident = live
        Delivery.objects.bulk_create(kept, ignore_conflicts=True)
        entries = [(Entry.OPENED, "")] if live.pk == incident.pk else []
        for what, text in [*entries, (Entry.TOLD, "Told while the database was away")]:
            IncidentEntry.objects.create(incident=live, at=incident.opened_at, what=what, text=text)
