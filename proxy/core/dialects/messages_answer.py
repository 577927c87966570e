"""A chat completion as an answer of Anthropic's Messages API, whole or as its stream of events. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from budgets.core.pricing import Usage
from proxy.core.dialects.answers import delta_of, event, finish_reason, first_choice, only_choice, stem
from proxy.core.dialects.base import Json
from proxy.core.dialects.blocks import Block, Blocks, Kind, Move, Step, whole
from proxy.core.errors import UpstreamError
from proxy.core.usage import read_usage
from teams.errors import ApiError

_STOP_REASONS = {
    "content_filter": "refusal",
    "length": "max_tokens",
    "stop": "end_turn",
    "tool_calls": "tool_use",
}
# platform.claude.com/docs/en/api/errors, and what this gateway says itself.
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
# JSON nested deeper than this may be read, and not be written again.
_DEEP = 200


def envelope(error: ApiError) -> Json:
    told = _ERROR_TYPES.get(error.status_code) or ("invalid_request_error" if error.status_code < 500 else "api_error")
    return {"type": "error", "error": {"type": told, "message": error.message}}


def from_chat(answer: Json, *, model: str) -> Json:
    """Raises NoAnswer."""
    choice = only_choice(answer)
    name, blocks = stem(answer), whole(choice["message"])
    calls = any(block.kind is Kind.CALL for block in blocks)
    refused = any(block.kind is Kind.REFUSAL for block in blocks)
    return {
        **_message(name, model),
        "content": [_filled(block, name) for block in blocks],
        **_stop(choice, calls=calls, refused=refused),
        "usage": _usage(read_usage(answer.get("usage"))),
    }


def _message(name: str, model: str) -> Json:
    return {
        "id": f"msg_{name}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _stop(choice: Json, *, calls: bool, refused: bool) -> Json:
    reason = _STOP_REASONS.get(finish_reason(choice), "end_turn")
    if reason == "end_turn" and calls:
        # Upstreams are not of one mind about what ends an answer that calls a tool.
        reason = "tool_use"
    if reason == "end_turn" and refused:
        reason = "refusal"
    # vLLM names the sequence that it stopped at; OpenAI does not tell one from an end.
    sequence = choice.get("stop_reason")
    if reason == "end_turn" and isinstance(sequence, str) and sequence:
        return {"stop_reason": "stop_sequence", "stop_sequence": sequence}
    return {"stop_reason": reason, "stop_sequence": None}


def _usage(usage: Usage | None) -> Json:
    """Anthropic counts what a cache gave and took apart from the rest of the prompt."""
    usage = usage or Usage()
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    created = min(usage.cache_creation_tokens, usage.prompt_tokens - cached)
    return {
        "input_tokens": usage.prompt_tokens - cached - created,
        "cache_creation_input_tokens": created,
        "cache_read_input_tokens": cached,
        "output_tokens": usage.completion_tokens,
    }


def _empty(block: Block, name: str) -> Json:
    if block.kind is Kind.CALL:
        return {
            "type": "tool_use",
            "id": block.call_id or f"toolu_{name}_{block.index}",
            "name": block.name,
            "input": {},
        }
    if block.kind is Kind.REASONING:
        # Only Anthropic signs thinking.
        return {"type": "thinking", "thinking": "", "signature": ""}
    return {"type": "text", "text": ""}


def _filled(block: Block, name: str) -> Json:
    empty = _empty(block, name)
    if block.kind is Kind.CALL:
        return {**empty, "input": _input(block.text)}
    return {**empty, empty["type"]: block.text}


def _input(arguments: str) -> Json:
    """The arguments of a call. What is no object is handed on as it was said: the client can tell the model so."""
    try:
        parsed = orjson.loads(arguments or "{}")
        if arguments.count("{") + arguments.count("[") > _DEEP:
            orjson.dumps(parsed)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        parsed = None
    return parsed if isinstance(parsed, dict) else {"raw_arguments": arguments}


def _delta(block: Block, piece: str) -> Json:
    kind, member = _DELTAS[block.kind]
    return {"type": kind, member: piece}


_DELTAS = {
    Kind.CALL: ("input_json_delta", "partial_json"),
    Kind.REASONING: ("thinking_delta", "thinking"),
    Kind.REFUSAL: ("text_delta", "text"),
    Kind.TEXT: ("text_delta", "text"),
}


@dataclass(slots=True)
class MessagesEncoder:
    """The usage of a chat completion comes last, so that `message_delta`, which tells it, is written at the end."""

    model: str
    _blocks: Blocks = field(default_factory=Blocks, init=False)
    _name: str = field(default="", init=False)
    _ending: Json = field(default_factory=dict, init=False)
    _reported: Any = field(default=None, init=False)

    def feed(self, chunk: Json) -> bytes:
        if isinstance(chunk.get("usage"), dict):
            self._reported = chunk["usage"]
        start = b"" if self._name else self._start(chunk)
        choice = first_choice(chunk)
        if finish_reason(choice):
            self._ending = choice
        return start + self._tell(self._blocks.feed(delta_of(choice)))

    def finish(self) -> bytes:
        start = b"" if self._name else self._start({})
        rest = self._tell(self._blocks.finish())
        stop = _stop(self._ending, calls=self._blocks.has_calls, refused=self._blocks.has_refusal)
        delta = {"type": "message_delta", "delta": stop, "usage": _usage(read_usage(self._reported))}
        return start + rest + event("message_delta", delta) + event("message_stop", {"type": "message_stop"})

    def complaint(self, error: UpstreamError) -> bytes:
        return event("error", envelope(error))

    def _start(self, chunk: Json) -> bytes:
        self._name = stem(chunk)
        message = {**_message(self._name, self.model), "usage": _usage(read_usage(self._reported))}
        return event("message_start", {"type": "message_start", "message": message})

    def _tell(self, steps: Iterable[Step]) -> bytes:
        return b"".join(_TOLD[step.move](step, self._name) for step in steps)


def _open(step: Step, name: str) -> bytes:
    payload = {
        "type": "content_block_start",
        "index": step.block.index,
        "content_block": _empty(step.block, name),
    }
    return event("content_block_start", payload)


def _grow(step: Step, name: str) -> bytes:
    payload = {"type": "content_block_delta", "index": step.block.index, "delta": _delta(step.block, step.piece)}
    return event("content_block_delta", payload)


def _close(step: Step, name: str) -> bytes:
    return event("content_block_stop", {"type": "content_block_stop", "index": step.block.index})


_TOLD: dict[Move, Callable[[Step, str], bytes]] = {Move.CLOSE: _close, Move.GROW: _grow, Move.OPEN: _open}
