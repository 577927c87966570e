"""The incidents as a list that people and scripts work through."""

import base64
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from alerts import lifecycle
from alerts.desk import EVERYTHING, Desk
from alerts.events import AlertType
from alerts.links import incident_url
from alerts.models import Incident, IncidentStatus

# LiteLLM's filter of its inbox, in our types; a type's own name is one as well.
GROUPS = {
    "performance": (
        AlertType.USER_SPEND_ANOMALIES,
        AlertType.LLM_TOO_SLOW,
        AlertType.LLM_EXCEPTIONS,
        AlertType.OUTAGE_ALERTS,
        AlertType.REGION_OUTAGE_ALERTS,
    ),
    "spend": (AlertType.USER_SPEND_ANOMALIES, AlertType.USER_SPEND_THRESHOLDS, AlertType.BUDGET_ALERTS),
    "traffic": (AlertType.LLM_REQUESTS_HANGING,),
    "latency": (AlertType.LLM_TOO_SLOW, AlertType.LLM_REQUESTS_HANGING),
    "reliability": (
        AlertType.LLM_EXCEPTIONS,
        AlertType.OUTAGE_ALERTS,
        AlertType.REGION_OUTAGE_ALERTS,
        AlertType.COOLDOWN_DEPLOYMENT,
    ),
    "model_deprecation": (AlertType.MODEL_DEPRECATION_WARNINGS,),
}
STATUSES = {
    "open": (IncidentStatus.OPEN, IncidentStatus.ACKNOWLEDGED),
    **{status.value: (status,) for status in IncidentStatus if status != IncidentStatus.OPEN},
}
MOST_ENTRIES = 500


class BadCursor(ValueError):
    """It is none that this list gave."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """`next_cursor` leads to what is older; None on the last page."""

    alerts: Sequence[dict[str, Any]]
    next_cursor: str | None


def list_incidents(*, status: str, kind: str | None, limit: int, cursor: str | None, desk: Desk = EVERYTHING) -> Inbox:
    """Those of a status, as they were opened, newest first. Raises BadCursor."""
    rows = desk.incidents().filter(status__in=STATUSES[status])
    if kind:
        rows = rows.filter(alert_type__in=GROUPS.get(kind, (kind,)))
    found = list(_after(rows, cursor).order_by("-opened_at", "-id")[: limit + 1])
    more = len(found) > limit
    return Inbox([summary(row) for row in found[:limit]], _cursor(found[limit - 1]) if more else None)


def find_incident(incident_id: str, *, desk: Desk = EVERYTHING) -> Incident | None:
    try:
        return desk.incidents().filter(pk=uuid.UUID(incident_id)).first()
    except ValueError:
        return None


def act(
    incident: Incident,
    *,
    verb: str,
    actor: str,
    now: datetime,
    seconds: int = 3600,
    text: str = "",
    desk: Desk = EVERYTHING,
) -> bool:
    """Do one of VERBS; False when there was nothing to change. `seconds` are of a silence."""
    if verb == "silence":
        return lifecycle.silence(incident, until=now + timedelta(seconds=seconds), actor=actor, now=now)
    if verb == "resend":
        return lifecycle.resend(incident, actor=actor, now=now, text=text, channels=desk.channels())
    return _VERBS[verb](incident, actor=actor, now=now, text=text)


_VERBS: dict[str, Callable[..., bool]] = {
    "acknowledge": lifecycle.acknowledge,
    "unacknowledge": lifecycle.unacknowledge,
    "resolve": lifecycle.resolve,
    "dismiss": lifecycle.dismiss,
    "reopen": lifecycle.reopen,
    "note": lifecycle.note,
}
VERBS = ("silence", *_VERBS, "resend")


def summary(incident: Incident) -> dict[str, Any]:
    return {
        "id": str(incident.pk),
        "type": incident.alert_type,
        "status": _litellm_status(incident),
        "acknowledged": incident.status == IncidentStatus.ACKNOWLEDGED,
        "acknowledged_by": incident.acknowledged_by or None,
        "severity": incident.level.lower(),
        "title": incident.title,
        "labels": incident.labels,
        "count": incident.count,
        "reason": incident.reason,
        "opened_at": incident.opened_at,
        "last_seen_at": incident.last_seen_at,
        "silenced_until": incident.silenced_until,
        "resolved_at": incident.resolved_at,
        "resolved_by": incident.resolved_by or None,
        "url": incident_url(incident.pk) or None,
    }


def whole(incident: Incident, *, desk: Desk = EVERYTHING) -> dict[str, Any]:
    """With what happened to it, and whom it was told, as far as the desk may know."""
    deliveries = desk.deliveries(incident).select_related("channel").order_by("created_at", "id")[:MOST_ENTRIES]
    return {
        **summary(incident),
        "details": incident.details,
        "timeline": [
            {"at": entry.at, "what": entry.what, "actor": entry.actor or None, "text": desk.words(entry)}
            for entry in incident.entries.order_by("at", "id")[:MOST_ENTRIES]
        ],
        "deliveries": [
            {
                "id": str(row.pk),
                "channel": row.channel.name,
                "kind": row.kind,
                "state": row.state,
                "attempts": row.attempt,
                "status": row.last_status,
                "error": row.last_error or None,
                "created_at": row.created_at,
                "finished_at": row.finished_at,
            }
            for row in deliveries
        ],
    }


def _litellm_status(incident: Incident) -> str:
    return "open" if incident.status == IncidentStatus.ACKNOWLEDGED else incident.status


def _cursor(incident: Incident) -> str:
    plain = f"{incident.opened_at.isoformat()} {incident.pk.hex}"
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def _after(rows: QuerySet[Incident], cursor: str | None) -> QuerySet[Incident]:
    if not cursor:
        return rows
    try:
        plain = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, _, last = plain.partition(" ")
        opened_at, last_id = datetime.fromisoformat(at), uuid.UUID(last)
    except ValueError:
        raise BadCursor from None
    if opened_at.tzinfo is None:
        raise BadCursor
    return rows.filter(Q(opened_at__lt=opened_at) | Q(opened_at=opened_at, id__lt=last_id))
