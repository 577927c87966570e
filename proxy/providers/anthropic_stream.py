"""Anthropic's stream: as the chunks of a chat completion, or relayed as it is.

https://platform.claude.com/docs/en/build-with-claude/streaming
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from proxy.core.errors import UpstreamError, UpstreamFailure
from proxy.core.sse import EventParser, ServerSentEvent
from proxy.core.streams import LONGEST_EVENT, EventTooLong
from proxy.providers.anthropic_answer import finish_reason, merge_usage, text_of, to_openai_usage, written
from proxy.providers.anthropic_chat import JSON_TOOL
from proxy.providers.base import Json

_CUT = {"type": "api_error", "message": "the stream ended before its message did"}
_BOUNDARY = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
}


@dataclass(slots=True)
class _ToolUse:
    """A call on its way. The one for JSON is no call for the client, but the answer itself."""

    position: int | None
    started: bool = False


@dataclass(slots=True)
class MessagesDecoder:
    """Anthropic's stream as `chat.completion.chunk` objects, still without `created`."""

    _parser: EventParser = field(default_factory=EventParser, init=False)
    _head: Json = field(default_factory=dict, init=False)
    _usage: Json = field(default_factory=dict, init=False)
    _calls: dict[int, _ToolUse] = field(default_factory=dict, init=False)
    _call_count: int = field(default=0, init=False)
    _ended: bool = field(default=False, init=False)

    def feed(self, data: bytes) -> list[Json]:
        """Raises EventTooLong."""
        return self._chunks(self._parser.feed(data))

    def finish(self) -> list[Json]:
        """A message that did not end is a failure."""
        chunks = self._chunks(self._parser.finish())
        return chunks if self._ended else [*chunks, {"error": dict(_CUT)}]

    def _chunks(self, events: Sequence[ServerSentEvent]) -> list[Json]:
        chunks: list[Json] = []
        try:
            for event in events:
                chunks += self._read(_parsed(event.data))
        except UpstreamFailure as failure:
            self._ended = True
            chunks.append({"error": {"type": "api_error", "message": failure.told}})
        return chunks

    def _read(self, event: Json) -> Iterator[Json]:
        kind = event.get("type")
        if kind == "message_start":
            yield from self._start(_member(event, "message"))
        elif kind == "content_block_start":
            yield from self._start_block(event.get("index"), _member(event, "content_block"))
        elif kind == "content_block_delta":
            yield from self._delta(event.get("index"), _member(event, "delta"))
        elif kind == "content_block_stop":
            yield from self._stop_block(event.get("index"))
        elif kind == "message_delta":
            yield from self._end(event)
        elif kind == "error":
            self._ended = True
            yield {"error": _told(event)}

    def _start(self, message: Json) -> Iterator[Json]:
        self._head = {"id": text_of(message, "id"), "model": text_of(message, "model")}
        self._usage = merge_usage({}, message.get("usage"))
        yield self._chunk({"role": "assistant", "content": ""})

    def _start_block(self, index: Any, block: Json) -> Iterator[Json]:
        kind = block.get("type")
        if kind == "text" and text_of(block, "text"):
            yield self._chunk({"content": text_of(block, "text")})
        elif kind == "redacted_thinking":
            yield self._chunk({"thinking_blocks": [block]})
        elif kind == "tool_use" and type(index) is int:
            yield from self._start_call(index, block)

    def _start_call(self, index: int, block: Json) -> Iterator[Json]:
        if text_of(block, "name") == JSON_TOOL:
            self._calls[index] = _ToolUse(None)
        else:
            self._calls[index] = _ToolUse(self._call_count)
            function = {"name": text_of(block, "name"), "arguments": ""}
            call = {"index": self._call_count, "id": text_of(block, "id"), "type": "function", "function": function}
            self._call_count += 1
            yield self._chunk({"tool_calls": [call]})
        # Others that speak this wire send the whole input at once.
        if block.get("input"):
            yield from self._arguments(index, written(block["input"]))

    def _delta(self, index: Any, delta: Json) -> Iterator[Json]:
        match delta.get("type"):
            case "text_delta" if text := text_of(delta, "text"):
                yield self._chunk({"content": text})
            case "thinking_delta" if text := text_of(delta, "thinking"):
                block = {"type": "thinking", "thinking": text}
                yield self._chunk({"reasoning_content": text, "thinking_blocks": [block]})
            case "signature_delta":
                block = {"type": "thinking", "thinking": "", "signature": text_of(delta, "signature")}
                yield self._chunk({"thinking_blocks": [block]})
            case "input_json_delta" if type(index) is int:
                yield from self._arguments(index, text_of(delta, "partial_json"))

    def _arguments(self, index: int, piece: str) -> Iterator[Json]:
        call = self._calls.get(index)
        if call is None or not piece:
            return
        call.started = True
        if call.position is None:
            yield self._chunk({"content": piece})
        else:
            yield self._chunk({"tool_calls": [{"index": call.position, "function": {"arguments": piece}}]})

    def _stop_block(self, index: Any) -> Iterator[Json]:
        """A call without arguments comes without a delta; OpenAI's clients want an object all the same."""
        if type(index) is int and (call := self._calls.get(index)) is not None and not call.started:
            yield from self._arguments(index, "{}")

    def _end(self, event: Json) -> Iterator[Json]:
        self._usage = merge_usage(self._usage, event.get("usage"))
        reason = _member(event, "delta").get("stop_reason")
        if self._ended or reason is None:
            return
        self._ended = True
        yield self._chunk({}, finish_reason(reason, has_calls=self._call_count > 0))
        yield self._envelope([]) | {"usage": to_openai_usage(self._usage)}

    def _chunk(self, delta: Json, reason: str | None = None) -> Json:
        return self._envelope([{"index": 0, "delta": delta, "finish_reason": reason}])

    def _envelope(self, choices: list[Json]) -> Json:
        return {**self._head, "object": "chat.completion.chunk", "choices": choices}


@dataclass(slots=True)
class MessagesReader:
    """A StreamReader over Anthropic's stream for a client of the same wire.

    Events pass byte for byte, but for the name of the model. `usage` is in Anthropic's shape, and there once it is
    final.
    """

    model: str
    usage: Json | None = field(default=None, init=False)
    error: Json | None = field(default=None, init=False)
    upstream_id: str = field(default="", init=False)
    events: int = field(default=0, init=False)
    first_token: bool = field(default=False, init=False)
    _rest: bytes = field(default=b"", init=False)
    _start_usage: Json = field(default_factory=dict, init=False)
    _ended: bool = field(default=False, init=False)

    def feed(self, data: bytes) -> bytes:
        """Raises EventTooLong."""
        *events, rest = _BOUNDARY.split(self._rest + data if self._rest else data)
        if len(rest) > LONGEST_EVENT:
            raise EventTooLong
        self._rest = rest
        return b"".join(map(self._event, events))

    def finish(self) -> bytes:
        """A message that did not end is a failure."""
        rest, self._rest = self._rest, b""
        passed = self._event(rest.rstrip())
        if not self._ended and self.error is None:
            self.error = dict(_CUT)
        return passed

    def farewell(self) -> bytes:
        return b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

    def complaint(self, error: UpstreamError) -> bytes:
        told = {"type": _ERROR_TYPES.get(error.status_code, "api_error"), "message": error.message}
        return _written("error", {"type": "error", "error": told})

    def _event(self, event: bytes) -> bytes:
        if not event.strip():
            return b""
        # After the first token these are the many that bring no news.
        if self.first_token and event.startswith(b"event: content_block_"):
            self.events += 1
            return event + b"\n\n"
        parsed = _parsed(_data(event))
        learn = _NEWS.get(text_of(parsed, "type"))
        out = event + b"\n\n" if learn is None else learn(self, parsed, event)
        self.events += bool(out)
        return out

    def _start(self, parsed: Json, event: bytes) -> bytes:
        message = _member(parsed, "message")
        self.upstream_id = text_of(message, "id")
        self._start_usage = merge_usage({}, message.get("usage"))
        if "model" not in message:
            return event + b"\n\n"
        return _written("message_start", {**parsed, "message": {**message, "model": self.model}})

    def _block(self, parsed: Json, event: bytes) -> bytes:
        delta = _member(parsed, "delta")
        self.first_token = self.first_token or any(delta.get(name) for name in ("text", "thinking", "partial_json"))
        return event + b"\n\n"

    def _end(self, parsed: Json, event: bytes) -> bytes:
        self.usage = merge_usage(self.usage or self._start_usage, parsed.get("usage"))
        self._ended = self._ended or _member(parsed, "delta").get("stop_reason") is not None
        return event + b"\n\n"

    def _stop(self, parsed: Json, event: bytes) -> bytes:
        self._ended = True
        return b""

    def _fail(self, parsed: Json, event: bytes) -> bytes:
        self.error = _told(parsed)
        return b""


_NEWS: dict[str, Callable[[MessagesReader, Json, bytes], bytes]] = {
    "message_start": MessagesReader._start,
    "content_block_delta": MessagesReader._block,
    "message_delta": MessagesReader._end,
    "message_stop": MessagesReader._stop,
    "error": MessagesReader._fail,
}


def _told(event: Json) -> Json:
    """The texts of an error; whatever else is packed into it stays out."""
    error = _member(event, "error")
    return {"message": text_of(error, "message") or "error", "type": text_of(error, "type") or "api_error"}


def _written(name: str, data: Json) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


def _data(event: bytes) -> bytes:
    return b"\n".join(line[5:] for line in event.splitlines() if line.startswith(b"data:"))


def _parsed(data: bytes) -> Json:
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _member(holder: Json, name: str) -> Json:
    value = holder.get(name)
    return value if isinstance(value, dict) else {}
