"""What Bedrock's Converse API answers, whole or streamed, as a chat completion.

Bedrock gives an answer neither a name nor a time: `id` is empty and `created` is 0.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from proxy.core.errors import UpstreamFailure, redact
from proxy.core.usage import count
from proxy.providers.base import Json
from proxy.providers.eventstream import Message, MessageParser

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}


def chat_completion(answer: Json) -> Json:
    """Raises UpstreamFailure for one that makes no sense."""
    message = _object(_object(answer.get("output")).get("message"))
    content = message.get("content")
    if not isinstance(content, list):
        raise UpstreamFailure("the answer has no message", provider="bedrock")
    choice = {"index": 0, "message": _message(content), "finish_reason": _finish_reason(answer.get("stopReason"))}
    whole: Json = {"id": "", "object": "chat.completion", "created": 0, "model": "", "choices": [choice]}
    if isinstance(usage := answer.get("usage"), dict):
        whole["usage"] = openai_usage(usage)
    return whole | _service_tier(answer)


def openai_usage(reported: Json) -> Json:
    """Converse counts what was read from or written to the cache beside `inputTokens`, not in it

    (docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html).
    """
    read, written = count(reported, "cacheReadInputTokens"), count(reported, "cacheWriteInputTokens")
    prompt, completion = count(reported, "inputTokens") + read + written, count(reported, "outputTokens")
    details: Json = {"cached_tokens": read}
    if for_an_hour := _written_for_an_hour(reported):
        details["cache_creation_token_details"] = {"ephemeral_1h_input_tokens": for_an_hour}
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": details,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
    }


def _written_for_an_hour(reported: Json) -> int:
    """`cacheDetails` tells by their time to live what was written (API reference, "TokenUsage" and "CacheDetail")."""
    entries = reported.get("cacheDetails")
    found = map(_object, entries) if isinstance(entries, list) else ()
    return sum(count(entry, "inputTokens") for entry in found if entry.get("ttl") == "1h")


def _service_tier(answer: Json) -> Json:
    """Converse's `serviceTier`, in OpenAI's words."""
    tier = _object(answer.get("serviceTier")).get("type")
    return {"service_tier": tier} if isinstance(tier, str) else {}


def _message(content: list[Any]) -> Json:
    texts: list[str] = []
    calls: list[Json] = []
    thoughts: list[Json] = []
    for block in content:
        match block:
            case {"text": str(text)}:
                texts.append(text)
            case {"toolUse": {"toolUseId": str(identifier), "name": str(name)} as use}:
                function = {"name": name, "arguments": orjson.dumps(use.get("input") or {}).decode()}
                calls.append({"id": identifier, "type": "function", "function": function})
            case {"reasoningContent": {"reasoningText": {"text": str(text)} as thought}}:
                thoughts.append({"type": "thinking", "thinking": text, "signature": thought.get("signature") or ""})
            case {"reasoningContent": {"redactedContent": str(data)}}:
                thoughts.append({"type": "redacted_thinking", "data": data})
    message: Json = {"role": "assistant", "content": "".join(texts) if texts or not calls else None}
    if calls:
        message["tool_calls"] = calls
    if thoughts:
        message["reasoning_content"] = "".join(thought.get("thinking", "") for thought in thoughts)
        message["thinking_blocks"] = thoughts
    return message


def _finish_reason(reason: Any) -> str:
    return _FINISH.get(reason, "stop") if isinstance(reason, str) else "stop"


@dataclass(slots=True)
class ConverseDecoder:
    """The stream of ConverseStream as `chat.completion.chunk` objects."""

    _parser: MessageParser = field(default_factory=MessageParser, init=False)
    # Which call a content block is, and whether any of its arguments have come.
    _calls: dict[Any, int] = field(default_factory=dict, init=False)
    _argued: set[Any] = field(default_factory=set, init=False)
    _stopped: bool = field(default=False, init=False)
    _failed: bool = field(default=False, init=False)

    def feed(self, data: bytes) -> list[Json]:
        """Raises EventTooLong."""
        chunks: list[Json] = []
        for message in self._parser.feed(data):
            chunks += self._read(message)
        if self._parser.corrupt and not self._failed:
            chunks.append(self._failure("the event stream is corrupt"))
        return chunks

    def finish(self) -> list[Json]:
        if self._failed or (self._stopped and not self._parser.waits):
            return []
        return [self._failure("the stream ended before the answer did")]

    def _read(self, message: Message) -> list[Json]:
        headers = message.headers
        try:
            payload = _object(orjson.loads(message.payload or b"{}"))
        except orjson.JSONDecodeError:
            return [] if self._failed else [self._failure("an event of the stream is not JSON")]
        if headers.get(":message-type") == "event":
            read = _EVENTS.get(headers.get(":event-type", ""))
            return [] if read is None else read(self, payload)
        told = payload.get("message") or headers.get(":error-message") or "the stream failed"
        kind = headers.get(":exception-type") or headers.get(":error-code") or ""
        return [self._failure(redact(str(told)), kind=kind)]

    def _failure(self, told: str, *, kind: str = "") -> Json:
        self._failed = True
        return {
            "error": {"message": told, "type": kind or "internal_server_error", "code": STREAM_CODES.get(kind, "500")}
        }

    def _message_start(self, payload: Json) -> list[Json]:
        return [_chunk({"role": "assistant", "content": ""})]

    def _block_start(self, payload: Json) -> list[Json]:
        use = _object(_object(payload.get("start")).get("toolUse"))
        if not isinstance(use.get("name"), str):
            return []
        index = self._calls[_block_index(payload)] = len(self._calls)
        function = {"name": use["name"], "arguments": ""}
        call = {"index": index, "id": str(use.get("toolUseId") or ""), "type": "function", "function": function}
        return [_chunk({"tool_calls": [call]})]

    def _block_delta(self, payload: Json) -> list[Json]:
        match payload.get("delta"):
            case {"text": str(text)}:
                return [_chunk({"content": text})]
            case {"toolUse": {"input": str(piece)}} if _block_index(payload) in self._calls:
                self._argued.add(_block_index(payload))
                return [self._arguments(payload, piece)]
            case {"reasoningContent": {"text": str(text)}}:
                return [_chunk({"reasoning_content": text, "thinking_blocks": [_thought(thinking=text)]})]
            case {"reasoningContent": {"signature": str(signature)}}:
                return [_chunk({"thinking_blocks": [_thought(signature=signature)]})]
            case {"reasoningContent": {"redactedContent": str(data)}}:
                return [_chunk({"thinking_blocks": [{"type": "redacted_thinking", "data": data}]})]
        return []

    def _block_stop(self, payload: Json) -> list[Json]:
        index = _block_index(payload)
        if index not in self._calls or index in self._argued:
            return []
        # A call without arguments is an empty object to Bedrock, and must be JSON to the clients.
        return [self._arguments(payload, "{}")]

    def _arguments(self, payload: Json, piece: str) -> Json:
        call = {"index": self._calls[_block_index(payload)], "function": {"arguments": piece}}
        return _chunk({"tool_calls": [call]})

    def _message_stop(self, payload: Json) -> list[Json]:
        self._stopped = True
        return [_chunk({}, finish_reason=_finish_reason(payload.get("stopReason")))]

    def _metadata(self, payload: Json) -> list[Json]:
        usage = payload.get("usage")
        if not isinstance(usage, dict):
            return []
        return [{**_ENVELOPE, "choices": [], "usage": openai_usage(usage), **_service_tier(payload)}]


_ENVELOPE: Json = {"id": "", "object": "chat.completion.chunk", "created": 0, "model": ""}
_EVENTS: dict[str, Callable[[ConverseDecoder, Json], list[Json]]] = {
    "messageStart": ConverseDecoder._message_start,
    "contentBlockStart": ConverseDecoder._block_start,
    "contentBlockDelta": ConverseDecoder._block_delta,
    "contentBlockStop": ConverseDecoder._block_stop,
    "messageStop": ConverseDecoder._message_stop,
    "metadata": ConverseDecoder._metadata,
}
# Statuses of the exceptions that a stream may end with (API_runtime_ConverseStream.html).
STREAM_CODES = {
    "internalServerException": "500",
    "modelStreamErrorException": "500",
    "serviceUnavailableException": "503",
    "throttlingException": "429",
    "validationException": "400",
}


def _chunk(delta: Json, *, finish_reason: str | None = None) -> Json:
    return {**_ENVELOPE, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def _thought(*, thinking: str = "", signature: str = "") -> Json:
    return {"type": "thinking", "thinking": thinking, "signature": signature}


def _block_index(payload: Json) -> int:
    index = payload.get("contentBlockIndex")
    return index if isinstance(index, int) else 0


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
