"""What a lost task, a killed process or an idle beat left behind: found every minute, mended where that can be done.

What cannot be mended is an incident of its own, told through the channels that it is not about. Whoever deletes a
beat's row by mistake loses nothing either: what it would do is then done here, late.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, Min, OuterRef, QuerySet

from alerts import channel_health, dispatch, incidents, lifecycle
from alerts.core.routing import Reason, decide
from alerts.events import AlertChainFailing
from alerts.models import (
    LIVE,
    AlertChannel,
    Delivery,
    DeliveryAttempt,
    DeliveryKind,
    DeliveryState,
    EngineState,
    Incident,
    IncidentStatus,
    RunState,
    ScheduledRun,
)
from alerts.presence import forget_processes, watched_since
from alerts.samples import LABEL as SAMPLE
from alerts.setup import load_routing
from alerts.telling import subject_of, tell

logger = logging.getLogger(__name__)

# Late by so much, it is mended; late by so much in spite of that, it is told.
MENDED_AFTER = timedelta(seconds=60)
TOLD_AFTER = timedelta(seconds=180)
# A report has leases of its own, and is begun again by whoever ticks.
RUN_TOLD_AFTER = timedelta(minutes=15)
RUN_REMEMBERED = timedelta(days=3)
HEARTBEAT_TOLD_AFTER = timedelta(minutes=5)
MOST_MENDED = 200
_OWN = AlertChainFailing.alert_type
_CHANNEL_FAILING = "channel_failing"


@dataclass(frozen=True, slots=True)
class Finding:
    """`trouble` is one of CHAIN_TROUBLES. `withholds`: while it stands, nobody can rely on being told."""

    trouble: str
    said: str
    subject: str = ""
    channel_id: int | None = None
    withholds: bool = True

    @property
    def key(self) -> list[str]:
        return [self.trouble, self.subject]

    def as_json(self) -> dict[str, Any]:
        return {"trouble": self.trouble, "subject": self.subject, "said": self.said, "withholds": self.withholds}

    def event(self) -> AlertChainFailing:
        return AlertChainFailing(trouble=self.trouble, subject=self.subject, said=self.said, channel_id=self.channel_id)


def audit(*, now: datetime) -> list[Finding]:
    """Mend what is late, and raise what stays so; what is found no more is resolved."""
    mend(now=now)
    found = look(now=now, late_by=TOLD_AFTER)
    before = [[one.get("trouble"), one.get("subject")] for one in EngineState.load().findings]
    for one in found:
        is_new = one.key not in before
        if is_new:
            logger.error("Alerting does not do what it should", extra={"trouble": one.trouble, "about": one.subject})
        # Going on, it does not open again what a person closed.
        _raise(one, count=1 if is_new else 0, now=now)
    _settle(found, now=now)
    forget_processes(now=now)
    EngineState.objects.filter(pk=1).update(audited_at=now, findings=[one.as_json() for one in found])
    return found


def look(*, now: datetime, late_by: timedelta) -> list[Finding]:
    """Everything that is late by so much. Changes nothing."""
    since = now - late_by
    found = [*_stuck(since, now=now), *_failing(now=now)]
    if number := _untold(since).count():
        found.append(Finding("incidents_untold", f"{number} of them."))
    if number := _overdue(since, now=now):
        found.append(Finding("incidents_overdue", f"{number} of them."))
    if number := _late_escalations(since).count():
        found.append(Finding("escalations_overdue", f"{number} of them."))
    if watched_since(now=now) is None:
        found.append(Finding("detectors_silent", "No gateway process has been heard of for a minute."))
    return [*found, *_unfinished(now=now), *_heartbeat(now=now)]


def mend(*, now: datetime) -> None:
    """Do what should have been done by others."""
    since = now - MENDED_AFTER
    if _stuck(since, now=now):
        dispatch.flush(now=now)
    if _overdue(since, now=now):
        incidents.resolve_quiet(now=now)
    if _late_escalations(since).exists():
        lifecycle.escalate_due(now=now)
    for incident in _untold(since)[:MOST_MENDED]:
        _tell_after_all(incident, now=now)


def _stuck(since: datetime, *, now: datetime) -> list[Finding]:
    """Due since then, on a channel that may be sent to and that nobody has tried since."""
    tried = DeliveryAttempt.objects.filter(delivery__channel=OuterRef("channel"), began_at__gt=since)
    rows = dispatch.sendable(now=since).filter(~Exists(tried)).order_by()
    found = rows.values("channel_id", "channel__name").annotate(number=Count("pk"), oldest=Min("next_attempt_at"))
    return [
        Finding(
            "deliveries_stuck",
            f"{row['number']} of them, the oldest due for {int((now - row['oldest']).total_seconds())} s.",
            subject=row["channel__name"],
            channel_id=row["channel_id"],
        )
        for row in found.order_by("channel__name")
    ]


def _failing(*, now: datetime) -> list[Finding]:
    """Channels that fail for long and have a backlog; while none of the others works, nobody is told of anything."""
    since = now - channel_health.FAILING_FOR
    channels = list(AlertChannel.objects.filter(enabled=True).order_by("name"))
    failing = [one for one in channels if one.failing_since and one.failing_since <= since]
    waiting = _backlog(failing)
    found = [
        Finding(
            _CHANNEL_FAILING, f"{waiting[one.pk]} waiting. {one.last_error}", subject=one.name, channel_id=one.pk,
            withholds=False,
        )
        for one in failing
        if waiting.get(one.pk)
    ]  # fmt: skip
    if found and len(failing) == len(channels):
        found.append(Finding("channels_failing", f"All {len(channels)} have been failing for ten minutes or longer."))
    return found


def _backlog(channels: Iterable[AlertChannel]) -> dict[int, int]:
    states = (DeliveryState.PENDING, DeliveryState.SENDING)
    rows = Delivery.objects.filter(channel__in=list(channels), state__in=states).order_by().values("channel_id")
    return {row["channel_id"]: row["number"] for row in rows.annotate(number=Count("pk"))}


def _untold(since: datetime) -> QuerySet[Incident]:
    """Firing, told by their own account, and without any delivery: a channel was deleted with its outbox."""
    delivered = Delivery.objects.filter(incident=OuterRef("pk"))
    rows = Incident.objects.filter(
        ~Exists(delivered),
        status=IncidentStatus.OPEN,
        reason__in=(Reason.DELIVER, Reason.DIGEST),
        told_at__lte=since,
    )
    return rows.exclude(alert_type=_OWN).order_by("told_at", "id")


def _overdue(since: datetime, *, now: datetime) -> int:
    """How many were not seen for longer than their quiet interval. While nobody looks, that says nothing."""
    if (watched := watched_since(now=now)) is None:
        return 0
    live = Incident.objects.filter(status__in=LIVE).order_by().values_list("last_seen_at", "quiet_seconds")
    return sum(max(seen, watched) + timedelta(seconds=quiet) <= since for seen, quiet in live)


def _late_escalations(since: datetime) -> QuerySet[Incident]:
    return Incident.objects.filter(status=IncidentStatus.OPEN, escalate_at__lte=since)


def _unfinished(*, now: datetime) -> list[Finding]:
    """Begun, and neither finished nor begun again by anybody."""
    rows = ScheduledRun.objects.filter(
        state=RunState.CLAIMED, lease_until__lte=now - RUN_TOLD_AFTER, ends_at__gt=now - RUN_REMEMBERED
    ).order_by("job", "ends_at")
    return [
        Finding(
            "run_unfinished",
            f"Begun {one.attempts} times. {one.last_error}".strip(),
            subject=f"{one.job} {one.period_key}",
            withholds=False,
        )
        for one in rows[:MOST_MENDED]
    ]


def _heartbeat(*, now: datetime) -> list[Finding]:
    state = EngineState.load()
    if state.ping_failing_since is None or state.ping_failing_since > now - HEARTBEAT_TOLD_AFTER:
        return []
    return [Finding("heartbeat_failing", state.ping_error, withholds=False)]


@transaction.atomic
def _tell_after_all(incident: Incident, *, now: datetime) -> None:
    others = [one for one in incidents.open_inhibitors() if one.alert_type != incident.alert_type]
    decision = decide(subject_of(incident), load_routing(now=now), open_incidents=others, now=now)
    mine = Incident.objects.filter(pk=incident.pk, status=IncidentStatus.OPEN, told_at=incident.told_at).update(
        reason=decision.reason, told_at=now if decision.destinations else None
    )
    if mine and decision.destinations:
        incident.refresh_from_db()
        tell(incident, decision, kind=DeliveryKind.FIRING, now=now)


def _raise(finding: Finding, *, count: int, now: datetime) -> None:
    if finding.trouble == _CHANNEL_FAILING:
        # It has a type of its own.
        if channel := AlertChannel.objects.filter(name=finding.subject).first():
            channel_health.raise_failing(channel, count=count, now=now)
        return
    incidents.raise_event(finding.event(), count=count, now=now)


def _settle(found: Iterable[Finding], *, now: datetime) -> None:
    standing = {one.event().fingerprint() for one in found}
    live = Incident.objects.filter(alert_type=_OWN).filter(status__in=LIVE).order_by("id")
    for incident in live:
        if incident.fingerprint not in standing and SAMPLE not in incident.labels:
            incidents.close(incident, now=now)
