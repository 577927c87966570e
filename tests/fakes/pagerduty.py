"""PagerDuty's Events API v2: checks each event as PagerDuty does, and keeps what came of it."""

import re
from collections import Counter
from datetime import datetime
from typing import Any

from tests.fakes.server import FakeServer, Received, Reply

# PagerDuty's reference of the Events API v2.
MOST_BYTES = 512 * 1024
LONGEST_SUMMARY, LONGEST_KEY = 1024, 255
SEVERITIES = ("critical", "error", "warning", "info")
ACTIONS = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}


class FakePagerDuty(FakeServer):
    """`states` are those of the alerts by dedup_key, `pages` how often each one called somebody."""

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.states: dict[str, str] = {}
        self.pages: Counter[str] = Counter()
        self.events: list[dict[str, Any]] = []
        self.changes: list[dict[str, Any]] = []

    def respond(self, received: Received) -> Reply:
        if received.path not in ("/v2/enqueue", "/v2/change/enqueue"):
            return Reply(404)
        if len(received.body) > MOST_BYTES:
            return Reply(413)
        try:
            event = received.json()
        except ValueError:
            return _invalid("JSON parse error")
        is_change = received.path == "/v2/change/enqueue"
        if wrong := _wrong(event, is_change=is_change):
            # With the key, as it may be quoted.
            return _invalid(*wrong, f"routing_key was {event.get('routing_key')}")
        if is_change:
            self.changes.append(event)
            return Reply(202, {"status": "success", "message": "Change event processed"})
        self.events.append(event)
        key = event.get("dedup_key") or f"made-up-{len(self.events)}"
        self._take(event["event_action"], key)
        return Reply(202, {"status": "success", "message": "Event processed", "dedup_key": key})

    def _take(self, action: str, key: str) -> None:
        is_open = self.states.get(key) in ("triggered", "acknowledged")
        if action == "trigger" and not is_open:
            self.states[key] = "triggered"
            self.pages[key] += 1
        elif action != "trigger" and is_open:
            self.states[key] = ACTIONS[action]


def _invalid(*errors: str) -> Reply:
    return Reply(400, {"status": "invalid event", "message": "Event object is invalid", "errors": list(errors)})


def _wrong(event: dict[str, Any], *, is_change: bool) -> list[str]:
    wrong = []
    if not re.fullmatch("[a-zA-Z0-9]{32}", event.get("routing_key", "")):
        wrong.append("'routing_key' is invalid")
    if not is_change:
        wrong += _wrong_of_an_alert(event)
    if event.get("event_action") not in ("acknowledge", "resolve"):
        wrong += _wrong_of_a_payload(event.get("payload") or {})
    return wrong + [
        "'links' is invalid" for one in event.get("links", []) if not one.get("href", "").startswith("http")
    ]


def _wrong_of_an_alert(event: dict[str, Any]) -> list[str]:
    action, key = event.get("event_action"), event.get("dedup_key", "")
    wrong = [] if action in ACTIONS else ["'event_action' is invalid"]
    if len(key) > LONGEST_KEY or (action in ("acknowledge", "resolve") and not key):
        wrong.append("'dedup_key' is missing or too long")
    if action == "trigger" and event.get("payload", {}).get("severity") not in SEVERITIES:
        wrong.append("'payload.severity' is invalid")
    return wrong


def _wrong_of_a_payload(payload: dict[str, Any]) -> list[str]:
    wrong = []
    if not 0 < len(payload.get("summary", "")) <= LONGEST_SUMMARY:
        wrong.append("'payload.summary' is missing or too long")
    if not payload.get("source"):
        wrong.append("'payload.source' is missing or blank")
    if not isinstance(payload.get("custom_details", {}), dict):
        wrong.append("'payload.custom_details' is invalid")
    try:
        datetime.fromisoformat(payload.get("timestamp", ""))
    except ValueError:
        wrong.append("'payload.timestamp' is invalid")
    return wrong
