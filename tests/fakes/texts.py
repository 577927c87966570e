"""A fake provider's answer in the shapes that OpenAI has for texts beside chat: completions and responses."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tests.fakes.completion import Completion, ToolCall


@dataclass(frozen=True, slots=True)
class Event:
    """`content` tells whether some of the answer is in it."""

    data: bytes
    content: bool = False


class Shape(Protocol):
    def chat(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What a chat would have been asked, as far as it is counted."""

    def whole(self, completion: Completion, *, with_usage: bool) -> dict[str, Any]: ...

    def events(self, completion: Completion, pieces: Sequence[str], *, with_usage: bool) -> list[Event]: ...


class TextCompletion:
    """POST /completions."""

    def chat(self, asked: dict[str, Any]) -> dict[str, Any]:
        prompt = asked["prompt"]
        text = prompt if isinstance(prompt, str) else "".join(map(str, prompt))
        return asked | {"messages": [{"content": text}]}

    def whole(self, completion: Completion, *, with_usage: bool) -> dict[str, Any]:
        usage = {"usage": completion.usage} if with_usage else {}
        return self._object(completion, completion.text, completion.finish_reason) | usage

    def events(self, completion: Completion, pieces: Sequence[str], *, with_usage: bool) -> list[Event]:
        nothing: dict[str, Any] = {"usage": None} if with_usage else {}
        chunks = [Event(_data(self._object(completion, piece, None) | nothing), content=True) for piece in pieces]
        chunks.append(Event(_data(self._object(completion, "", completion.finish_reason) | nothing)))
        if with_usage:
            last = self._object(completion, "", None) | {"choices": [], "usage": completion.usage}
            chunks.append(Event(_data(last)))
        return [*chunks, Event(b"data: [DONE]\n\n")]

    def _object(self, completion: Completion, text: str, finish_reason: str | None) -> dict[str, Any]:
        choice = {"text": text, "index": 0, "logprobs": None, "finish_reason": finish_reason}
        envelope = completion.envelope("text_completion") | {"id": completion.id.replace("chatcmpl-", "cmpl-")}
        return envelope | {"choices": [choice]}


class Responses:
    """POST /responses."""

    def chat(self, asked: dict[str, Any]) -> dict[str, Any]:
        given = asked["input"]
        items = [{"role": "user", "content": given}] if isinstance(given, str) else given
        chat = {"messages": [_as_message(item) for item in items], "max_tokens": asked.get("max_output_tokens")}
        tools = [{"type": "function", "function": tool} for tool in asked.get("tools") or ()]
        choice = asked.get("tool_choice")
        chosen = {"type": "function", "function": choice} if isinstance(choice, dict) else choice
        wanted = (asked.get("text") or {}).get("format") or {}
        schema = {"response_format": {"json_schema": wanted}} if "schema" in wanted else {}
        return asked | chat | {"tools": tools, "tool_choice": chosen} | schema

    def whole(self, completion: Completion, *, with_usage: bool) -> dict[str, Any]:
        incomplete = completion.finish_reason == "length"
        return self._object(completion) | {
            "status": "incomplete" if incomplete else "completed",
            "incomplete_details": {"reason": "max_output_tokens"} if incomplete else None,
            "output": [_call(call) for call in completion.calls] or [self._message(completion)],
            "usage": self._usage(completion) if with_usage else None,
        }

    def events(self, completion: Completion, pieces: Sequence[str], *, with_usage: bool) -> list[Event]:
        whole = self.whole(completion, with_usage=with_usage)
        told: list[tuple[str, dict[str, Any]]] = [
            ("response.created", {"response": self._object(completion)}),
            ("response.in_progress", {"response": self._object(completion)}),
            *(self._calling(completion) if completion.calls else self._saying(completion, pieces)),
            (f"response.{whole['status']}", {"response": whole}),
        ]
        return [
            Event(
                b"event: %s\n" % kind.encode() + _data({"type": kind, "sequence_number": number, **facts}),
                content=kind.endswith(".delta"),
            )
            for number, (kind, facts) in enumerate(told)
        ]

    def _saying(self, completion: Completion, pieces: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
        place = {"output_index": 0, "item_id": self._message(completion)["id"], "content_index": 0}
        part = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
        message = self._message(completion)
        began = message | {"status": "in_progress", "content": []}
        return [
            ("response.output_item.added", {"output_index": 0, "item": began}),
            ("response.content_part.added", place | {"part": part}),
            *(("response.output_text.delta", place | {"delta": piece, "logprobs": []}) for piece in pieces),
            ("response.output_text.done", place | {"text": completion.text, "logprobs": []}),
            ("response.content_part.done", place | {"part": part | {"text": completion.text}}),
            ("response.output_item.done", {"output_index": 0, "item": message}),
        ]

    def _calling(self, completion: Completion) -> list[tuple[str, dict[str, Any]]]:
        told: list[tuple[str, dict[str, Any]]] = []
        for index, call in enumerate(completion.calls):
            item, place = _call(call), {"output_index": index, "item_id": _call(call)["id"]}
            began = item | {"status": "in_progress", "arguments": ""}
            told += [
                ("response.output_item.added", {"output_index": index, "item": began}),
                ("response.function_call_arguments.delta", place | {"delta": call.arguments}),
                ("response.function_call_arguments.done", place | {"arguments": call.arguments, "name": call.name}),
                ("response.output_item.done", {"output_index": index, "item": item}),
            ]
        return told

    def _object(self, completion: Completion) -> dict[str, Any]:
        return {
            "id": completion.id.replace("chatcmpl-", "resp_"),
            "object": "response",
            "created_at": completion.created,
            "status": "in_progress",
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": None,
            "max_output_tokens": None,
            "model": completion.model,
            "output": [],
            "parallel_tool_calls": True,
            "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None},
            "service_tier": "default",
            "store": True,
            "temperature": 1.0,
            "text": {"format": {"type": "text"}, "verbosity": "medium"},
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": None,
            "user": None,
            "metadata": {},
        }

    def _message(self, completion: Completion) -> dict[str, Any]:
        text = {"type": "output_text", "annotations": [], "logprobs": [], "text": completion.text}
        return {
            "id": completion.id.replace("chatcmpl-", "msg_"),
            "type": "message",
            "status": "completed",
            "content": [text],
            "role": "assistant",
        }

    def _usage(self, completion: Completion) -> dict[str, Any]:
        return {
            "input_tokens": completion.prompt_tokens,
            "input_tokens_details": {"cached_tokens": completion.cached_tokens},
            "output_tokens": completion.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": completion.reasoning_tokens},
            "total_tokens": completion.prompt_tokens + completion.completion_tokens,
        }


def _as_message(item: dict[str, Any]) -> dict[str, Any]:
    answered = item.get("type") == "function_call_output"
    return {"role": "tool", "content": item["output"]} if answered else item


def _call(call: ToolCall) -> dict[str, Any]:
    return {
        "id": call.id.replace("call_", "fc_"),
        "type": "function_call",
        "status": "completed",
        "arguments": call.arguments,
        "call_id": call.id,
        "name": call.name,
    }


SHAPES: dict[str, Shape] = {"/completions": TextCompletion(), "/responses": Responses()}


def _data(event: dict[str, Any]) -> bytes:
    return b"data: %s\n\n" % json.dumps(event, separators=(",", ":")).encode()
