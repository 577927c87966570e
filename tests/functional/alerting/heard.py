"""What a fake channel received, read back as a person reads it: of what type, what became of it, and the words."""

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from alerts.core.message import PREFIXES
from alerts.events import AlertType
from tests.fakes.discord import FakeDiscord
from tests.fakes.pagerduty import FakePagerDuty
from tests.fakes.server import FakeServer, Received
from tests.fakes.slack import FakeSlack
from tests.fakes.smtp import FakeSmtp
from tests.fakes.teams import FakeTeams

_STATUSES = {"repeat": "repeat", "escalated": "escalated", "acknowledged": "acknowledged", "resolved": "resolved"}
_SEVERITIES = {"critical": "High", "warning": "Medium", "info": "Low"}
_ACTIONS = {"trigger": "firing", "acknowledge": "acknowledged", "resolve": "resolved"}


@dataclass(frozen=True, slots=True)
class Heard:
    """`at` is on the monotonic clock. `status` is firing (also of news), repeat, acknowledged or resolved."""

    at: float
    channel: str
    alert_type: str
    status: str
    level: str
    text: str

    def __str__(self) -> str:
        return f"{self.channel}: {self.alert_type} ({self.status}, {self.level}) {self.text[-900:]!r}"


class Ear(Protocol):
    """A channel, as the tests hear it."""

    def heard(self) -> list[Heard]: ...

    def clear(self) -> None: ...


@dataclass(frozen=True)
class WebEar:
    """`read` gives the words of a body, one fact a line as `Name: value`."""

    name: str
    server: FakeServer
    read: Callable[[Any], str]
    path: str = ""

    def heard(self) -> list[Heard]:
        return [self._heard(one) for one in list(self.server.received) if one.path.startswith(self.path)]

    def clear(self) -> None:
        self.server.clear()

    def _heard(self, received: Received) -> Heard:
        return heard_text(self.name, received.at, self.read(received.json()))


@dataclass(frozen=True)
class MailEar:
    name: str
    server: FakeSmtp

    def heard(self) -> list[Heard]:
        return [
            heard_text(self.name, mail.at, "\n".join((*lines, mail.text("plain"))))
            for mail in list(self.server.mails)
            # A letter to a person says its type in its header alone.
            for lines in [(f"To: {', '.join(mail.recipients)}", *map(str, mail.message.values()))]
        ]

    def clear(self) -> None:
        self.server.mails.clear()


@dataclass
class PagerEar:
    """What ends or acknowledges an alert says no more than its key: it is read with the words that it began with."""

    name: str
    server: FakePagerDuty
    _words: dict[str, str] = field(default_factory=dict)

    def heard(self) -> list[Heard]:
        return [self._heard(one) for one in list(self.server.received)]

    def clear(self) -> None:
        self.server.clear()
        self._words.clear()

    def _heard(self, received: Received) -> Heard:
        event = received.json()
        key = event.get("dedup_key", "")
        if payload := event.get("payload"):
            self._words[key] = "\n".join([payload["summary"], *_facts(payload["custom_details"])])
        found = heard_text(self.name, received.at, self._words.get(key, ""))
        status = _ACTIONS.get(event.get("event_action", ""), "firing")
        level = _SEVERITIES.get(payload["severity"], "") if payload and "severity" in payload else ""
        return Heard(found.at, found.channel, found.alert_type, status, level, found.text)


def slack_ear(server: FakeSlack, name: str = "slack", path: str = "") -> WebEar:
    return WebEar(name, server, lambda body: html.unescape(str(body.get("text", ""))).replace("`", ""), path)


def teams_ear(server: FakeTeams) -> WebEar:
    return WebEar("ms_teams", server, _words_of_a_message)


def _words_of_a_message(body: Any) -> str:
    lines = []
    for part in (part for one in body["attachments"] for part in one["content"]["body"]):
        lines += [f"{one['title']}: {one['value']}" for one in part.get("facts", ())] or [part["text"]]
    return _unescaped(lines)


def discord_ear(server: FakeDiscord) -> WebEar:
    return WebEar("discord", server, _words_of_embeds)


def _words_of_embeds(body: Any) -> str:
    lines = []
    for embed in body["embeds"]:
        lines += [embed["title"], *(f"{one['name']}: {one['value']}" for one in embed["fields"])]
        lines.append(embed.get("description", ""))
    return _unescaped(lines)


def _unescaped(lines: list[str]) -> str:
    """Without what keeps markup from being obeyed: backslashes, and spaces of no width."""
    return "\n".join(lines).replace("\\", "").replace("\u200b", "").replace("&lt;", "<").replace("&gt;", ">")


def webhook_ear(server: FakeServer) -> WebEar:
    """LiteLLM's eighteen fields, which only budgets have."""
    return WebEar("webhook", server, lambda body: "\n".join(("Alert type: budget_alerts", *_facts(body))))


def heard_text(channel: str, at: float, text: str) -> Heard:
    types = [word for word in re.findall(r"\w+", text) if word in set(AlertType)]
    status = next((name for name in _STATUSES if PREFIXES[name] in text), "firing")
    level = re.search(r"Level:?\W+(High|Medium|Low)", text)
    return Heard(at, channel, next(iter(types), ""), status, level[1] if level else "", text)


def _facts(plain: dict[str, Any]) -> list[str]:
    return [f"{name}: {value if isinstance(value, str) else json.dumps(value)}" for name, value in plain.items()]
