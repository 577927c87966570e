"""A provider that speaks Anthropic's Messages API, refuses what that refuses, and writes down what it would bill."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.fakes.anthropic_rules import Refused, check
from tests.fakes.completion import Billed
from tests.fakes.sample import sample
from tests.fakes.server import Cut, FakeServer, Received, Reply

_REFUSALS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


@dataclass(kw_only=True, eq=False)
class FakeAnthropic(FakeServer):
    """Every field is a setting, to be given or changed at any time.

    It uses a tool when told to, or all when `uses_tools` and none has answered; `tool_inputs` are by name, else one is
    made up from the tool's schema. It thinks `thoughts` aloud when asked to think. `fails_after_chunks` tells an
    `overloaded_error` in the middle of a stream, `cut_after_chunks` resets it. `api_key` None takes any key.
    """

    answer: str = "The toll is paid; the gate is open."
    thoughts: str = "They want to cross."
    uses_tools: bool = False
    tool_inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    stop_reason: str = "end_turn"
    output_tokens: int | None = None
    cache_read_tokens: int = 0
    cache_creation_tokens: int = 0
    chunk_count: int = 4
    chunk_delay_seconds: float = 0.0
    cut_after_chunks: int | None = None
    fails_after_chunks: int | None = None
    latency_seconds: float = 0.0
    api_key: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    port: int = 0
    billed: list[Billed] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        super().__init__(port=self.port)

    def clear(self) -> None:
        super().clear()
        self.billed.clear()

    def wait_for_billed(self, count: int, timeout: float = 5.0) -> list[Billed]:
        """Return the first `count` lines of the bill or more; raises AssertionError after `timeout` seconds."""
        if not self.wait_until(lambda: len(self.billed) >= count, timeout=timeout):
            raise AssertionError(f"waited {timeout} s for {count} billed requests, there are: {self.billed}")
        return list(self.billed)

    def respond(self, received: Received) -> Reply:
        if not self._knows(received):
            return anthropic_error(401, "invalid x-api-key")
        if (received.method, received.path) != ("POST", "/v1/messages"):
            return anthropic_error(404, "Not found")
        if "anthropic-version" not in received.headers:
            return anthropic_error(400, "anthropic-version: header is required")
        return self._answer(received)

    def _answer(self, received: Received) -> Reply:
        try:
            asked = received.json()
            check(asked)
        except Refused as refused:
            return anthropic_error(400, str(refused))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return anthropic_error(400, f"The request body is not valid: {error!r}")
        message = self._message(asked)
        if asked.get("stream"):
            return Reply(
                chunks=self._stream(message),
                headers={"Content-Type": "text/event-stream; charset=utf-8", **self._headers()},
                delay_seconds=self.latency_seconds,
            )
        return Reply(
            body=message,
            headers=self._headers(),
            delay_seconds=self.latency_seconds,
            before_body=lambda: self._bill(message, stream=False, share=1.0, finished=True),
        )

    def _knows(self, received: Received) -> bool:
        given = received.headers.get("x-api-key") or received.headers.get("authorization", "").removeprefix("Bearer ")
        return bool(given) and self.api_key in {None, given}

    def _message(self, asked: dict[str, Any]) -> dict[str, Any]:
        content: list[dict[str, Any]] = []
        if asked.get("thinking", {}).get("type") in {"enabled", "adaptive"}:
            content.append({"type": "thinking", "thinking": self.thoughts, "signature": "EqoBCkgIARABGAIiQL8fake"})
        tools = self._chosen(asked)
        for tool in tools:
            made = self.tool_inputs.get(tool["name"], sample(tool.get("input_schema", {})))
            content.append({"type": "tool_use", "id": f"toolu_{uuid4().hex[:24]}", "name": tool["name"], "input": made})
        text, stopped_by = self._said(asked)
        if not tools:
            content.append({"type": "text", "text": text})
        wanted = len(json.dumps(content)) // 4 if self.output_tokens is None else self.output_tokens
        allowed = asked["max_tokens"]
        done = "tool_use" if tools else "stop_sequence" if stopped_by else self.stop_reason
        return {
            "id": f"msg_{uuid4().hex[:24]}",
            "type": "message",
            "role": "assistant",
            "model": asked["model"],
            "content": content,
            "stop_reason": done if allowed >= wanted else "max_tokens",
            "stop_sequence": stopped_by if done == "stop_sequence" else None,
            "usage": {
                "input_tokens": len(json.dumps([asked["messages"], asked.get("system")])) // 4,
                "cache_creation_input_tokens": self.cache_creation_tokens,
                "cache_read_input_tokens": self.cache_read_tokens,
                "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
                "output_tokens": min(wanted, allowed),
                "service_tier": "standard",
            },
        }

    def _said(self, asked: dict[str, Any]) -> tuple[str, str | None]:
        """As far as the first sequence at which it was told to stop, and that sequence."""
        found = [(self.answer.find(stop), stop) for stop in asked.get("stop_sequences", ()) if stop in self.answer]
        at, stop = min(found, default=(len(self.answer), None))
        return self.answer[:at], stop

    def _chosen(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        """One when that or no other is wanted; of a free choice all."""
        tools: list[dict[str, Any]] = asked.get("tools", [])
        choice = asked.get("tool_choice", {"type": "auto"})
        if choice["type"] == "tool":
            return [tool for tool in tools if tool["name"] == choice["name"]]
        content = asked["messages"][-1]["content"]
        answered = isinstance(content, list) and any(block["type"] == "tool_result" for block in content)
        wants = choice["type"] == "any" or (choice["type"] == "auto" and self.uses_tools and not answered)
        alone = choice["type"] == "any" or choice.get("disable_parallel_tool_use")
        return (tools[:1] if alone else tools) if wants else []

    def _stream(self, message: dict[str, Any]) -> Iterator[bytes]:
        usage = message["usage"]
        start = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
        sent, total, finished = 0, self.chunk_count * len(message["content"]), False
        try:
            yield _event("message_start", {"message": start})
            for index, block in enumerate(message["content"]):
                yield _event("content_block_start", {"index": index, "content_block": _opened(block)})
                if not index:
                    yield _event("ping", {})
                for delta in _deltas(block, self.chunk_count):
                    if sent == self.fails_after_chunks:
                        yield _event("error", {"error": {"type": "overloaded_error", "message": "Overloaded"}})
                        return
                    if sent == self.cut_after_chunks or self.pause(self.chunk_delay_seconds):
                        raise Cut
                    yield _event("content_block_delta", {"index": index, "delta": delta})
                    sent += 1
                yield _event("content_block_stop", {"index": index})
            delta = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
            yield _event("message_delta", {"delta": delta, "usage": {"output_tokens": usage["output_tokens"]}})
            finished = True
        finally:
            self._bill(message, stream=True, share=1.0 if finished else min(1.0, sent / total), finished=finished)
        yield _event("message_stop", {})

    def _bill(self, message: dict[str, Any], *, stream: bool, share: float, finished: bool) -> None:
        usage = message["usage"]
        read, created = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
        with self._changed:
            self.billed.append(
                Billed(
                    id=message["id"],
                    model=message["model"],
                    prompt_tokens=usage["input_tokens"] + read + created,
                    completion_tokens=int(usage["output_tokens"] * share),
                    stream=stream,
                    finished=finished,
                    cached_tokens=read,
                    cache_creation_tokens=created,
                )
            )
            self._changed.notify_all()

    def _headers(self) -> dict[str, str]:
        return {
            "request-id": f"req_{uuid4().hex[:24]}",
            "anthropic-ratelimit-requests-limit": "4000",
            "anthropic-ratelimit-requests-remaining": "3999",
            "anthropic-ratelimit-tokens-limit": "400000",
            "anthropic-ratelimit-tokens-remaining": "399000",
            **self.headers,
        }


def anthropic_error(status: int, message: str, *, retry_after: float | None = None) -> Reply:
    """An error in Anthropic's shape, for `script`; `retry_after` is in seconds."""
    request_id = f"req_{uuid4().hex[:24]}"
    return Reply(
        status=status,
        body={
            "type": "error",
            "error": {"type": _REFUSALS.get(status, "api_error"), "message": message},
            "request_id": request_id,
        },
        headers={"request-id": request_id} | ({"Retry-After": f"{retry_after:g}"} if retry_after else {}),
    )


def _opened(block: dict[str, Any]) -> dict[str, Any]:
    """A block as it is announced, before any of it has come."""
    empty: dict[str, dict[str, Any]] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    return {**block, **empty[block["type"]]}


def _deltas(block: dict[str, Any], count: int) -> Iterator[dict[str, Any]]:
    match block["type"]:
        case "text":
            yield from ({"type": "text_delta", "text": piece} for piece in _split(block["text"], count))
        case "thinking":
            yield from ({"type": "thinking_delta", "thinking": piece} for piece in _split(block["thinking"], count))
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use":
            yield {"type": "input_json_delta", "partial_json": ""}
            # Of an empty input nothing more is sent.
            pieces = _split(json.dumps(block["input"]), count) if block["input"] else []
            yield from ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)


def _split(text: str, count: int) -> list[str]:
    size = -(-len(text) // count)
    return [text[start : start + size] for start in range(0, len(text), size)] if text else []


def _event(kind: str, data: dict[str, Any]) -> bytes:
    written = json.dumps({"type": kind, **data}, separators=(",", ":"))
    return f"event: {kind}\ndata: {written}\n\n".encode()
