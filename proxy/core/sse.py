"""Server-sent events, as they arrive in pieces (WHATWG HTML, section 9.2). Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from proxy.core.streams import LONGEST_EVENT, EventTooLong

_BOUNDARY = re.compile(rb"\r?\n\r?\n|\r\r")


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """`name` is empty when the event has none."""

    name: str
    data: bytes


@dataclass(slots=True)
class EventParser:
    """Feed it bytes cut anywhere; it gives back the events that are whole. Comments and other fields are dropped."""

    _rest: bytearray = field(default_factory=bytearray, init=False)

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Raises EventTooLong."""
        rest = self._rest
        # Of a boundary that is cut in two, the first half was not yet an end; what is before it is not read again.
        seen = max(0, len(rest) - 3)
        rest += data
        blocks: list[bytes] = []
        if _BOUNDARY.search(rest, seen):
            *blocks, left = _BOUNDARY.split(bytes(rest))
            rest[:] = left
        if len(rest) > LONGEST_EVENT:
            raise EventTooLong
        return list(_events(blocks))

    def finish(self) -> list[ServerSentEvent]:
        """What is left when the upstream closed; it may have forgotten the last blank line."""
        rest, self._rest = bytes(self._rest), bytearray()
        return list(_events([rest]))


def _events(blocks: Sequence[bytes]) -> Iterator[ServerSentEvent]:
    for block in blocks:
        name, lines = "", []
        for line in block.splitlines():
            if line.startswith(b"data:"):
                lines.append(line[5:].removeprefix(b" "))
            elif line.startswith(b"event:"):
                name = line[6:].strip().decode("utf-8", "replace")
        if lines:
            yield ServerSentEvent(name, b"\n".join(lines))


@dataclass(slots=True)
class OpenAIDecoder:
    """OpenAI's own stream as the chunks it consists of."""

    _parser: EventParser = field(default_factory=EventParser, init=False)

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Raises EventTooLong."""
        return _chunks(self._parser.feed(data))

    def finish(self) -> list[dict[str, Any]]:
        return _chunks(self._parser.finish())


def _chunks(events: Sequence[ServerSentEvent]) -> list[dict[str, Any]]:
    found = []
    for event in events:
        try:
            chunk = orjson.loads(event.data)
        except orjson.JSONDecodeError:
            continue
        if isinstance(chunk, dict):
            if isinstance(error := chunk.get("error"), str):
                chunk["error"] = {"message": error}
            found.append(chunk)
    return found
