"""PagerDuty's Events API v2: trouble pages and ends, news is a change event that pages nobody.

What is about the same incident has the same key, so a repeat never pages twice and the end closes what was opened.
A test is a change event as well: it proves the integration key and wakes nobody up.
"""

from typing import Any
from urllib.parse import urlsplit

from alerts.core.message import Message
from alerts.models import AlertChannel
from alerts.transports.base import HttpTransport, ascii_problem
from alerts.transports.text import facts, fitted, legible, within

_ACTIONS = {
    "firing": "trigger",
    "repeat": "trigger",
    "escalated": "trigger",
    "acknowledged": "acknowledge",
    "resolved": "resolve",
}
_SEVERITIES = {"High": "critical", "Medium": "warning", "Low": "info"}
_ENQUEUE, _CHANGE = "/v2/enqueue", "/v2/change/enqueue"
_KEY_LENGTH = 32
_NO_KEY = f"PagerDuty's integration key (Events API V2) has {_KEY_LENGTH} characters."
_LONGEST_SUMMARY = 1024
_LONGEST_NAME = 255
_LONGEST_VALUE = 1000
# Of 512 KB, in characters of four bytes at most.
_ROOM_FOR_DETAILS = 50_000
_ROOM_FOR_LINES = 50_000


class PagerDutyTransport(HttpTransport):
    kind = "pagerduty"
    tells_acknowledgement = True
    merges = False
    taken = frozenset({202})
    default_address = f"https://events.pagerduty.com{_ENQUEUE}"

    def defects(self, channel: AlertChannel) -> dict[str, str]:
        wrong = super().defects(channel)
        if "url" not in wrong and channel.url and not urlsplit(channel.url).path.endswith(_ENQUEUE):
            wrong["url"] = f"The address of the Events API ends in {_ENQUEUE}; leave it empty for PagerDuty's own."
        if len(channel.secret) != _KEY_LENGTH or ascii_problem(channel.secret):
            wrong["secret"] = _NO_KEY
        return wrong

    def address(self, channel: AlertChannel, message: Message) -> str:
        address = super().address(channel, message)
        return address if message.kind in _ACTIONS else address.removesuffix(_ENQUEUE) + _CHANGE

    def payload(self, channel: AlertChannel, message: Message) -> dict[str, Any]:
        plain = legible(message)
        action = _ACTIONS.get(message.kind)
        event = _change(plain) if action is None else _alert(plain, action)
        return {"routing_key": channel.secret, **event}


def _alert(message: Message, action: str) -> dict[str, Any]:
    key = {"event_action": action, "dedup_key": (message.incident_id or message.id)[:_LONGEST_NAME]}
    if action != "trigger":
        return key
    return {
        **key,
        "payload": {
            **_payload(message),
            "severity": _SEVERITIES.get(message.level, "error"),
            "component": _first(message, "deployment", "model", "model_group"),
            "group": _first(message, "team_id", "team_alias", "provider"),
            "class": fitted(message.alert_type, _LONGEST_NAME),
        },
        "links": _links(message),
        "client": "Tollkeeper",
        **({"client_url": message.link} if message.link else {}),
    }


def _change(message: Message) -> dict[str, Any]:
    return {"payload": _payload(message), "links": _links(message)}


def _payload(message: Message) -> dict[str, Any]:
    # A summary must not be empty.
    return {
        "summary": fitted(message.title.strip(), _LONGEST_SUMMARY) or message.alert_type,
        "source": fitted(message.link, _LONGEST_NAME) or "Tollkeeper",
        "timestamp": message.opened_at or message.at,
        "custom_details": _details(message),
    }


def _details(message: Message) -> dict[str, Any]:
    pairs, left_out = within(facts(message), _pair, room=_ROOM_FOR_DETAILS, size=_size)
    listed = [(heading, line) for heading, lines in message.sections for line in lines]
    lines, lines_left_out = within(listed, _pair, room=_ROOM_FOR_LINES, size=_size)
    sections: dict[str, list[str]] = {}
    for heading, line in lines:
        sections.setdefault(heading, []).append(line)
    left_out += lines_left_out
    return {**dict(pairs), **sections, **({"Left out": left_out} if left_out else {})}


def _pair(pair: tuple[str, str]) -> tuple[str, str]:
    name, value = pair
    return fitted(name, _LONGEST_NAME), fitted(value, _LONGEST_VALUE)


def _size(pair: tuple[str, str]) -> int:
    return sum(map(len, pair))


def _first(message: Message, *labels: str) -> str:
    return fitted(next((message.labels[name] for name in labels if message.labels.get(name)), ""), _LONGEST_NAME)


def _links(message: Message) -> list[dict[str, str]]:
    return [{"href": address, "text": fitted(words, _LONGEST_NAME) or "Open"} for words, address in message.links]
