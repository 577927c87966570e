"""A provider that speaks Gemini's API, refuses what that refuses, and writes down what it would bill."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.fakes.completion import Billed
from tests.fakes.gemini_rules import Refused, check
from tests.fakes.sample import sample
from tests.fakes.server import Cut, FakeServer, Received, Reply

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_PATH = re.compile(r"/v1beta/(models/[\w.-]+):(generateContent|streamGenerateContent|batchEmbedContents)")
_WRONG_KEY = "API key not valid. Please pass a valid API key."


@dataclass(kw_only=True, eq=False)
class FakeGemini(FakeServer):
    """Every field is a setting, to be given or changed at any time.

    It calls functions when told to, or when `uses_tools` and none has answered yet; `has_call_ids` are what newer
    models add. `blocks` refuses the prompt itself. `api_key` None takes any key.
    """

    answer: str = "The toll is paid; the gate is open."
    thoughts: str = "They want to cross."
    uses_tools: bool = False
    has_call_ids: bool = False
    wants_signatures: bool = False
    finish_reason: str = "STOP"
    blocks: bool = False
    output_tokens: int | None = None
    thought_tokens: int = 0
    cached_tokens: int = 0
    chunk_count: int = 4
    chunk_delay_seconds: float = 0.0
    cut_after_chunks: int | None = None
    fails_after_chunks: int | None = None
    latency_seconds: float = 0.0
    api_key: str | None = None
    port: int = 0
    billed: list[Billed] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        super().__init__(port=self.port)

    def clear(self) -> None:
        super().clear()
        self.billed.clear()

    def respond(self, received: Received) -> Reply:
        given = received.headers.get("x-goog-api-key") or received.query.get("key")
        if not given or self.api_key not in {None, given}:
            reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
            return gemini_error(400, _WRONG_KEY, details=[reason])
        found = _PATH.fullmatch(received.path)
        if received.method != "POST" or found is None:
            return Reply(404, "")
        model, verb = found[1], found[2]
        try:
            asked = received.json()
            if verb == "batchEmbedContents":
                return self._embed(asked, model)
            check(asked, wants_signatures=self.wants_signatures)
        except Refused as refused:
            return gemini_error(400, str(refused))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return gemini_error(400, f"Invalid JSON payload received: {error!r}")
        return self._generate(
            asked, model.removeprefix("models/"), streams=verb == "streamGenerateContent", of=received
        )

    def _generate(self, asked: dict[str, Any], model: str, *, streams: bool, of: Received) -> Reply:
        head = {"modelVersion": model, "responseId": uuid4().hex[:22]}
        parts = [] if self.blocks else self._parts(asked)
        usage = self._usage(asked, parts)
        if not streams:
            return Reply(
                body=self._answer(asked, parts, usage) | {"usageMetadata": usage} | head,
                delay_seconds=self.latency_seconds,
                before_body=lambda: self._bill(head, usage, stream=False, share=1.0, finished=True),
            )
        if of.query.get("alt") != "sse":
            return gemini_error(400, "this fake streams as server-sent events only")
        return Reply(
            chunks=self._stream(asked, parts, usage, head),
            headers={"Content-Type": "text/event-stream"},
            delay_seconds=self.latency_seconds,
        )

    def _answer(self, asked: dict[str, Any], parts: list[dict[str, Any]], usage: dict[str, Any]) -> dict[str, Any]:
        if self.blocks:
            return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}
        config = asked.get("generationConfig", {})
        count = config.get("candidateCount", 1)
        content = {"parts": parts, "role": "model"}
        reason = "MAX_TOKENS" if usage["candidatesTokenCount"] == config.get("maxOutputTokens") else self.finish_reason
        return {"candidates": [{"content": content, "finishReason": reason, "index": index} for index in range(count)]}

    def _parts(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        config = asked.get("generationConfig", {})
        parts: list[dict[str, Any]] = []
        if config.get("thinkingConfig", {}).get("includeThoughts"):
            parts.append({"text": self.thoughts, "thought": True})
        declared = [function for tool in asked.get("tools", []) for function in tool.get("functionDeclarations", [])]
        calling = asked.get("toolConfig", {}).get("functionCallingConfig", {"mode": "AUTO"})
        allowed = [f for f in declared if f["name"] in calling.get("allowedFunctionNames", [f["name"]])]
        answered = any("functionResponse" in part for part in asked["contents"][-1]["parts"])
        wants = calling["mode"] == "ANY" or (calling["mode"] == "AUTO" and self.uses_tools and not answered)
        if allowed and wants:
            return parts + [self._call(function, first=not index) for index, function in enumerate(allowed)]
        text = json.dumps(sample(config["responseSchema"])) if "responseSchema" in config else self.answer
        return [*parts, {"text": text}]

    def _call(self, function: dict[str, Any], *, first: bool) -> dict[str, Any]:
        call = {"name": function["name"], "args": sample(function.get("parameters", {}))}
        if self.has_call_ids:
            call["id"] = uuid4().hex[:8]
        return {"functionCall": call} | ({"thoughtSignature": "CsUBfake=="} if first else {})

    def _usage(self, asked: dict[str, Any], parts: list[dict[str, Any]]) -> dict[str, Any]:
        prompt = len(json.dumps([asked["contents"], asked.get("systemInstruction")])) // 4
        wanted = len(json.dumps(parts)) // 4 if self.output_tokens is None else self.output_tokens
        answered = min(wanted, asked.get("generationConfig", {}).get("maxOutputTokens", wanted))
        optional = {"thoughtsTokenCount": self.thought_tokens, "cachedContentTokenCount": self.cached_tokens}
        return {
            "promptTokenCount": prompt,
            "candidatesTokenCount": answered,
            "totalTokenCount": prompt + answered + self.thought_tokens,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
            **{name: tokens for name, tokens in optional.items() if tokens},
        }

    def _stream(
        self, asked: dict[str, Any], parts: list[dict[str, Any]], usage: dict[str, Any], head: dict[str, Any]
    ) -> Iterator[bytes]:
        """Texts in pieces, calls whole; usage so far is told with each, and the last has the finish reason."""
        pieces = [piece for part in parts for piece in _pieces(part, self.chunk_count)]
        sent, finished = 0, False
        try:
            for sent, piece in enumerate(pieces[:-1]):
                if sent == self.fails_after_chunks:
                    yield _event(_error(503, "The model is overloaded. Please try again later.", []))
                    return
                if sent == self.cut_after_chunks or self.pause(self.chunk_delay_seconds):
                    raise Cut
                candidate = {"content": {"parts": [piece], "role": "model"}, "index": 0}
                so_far = {**usage, "candidatesTokenCount": 1}
                yield _event({"candidates": [candidate], "usageMetadata": so_far} | head)
            if len(pieces) == self.cut_after_chunks:
                raise Cut
            yield _event(self._answer(asked, pieces[-1:], usage) | {"usageMetadata": usage} | head)
            finished = True
        finally:
            share = 1.0 if finished else sent / len(pieces)
            self._bill(head, usage, stream=True, share=share, finished=finished)

    def _embed(self, asked: dict[str, Any], model: str) -> Reply:
        for one in asked["requests"]:
            if one["model"] != model:
                raise Refused("* BatchEmbedContentsRequest.requests[0].model: must match the model of the path")
            if not all(part["text"] for part in one["content"]["parts"]):
                raise Refused("* EmbedContentRequest.content: contains an empty Part.")
        sizes = [one.get("outputDimensionality", 4) for one in asked["requests"]]
        head = {"responseId": "", "modelVersion": model.removeprefix("models/")}
        # It bills tokens, and does not say how many.
        texts = sum(len(part["text"]) for one in asked["requests"] for part in one["content"]["parts"])
        usage = {"promptTokenCount": texts // 4 + 1, "candidatesTokenCount": 0}
        return Reply(
            body={"embeddings": [{"values": [0.25 * (n + 1)] * size} for n, size in enumerate(sizes)]},
            before_body=lambda: self._bill(head, usage, stream=False, share=1.0, finished=True),
        )

    def _bill(self, head: dict[str, Any], usage: dict[str, Any], *, stream: bool, share: float, finished: bool) -> None:
        with self._changed:
            self.billed.append(
                Billed(
                    id=head["responseId"],
                    model=head["modelVersion"],
                    prompt_tokens=usage["promptTokenCount"],
                    completion_tokens=int((usage["candidatesTokenCount"] + self.thought_tokens) * share),
                    stream=stream,
                    finished=finished,
                    cached_tokens=self.cached_tokens,
                    reasoning_tokens=self.thought_tokens,
                )
            )
            self._changed.notify_all()


def gemini_error(
    status: int,
    message: str,
    *,
    details: list[dict[str, Any]] | None = None,
    retry_delay: str = "",
    listed: bool = False,
) -> Reply:
    """An error in Gemini's shape, for `script`; `listed`: in an array, as some come. `retry_delay` is like "17s"."""
    found = list(details or ())
    if retry_delay:
        found.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": retry_delay})
    body = _error(status, message, found)
    return Reply(status=status, body=[body] if listed else body)


def _error(status: int, message: str, details: list[dict[str, Any]]) -> dict[str, Any]:
    error = {"code": status, "message": message, "status": _STATUSES.get(status, "UNKNOWN")}
    return {"error": error | ({"details": details} if details else {})}


def _pieces(part: dict[str, Any], count: int) -> list[dict[str, Any]]:
    if not (text := part.get("text")):
        return [part]
    size = -(-len(text) // count)
    return [{**part, "text": text[start : start + size]} for start in range(0, len(text), size)]


def _event(data: dict[str, Any]) -> bytes:
    return b"data: %s\r\n\r\n" % json.dumps(data).encode()
