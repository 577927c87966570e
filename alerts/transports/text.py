"""A message's words on their way into a channel's own format: legible, escaped, and as long as the vendor allows. Pure.

Lengths are counted in UTF-16 units, the strictest way that any vendor counts.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import quote, urlsplit

from alerts.core.message import Message, one_line

S = TypeVar("S")
T = TypeVar("T")


def legible(message: Message) -> Message:
    """The message without what a reader does not see and a renderer obeys; only links that a browser may open."""
    return replace(
        message,
        alert_type=printable(message.alert_type),
        title=printable(message.title),
        actor=printable(message.actor),
        details={printable(name): printable(value) for name, value in message.details.items()},
        labels={printable(name): printable(value) for name, value in message.labels.items()},
        links=tuple(
            (printable(words), web_address(address)) for words, address in message.links if web_address(address)
        ),
        sections=tuple((printable(name), tuple(map(printable, lines))) for name, lines in message.sections),
    )


def printable(text: str) -> str:
    """On one line, without control characters, changes of direction and halves of surrogate pairs."""
    return _HALVES.sub("\ufffd", _DIRECTIONS.sub("", one_line(text)))


def web_address(address: str) -> str:
    """An http address with nothing in it that ends a link in any markup; empty for what is none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return ""
    return quote(_HALVES.sub("", address), safe="%/:?#@!$&'*+,;=~-._")


def facts(message: Message) -> list[tuple[str, str]]:
    """What stands below the title, in order."""
    own = (
        ("Alert type", message.alert_type),
        ("Level", message.level),
        ("Timestamp", message.at),
        ("Since", message.opened_at if message.opened_at != message.at else ""),
        ("Count", str(message.count) if message.count > 1 else ""),
        ("By", message.actor),
    )
    return [(name, value) for name, value in own if value] + list(message.details.items())


def width(text: str) -> int:
    return len(text) + sum(character > "\uffff" for character in text)


def fitted(text: str, limit: int, escape: Callable[[str], str] = str) -> str:
    """The escaped text, cut to the limit before a character rather than within its escape.

    `escape` must treat each character by itself and never make it shorter.
    """
    whole = escape(text[:limit])
    if len(text) <= limit and width(whole) <= limit:
        return whole
    kept, left = [], limit - 1
    for character in text[:limit]:
        piece = escape(character)
        left -= width(piece)
        if left < 0:
            break
        kept.append(piece)
    return "".join(kept) + "…"


def within(sources: Sequence[S], make: Callable[[S], T], *, room: int, size: Callable[[T], int]) -> tuple[list[T], int]:
    """As many pieces from the front as there is room for, and how many are left out."""
    kept: list[T] = []
    for source in sources:
        piece = make(source)
        room -= size(piece)
        if room < 0:
            break
        kept.append(piece)
    return kept, len(sources) - len(kept)


def lines_within(sources: Sequence[S], make: Callable[[S], str], *, room: int) -> list[str]:
    """The same for lines, with one more that says what is left out."""
    kept, left_out = within(sources, make, room=room, size=lambda line: width(line) + 1)
    return [*kept, more(left_out)] if left_out else kept


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    is_heading: bool = False


def report(message: Message) -> list[Line]:
    """The sections, line by line."""
    return [
        line
        for heading, listed in message.sections
        for line in (Line(heading, is_heading=True), *(Line(text) for text in listed))
    ]


def without_mentions(text: str) -> str:
    """A space of no width after each @, so that it calls nobody."""
    return text.replace("@", "@\u200b")


def more(left_out: int) -> str:
    return f"… and {left_out} more"


_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_HALVES = re.compile("[\ud800-\udfff]")
