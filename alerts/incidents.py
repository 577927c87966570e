"""From an event to an incident row and, in the same transaction, to the deliveries that tell it."""

import uuid
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, QuerySet

from alerts.core.routing import Decision, Reason, Subject, decide
from alerts.events import Event
from alerts.metrics import note_decision
from alerts.models import LIVE, AlertSettings, DeliveryKind, Entry, Incident, IncidentEntry, IncidentStatus
from alerts.presence import watched_since
from alerts.setup import load_routing
from alerts.telling import body_of, tell, tell_where_told

# Opened so often within so long, an incident flaps: it is told again only after its repeat interval.
FLAPS = 4
FLAP_WINDOW = timedelta(hours=1)
# How soon an incident that another speaks for is looked at again.
INHIBITED_FOR = timedelta(seconds=60)
# Of those that may speak for others there are few; more than this are not looked through.
MOST_INHIBITORS = 500
_INHIBITORS = ("outage_alerts", "region_outage_alerts")


@transaction.atomic
def raise_event(event: Event, *, count: int, now: datetime, known_as: uuid.UUID | None = None) -> Reason:
    """Open the event's incident, or count it on the open one. Exactly one caller opens it, however many race.

    A `count` of 0 says that it goes on; what a person closed meanwhile, that does not open again. What is raised twice
    under one name `known_as`, since nobody knew what became of the first time, opens one incident at most.
    """
    reason = _raise(event, count=count, now=now, known_as=known_as)
    note_decision(event.alert_type, reason, count=count)
    return reason


def _raise(event: Event, *, count: int, now: datetime, known_as: uuid.UUID | None) -> Reason:
    if event.is_notice:
        return _tell_once(event, now=now, known_as=known_as)
    if incident := _count_on_live(event, count=count, now=now):
        return _repeat_if_due(incident, event, now=now)
    if count == 0 and _was_closed_by_a_person(event):
        return Reason.CLOSED
    if _exists(known_as):
        return Reason.REPEAT_INTERVAL
    labels = labels_of(event)
    decision = _decide(event, labels, now=now)
    if not (opened := _open(_incident(event, decision, labels, count=count, now=now, known_as=known_as))):
        # Somebody else opened it between our two statements.
        _count_on_live(event, count=count, now=now)
        return Reason.REPEAT_INTERVAL
    IncidentEntry.objects.create(incident=opened, at=now, what=Entry.OPENED)
    if decision.destinations:
        tell(opened, decision, kind=DeliveryKind.FIRING, now=now)
    else:
        _withhold(opened, decision.reason, now=now)
    return decision.reason


@transaction.atomic
def resolve_event(event: Event, *, now: datetime) -> bool:
    """What the event told of is over: close its incident, if one is live."""
    incident = _live(event).first()
    return incident is not None and close(incident, now=now)


@transaction.atomic
def resolve_quiet(*, now: datetime) -> int:
    """Close incidents not seen for their quiet interval and tell so where their opening was told."""
    # What nobody sees because nobody looks is not over.
    if (watched := watched_since(now=now)) is None:
        return 0
    closed = 0
    for incident in Incident.objects.filter(status__in=LIVE).order_by("id"):
        if max(incident.last_seen_at, watched) + timedelta(seconds=incident.quiet_seconds) <= now:
            closed += close(incident, now=now)
    return closed


def close(
    incident: Incident,
    *,
    now: datetime,
    status: IncidentStatus = IncidentStatus.RESOLVED,
    actor: str = "",
    text: str = "",
) -> bool:
    """False when it was closed since it was read or, unless an `actor` wants it closed all the same, seen again."""
    unchanged = {} if actor else {"last_seen_at": incident.last_seen_at}
    live = Incident.objects.filter(pk=incident.pk, status__in=LIVE, **unchanged)
    if not live.update(status=status, resolved_at=now, resolved_by=actor, escalate_at=None):
        return False
    incident.refresh_from_db()
    what = Entry.RESOLVED if status == IncidentStatus.RESOLVED else Entry.DISMISSED
    IncidentEntry.objects.create(incident=incident, at=now, what=what, actor=actor, text=text)
    tell_where_told(incident, kind=DeliveryKind.RESOLVED, actor=actor, now=now)
    return True


def open_inhibitors() -> list[Subject]:
    rows = Incident.objects.filter(alert_type__in=_INHIBITORS).filter(status__in=LIVE).order_by("-last_seen_at")
    return [
        Subject(alert_type, level, labels)
        for alert_type, level, labels in rows.values_list("alert_type", "level", "labels")[:MOST_INHIBITORS]
    ]


def _exists(known_as: uuid.UUID | None) -> bool:
    return known_as is not None and Incident.objects.filter(pk=known_as).exists()


def _was_closed_by_a_person(event: Event) -> bool:
    last = Incident.objects.filter(fingerprint=event.fingerprint()).order_by("-opened_at").first()
    return last is not None and bool(last.resolved_by)


def _live(event: Event) -> QuerySet[Incident]:
    return Incident.objects.filter(fingerprint=event.fingerprint()).filter(status__in=LIVE)


def _count_on_live(event: Event, *, count: int, now: datetime) -> Incident | None:
    # Raised late, it must not look older than it is.
    live = _live(event)
    if not live.update(count=F("count") + count, last_seen_at=now):
        return None
    return live.first()


def _decide(event: Event, labels: dict[str, str], *, now: datetime) -> Decision:
    subject = Subject(event.alert_type, event.level, labels, event.avoided_channel_id())
    decision = decide(subject, load_routing(now=now), open_incidents=open_inhibitors(), now=now)
    if decision.reason != Reason.DELIVER or event.is_notice:
        return decision
    lately = Incident.objects.filter(fingerprint=event.fingerprint(), opened_at__gt=now - FLAP_WINDOW)
    opened = list(lately.order_by("-opened_at").values_list("told_at", flat=True)[:FLAPS])
    told_at = max((one for one in opened if one), default=None)
    if len(opened) < FLAPS or told_at is None:
        return decision
    return Decision(Reason.FLAPPING, level=decision.level, until=told_at + timedelta(seconds=repeat_interval(event)))


def labels_of(event: Event) -> dict[str, str]:
    """Its own, and those that every alert of this gateway carries (`alerting_args.labels`)."""
    common = AlertSettings.load().alerting_args.get("labels")
    own = {name: storable(value) for name, value in event.labels().items() if value}
    return {**{str(name): str(value) for name, value in (common or {}).items()}, **own} if common else own


def _tell_once(event: Event, *, now: datetime, known_as: uuid.UUID | None) -> Reason:
    if _exists(known_as):
        return Reason.REPEAT_INTERVAL
    labels = labels_of(event)
    decision = _decide(event, labels, now=now)
    if decision.reason == Reason.TYPE_DISABLED:
        return decision.reason
    incident = keep_notice(event, decision, labels, now=now, known_as=known_as)
    if decision.destinations:
        tell(incident, decision, kind=DeliveryKind.NOTICE, now=now)
    else:
        _withhold(incident, decision.reason, now=now)
    return decision.reason


def keep_notice(
    event: Event, decision: Decision, labels: dict[str, str], *, now: datetime, known_as: uuid.UUID | None = None
) -> Incident:
    """An incident that is over as soon as it is told."""
    incident = _incident(event, decision, labels, count=1, now=now, known_as=known_as)
    incident.status = IncidentStatus.RESOLVED
    incident.resolved_at = now
    incident.escalate_at = None
    incident.save(force_insert=True)
    return incident


def _open(incident: Incident) -> Incident | None:
    Incident.objects.bulk_create([incident], ignore_conflicts=True)
    return Incident.objects.filter(pk=incident.pk).first()


def _incident(
    event: Event,
    decision: Decision,
    labels: dict[str, str],
    *,
    count: int,
    now: datetime,
    known_as: uuid.UUID | None,
) -> Incident:
    return Incident(
        id=known_as or uuid.uuid4(),
        fingerprint=event.fingerprint(),
        alert_type=event.alert_type,
        level=decision.level or event.level,
        title=storable(event.title()),
        details={name: storable(value) for name, value in event.details().items() if value},
        labels=labels,
        team_id=labels.get("team_id", "")[:255],
        body=body_of(event),
        count=count,
        reason=decision.reason,
        opened_at=now,
        last_seen_at=now,
        told_at=now if decision.destinations else None,
        next_notify_at=_next(event, decision, now=now),
        quiet_seconds=max(event.quiet_interval, repeat_interval(event) if event.repeat_setting else 0),
        escalate_at=_escalate_at(decision, now=now),
    )


def _next(event: Event, decision: Decision, *, now: datetime) -> datetime:
    """When it may be told next, if it is still seen by then."""
    if decision.until:
        return decision.until
    if decision.reason == Reason.INHIBITED:
        return now + INHIBITED_FOR
    return now + timedelta(seconds=decision.repeat_seconds or repeat_interval(event))


def repeat_interval(event: Event) -> int:
    """Seconds."""
    if not event.repeat_setting:
        return event.repeat_interval
    return int(AlertSettings.load().argument(event.repeat_setting, event.repeat_interval))


def _escalate_at(decision: Decision, *, now: datetime) -> datetime | None:
    after = decision.escalate_after_seconds
    return now + timedelta(seconds=after) if after and decision.destinations else None


def storable(text: str) -> str:
    """PostgreSQL takes any character but this one."""
    return text.replace("\x00", "")


def _repeat_if_due(incident: Incident, event: Event, *, now: datetime) -> Reason:
    if incident.next_notify_at > now:
        return Reason.REPEAT_INTERVAL
    if incident.status == IncidentStatus.ACKNOWLEDGED:
        return Reason.ACKNOWLEDGED
    if incident.silenced_until and incident.silenced_until > now:
        return Reason.SILENCED
    decision = _decide_repeat(incident, event, now=now)
    mine = Incident.objects.filter(pk=incident.pk, next_notify_at=incident.next_notify_at, status="open").update(
        next_notify_at=_next(event, decision, now=now),
        reason=decision.reason,
        **({"told_at": now} if decision.destinations else {}),
        **({"escalate_at": _escalate_at(decision, now=now)} if incident.told_at is None else {}),
    )
    if not mine:
        return Reason.REPEAT_INTERVAL
    if decision.destinations:
        kind = DeliveryKind.REPEAT if incident.told_at else DeliveryKind.FIRING
        incident.refresh_from_db()
        tell(incident, decision, kind=kind, now=now)
    elif decision.reason != incident.reason:
        _withhold(incident, decision.reason, now=now)
    return decision.reason


def _decide_repeat(incident: Incident, event: Event, *, now: datetime) -> Decision:
    subject = Subject(event.alert_type, event.level, labels_of(event), event.avoided_channel_id())
    others = [one for one in open_inhibitors() if one.alert_type != incident.alert_type]
    return decide(subject, load_routing(now=now), open_incidents=others, now=now)


def _withhold(incident: Incident, reason: Reason, *, now: datetime) -> None:
    IncidentEntry.objects.create(incident=incident, at=now, what=Entry.WITHHELD, text=WHY_NOT[reason])


WHY_NOT = {
    Reason.SILENCED: "A silence holds.",
    Reason.INHIBITED: "An outage that is open speaks for it.",
    Reason.FLAPPING: "It comes and goes; it is told again after its repeat interval.",
    Reason.TYPE_DISABLED: "Alerts of this type are switched off.",
    Reason.NO_ROUTE: "No route leads to a channel.",
}
