"""Putting what is to be told into the outbox: a message for each channel, in the caller's transaction."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from alerts.core.message import Message, timestamp
from alerts.core.routing import Decision, Destination, Reason, Route, Subject, is_meant
from alerts.events import Event
from alerts.links import acknowledge_url, incident_url
from alerts.models import AlertChannel, Delivery, DeliveryKind, DeliveryState, Entry, Incident, IncidentEntry
from alerts.sealed import seal
from alerts.setup import load_routes
from alerts.transports import TRANSPORTS
from alerts.wakeup import wake_channels


def tell(incident: Incident, decision: Decision, *, kind: DeliveryKind, now: datetime) -> None:
    """Put a decision's tellings into the outbox and write them down in the timeline."""
    digest = decision.digest_seconds if decision.reason == Reason.DIGEST else None
    put(incident, decision.destinations, kind=kind, now=now, digest_seconds=digest)
    note_told(incident, decision.destinations, kind=kind, now=now)


def tell_where_told(incident: Incident, *, kind: DeliveryKind, now: datetime, actor: str = "") -> None:
    """Say what became of an incident wherever its firing was told, as far as the channel wants to know."""
    told = list(AlertChannel.objects.filter(deliveries__incident=incident, enabled=True).order_by("id").distinct())
    if kind == DeliveryKind.ACKNOWLEDGED:
        told = [channel for channel in told if TRANSPORTS[channel.kind].tells_acknowledgement]
    routes, subject = load_routes(), subject_of(incident)
    # What still waits for its hours, or for a digest, is joined there by what became of it.
    held = dict(
        incident.deliveries.filter(state=DeliveryState.PENDING, is_digest=True)
        .order_by("next_attempt_at")
        .values_list("channel_id", "next_attempt_at")
    )
    destinations = [
        Destination(
            channel.pk,
            next((one for one in routes if channel.pk in one.channel_ids and is_meant(one, subject)), NOWHERE),
            held.get(channel.pk),
        )
        for channel in told
    ]
    put(incident, destinations, kind=kind, now=now, actor=actor)


def subject_of(incident: Incident) -> Subject:
    """As routes see it."""
    return Subject(incident.alert_type, incident.level, incident.labels)


def put_again(incident: Incident, channels: QuerySet[AlertChannel], *, now: datetime) -> int:
    """The last telling of each of the channels once more; how many."""
    last: dict[int, Delivery] = {}
    for row in incident.deliveries.filter(channel__in=channels, channel__enabled=True).order_by("created_at", "id"):
        last[row.channel_id] = row
    # What was secret in it is gone, and without that it says nothing.
    last = {channel_id: row for channel_id, row in last.items() if row.sealed or not row.message.get("is_sealed")}
    for row in last.values():
        made = uuid.uuid4()
        Delivery.objects.create(
            id=made,
            incident=incident,
            channel_id=row.channel_id,
            kind=row.kind,
            message={**row.message, "id": str(made), "only_to": []},
            sealed=row.sealed,
            created_at=now,
            next_attempt_at=now,
        )
    transaction.on_commit(lambda: wake_channels(list(last)))
    return len(last)


NOWHERE = Route(id=0, channel_ids=())


def put(
    incident: Incident,
    destinations: Iterable[Destination],
    *,
    kind: DeliveryKind,
    now: datetime,
    actor: str = "",
    digest_seconds: int | None = None,
    secret: Mapping[str, Any] | None = None,
) -> None:
    """One delivery for each destination; the channels are woken when the transaction has ended."""
    wanted = list(destinations)
    rows = []
    for one in wanted:
        due_at = max(now, one.hold_until or now)
        if digest_seconds:
            due_at = max(due_at, now + timedelta(seconds=digest_seconds))
        made = uuid.uuid4()
        rows.append(
            Delivery(
                id=made,
                incident=incident,
                channel_id=one.channel_id,
                kind=kind,
                message=_stored(incident, kind=kind, at=now, route=one.route, actor=actor, id=str(made), secret=secret),
                sealed=seal(secret),
                is_digest=bool(digest_seconds) or one.hold_until is not None,
                created_at=now,
                next_attempt_at=due_at,
            )
        )
    Delivery.objects.bulk_create(rows)
    channel_ids = [one.channel_id for one in wanted]
    transaction.on_commit(lambda: wake_channels(channel_ids))


def _stored(incident: Incident, *, secret: Mapping[str, Any] | None, **facts: Any) -> dict[str, Any]:
    message = message_of(incident, **facts).as_json()
    return {**message, "is_sealed": True} if secret else message


def message_of(
    incident: Incident,
    *,
    kind: str,
    at: datetime,
    route: Route = NOWHERE,
    actor: str = "",
    id: str = "",  # noqa: A002
) -> Message:
    body: dict[str, Any] = incident.body
    is_letter = body.get("style") == "letter"
    links = [] if is_letter else [("Incident", incident_url(incident.pk))]
    if kind in (DeliveryKind.FIRING, DeliveryKind.REPEAT, DeliveryKind.ESCALATED):
        links.append(("Acknowledge", acknowledge_url(incident.pk)))
    links += [("Runbook", route.runbook_url), ("Dashboard", route.dashboard_url)]
    return Message.from_json(
        {
            "kind": str(kind),
            "alert_type": incident.alert_type,
            "level": incident.level,
            "title": incident.title,
            "at": timestamp(at),
            "details": incident.details,
            "count": incident.count,
            "link": settings.PROXY_BASE_URL,
            "id": id,
            "incident_id": str(incident.pk),
            "opened_at": timestamp(incident.opened_at),
            "actor": actor,
            "labels": incident.labels,
            "links": [(words, address) for words, address in links if address],
            "sections": body.get("sections", ()),
            "compatibility": body.get("compatibility", {}),
            "files": body.get("files", ()),
            "recipients": body.get("recipients", ()),
            "style": body.get("style", ""),
            "for_people": body.get("for_people", {}),
        }
    )


def body_of(event: Event) -> dict[str, Any]:
    """What only some channels want of an event."""
    body = {
        "compatibility": event.compatibility(),
        "sections": event.sections(),
        "files": event.files(),
        "recipients": event.recipients(),
        "style": event.style,
        "for_people": event.for_people(),
    }
    return {name: value for name, value in body.items() if value}


def note_told(incident: Incident, destinations: Sequence[Destination], *, kind: DeliveryKind, now: datetime) -> None:
    _note(incident, destinations, now=now, what=Entry.TOLD, text=str(DeliveryKind(kind).label))


def _note(incident: Incident, destinations: Sequence[Destination], *, now: datetime, what: Entry, text: str) -> None:
    names = dict(AlertChannel.objects.filter(pk__in=[one.channel_id for one in destinations]).values_list("pk", "name"))
    said = ", ".join(names[one.channel_id] for one in destinations if one.channel_id in names)
    IncidentEntry.objects.create(incident=incident, at=now, what=what, text=f"{text}: {said}")


def escalate(incident: Incident, destinations: Sequence[Destination], *, now: datetime) -> None:
    put(incident, destinations, kind=DeliveryKind.ESCALATED, now=now)
    _note(incident, destinations, now=now, what=Entry.ESCALATED, text="Nobody acknowledged it in time")
