"""A chat completion as an answer of OpenAI's Responses API, whole or as its stream of events. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from budgets.core.pricing import Usage
from proxy.core.dialects.answers import created, delta_of, event, finish_reason, first_choice, only_choice, stem
from proxy.core.dialects.base import Json
from proxy.core.dialects.blocks import Blocks, Move, Step, whole
from proxy.core.dialects.responses_items import events, item
from proxy.core.errors import UpstreamError
from proxy.core.usage import read_usage

_INCOMPLETE = {"content_filter": "content_filter", "length": "max_output_tokens"}
_ERROR_CODES = {400: "invalid_prompt", 422: "invalid_prompt", 429: "rate_limit_exceeded"}
# What of a request the answer repeats as it was given, and what it says when it was not.
_REPEATED: dict[str, tuple[type | tuple[type, ...], Any]] = {
    "instructions": (str, None),
    "max_output_tokens": (int, None),
    "max_tool_calls": (int, None),
    "metadata": (dict, {}),
    "parallel_tool_calls": (bool, True),
    "temperature": ((int, float), None),
    "tool_choice": ((str, dict), "auto"),
    "tools": (list, []),
    "top_p": ((int, float), None),
    "user": (str, None),
}


def from_chat(answer: Json, *, model: str, request: Json) -> Json:
    """Raises NoAnswer."""
    choice = only_choice(answer)
    name, blocks = stem(answer), whole(choice["message"])
    status = _status(choice)
    output = [item(block, name, status="completed") for block in blocks]
    if output and "status" in output[-1]:
        output[-1]["status"] = status
    return {
        **_response(answer, model, request),
        **_ending(choice),
        "output": output,
        "usage": _usage(read_usage(answer.get("usage"))),
    }


def _response(answer: Json, model: str, request: Json) -> Json:
    reasoning, text = request.get("reasoning"), request.get("text")
    reasoning = reasoning if isinstance(reasoning, dict) else {}
    return {
        "id": f"resp_{stem(answer)}",
        "object": "response",
        "created_at": created(answer),
        "status": "in_progress",
        "background": False,
        "error": None,
        "incomplete_details": None,
        **{name: _repeated(request, name) for name in _REPEATED},
        "model": model,
        "output": [],
        "previous_response_id": None,
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "store": False,
        "text": {"format": {"type": "text"}, **(text if isinstance(text, dict) else {})},
        "truncation": "disabled",
        "usage": None,
    }


def _repeated(request: Json, name: str) -> Any:
    kind, otherwise = _REPEATED[name]
    value = request.get(name)
    return value if isinstance(value, kind) else otherwise


def _status(choice: Json) -> str:
    return "incomplete" if finish_reason(choice) in _INCOMPLETE else "completed"


def _ending(choice: Json) -> Json:
    reason = _INCOMPLETE.get(finish_reason(choice))
    return {"status": _status(choice), "incomplete_details": {"reason": reason} if reason else None}


def _usage(usage: Usage | None) -> Json | None:
    if usage is None:
        return None
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_creation_tokens,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }


@dataclass(slots=True)
class ResponsesEncoder:
    """The usage of a chat completion comes last, so that the last items are closed at the end, with the response."""

    model: str
    request: Json
    _blocks: Blocks = field(default_factory=Blocks, init=False)
    _name: str = field(default="", init=False)
    _number: int = field(default=0, init=False)
    _response: Json = field(default_factory=dict, init=False)
    _output: list[Json] = field(default_factory=list, init=False)
    _choice: Json = field(default_factory=dict, init=False)
    _reported: Any = field(default=None, init=False)

    def feed(self, chunk: Json) -> bytes:
        if isinstance(chunk.get("usage"), dict):
            self._reported = chunk["usage"]
        start = b"" if self._name else self._start(chunk)
        choice = first_choice(chunk)
        if finish_reason(choice):
            self._choice = choice
        return start + self._tell(self._blocks.feed(delta_of(choice)))

    def finish(self) -> bytes:
        start = b"" if self._name else self._start({})
        rest = self._tell(self._blocks.finish())
        response = {
            **self._response,
            **_ending(self._choice),
            "output": self._output,
            "usage": _usage(read_usage(self._reported)),
        }
        return start + rest + self._event(f"response.{response['status']}", {"response": response})

    def complaint(self, error: UpstreamError) -> bytes:
        start = b"" if self._name else self._start({})
        told = {"code": _ERROR_CODES.get(error.status_code, "server_error"), "message": error.message}
        response = {**self._response, "status": "failed", "error": told, "output": self._output}
        return start + self._event("response.failed", {"response": response})

    def _start(self, chunk: Json) -> bytes:
        self._name = stem(chunk)
        self._response = _response(chunk, self.model, self.request)
        names = ("response.created", "response.in_progress")
        return b"".join(self._event(name, {"response": self._response}) for name in names)

    def _tell(self, steps: Iterable[Step]) -> bytes:
        told = []
        status = _status(self._choice)
        for step in steps:
            told += [self._event(*each) for each in events(step, self._name, status=status)]
            if step.move is Move.CLOSE:
                self._output.append(item(step.block, self._name, status=status))
        return b"".join(told)

    def _event(self, name: str, facts: Json) -> bytes:
        told = event(name, {"type": name, "sequence_number": self._number, **facts})
        self._number += 1
        return told
