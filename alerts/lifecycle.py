"""What people do with an incident: acknowledge, silence, resolve, dismiss, reopen, note; and what time does: escalate.

Each returns whether it changed something; who was too late, or had nothing to change, gets False.
"""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from alerts import incidents
from alerts.core.routing import escalation, silenced_until
from alerts.models import CLOSED, LIVE, AlertChannel, DeliveryKind, Entry, Incident, IncidentEntry, IncidentStatus
from alerts.setup import load_routing
from alerts.telling import escalate, put_again, subject_of, tell_where_told

ESCALATED_AT_ONCE = 200


@transaction.atomic
def acknowledge(incident: Incident, *, actor: str, now: datetime, text: str = "") -> bool:
    """Somebody looks after it: no repeats and no escalation until it is resolved."""
    mine = Incident.objects.filter(pk=incident.pk, status=IncidentStatus.OPEN).update(
        status=IncidentStatus.ACKNOWLEDGED, acknowledged_at=now, acknowledged_by=actor, escalate_at=None
    )
    if not mine:
        return False
    incident.refresh_from_db()
    _note(incident, Entry.ACKNOWLEDGED, actor=actor, text=text, now=now)
    tell_where_told(incident, kind=DeliveryKind.ACKNOWLEDGED, actor=actor, now=now)
    return True


@transaction.atomic
def unacknowledge(incident: Incident, *, actor: str, now: datetime, text: str = "") -> bool:
    mine = Incident.objects.filter(pk=incident.pk, status=IncidentStatus.ACKNOWLEDGED).update(
        status=IncidentStatus.OPEN, acknowledged_at=None, acknowledged_by=""
    )
    if mine:
        _note(incident, Entry.UNACKNOWLEDGED, actor=actor, text=text, now=now)
    return bool(mine)


@transaction.atomic
def silence(incident: Incident, *, until: datetime, actor: str, now: datetime) -> bool:
    """Nobody is told of it again before then, and nobody further is called; its end is told as ever."""
    live = Incident.objects.filter(pk=incident.pk).filter(status__in=LIVE)
    mine = until > now and live.update(silenced_until=until, next_notify_at=until, escalate_at=None)
    if mine:
        _note(incident, Entry.SILENCED, actor=actor, text=f"until {until.isoformat(timespec='minutes')}", now=now)
    return bool(mine)


@transaction.atomic
def resolve(incident: Incident, *, actor: str, now: datetime, text: str = "") -> bool:
    return incidents.close(incident, now=now, actor=actor, text=text)


@transaction.atomic
def dismiss(incident: Incident, *, actor: str, now: datetime, text: str = "") -> bool:
    return incidents.close(incident, now=now, status=IncidentStatus.DISMISSED, actor=actor, text=text)


def reopen(incident: Incident, *, actor: str, now: datetime, text: str = "") -> bool:
    """False while it is open, and when the same is open again by another row."""
    try:
        with transaction.atomic():
            mine = Incident.objects.filter(pk=incident.pk, status__in=CLOSED).update(
                status=IncidentStatus.OPEN, resolved_at=None, resolved_by="", last_seen_at=now
            )
            if mine:
                _note(incident, Entry.REOPENED, actor=actor, text=text, now=now)
    except IntegrityError:
        return False
    return bool(mine)


@transaction.atomic
def resend(
    incident: Incident, *, actor: str, now: datetime, text: str = "", channels: QuerySet[AlertChannel] | None = None
) -> bool:
    """Tell it once more wherever it was told, of these channels; False when it was told nowhere."""
    if not put_again(incident, AlertChannel.objects.all() if channels is None else channels, now=now):
        return False
    _note(incident, Entry.RESENT, actor=actor, text=text, now=now)
    return True


def note(incident: Incident, *, actor: str, now: datetime, text: str) -> bool:
    if text:
        _note(incident, Entry.NOTE, actor=actor, text=text, now=now)
    return bool(text)


def escalate_due(*, now: datetime) -> int:
    """Tell the further channels of what nobody acknowledged in time."""
    due = Incident.objects.filter(status=IncidentStatus.OPEN, escalate_at__lte=now).order_by("escalate_at", "id")
    return sum(_escalate(incident, now=now) for incident in due[:ESCALATED_AT_ONCE])


@transaction.atomic
def _escalate(incident: Incident, *, now: datetime) -> bool:
    subject, routing = subject_of(incident), load_routing(now=now)
    silent_until = silenced_until(subject, routing.silences, now=now)
    mine = Incident.objects.filter(pk=incident.pk, status=IncidentStatus.OPEN, escalate_at=incident.escalate_at).update(
        escalate_at=silent_until
    )
    if not mine or silent_until:
        return False
    if destinations := escalation(subject, routing, now=now):
        escalate(incident, destinations, now=now)
    return True


def _note(incident: Incident, what: Entry, *, now: datetime, actor: str = "", text: str = "") -> None:
    IncidentEntry.objects.create(incident=incident, at=now, what=what, actor=actor, text=text)
