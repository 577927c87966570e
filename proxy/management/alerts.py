"""The routes about alerts: the inbox, as LiteLLM 1.110 has it and without its bound, and what people do with it."""

from typing import Any

from django.utils import timezone

from alerts.services import (
    VERBS,
    BadCursor,
    Passed,
    act,
    engine_status,
    find_incident,
    is_alert_filter,
    list_incidents,
    receive,
    whole_incident,
)
from proxy.management.alert_desk import actor_of, desk_of
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.schemas import alerts as schemas
from teams.errors import Envelope, Invalid, NotFound

# The status that a PATCH asks for, as what leads there.
_LEADS_TO = {"acknowledged": "acknowledge", "resolved": "resolve", "dismissed": "dismiss"}


class Alerts(ManagementViewSet):
    tag = "alerts"

    @route("GET", "/alerts", access=Access.USER, query=schemas.InboxQuery, answer=schemas.InboxAnswer,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def list(self, call: Call, query: schemas.InboxQuery) -> Any:
        """Alerts of a status, newest first; for admins of a team those of the team."""
        desk = desk_of(call)
        if query.type and not is_alert_filter(query.type):
            raise Invalid(f"{query.type[:100]!r} is neither an alert type nor a group of them.", param="type")
        try:
            found = list_incidents(
                status=query.status, kind=query.type, limit=query.limit, cursor=query.cursor, desk=desk
            )
        except BadCursor:
            raise Invalid("cursor is not the next_cursor of an answer.", param="cursor") from None
        rows = [schemas.AlertObject(**one) for one in found.alerts]
        return schemas.InboxAnswer(alerts=rows, next_cursor=found.next_cursor)

    @route("GET", "/alerts/monitoring", access=Access.ADMIN_READ, answer=schemas.Monitoring,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def monitoring(self, call: Call) -> Any:
        """How alerting itself is: what waits on each channel, its heartbeat, and what its audit found."""
        return schemas.Monitoring(**engine_status(now=timezone.now()))

    @route("GET", "/alerts/<str:alert_id>", access=Access.USER, answer=schemas.WholeAlert,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def info(self, call: Call, alert_id: str) -> Any:
        """One alert with its timeline and its deliveries."""
        return schemas.WholeAlert(**whole_incident(_named(call, alert_id), desk=desk_of(call)))

    @route("POST", "/alerts/receive", access=Access.ADMIN, body=schemas.PassedAlerts, answer=schemas.Received,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def receive(self, call: Call, body: schemas.PassedAlerts) -> Any:
        """Where an Alertmanager's webhook leads: its alerts go by our routes."""
        passed = [Passed(one.status == "resolved", one.fingerprint, one.labels, one.annotations) for one in body.alerts]
        found = receive(passed, now=timezone.now())
        return schemas.Received(firing=found.firing, resolved=found.resolved, left_out=found.left_out)

    @route("PATCH", "/alerts/<str:alert_id>", access=Access.SELF_SERVICE, body=schemas.AlertPatch,
           answer=schemas.WholeAlert, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def patch(self, call: Call, body: schemas.AlertPatch, alert_id: str) -> Any:
        """Give an alert another status: acknowledged, resolved, dismissed, or open again."""
        incident = _named(call, alert_id)
        verb = _LEADS_TO.get(body.status) or ("unacknowledge" if incident.status == "acknowledged" else "reopen")
        return _done(call, alert_id, verb=verb, text=body.note)

    @route("POST", "/alerts/<str:alert_id>/<str:verb>", access=Access.SELF_SERVICE, body=schemas.AlertAction,
           answer=schemas.WholeAlert, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def act(self, call: Call, body: schemas.AlertAction, alert_id: str, verb: str) -> Any:
        """Acknowledge, unacknowledge, silence, resolve, dismiss, reopen, note, or tell once more (resend)."""
        if verb not in VERBS:
            raise NotFound(f"An alert has no {verb[:50]!r}; it has {', '.join(VERBS)}.")
        return _done(call, alert_id, verb=verb, text=body.note, seconds=body.seconds)


def _named(call: Call, alert_id: str) -> Any:
    if (incident := find_incident(alert_id, desk=desk_of(call))) is None:
        raise NotFound(f"Alert {alert_id[:100]!r} is not known.")
    return incident


def _done(call: Call, alert_id: str, *, verb: str, text: str, seconds: int = 3600) -> Any:
    incident, desk = _named(call, alert_id), desk_of(call)
    now, who = timezone.now(), actor_of(call)
    if not act(incident, verb=verb, actor=who, now=now, seconds=seconds, text=text, desk=desk):
        is_open_as_another = verb == "reopen" and incident.resolved_at is not None
        why = "the same is open already, as another one" if is_open_as_another else f"there is nothing to {verb}"
        raise Invalid(f"The alert is {incident.status}: {why}.", param="status")
    return schemas.WholeAlert(**whole_incident(_named(call, alert_id), desk=desk))
