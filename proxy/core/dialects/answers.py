"""What the dialects read of a chat completion, whole or in chunks, whoever wrote it. Pure."""

import re
from typing import Any

import orjson

from proxy.core.dialects.base import Json, NoAnswer
from proxy.core.dialects.blocks import dicts

_PREFIX = re.compile(r"^(chatcmpl|msg|resp|gen)[-_]")
_OTHERS = re.compile(r"[^A-Za-z0-9]")
_LONGEST_ID = 64


def only_choice(answer: Json) -> Json:
    """The first choice: these dialects have no others. Raises NoAnswer."""
    choices = dicts(answer.get("choices"))
    if not choices or not isinstance(choices[0].get("message"), dict):
        raise NoAnswer("The answer has no message in it.")
    return choices[0]


def first_choice(chunk: Json) -> Json:
    """Of a chunk; empty when it has none."""
    return next((choice for choice in dicts(chunk.get("choices")) if choice.get("index") in {None, 0}), {})


def delta_of(choice: Json) -> Json:
    delta = choice.get("delta")
    return delta if isinstance(delta, dict) else {}


def stem(answer: Json) -> str:
    """What the answer's own id and those of its parts are made of; the upstream's id, where it has one."""
    told = answer.get("id")
    found = _OTHERS.sub("", _PREFIX.sub("", told))[:_LONGEST_ID] if isinstance(told, str) else ""
    return found or str(created(answer))


def created(answer: Json) -> int:
    """Seconds since the epoch; 0 when the upstream does not say."""
    value = answer.get("created")
    return value if type(value) is int and value > 0 else 0


def finish_reason(choice: Json) -> str:
    value = choice.get("finish_reason")
    return value if isinstance(value, str) else ""


def event(name: str, payload: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(payload) + b"\n\n"
