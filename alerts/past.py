"""What happened before anybody was here to see it, written down without telling anybody: a demo's incidents and runs.

It is told by its own account, on a channel that is switched off and stays so: nothing of it is ever due.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from alerts.core.routing import Reason
from alerts.events import Event
from alerts.events.stored import as_json
from alerts.incidents import labels_of, repeat_interval
from alerts.models import (
    LIVE,
    AlertChannel,
    AlertRoute,
    ChannelKind,
    Delivery,
    DeliveryAttempt,
    DeliveryKind,
    DeliveryState,
    Entry,
    Incident,
    IncidentEntry,
    IncidentStatus,
    RunState,
    ScheduledRun,
    Silence,
)
from alerts.scheduled import Job, Span
from alerts.telling import body_of, message_of

# Nobody sees these again, and time alone must not end them while somebody looks at them.
QUIET_SECONDS = 365 * 86400
_SILENT_FOR = timedelta(days=3650)
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Quiet:
    """A silence of these types, or of what has these labels."""

    comment: str
    alert_types: tuple[str, ...] = ()
    matchers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """`what` is one of alerts.models.Entry, so long after the opening; `actor` is "" for the gateway itself."""

    after: timedelta
    what: str
    actor: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """An incident and what became of it. `is_silenced` was told to nobody, `fails` could not be delivered."""

    event: Event
    opened: timedelta
    then: tuple[Happened, ...] = ()
    count: int = 1
    is_silenced: bool = False
    fails: bool = False


def make_channel(name: str, *, matchers: Mapping[str, str], now: datetime) -> None:
    """One that is switched off, and a route of the same name to it. Raises IntegrityError where the name is taken."""
    AlertChannel.objects.bulk_create(
        [
            AlertChannel(
                name=name, kind=ChannelKind.WEBHOOK, url="https://alerts.invalid/", enabled=False, created_at=now
            )
        ]
    )
    AlertRoute.objects.bulk_create([AlertRoute(name=name, position=9000, matchers=dict(matchers))])
    leads = AlertRoute.channels.through
    route, channel = AlertRoute.objects.get(name=name), AlertChannel.objects.get(name=name)
    leads.objects.bulk_create([leads(alertroute_id=route.pk, alertchannel_id=channel.pk)])


def make_silences(wanted: Iterable[Quiet], *, maker: str, now: datetime) -> None:
    """Until whoever made them takes them away."""
    Silence.objects.bulk_create(
        Silence(
            comment=one.comment,
            alert_types=list(one.alert_types),
            matchers=dict(one.matchers or {}),
            starts_at=now,
            ends_at=now + _SILENT_FOR,
            created_by=maker,
            created_at=now,
        )
        for one in wanted
    )


def keep(past: Past, *, channel: str, now: datetime, random: Random) -> None:
    incident, told_on = _incident(past, now=now, random=random), AlertChannel.objects.get(name=channel)
    Incident.objects.bulk_create([incident])
    first = DeliveryKind.NOTICE if past.event.is_notice else DeliveryKind.FIRING
    at_once = timedelta()
    opening = [Happened(at_once, Entry.OPENED)]
    if past.is_silenced:
        opening.append(Happened(at_once, Entry.WITHHELD, text="A silence holds."))
    else:
        opening.append(Happened(at_once, Entry.TOLD, text=f"{first.label}: {channel}"))
    IncidentEntry.objects.bulk_create(
        IncidentEntry(
            incident=incident, at=incident.opened_at + one.after, what=one.what, actor=one.actor, text=one.text
        )
        for one in (*opening, *past.then)
    )
    if past.is_silenced:
        return
    _deliver(incident, told_on, first, at=incident.opened_at, fails=past.fails, random=random)
    for one in past.then:
        if kind := _TOLD.get(one.what):
            _deliver(incident, told_on, kind, at=incident.opened_at + one.after, actor=one.actor, random=random)


_TOLD: Mapping[str, DeliveryKind] = {
    Entry.ACKNOWLEDGED: DeliveryKind.ACKNOWLEDGED,
    Entry.RESOLVED: DeliveryKind.RESOLVED,
    Entry.ESCALATED: DeliveryKind.ESCALATED,
}


def _incident(past: Past, *, now: datetime, random: Random) -> Incident:
    event, opened_at = past.event, now - past.opened
    done = {one.what: (opened_at + one.after, one.actor) for one in past.then}
    acknowledged = done.get(Entry.ACKNOWLEDGED)
    closed = (opened_at, "") if event.is_notice else done.get(Entry.RESOLVED) or done.get(Entry.DISMISSED)
    status = _status(done, event)
    seen_at = now - 4 * _MINUTE if status in LIVE else opened_at
    labels = labels_of(event)
    return Incident(
        id=UUID(int=random.getrandbits(128), version=4),
        fingerprint=event.fingerprint(),
        status=status,
        alert_type=event.alert_type,
        level=event.level,
        title=event.title(),
        details={name: value for name, value in event.details().items() if value},
        labels=labels,
        team_id=labels.get("team_id", "")[:255],
        body=body_of(event),
        count=past.count,
        reason=Reason.SILENCED if past.is_silenced else Reason.DELIVER,
        opened_at=opened_at,
        last_seen_at=closed[0] if closed else max([seen_at, *(at for at, _ in done.values())]),
        told_at=None if past.is_silenced else opened_at,
        next_notify_at=now + timedelta(seconds=repeat_interval(event)),
        quiet_seconds=QUIET_SECONDS,
        acknowledged_at=acknowledged[0] if acknowledged else None,
        acknowledged_by=acknowledged[1] if acknowledged else "",
        silenced_until=now + _DAY if Entry.SILENCED in done else None,
        resolved_at=closed[0] if closed else None,
        resolved_by=closed[1] if closed else "",
    )


def _status(done: Mapping[str, Any], event: Event) -> IncidentStatus:
    if event.is_notice or Entry.RESOLVED in done:
        return IncidentStatus.RESOLVED
    if Entry.DISMISSED in done:
        return IncidentStatus.DISMISSED
    return IncidentStatus.ACKNOWLEDGED if Entry.ACKNOWLEDGED in done else IncidentStatus.OPEN


def _deliver(
    incident: Incident,
    channel: AlertChannel,
    kind: DeliveryKind,
    *,
    at: datetime,
    random: Random,
    actor: str = "",
    fails: bool = False,
) -> None:
    """Written down as sent, or given up after three attempts. Nothing is ever due."""
    made = UUID(int=random.getrandbits(128), version=4)
    status, error, number = (503, "The channel answered 503: try again later", 3) if fails else (200, "", 1)
    attempts = []
    for attempt in range(1, number + 1):
        began, latency = at + (attempt - 1) * 2 * _MINUTE, random.randrange(60, 420)
        attempts.append(
            DeliveryAttempt(
                delivery_id=made, number=attempt, began_at=began, ended_at=began + timedelta(milliseconds=latency),
                status=status, error=error, latency_ms=latency,
            )
        )  # fmt: skip
    message = message_of(incident, kind=kind, at=at, actor=actor, id=str(made)).as_json()
    Delivery.objects.bulk_create(
        [
            Delivery(
                id=made, incident=incident, channel=channel, kind=kind, message=message, attempt=number,
                state=DeliveryState.DEAD if fails else DeliveryState.DELIVERED, created_at=at, next_attempt_at=at,
                finished_at=attempts[-1].ended_at, last_status=status, last_error=error,
                latency_ms=attempts[-1].latency_ms,
            )
        ]
    )  # fmt: skip
    DeliveryAttempt.objects.bulk_create(attempts)


def keep_run(job: Job, span: Span, *, mark: str) -> None:
    """A report of a past period as its job makes it, `mark`ed in its content; not where somebody made it."""
    if ScheduledRun.objects.filter(job=job.name, period_key=span.key).exists():
        return
    report = job.make(span)
    row = ScheduledRun(
        job=job.name,
        period_key=span.key,
        starts_at=span.starts_at,
        ends_at=span.ends_at,
        state=RunState.DONE,
        made_at=span.ends_at + 5 * _MINUTE,
        outcome=f"{mark}: told to nobody",
        content={**report.content, mark: True},
        csv=report.csv,
        told=[as_json(event) for event in report.events],
    )
    # Somebody may have made it meanwhile.
    ScheduledRun.objects.bulk_create([row], ignore_conflicts=True)


def forget(*, channel: str, maker: str, mark: str, is_meant: Callable[[Mapping[str, Any]], bool]) -> int:
    """All of it, with the incidents whose labels are meant; how many incidents those were."""
    rows = Incident.objects.order_by().values_list("pk", "labels").iterator(chunk_size=2000)
    ids = [pk for pk, labels in rows if is_meant(labels)]
    for some in _portions(ids):
        Incident.objects.filter(pk__in=some).delete()
    ScheduledRun.objects.filter(**{f"content__{mark}": True}).delete()
    Silence.objects.filter(created_by=maker).delete()
    AlertRoute.objects.filter(name=channel).delete()
    AlertChannel.objects.filter(name=channel).delete()
    return len(ids)


def _portions(ids: Sequence[UUID]) -> Iterable[Sequence[UUID]]:
    for first in range(0, len(ids), 500):
        yield ids[first : first + 500]
