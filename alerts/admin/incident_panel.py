"""What the page of one incident shows, and the buttons that fit its status."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.text import format_lazy
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from alerts.admin.page import LEVELS, desk, may
from alerts.admin.texts import KINDS, STATES, STATUSES, clock, in_words, second, short, span
from alerts.core.explain import holding
from alerts.core.routing import INHIBITS, Reason, inhibitor
from alerts.events import ALWAYS_ON
from alerts.models import (
    CLOSED,
    LIVE,
    AlertSettings,
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    Entry,
    Incident,
    IncidentStatus,
)
from alerts.setup import load_silences
from alerts.telling import subject_of

WORK, DELIVER = "change_incident", "change_delivery"
MOST_SHOWN = 200
_LONGEST_ERROR = 300
# Of another app, which may be there or not.
EXPLAINED_BY, MAY_READ = "admin:proxy_requesttrace_changelist", "proxy.view_requesttrace"
_HOUR = 3600
_LIVE = frozenset(LIVE)
_ENTRIES = {
    Entry.OPENED: "danger",
    Entry.TOLD: "info",
    Entry.WITHHELD: "warning",
    Entry.ESCALATED: "danger",
    Entry.ACKNOWLEDGED: "success",
    Entry.RESOLVED: "success",
    Entry.REOPENED: "danger",
}
_INHIBITED = frozenset(alert_type for _, targets, _ in INHIBITS for alert_type in targets)


_TOO_LATE = _("somebody else was faster. Look once more.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """`verb` is one of `inbox.VERBS`, `statuses` are those of an incident in which it makes sense."""

    name: str
    title: Any
    verb: str
    done: Any
    statuses: frozenset[str]
    too_late: Any = _TOO_LATE
    variant: str = "default"
    icon: str = ""
    seconds: int = 0
    for_many: bool = False
    needs_note: bool = False


def _silence(hours: int, *, for_many: bool = False) -> Button:
    return Button(
        name=f"silence-{hours}h",
        title=format_lazy(_("Silence {hours} h"), hours=hours),
        verb="silence",
        done=format_lazy(_("Nobody is told of it for {hours} h."), hours=hours),
        statuses=_LIVE,
        icon="notifications_paused",
        seconds=hours * _HOUR,
        for_many=for_many,
    )


BUTTONS = (
    Button(name="acknowledge", title=_("Acknowledge"), verb="acknowledge", statuses=frozenset({IncidentStatus.OPEN}),
           done=_("You look after it now: no repeats and no escalation."), variant="primary", icon="check",
           for_many=True),
    Button(name="unacknowledge", title=_("Take back"), verb="unacknowledge", icon="undo",
           statuses=frozenset({IncidentStatus.ACKNOWLEDGED}), done=_("Nobody looks after it now.")),
    _silence(1, for_many=True),
    _silence(8),
    _silence(24),
    Button(name="resolve", title=_("Resolve"), verb="resolve", statuses=_LIVE, for_many=True, icon="task_alt",
           done=_("It is resolved; whoever was told of it is told so.")),
    Button(name="dismiss", title=_("Dismiss"), verb="dismiss", statuses=_LIVE, for_many=True, icon="delete_sweep",
           done=_("It is dismissed as nothing to look after.")),
    Button(name="reopen", title=_("Reopen"), verb="reopen", statuses=frozenset(CLOSED), icon="restart_alt",
           done=_("It is open again."), too_late=_("the same is open already, as another incident.")),
    Button(name="resend", title=_("Tell again"), verb="resend", statuses=frozenset(IncidentStatus), icon="campaign",
           done=_("It is told once more wherever it was told."), too_late=_("it was told nowhere yet.")),
    Button(name="note", title=_("Add the note"), verb="note", statuses=frozenset(IncidentStatus), icon="edit_note",
           done=_("The note is in the timeline."), needs_note=True),
)  # fmt: skip


def panel(request: HttpRequest, incident: Incident, *, now: datetime) -> dict[str, Any]:
    status, level = incident.get_status_display(), incident.level
    ends_at = incident.resolved_at or now
    return {
        "incident": incident,
        "status": {"text": status, "type": STATUSES.get(IncidentStatus(incident.status))},
        "level": {"text": level, "type": LEVELS.get(level)},
        "facts": _facts(incident, lasted=span((ends_at - incident.opened_at).total_seconds())),
        "buttons": [one for one in BUTTONS if incident.status in one.statuses] if _may(request, incident, WORK) else [],
        "may_retry": _may(request, incident, DELIVER),
        "reason": in_words(incident.reason),
        "holders": list(_holders(request, incident, now=now)),
        "details": [(name, value, _explained(request, name, value)) for name, value in incident.details.items()],
        "labels": sorted(incident.labels.items()),
        "timeline": _timeline(request, incident),
        "deliveries": _deliveries(request, incident),
        "most_shown": MOST_SHOWN,
    }


def _may(request: HttpRequest, incident: Incident, permission: str) -> bool:
    return may(request, permission) and desk(request).may_write and desk(request).owns(incident.team_id)


def _facts(incident: Incident, *, lasted: str) -> list[tuple[str, Any]]:
    closed = incident.resolved_at is not None
    found = [
        (gettext("Type"), incident.alert_type),
        (
            gettext("Seen"),
            ngettext("%(count)s time", "%(count)s times", incident.count) % {"count": f"{incident.count:,}"},
        ),
        (gettext("Opened"), second(incident.opened_at)),
        (gettext("Last seen"), second(incident.last_seen_at)),
        (gettext("Lasted") if closed else gettext("Since"), lasted),
        (gettext("Told last"), second(incident.told_at) if incident.told_at else gettext("not yet")),
    ]
    if incident.acknowledged_by:
        found.append((gettext("Looked after by"), incident.acknowledged_by))
    if closed:
        found.append((gettext("Closed"), second(incident.resolved_at)))
        found.append((gettext("Closed by"), incident.resolved_by or gettext("the gateway: it is over")))
    if not closed and incident.escalate_at:
        found.append((gettext("Escalates"), second(incident.escalate_at)))
    return found


def _holders(request: HttpRequest, incident: Incident, *, now: datetime) -> Iterator[tuple[str, str, str]]:
    """What keeps it from being told at this moment: a sentence, and the words and address of a link."""
    if incident.status in CLOSED:
        return
    if incident.silenced_until and incident.silenced_until > now:
        yield gettext("It is silenced by hand until %(at)s.") % {"at": clock(incident.silenced_until)}, "", ""
    subject = subject_of(incident)
    mutes = {mute.id: mute for mute in holding(subject, load_silences(now=now), now=now)}
    for row in desk(request).silences().filter(pk__in=mutes).order_by("-ends_at", "-id") if mutes else ():
        words = gettext("A silence holds until %(at)s:") % {"at": clock(mutes[row.pk].until(now))}
        name = short(row.comment) or gettext("Silence %(number)s") % {"number": row.pk}
        yield words, name, reverse("admin:alerts_silence_change", args=[row.pk])
    if incident.alert_type in _INHIBITED:
        yield from _inhibitors(request, incident)
    if incident.reason == Reason.TYPE_DISABLED and not _is_enabled(incident.alert_type):
        if desk(request).is_whole:
            page = reverse("admin:alerts_alertsettings_changelist")
            yield gettext("Alerts of this type are off:"), gettext("Settings"), page
        else:
            yield gettext("Alerts of this type are off."), "", ""


def _inhibitors(request: HttpRequest, incident: Incident) -> Iterator[tuple[str, str, str]]:
    sources = {source for source, targets, _ in INHIBITS if incident.alert_type in targets}
    rows = desk(request).incidents().filter(alert_type__in=sources).filter(status__in=LIVE).exclude(pk=incident.pk)
    subject = subject_of(incident)
    for row in rows.order_by("-last_seen_at", "-id")[:MOST_SHOWN]:
        if inhibitor(subject, [subject_of(row)]):
            yield (
                gettext("This speaks for it:"),
                short(row.title),
                reverse("admin:alerts_incident_change", args=[row.pk]),
            )
            return


def _is_enabled(alert_type: str) -> bool:
    return alert_type in ALWAYS_ON or alert_type in AlertSettings.load().alert_types


def _explained(request: HttpRequest, name: str, value: Any) -> str:
    """Where the request is explained that a detail names; empty where there is no such page, or not for this person."""
    if name != "Call ID" or not value or not request.user.has_perm(MAY_READ):
        return ""
    try:
        return reverse(EXPLAINED_BY, query={"q": value})
    except NoReverseMatch:
        return ""


def _timeline(request: HttpRequest, incident: Incident) -> list[dict[str, Any]]:
    """The newest first."""
    entries = incident.entries.order_by("-at", "-id")[:MOST_SHOWN]
    return [
        {
            "at": second(entry.at),
            "label": entry.get_what_display(),
            "type": _ENTRIES.get(Entry(entry.what)) if entry.what in Entry else None,
            "actor": entry.actor,
            "text": desk(request).words(entry),
        }
        for entry in entries
    ]


def _deliveries(request: HttpRequest, incident: Incident) -> list[dict[str, Any]]:
    rows = list(
        desk(request)
        .deliveries(incident)
        .select_related("channel")
        .defer("message")
        .order_by("-created_at", "-id")[:MOST_SHOWN]
    )
    attempts: dict[Any, list[DeliveryAttempt]] = {}
    for attempt in DeliveryAttempt.objects.filter(delivery__in=[row.pk for row in rows]).order_by("-began_at", "-id"):
        attempts.setdefault(attempt.delivery_id, []).append(attempt)
    return [_delivery(row, attempts.get(row.pk, [])) for row in rows]


def _delivery(row: Delivery, attempts: list[DeliveryAttempt]) -> dict[str, Any]:
    state = row.get_state_display()
    waits = row.state == DeliveryState.PENDING
    return {
        "row": row,
        "page": reverse("admin:alerts_delivery_change", args=[row.pk]),
        "channel_page": reverse("admin:alerts_alertchannel_change", args=[row.channel_id]),
        "kind": KINDS.get(row.kind, row.kind),
        "state": {"text": state, "type": STATES.get(DeliveryState(row.state))},
        "created": second(row.created_at),
        "next": second(row.next_attempt_at) if waits else "",
        "attempts": [_attempt(one) for one in attempts[:MOST_ATTEMPTS]],
        "more": max(0, len(attempts) - MOST_ATTEMPTS),
        "is_dead": row.state == DeliveryState.DEAD,
    }


MOST_ATTEMPTS = 5


def _attempt(one: DeliveryAttempt) -> str:
    """A line: number, status, how long it took, and what went wrong."""
    if one.ended_at is None:
        words = gettext("%(number)s. began at %(at)s and has no end: it runs, or its sender died")
        return words % {"number": one.number, "at": clock(one.began_at)}
    how = short(one.error, _LONGEST_ERROR) or one.status or gettext("taken")
    if one.latency_ms is None:
        return f"{one.number}. {how}"
    words = gettext("%(number)s. after %(ms)s ms: %(how)s")
    return words % {"number": one.number, "ms": f"{one.latency_ms:,}", "how": how}
