"""Gemini's candidates as the choices of a chat completion, whole and in a stream."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from proxy.core.errors import UpstreamFailure
from proxy.core.sse import EventParser, ServerSentEvent
from proxy.core.usage import count
from proxy.providers.base import Json

_FINISH_REASONS = {
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "BLOCKLIST": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
_CUT = {"type": "api_error", "message": "the stream ended before its answer did"}


def to_completion(answer: Json) -> Json:
    """Raises UpstreamFailure for an answer without a candidate. Who has a clock adds `created`."""
    choices = [_choice(candidate, answer) for candidate in _candidates(answer)]
    if not choices and _is_blocked(answer):
        message = {"role": "assistant", "content": None, "refusal": None}
        choices = [{"index": 0, "message": message, "finish_reason": "content_filter"}]
    if not choices:
        raise UpstreamFailure("the answer has no candidate", provider="gemini")
    return {
        "id": text_of(answer, "responseId"),
        "object": "chat.completion",
        "model": text_of(answer, "modelVersion"),
        "choices": choices,
        "usage": to_usage(answer.get("usageMetadata")),
    }


def to_usage(reported: Any) -> Json:
    """Gemini counts thoughts apart from the answer, and what its tools read apart from the prompt; OpenAI does not."""
    found = member(reported)
    thoughts = count(found, "thoughtsTokenCount")
    prompt = count(found, "promptTokenCount") + count(found, "toolUsePromptTokenCount")
    completion = count(found, "candidatesTokenCount") + thoughts
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": count(found, "cachedContentTokenCount")},
        "completion_tokens_details": {"reasoning_tokens": thoughts},
        **_SERVICES.get(str(found.get("trafficType")), {}),
    }


# Vertex tells so how it served (cloud.google.com/vertex-ai, GenerateContentResponse.UsageMetadata, "trafficType").
_SERVICES: dict[str, Json] = {
    "ON_DEMAND_FLEX": {"service_tier": "flex"},
    "ON_DEMAND_PRIORITY": {"service_tier": "priority"},
}


def _choice(candidate: Json, answer: Json) -> Json:
    pieces = _Pieces.of(candidate, answer, first_call=0)
    message: Json = {"role": "assistant", "content": pieces.text or (None if pieces.calls or pieces.images else "")}
    if pieces.calls:
        message["tool_calls"] = pieces.calls
    if pieces.thoughts:
        message["reasoning_content"] = pieces.thoughts
    if pieces.images:
        message["images"] = pieces.images
    reason = _finish_reason(candidate.get("finishReason"), has_calls=bool(pieces.calls))
    return {"index": _index(candidate), "message": message, "finish_reason": reason}


@dataclass(frozen=True, slots=True)
class _Pieces:
    """What the parts of a candidate hold."""

    text: str
    thoughts: str
    calls: list[Json]
    images: list[Json]

    @classmethod
    def of(cls, candidate: Json, answer: Json, *, first_call: int) -> "_Pieces":
        content = member(candidate.get("content"))
        found = content.get("parts")
        parts = [part for part in found if isinstance(part, dict)] if isinstance(found, list) else []
        calls = [part for part in parts if isinstance(part.get("functionCall"), dict)]
        images = [member(part.get("inlineData")) for part in parts if "inlineData" in part]
        return cls(
            text="".join(text_of(part, "text") for part in parts if not part.get("thought")),
            thoughts="".join(text_of(part, "text") for part in parts if part.get("thought")),
            calls=[_call(part, answer, first_call + position) for position, part in enumerate(calls)],
            images=[_image(image) for image in images],
        )

    @property
    def delta(self) -> Json:
        delta: Json = {}
        if self.thoughts:
            delta["reasoning_content"] = self.thoughts
        if self.text:
            delta["content"] = self.text
        if self.images:
            delta["images"] = self.images
        return delta


def _call(part: Json, answer: Json, index: int) -> Json:
    call = part["functionCall"]
    name, arguments = text_of(call, "name"), _written(call.get("args"))
    told: Json = {
        "id": text_of(call, "id") or _call_id(text_of(answer, "responseId"), str(index), name, arguments),
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }
    # A model that thinks wants to see it again with its call.
    if signature := text_of(part, "thoughtSignature"):
        told["provider_specific_fields"] = {"thought_signature": signature}
    return told


def _call_id(*facts: str) -> str:
    """The same for the same call of the same answer."""
    return "call_" + hashlib.sha256("\n".join(facts).encode()).hexdigest()[:24]


def _image(image: Json) -> Json:
    url = f"data:{text_of(image, 'mimeType')};base64,{text_of(image, 'data')}"
    return {"type": "image_url", "image_url": {"url": url}}


def _written(arguments: Any) -> str:
    try:
        return orjson.dumps({} if arguments is None else arguments).decode()
    except orjson.JSONEncodeError:
        raise UpstreamFailure("a tool call is nested too deeply", provider="gemini") from None


def _finish_reason(reason: Any, *, has_calls: bool) -> str:
    found = _FINISH_REASONS.get(reason, "stop") if isinstance(reason, str) else "stop"
    return "tool_calls" if found == "stop" and has_calls else found


@dataclass(slots=True)
class GeminiDecoder:
    """Its stream (`alt=sse`) as `chat.completion.chunk` objects, still without `created`.

    Each event is a piece of an answer, with the usage so far; nothing but a finish reason says that it is the last.
    """

    _parser: EventParser = field(default_factory=EventParser, init=False)
    _head: Json = field(default_factory=dict, init=False)
    _usage: Any = field(default=None, init=False)
    _calls: dict[int, int] = field(default_factory=dict, init=False)
    _ended: bool = field(default=False, init=False)
    _failed: bool = field(default=False, init=False)

    def feed(self, data: bytes) -> list[Json]:
        """Raises EventTooLong."""
        return self._chunks(self._parser.feed(data))

    def finish(self) -> list[Json]:
        """An answer that did not end is a failure."""
        chunks = self._chunks(self._parser.finish())
        if self._failed:
            return chunks
        if not self._ended:
            return [*chunks, {"error": dict(_CUT)}]
        return [*chunks, self._envelope([]) | {"usage": to_usage(self._usage)}]

    def _chunks(self, events: Sequence[ServerSentEvent]) -> list[Json]:
        chunks: list[Json] = []
        try:
            for event in events:
                chunks += self._read(_parsed(event.data))
        except UpstreamFailure as failure:
            self._failed = True
            chunks.append({"error": {"type": "api_error", "message": failure.told}})
        return chunks

    def _read(self, event: Json) -> Iterator[Json]:
        if (error := event.get("error")) is not None:
            self._failed = True
            told = member(error)
            yield {"error": {"message": text_of(told, "message") or "error", "type": text_of(told, "status")}}
            return
        if not self._head and event:
            self._head = {"id": text_of(event, "responseId"), "model": text_of(event, "modelVersion")}
        self._usage = event.get("usageMetadata") or self._usage
        candidates = _candidates(event)
        for candidate in candidates:
            yield from self._piece(candidate, event)
        if not candidates and _is_blocked(event):
            self._ended = True
            yield self._chunk(0, {"role": "assistant", "content": ""})
            yield self._chunk(0, {}, "content_filter")

    def _piece(self, candidate: Json, event: Json) -> Iterator[Json]:
        index = _index(candidate)
        if index not in self._calls:
            self._calls[index] = 0
            yield self._chunk(index, {"role": "assistant", "content": ""})
        pieces = _Pieces.of(candidate, self._head_of(event), first_call=self._calls[index])
        if pieces.delta:
            yield self._chunk(index, pieces.delta)
        for call in pieces.calls:
            yield self._chunk(index, {"tool_calls": [{"index": self._calls[index], **call}]})
            self._calls[index] += 1
        if (reason := candidate.get("finishReason")) is not None:
            self._ended = True
            yield self._chunk(index, {}, _finish_reason(reason, has_calls=self._calls[index] > 0))

    def _head_of(self, event: Json) -> Json:
        return {"responseId": text_of(event, "responseId") or self._head.get("id", "")}

    def _chunk(self, index: int, delta: Json, reason: str | None = None) -> Json:
        return self._envelope([{"index": index, "delta": delta, "finish_reason": reason}])

    def _envelope(self, choices: list[Json]) -> Json:
        return {**self._head, "object": "chat.completion.chunk", "choices": choices}


def _candidates(answer: Json) -> list[Json]:
    found = answer.get("candidates")
    return [candidate for candidate in found if isinstance(candidate, dict)] if isinstance(found, list) else []


def _is_blocked(answer: Json) -> bool:
    return bool(member(answer.get("promptFeedback")).get("blockReason"))


def _index(candidate: Json) -> int:
    index = candidate.get("index", 0)
    return index if type(index) is int and index >= 0 else 0


def _parsed(data: bytes) -> Json:
    try:
        return member(orjson.loads(data))
    except orjson.JSONDecodeError:
        return {}


def text_of(holder: Json, name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""


def member(value: Any) -> Json:
    """An object, or an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}
