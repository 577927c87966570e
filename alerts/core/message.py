"""A notification before any channel's own format: plain facts, and the escaping that keeps user text inert. Pure."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self


@dataclass(frozen=True)
class Message:
    """`kind` is firing, repeat, resolved, notice or test; `at` is ISO 8601 with its zone."""

    kind: str
    alert_type: str
    level: str
    title: str
    at: str
    details: Mapping[str, str] = field(default_factory=dict)
    count: int = 1
    link: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(**stored)


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
