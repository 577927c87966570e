"""What reads a stream on its way from an upstream to a client. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from proxy.core.errors import UpstreamError
from proxy.core.usage import with_what_is_beside

LONGEST_EVENT = 1024 * 1024


class EventTooLong(ValueError):
    """An event without an end: the upstream does not speak this protocol."""


class StreamReader(Protocol):
    """Feed it what the upstream sends; it gives back what the client shall see.

    What ends the stream for a client (`[DONE]`, `message_stop`, ...) is kept back: `farewell` says it, once the ledger
    entry is durable. So is an error that is told as an event. `usage` is in the shape that the provider's `usage`
    takes; `error` has `message` and perhaps `type`, `code` and `param`; `events` counts what was passed on.
    """

    usage: dict[str, Any] | None
    error: dict[str, Any] | None
    upstream_id: str
    events: int
    first_token: bool

    def feed(self, data: bytes) -> bytes:
        """Raises EventTooLong."""

    def finish(self) -> bytes:
        """What is left when the upstream has closed."""

    def farewell(self) -> bytes: ...

    def complaint(self, error: UpstreamError) -> bytes:
        """How a failure after the first byte is told to the client."""


class Encoder(Protocol):
    """`chat.completion.chunk` objects as the bytes of another dialect's stream."""

    def feed(self, chunk: dict[str, Any]) -> bytes: ...

    def finish(self) -> bytes:
        """What ends the stream, told once the books are closed."""

    def complaint(self, error: UpstreamError) -> bytes: ...


class ChunkSource(Protocol):
    def feed(self, data: bytes) -> Sequence[dict[str, Any]]: ...

    def finish(self) -> Sequence[dict[str, Any]]: ...


@dataclass(slots=True)
class TranslatedStream:
    """A StreamReader over a provider's decoder and a dialect's encoder.

    Not every provider gives its answer a name and a date: then `fallback_id` and `created` (Unix seconds) stand there.
    """

    decoder: ChunkSource
    encoder: Encoder
    fallback_id: str = ""
    created: int = 0
    usage: dict[str, Any] | None = field(default=None, init=False)
    error: dict[str, Any] | None = field(default=None, init=False)
    upstream_id: str = field(default="", init=False)
    events: int = field(default=0, init=False)
    first_token: bool = field(default=False, init=False)

    def feed(self, data: bytes) -> bytes:
        return self._translate(self.decoder.feed(data))

    def finish(self) -> bytes:
        return self._translate(self.decoder.finish())

    def farewell(self) -> bytes:
        return self.encoder.finish()

    def complaint(self, error: UpstreamError) -> bytes:
        return self.encoder.complaint(error)

    def _translate(self, chunks: Sequence[dict[str, Any]]) -> bytes:
        parts = []
        for chunk in chunks:
            if isinstance(error := chunk.get("error"), dict):
                self.error = error
                continue
            if not self.upstream_id and isinstance(chunk.get("id"), str):
                self.upstream_id = chunk["id"]
            if isinstance(chunk.get("usage"), dict):
                self.usage = with_what_is_beside(chunk["usage"], chunk)
            self.first_token = self.first_token or has_content(chunk.get("choices"))
            self.events += 1
            parts.append(self.encoder.feed(named(chunk, self.fallback_id, self.created)))
        return b"".join(parts)


def named(answer: dict[str, Any], fallback_id: str, created: int) -> dict[str, Any]:
    """An answer or chunk with an id and a date."""
    if not answer.get("id"):
        answer["id"] = fallback_id
    if not answer.get("created"):
        answer["created"] = created
    return answer


_CONTENT = ("content", "tool_calls", "reasoning_content", "reasoning", "refusal", "audio", "function_call")


def has_content(choices: Any) -> bool:
    """Whether a chunk's choices carry anything that a client waits for."""
    if not isinstance(choices, list):
        return False
    for choice in choices:
        delta = choice.get("delta") if isinstance(choice, dict) else None
        if isinstance(delta, dict) and any(delta.get(name) for name in _CONTENT):
            return True
        if isinstance(choice, dict) and choice.get("text"):
            return True
    return False
