"""What a fake provider generated, in OpenAI's shapes and as a line of its bill."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.fakes.sample import sample


@dataclass(frozen=True, slots=True)
class Billed:
    """One line of the provider's bill; `finished` is False for a stream that was broken off.

    `unit` is what `units` are counted in: image, millisecond, character or query. `prompt` is the last message, where
    the provider keeps it.
    """

    id: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    stream: bool
    finished: bool
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    units: int = 0
    unit: str = ""
    cache_creation_tokens: int = 0
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`arguments` are JSON."""

    id: str
    name: str
    arguments: str


def tool_calls(asked: dict[str, Any], *, eager: bool) -> tuple[ToolCall, ...]:
    """Of a chat completion's request: those that its choice forces; of a free choice all when `eager`, until one has

    been answered.
    """
    functions = [tool["function"] for tool in asked.get("tools") or ()]
    choice = asked.get("tool_choice") or "auto"
    if isinstance(choice, dict):
        functions = [function for function in functions if function["name"] == choice["function"]["name"]]
    elif choice == "none" or (choice == "auto" and (not eager or asked["messages"][-1].get("role") == "tool")):
        return ()
    if asked.get("parallel_tool_calls") is False:
        functions = functions[:1]
    return tuple(
        ToolCall(f"call_{uuid4().hex[:24]}", function["name"], json.dumps(sample(function.get("parameters") or {})))
        for function in functions
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One answer before it is sent; `share` of it is what a broken stream had sent.

    What the model thought goes under the name that `thought_as` gives it.
    """

    id: str
    created: int
    model: str
    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    calls: tuple[ToolCall, ...] = ()
    thoughts: str = ""
    thought_as: str = "reasoning_content"
    service_tier: str = "default"
    prompt: str = ""

    @property
    def usage(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": self.reasoning_tokens,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def envelope(self, kind: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "service_tier": self.service_tier,
            "system_fingerprint": "fp_44709d6fcb",
        }

    def whole(self, *, with_usage: bool) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": self.text, "refusal": None, "annotations": []}
        if self.calls:
            message |= {"content": None, "tool_calls": [_function(call, call.arguments) for call in self.calls]}
        if self.thoughts:
            message[self.thought_as] = self.thoughts
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason}
        usage = {"usage": self.usage} if with_usage else {}
        return self.envelope("chat.completion") | {"choices": [choice]} | usage

    def chunk(self, delta: dict[str, Any], *, finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return self.envelope("chat.completion.chunk") | {"choices": [choice]}

    def deltas(self, pieces: list[str]) -> list[dict[str, Any]]:
        """What a stream says one after the other; the arguments of a call come in two parts."""
        found: list[dict[str, Any]] = [{self.thought_as: self.thoughts}] if self.thoughts else []
        if not self.calls:
            return [*found, *({"content": piece} for piece in pieces)]
        for index, call in enumerate(self.calls):
            middle = len(call.arguments) // 2
            found.append({"tool_calls": [{"index": index, **_function(call, "")}]})
            parts = (call.arguments[:middle], call.arguments[middle:])
            found += [{"tool_calls": [{"index": index, "function": {"arguments": part}}]} for part in parts]
        return found

    def billed(self, *, stream: bool, share: float = 1.0, finished: bool = True) -> Billed:
        return Billed(
            id=self.id,
            model=self.model,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=int(self.completion_tokens * share),
            stream=stream,
            finished=finished,
            cached_tokens=self.cached_tokens,
            reasoning_tokens=int(self.reasoning_tokens * share),
            prompt=self.prompt,
        )


def _function(call: ToolCall, arguments: str) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}
