"""Reading a stream in OpenAI's chat shape on its way through: relay bytes, learn usage and the first token. Pure.

Only events that can carry news are parsed; the rest passes as bytes. An event is only ever passed on whole.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import orjson

from proxy.core.errors import UpstreamError
from proxy.core.framing import BOUNDARY, count_events, data_of, first_event, last_boundary, texts_of
from proxy.core.streams import LONGEST_EVENT, EventTooLong, has_content
from proxy.core.usage import with_what_is_beside

DONE = b"[DONE]"

_NEWS = re.compile(rb'\[DONE\]|"usage"\s*:\s*\{|"error"\s*:\s*[{"]')
_MODEL = re.compile(rb'"model"\s*:\s*"(?:[^"\\]|\\.)*"')


@dataclass(slots=True)
class StreamScanner:
    """Feed it what the upstream sends; it gives back what the client shall see.

    `model` replaces the upstream's name for itself. Without `wants_usage` the chunk that only carries usage is kept
    back. `[DONE]` is always kept back: the caller sends it once the ledger entry is durable. So is an error told as an
    event: the caller tells it without what may be secret in it.
    """

    model: str
    wants_usage: bool
    usage: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    upstream_id: str = ""
    events: int = 0
    done: bool = False
    first_token: bool = False
    _rest: bytes = b""
    _written: bytes = field(default=b"", init=False)

    def feed(self, data: bytes) -> bytes:
        """Raises EventTooLong."""
        data = self._rest + data if self._rest else data
        end = last_boundary(data)
        if len(data) - end > LONGEST_EVENT:
            raise EventTooLong
        self._rest = data[end:]
        return self._pass(data[:end]) if end else b""

    def finish(self) -> bytes:
        """What is left when the upstream closed; it may have forgotten the last blank line."""
        rest, self._rest = self._rest, b""
        return self._pass(rest.rstrip() + b"\n\n") if rest.strip() else b""

    def farewell(self) -> bytes:
        return b"data: [DONE]\n\n"

    def complaint(self, error: UpstreamError) -> bytes:
        return b"data: " + orjson.dumps(error.envelope()) + b"\n\n"

    def _pass(self, block: bytes) -> bytes:
        """Whole events. Until the first token each is read; after it only what begins with the first news."""
        parts = []
        while block and not self.first_token:
            event, block = first_event(block)
            parts.append(self._event(event))
        if block:
            news = _NEWS.search(block)
            known = len(block) if news is None else last_boundary(block[: news.start()])
            self.events += count_events(block[:known])
            parts.append(self._rename(block[:known]))
            parts += map(self._event, BOUNDARY.split(block[known:]))
        return b"".join(parts)

    def _event(self, event: bytes) -> bytes:
        if not event.strip():
            return b""
        text = data_of(event)
        if text is None:
            return event + b"\n\n"
        if text == DONE:
            self.done = True
            return b""
        try:
            chunk = orjson.loads(text)
        except orjson.JSONDecodeError:
            chunk = None
        if isinstance(chunk, dict) and not self._learn(chunk):
            return b""
        self.events += count_events(event)
        return self._rename(event) + b"\n\n"

    def _learn(self, chunk: dict[str, Any]) -> bool:
        """False when the client shall not see this chunk."""
        choices = chunk.get("choices")
        if error := chunk.get("error"):
            self.error = texts_of(error)
            return False
        if not self.upstream_id and isinstance(chunk.get("id"), str):
            self.upstream_id = chunk["id"]
        if not self.first_token and has_content(choices):
            self.first_token = True
        if isinstance(chunk.get("usage"), dict):
            self.usage = with_what_is_beside(chunk["usage"], chunk)
            return bool(choices) or self.wants_usage
        return True

    def _rename(self, block: bytes) -> bytes:
        """Inside a JSON text the quotes of such a pair are escaped, so only real members match."""
        return _MODEL.sub(self._name, block)

    def _name(self, _: re.Match[bytes]) -> bytes:
        if not self._written:
            self._written = b'"model":' + orjson.dumps(self.model)
        return self._written
