"""OpenAI's text completions over chat models: the prompt is the user's message, the text what the assistant says."""

from dataclasses import dataclass
from typing import Any

import orjson

from proxy.core.dialects.answers import created, delta_of, finish_reason
from proxy.core.dialects.base import Json, NoAnswer
from proxy.core.dialects.blocks import Kind, dicts, whole
from proxy.core.dialects.fields import Fields
from proxy.core.errors import UpstreamError
from proxy.core.streams import Encoder
from teams.errors import ApiError

# What a chat completion has no counterpart for, each with the values that ask for nothing.
_REFUSED: dict[str, tuple[Any, ...]] = {
    "best_of": (None, 1),
    "echo": (None, False),
    "logprobs": (None,),
    "suffix": (None, ""),
}
_FINISHES = {"content_filter": "content_filter", "length": "length"}


class Completions:
    def to_chat(self, body: Json) -> Json:
        fields = Fields(body)
        for name, idle in _REFUSED.items():
            if body.get(name) not in idle:
                raise fields.refusal("a chat model cannot complete text with it; leave it out.", name)
        prompt = _prompt(fields)
        kept = {name: value for name, value in body.items() if name != "prompt" and name not in _REFUSED}
        return {**kept, "messages": [{"role": "user", "content": prompt}]}

    def from_chat(self, answer: Json, *, model: str, request: Json) -> Json:
        choices = [choice for choice in dicts(answer.get("choices")) if isinstance(choice.get("message"), dict)]
        if not choices:
            raise NoAnswer("The answer has no message in it.")
        texts = [_text(choice["message"]) for choice in choices]
        told = [
            _choice(choice, text, number, _FINISHES.get(finish_reason(choice), "stop"))
            for number, (choice, text) in enumerate(zip(choices, texts, strict=True))
        ]
        usage = answer.get("usage")
        return {**_head(answer, model), "choices": told, **({"usage": usage} if isinstance(usage, dict) else {})}

    def encoder(self, *, model: str, wants_usage: bool, request: Json) -> Encoder:
        return CompletionsEncoder(model, wants_usage)

    def envelope(self, error: ApiError) -> Json:
        return error.envelope()


def _prompt(fields: Fields) -> str:
    prompt = fields.values.get("prompt")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, list) and len(prompt) > 1 and all(isinstance(text, str) for text in prompt):
        raise fields.refusal("a chat model takes one prompt at a time; send a request for each.", "prompt")
    raise fields.refusal("must be a string: a chat model takes no tokens.", "prompt")


def _text(message: Json) -> str:
    """What was said, or why not; reasoning and calls have no place in a text."""
    return "".join(block.text for block in whole(message) if block.kind in {Kind.TEXT, Kind.REFUSAL})


def _head(answer: Json, model: str) -> Json:
    told = answer.get("id")
    return {
        "id": told if isinstance(told, str) else f"cmpl-{created(answer)}",
        "object": "text_completion",
        "created": created(answer),
        "model": model,
    }


def _choice(choice: Json, text: str, number: int, finish: str | None) -> Json:
    index = choice.get("index")
    return {
        "index": index if type(index) is int else number,
        "text": text,
        "logprobs": None,
        "finish_reason": finish,
    }


@dataclass(slots=True)
class CompletionsEncoder:
    model: str
    wants_usage: bool

    def feed(self, chunk: Json) -> bytes:
        found = [
            (number, choice, _text(delta_of(choice)), finish_reason(choice))
            for number, choice in enumerate(dicts(chunk.get("choices")))
        ]
        # The chunks that only say who speaks have no counterpart.
        told = [
            _choice(choice, text, number, _FINISHES.get(finish, "stop") if finish else None)
            for number, choice, text, finish in found
            if text or finish
        ]
        usage = chunk.get("usage") if self.wants_usage else None
        if not told and not isinstance(usage, dict):
            return b""
        return _data({**_head(chunk, self.model), "choices": told, **({"usage": usage} if usage else {})})

    def finish(self) -> bytes:
        return b"data: [DONE]\n\n"

    def complaint(self, error: UpstreamError) -> bytes:
        return _data(error.envelope())


def _data(payload: Json) -> bytes:
    return b"data: " + orjson.dumps(payload) + b"\n\n"
