"""From an event to an incident row and, in the same transaction, to the deliveries that tell it."""

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F

from alerts.core.message import Message, timestamp
from alerts.core.routing import Decision, Reason, Routing, route
from alerts.events import Event
from alerts.models import (
    AlertRoute,
    AlertSettings,
    Delivery,
    DeliveryKind,
    Incident,
    IncidentStatus,
)
from alerts.wakeup import wake_channels


@transaction.atomic
def raise_event(event: Event, *, count: int, now: datetime) -> Reason:
    """Open the event's incident, or count it on the open one. Exactly one caller opens it, however many race."""
    if event.is_notice:
        return _tell_once(event, now=now)
    if incident := _count_on_open(event, count=count, now=now):
        return _repeat_if_due(incident, event, now=now)
    decision = route(event.alert_type, load_routing())
    if not (opened := _open(event, decision, count=count, now=now)):
        # Somebody else opened it between our two statements.
        _count_on_open(event, count=count, now=now)
        return Reason.REPEAT_INTERVAL
    _tell(opened, decision.channel_ids, kind=DeliveryKind.FIRING, now=now)
    return decision.reason


@transaction.atomic
def resolve_quiet(*, now: datetime) -> int:
    """Close incidents not seen for their quiet interval and tell so where their opening was told."""
    closed = 0
    for incident in Incident.objects.filter(status=IncidentStatus.OPEN).order_by("id"):
        over = incident.last_seen_at + timedelta(seconds=incident.quiet_seconds) <= now
        # The condition again in the statement: an event may have counted on it since it was read.
        mine = over and Incident.objects.filter(
            pk=incident.pk, status=IncidentStatus.OPEN, last_seen_at=incident.last_seen_at
        ).update(status=IncidentStatus.RESOLVED, resolved_at=now)
        if mine:
            told = incident.deliveries.filter(channel__enabled=True).order_by().values_list("channel_id", flat=True)
            _tell(incident, tuple(told.distinct()), kind=DeliveryKind.RESOLVED, now=now)
            closed += 1
    return closed


def load_routing() -> Routing:
    """Routes with their enabled channels."""
    channels: dict[str, list[int]] = {}
    rows = AlertRoute.objects.filter(channels__enabled=True).order_by()
    for alert_type, channel_id in rows.values_list("alert_type", "channels"):
        channels.setdefault(alert_type, []).append(channel_id)
    return Routing(enabled_types=frozenset(AlertSettings.load().alert_types), channels=channels)


def _count_on_open(event: Event, *, count: int, now: datetime) -> Incident | None:
    open_one = Incident.objects.filter(fingerprint=event.fingerprint(), status=IncidentStatus.OPEN)
    if not open_one.update(count=F("count") + count, last_seen_at=now):
        return None
    return open_one.first()


def _tell_once(event: Event, *, now: datetime) -> Reason:
    decision = route(event.alert_type, load_routing())
    if decision.reason == Reason.TYPE_DISABLED:
        return decision.reason
    incident = _incident(event, decision, count=1, now=now)
    incident.status = IncidentStatus.RESOLVED
    incident.resolved_at = now
    incident.save(force_insert=True)
    _tell(incident, decision.channel_ids, kind=DeliveryKind.NOTICE, now=now)
    return decision.reason


def _open(event: Event, decision: Decision, *, count: int, now: datetime) -> Incident | None:
    incident = _incident(event, decision, count=count, now=now)
    Incident.objects.bulk_create([incident], ignore_conflicts=True)
    return Incident.objects.filter(pk=incident.pk).first()


def _incident(event: Event, decision: Decision, *, count: int, now: datetime) -> Incident:
    return Incident(
        fingerprint=event.fingerprint(),
        alert_type=event.alert_type,
        level=event.level,
        title=_storable(event.title()),
        details={name: _storable(value) for name, value in event.details().items() if value},
        labels={name: _storable(value) for name, value in event.labels().items() if value},
        count=count,
        reason=decision.reason,
        opened_at=now,
        last_seen_at=now,
        next_notify_at=now + timedelta(seconds=event.repeat_interval),
        quiet_seconds=event.quiet_interval,
    )


def _storable(text: str) -> str:
    """PostgreSQL takes any character but this one."""
    return text.replace("\x00", "")


def _repeat_if_due(incident: Incident, event: Event, *, now: datetime) -> Reason:
    mine = Incident.objects.filter(pk=incident.pk, next_notify_at__lte=now).update(
        next_notify_at=now + timedelta(seconds=event.repeat_interval)
    )
    if not mine:
        return Reason.REPEAT_INTERVAL
    decision = route(event.alert_type, load_routing())
    _tell(incident, decision.channel_ids, kind=DeliveryKind.REPEAT, now=now)
    return decision.reason


def _tell(incident: Incident, channel_ids: tuple[int, ...], *, kind: DeliveryKind, now: datetime) -> None:
    message = Message(
        kind=kind,
        alert_type=incident.alert_type,
        level=incident.level,
        title=incident.title,
        at=timestamp(now),
        details=incident.details,
        count=incident.count,
        link=settings.PROXY_BASE_URL,
    )
    Delivery.objects.bulk_create(
        Delivery(
            id=uuid.uuid4(),
            incident=incident,
            channel_id=channel_id,
            kind=kind,
            message=message.as_json(),
            created_at=now,
            next_attempt_at=now,
        )
        for channel_id in channel_ids
    )
    transaction.on_commit(lambda: wake_channels(channel_ids))
