"""Alertmanager's API v2 as far as alerts are posted to it; the real one is in test_alertmanager.py."""

import re
from datetime import datetime
from typing import Any

from tests.fakes.server import FakeServer, Received, Reply


class FakeAlertmanager(FakeServer):
    """Behind a proxy that wants a bearer token, when it is given one."""

    def __init__(self, *, port: int = 0, token: str = "") -> None:
        super().__init__(port=port)
        self.token = token
        self.alerts: list[dict[str, Any]] = []

    def respond(self, received: Received) -> Reply:
        if not received.path.endswith("/api/v2/alerts"):
            return Reply(404, "404 page not found")
        if self.token and received.headers.get("authorization") != f"Bearer {self.token}":
            return Reply(401, "no or wrong token")
        alerts = received.json()
        for alert in alerts:
            if wrong := _wrong(alert):
                return Reply(400, {"code": 602, "message": wrong})
        self.alerts += alerts
        return Reply(200)


def _wrong(alert: dict[str, Any]) -> str:
    labels, annotations = alert.get("labels", {}), alert.get("annotations", {})
    if not labels:
        return "at least one label pair required"
    for name, value in {**labels, **annotations}.items():
        if not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name):
            return f'invalid label name "{name}"'
        if not isinstance(value, str) or not value:
            return f'invalid value of "{name}"'
    try:
        starts, ends = (datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt"))
    except (KeyError, ValueError):
        return "must be of type date-time"
    return "start time must be before end time" if starts > ends else ""
