"""What an answer is charged by: what the provider reports, what can be counted, or an estimate that says it is one.

Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from budgets.core.pricing import Usage
from proxy.core.audio import audio_milliseconds
from proxy.core.operations import Operation
from proxy.core.uploads import Upload
from proxy.core.usage import count

Body = Mapping[str, Any]

# OpenAI, realtime costs: a token is 100 ms of audio heard and 50 ms of audio spoken.
_MS_A_TOKEN_HEARD = 100
_MS_A_TOKEN_SPOKEN = 50
# OpenAI, text to speech: raw samples of 24 kHz, 16 bits, one channel.
_PCM_BYTES_A_MS = 48
# Of audio that does not tell its length: speech is mostly sent at 64 kbit/s or more.
_BYTES_A_MS = 8
_LONGEST_SECONDS = Decimal(7 * 24 * 3600)


@dataclass(frozen=True, slots=True)
class Measured:
    """`estimated` when tokens, or the length of audio, are neither reported nor counted."""

    usage: Usage
    estimated: bool


def measure(
    operation: Operation, body: Body, answer: dict[str, Any] | None, content: bytes, reported: Usage | None
) -> Measured:
    """`body` and `answer` are in the operation's shape; `content` is the answer's bytes as they go to the client.

    `answer` is None when it is not JSON, `reported` what the provider's `usage` made of it. Never raises: an answer
    may hold anything, and was served.
    """
    return _MEASURES.get(operation, _texts)(operation, body, answer or {}, content, reported)


def estimate_tokens(value: Any) -> int:
    """Four bytes a token: for an upstream that reports no usage, and marked as an estimate in the ledger."""
    try:
        length = len(orjson.dumps(value, default=_nothing))
    except orjson.JSONEncodeError:
        # Nested deeper than this encoder goes.
        length = len(str(value))
    return (length + 3) // 4


def _nothing(_: Any) -> None:
    """A file, say: no text."""


# What a request says, and what an answer says, where both are text.
_ASKED: dict[Operation, tuple[str, ...]] = {
    Operation.CHAT: ("messages",),
    Operation.COMPLETION: ("prompt",),
    Operation.EMBEDDING: ("input",),
    Operation.MESSAGES: ("system", "messages"),
    Operation.RESPONSES: ("instructions", "input"),
    Operation.MODERATION: ("input",),
    Operation.IMAGE: ("prompt",),
    Operation.TRANSCRIPTION: ("prompt",),
    Operation.SPEECH: ("instructions", "input"),
    Operation.RERANK: ("query", "documents"),
}
_SAID: dict[Operation, str] = {
    Operation.CHAT: "choices",
    Operation.COMPLETION: "choices",
    Operation.MESSAGES: "content",
    Operation.RESPONSES: "output",
    Operation.TRANSCRIPTION: "text",
}


def estimate_prompt(operation: Operation, body: Body) -> int:
    """Tokens of a request, before anybody has counted them."""
    return sum(_tokens(value) for name in _ASKED[operation] if (value := body.get(name)))


def _tokens(value: Any) -> int:
    """Tokens themselves need no estimate."""
    if isinstance(value, list):
        if all(type(inner) is int for inner in value):
            return len(value)
        if all(isinstance(inner, list) and all(type(token) is int for token in inner) for inner in value):
            return sum(map(len, value))
    return estimate_tokens(value)


def _texts(operation: Operation, body: Body, answer: Body, content: bytes, reported: Usage | None) -> Measured:
    if reported is not None:
        return Measured(reported, estimated=False)
    said = answer.get(_SAID.get(operation, ""))
    usage = Usage(
        prompt_tokens=estimate_prompt(operation, body), completion_tokens=estimate_tokens(said) if said else 0
    )
    return Measured(usage, estimated=True)


def _moderation(operation: Operation, body: Body, answer: Body, content: bytes, reported: Usage | None) -> Measured:
    """Mostly free, and then nothing is reported; nothing is missing either."""
    return Measured(reported or Usage(), estimated=False)


def _images(operation: Operation, body: Body, answer: Body, content: bytes, reported: Usage | None) -> Measured:
    """gpt-image reports tokens; all others are priced by the image."""
    made = answer.get("data")
    tokens = _input_output(answer.get("usage")) or reported
    if isinstance(made, list):
        return Measured(replace(tokens or Usage(), images=len(made)), estimated=False)
    wanted = body.get("n")
    images = wanted if type(wanted) is int and wanted > 0 else 1
    return Measured(replace(tokens or Usage(), images=images), estimated=True)


def _transcript(operation: Operation, body: Body, answer: Body, content: bytes, reported: Usage | None) -> Measured:
    """By the tokens or the seconds that are reported, else by the length of the recording."""
    usage = answer.get("usage")
    seconds = usage.get("seconds") if isinstance(usage, Mapping) else None
    told = _milliseconds(seconds) or _milliseconds(answer.get("duration"))
    tokens = _input_output(usage) or reported
    if told and not tokens:
        return Measured(Usage(milliseconds=told), estimated=False)
    file = body.get("file")
    length = told or _length(file.data if isinstance(file, Upload) else b"")
    if tokens:
        return Measured(replace(tokens, milliseconds=length), estimated=False)
    heard = length // _MS_A_TOKEN_HEARD
    text = answer.get("text") or content.decode("utf-8", "replace")
    estimate = Usage(
        prompt_tokens=heard + estimate_prompt(operation, body),
        completion_tokens=estimate_tokens(text),
        prompt_audio_tokens=heard,
        milliseconds=length,
    )
    return Measured(estimate, estimated=True)


def _speech(operation: Operation, body: Body, answer: Body, content: bytes, reported: Usage | None) -> Measured:
    """Characters are counted, tokens estimated: OpenAI's answer is audio and nothing else."""
    text = body.get("input")
    characters = len(text) if isinstance(text, str) else 0
    length = len(content) // _PCM_BYTES_A_MS if body.get("response_format") == "pcm" else _length(content)
    if reported is not None:
        return Measured(replace(reported, characters=characters, milliseconds=length), estimated=False)
    spoken = length // _MS_A_TOKEN_SPOKEN
    estimate = Usage(
        prompt_tokens=estimate_prompt(operation, body),
        completion_tokens=spoken,
        completion_audio_tokens=spoken,
        characters=characters,
        milliseconds=length,
    )
    return Measured(estimate, estimated=True)


def _ranking(operation: Operation, body: Body, answer: Body, content: bytes, reported: Usage | None) -> Measured:
    """Cohere bills search units, which LiteLLM calls queries, and says so in `meta`; others bill tokens."""
    meta = answer.get("meta")
    billed, tokens = _object(meta, "billed_units"), _object(meta, "tokens")
    units = count(billed, "search_units")
    said = _object(answer, "usage")
    prompt = count(tokens, "input_tokens") or count(billed, "input_tokens") or count(said, "total_tokens")
    if reported is None and not prompt and not units:
        return Measured(Usage(prompt_tokens=estimate_prompt(operation, body), queries=1), estimated=True)
    return Measured(replace(reported or Usage(prompt_tokens=prompt), queries=units or 1), estimated=False)


_MEASURES: dict[Operation, Callable[[Operation, Body, Body, bytes, Usage | None], Measured]] = {
    Operation.MODERATION: _moderation,
    Operation.IMAGE: _images,
    Operation.TRANSCRIPTION: _transcript,
    Operation.SPEECH: _speech,
    Operation.RERANK: _ranking,
}


def _input_output(reported: Any) -> Usage | None:
    """OpenAI's way of counting tokens of images and transcriptions. What an image model says is images."""
    if not isinstance(reported, Mapping):
        return None
    prompt, completion = count(reported, "input_tokens"), count(reported, "output_tokens")
    if not prompt and not completion:
        return None
    # Of images the details are in the plural, of transcriptions in the singular.
    plural = _object(reported, "input_tokens_details")
    details = plural or _object(reported, "input_token_details")
    said = _object(reported, "output_tokens_details")
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=count(details, "cached_tokens"),
        prompt_audio_tokens=count(details, "audio_tokens"),
        prompt_image_tokens=count(details, "image_tokens"),
        completion_image_tokens=count(said, "image_tokens") if said else completion if plural else 0,
    )


def _object(value: Any, name: str) -> Mapping[str, Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _milliseconds(seconds: Any) -> int:
    """Of a number, or a text that is one: OpenAI has answered with both. 0 for anything else."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float, str)):
        return 0
    try:
        number = Decimal(str(seconds)[:40])
    except InvalidOperation:
        return 0
    return round(number * 1000) if number.is_finite() and 0 < number <= _LONGEST_SECONDS else 0


def _length(data: bytes) -> int:
    found = audio_milliseconds(data)
    return len(data) // _BYTES_A_MS if found is None else found
