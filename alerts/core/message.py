"""A notification before any channel's own format: plain facts, and the escaping that keeps user text inert. Pure."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Self


@dataclass(frozen=True)
class Message:
    """`kind` is firing, repeat, escalated, acknowledged, resolved, notice, digest or test; times are ISO 8601.

    `id` is the telling's own and the same on every attempt, `incident_id` that of what it is about: the same from
    firing to resolved. `links` are pairs of words and address, `sections` headings with lines, for reports and digests.
    `compatibility` is LiteLLM's webhook body, `files` are names and texts to attach where a channel can, `recipients`
    mail addresses of those whom it concerns. `only_to` are the recipients who have not got it yet, once some have.
    `style` is "letter" for what is written to one person and is no alert, `for_people` what the recipients are written
    in its place: a title, lines, and facts by name.
    """

    kind: str
    alert_type: str
    level: str
    title: str
    at: str
    details: Mapping[str, str] = field(default_factory=dict)
    count: int = 1
    link: str = ""
    id: str = ""
    incident_id: str = ""
    opened_at: str = ""
    actor: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    links: tuple[tuple[str, str], ...] = ()
    sections: tuple[tuple[str, tuple[str, ...]], ...] = ()
    compatibility: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[tuple[str, str], ...] = ()
    recipients: tuple[str, ...] = ()
    only_to: tuple[str, ...] = ()
    style: str = ""
    for_people: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What a newer or older version stored is read as far as it is known."""
        known = {one.name for one in fields(cls)}
        plain = {name: value for name, value in stored.items() if name in known}
        return cls(
            **plain
            | {
                "links": tuple((words, address) for words, address in plain.get("links", ())),
                "sections": tuple((heading, tuple(lines)) for heading, lines in plain.get("sections", ())),
                "files": tuple((name, text) for name, text in plain.get("files", ())),
                "recipients": tuple(plain.get("recipients", ())),
                "only_to": tuple(plain.get("only_to", ())),
            }
        )

    @property
    def heading(self) -> str:
        """The title, with what became of the incident before it."""
        return f"{PREFIXES.get(self.kind, '')}{one_line(self.title)}"


def to_person(message: Message) -> Message:
    """As it is written to somebody whom it concerns."""
    if not (plain := message.for_people):
        return message
    lines = tuple(str(line) for line in plain["lines"])
    return replace(
        message, style="letter", title=plain["title"], sections=(("", lines),), details=dict(plain["facts"]), links=()
    )


PREFIXES = {
    "repeat": "[Still firing] ",
    "escalated": "[Not acknowledged] ",
    "acknowledged": "[Acknowledged] ",
    "resolved": "[Resolved] ",
}


def timestamp(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def truncate(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def escape_slack(text: str) -> str:
    """Slack's three control characters; without them no mention, link or command can form."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def one_line(text: str) -> str:
    """Without anything that a reader or a channel would take for the end of a line."""
    return _BREAKS.sub(" ", text)


def code_span(text: str) -> str:
    """User text inside backticks, on one line."""
    return f"`{escape_slack(one_line(text)).replace('`', chr(39))}`"


_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
