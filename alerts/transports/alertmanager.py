"""Prometheus Alertmanager: an alert for each incident, which ends when the incident does.

Alertmanager ends by itself what is not told again within minutes. We tell at our own intervals, so an alert carries its
end: a week from when it was told, or now when it is over. News ends soon after it was told.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from alerts.core.message import Message
from alerts.models import AlertChannel
from alerts.transports.base import HttpTransport, ascii_problem
from alerts.transports.text import Line, fitted, legible, lines_within, report

FIRING_FOR = timedelta(days=7)
NEWS_FOR = timedelta(minutes=5)

_SEVERITIES = {"High": "critical", "Medium": "warning", "Low": "info"}
_FIRING = frozenset({"firing", "repeat", "escalated", "acknowledged"})
_PATH = "/api/v2/alerts"
_NOT_IN_A_NAME = re.compile(r"[^a-zA-Z0-9_]")
_LONGEST_LABEL = 1000
_LONGEST_SUMMARY = 2000
_ROOM_FOR_DESCRIPTION = 20_000


class AlertmanagerTransport(HttpTransport):
    kind = "alertmanager"
    merges = False

    def defects(self, channel: AlertChannel) -> dict[str, str]:
        wrong = super().defects(channel)
        if problem := channel.secret and ascii_problem(channel.secret):
            wrong["secret"] = problem
        return wrong

    def address(self, channel: AlertChannel, message: Message) -> str:
        """The address is that of Alertmanager, or of its API."""
        return f"{channel.url.rstrip('/').removesuffix(_PATH)}{_PATH}"

    def headers(self, channel: AlertChannel, message: Message, body: bytes) -> dict[str, str]:
        return {"Authorization": f"Bearer {channel.secret}"} if channel.secret else {}

    def payload(self, channel: AlertChannel, message: Message) -> list[dict[str, Any]]:
        plain = legible(message)
        starts_at = message.opened_at or message.at
        alert = {
            "labels": _labels(plain),
            "annotations": _annotations(plain),
            "startsAt": starts_at,
            "endsAt": _ends_at(message),
            "generatorURL": _link(plain, "Incident"),
        }
        return [{name: value for name, value in alert.items() if value}]


def _ends_at(message: Message) -> str:
    if message.kind == "resolved":
        return message.at
    lasts = FIRING_FOR if message.kind in _FIRING else NEWS_FOR
    return (datetime.fromisoformat(message.at) + lasts).isoformat()


def _labels(message: Message) -> Mapping[str, str]:
    """Ours are not to be taken by others of the same name; Alertmanager knows no empty ones."""
    others = {_label_name(name): fitted(value, _LONGEST_LABEL) for name, value in message.labels.items()}
    own = {
        "alertname": message.alert_type,
        "severity": _SEVERITIES.get(message.level, "warning"),
        "incident_id": message.incident_id or message.id,
        "source": "tollkeeper",
    }
    return {name: value for name, value in {**others, **own}.items() if value.strip()}


def _label_name(name: str) -> str:
    """By Prometheus's data model: letters, digits and underscores, no digit first."""
    plain = _NOT_IN_A_NAME.sub("_", name)[:100]
    return plain if plain and not plain[0].isdigit() else f"_{plain}"


def _annotations(message: Message) -> Mapping[str, str]:
    lines = [Line(f"{name}: {value}") for name, value in message.details.items()]
    annotations = {
        "summary": fitted(message.title, _LONGEST_SUMMARY),
        "description": "\n".join(lines_within([*lines, *report(message)], _line, room=_ROOM_FOR_DESCRIPTION)),
        "count": str(message.count) if message.count > 1 else "",
        "runbook_url": _link(message, "Runbook"),
        "dashboard_url": _link(message, "Dashboard"),
    }
    return {name: value for name, value in annotations.items() if value}


def _line(line: Line) -> str:
    return fitted(line.text, _LONGEST_LABEL)


def _link(message: Message, words: str) -> str:
    return next((address for name, address in message.links if name == words), "")
