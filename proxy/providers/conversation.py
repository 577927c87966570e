"""A chat completion's messages, read strictly, for providers that must say them in other words."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from proxy.core.errors import BadRequest
from proxy.providers.base import Json

_ROLES = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")
_AUDIO_TYPES = {"mp3": "audio/mp3", "wav": "audio/wav"}


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    cache_control: Json | None = None


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, a document or a sound: `data` in base64, or what stands at `url`. `media_type` may be unknown: ""."""

    media_type: str
    data: str = ""
    url: str = ""
    cache_control: Json | None = None


@dataclass(frozen=True, slots=True)
class ToolCall:
    """`signature` is what a provider wants to see again with its own call."""

    id: str
    name: str
    arguments: Json
    signature: str = ""


Part = Text | Media


@dataclass(frozen=True, slots=True)
class Message:
    """`role` is system, user, assistant or tool. `thinking` are Anthropic's blocks; `answers` is a tool's own."""

    role: str
    parts: tuple[Part, ...] = ()
    thinking: tuple[Json, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    answers: ToolCall | None = None
    cache_control: Json | None = None

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Text))


def read_messages(body: Mapping[str, Any]) -> tuple[Message, ...]:
    """Parts without any text are left out. Raises BadRequest."""
    found = body.get("messages")
    if not isinstance(found, list) or not found:
        raise BadRequest("'messages' must be an array of at least one message.", param="messages")
    known: dict[str, ToolCall] = {}
    messages = []
    for position, raw in enumerate(found):
        message = _message(raw, f"messages[{position}]", known)
        known |= {call.id: call for call in message.calls}
        messages.append(message)
    return tuple(messages)


def _message(raw: Any, where: str, known: Mapping[str, ToolCall]) -> Message:
    if not isinstance(raw, dict):
        raise BadRequest(f"{where} must be an object.", param=where)
    role = _ROLES.get(raw["role"]) if isinstance(raw.get("role"), str) else None
    if role is None:
        raise BadRequest(f"{where}: 'role' must be system, developer, user, assistant or tool.", param=f"{where}.role")
    parts, thinking = _content(raw.get("content"), where, role)
    if role == "assistant":
        thinking = (*_thinking_blocks(raw.get("thinking_blocks"), where), *thinking)
    return Message(
        role=role,
        parts=parts,
        thinking=thinking,
        calls=_calls(raw.get("tool_calls"), where) if role == "assistant" else (),
        answers=_answered(raw, where, known) if role == "tool" else None,
        cache_control=_cache_control(raw),
    )


def _content(content: Any, where: str, role: str) -> tuple[tuple[Part, ...], tuple[Json, ...]]:
    """What is said, and what was thought."""
    if content is None:
        return (), ()
    if isinstance(content, str):
        return ((Text(content),) if content else ()), ()
    if not isinstance(content, list):
        raise BadRequest(f"{where}: 'content' must be a string or an array of parts.", param=f"{where}.content")
    parts: list[Part] = []
    thinking: list[Json] = []
    for position, raw in enumerate(content):
        place = f"{where}.content[{position}]"
        if not isinstance(raw, dict):
            raise BadRequest(f"{place} must be an object.", param=place)
        if role == "assistant" and raw.get("type") in _THOUGHTS:
            thinking.append(raw)
            continue
        part = _part(raw, place)
        if isinstance(part, Media) and role in {"system", "assistant"}:
            raise BadRequest(f"{place}: a message of this role can only hold text.", param=place)
        if not isinstance(part, Text) or part.text:
            parts.append(part)
    return tuple(parts), tuple(thinking)


_THOUGHTS = ("thinking", "redacted_thinking")


def _part(raw: Json, where: str) -> Part:
    kind = raw.get("type")
    read = _PARTS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise BadRequest(f"{where}: this model takes no part of this 'type'.", param=f"{where}.type")
    return read(raw, where)


def _text(raw: Json, where: str) -> Text:
    return Text(_string(raw, raw["type"], where), _cache_control(raw))


def _image(raw: Json, where: str) -> Media:
    image = raw.get("image_url")
    image = {"url": image} if isinstance(image, str) else image
    if not isinstance(image, dict):
        raise BadRequest(f"{where}: 'image_url' must be an object with a 'url'.", param=f"{where}.image_url")
    return _media(_string(image, "url", where), where, raw, media_type=_optional(image, "format"))


def _file(raw: Json, where: str) -> Media:
    file = raw.get("file")
    if not isinstance(file, dict):
        raise BadRequest(f"{where}: 'file' must be an object.", param=f"{where}.file")
    name = "file_data" if file.get("file_data") else "file_id"
    return _media(_string(file, name, where), where, raw, media_type=_optional(file, "format"))


def _audio(raw: Json, where: str) -> Media:
    audio = raw.get("input_audio")
    if not isinstance(audio, dict):
        raise BadRequest(f"{where}: 'input_audio' must be an object.", param=f"{where}.input_audio")
    media_type = _AUDIO_TYPES.get(_string(audio, "format", where))
    if media_type is None:
        raise BadRequest(f"{where}: the 'format' of a sound must be mp3 or wav.", param=f"{where}.input_audio.format")
    return Media(media_type, data=_string(audio, "data", where), cache_control=_cache_control(raw))


_PARTS: dict[str, Callable[[Json, str], Part]] = {
    "text": _text,
    "refusal": _text,
    "image_url": _image,
    "file": _file,
    "input_audio": _audio,
}


def _media(address: str, where: str, raw: Json, *, media_type: str) -> Media:
    if address.startswith(("https://", "http://", "gs://")):
        return Media(media_type, url=address, cache_control=_cache_control(raw))
    head, comma, data = address.partition(",")
    scheme, *options = head.split(";")
    named = scheme.removeprefix("data:")
    if not head.startswith("data:") or not comma or "base64" not in options or not _MEDIA_TYPE.fullmatch(named):
        raise BadRequest(
            f"{where} must be at an http(s) address or in a base64 'data:' URL with its type.", param=where
        )
    named = {"image/jpg": "image/jpeg"}.get(named, named)
    return Media(named, data=data, cache_control=_cache_control(raw))


def _thinking_blocks(blocks: Any, where: str) -> tuple[Json, ...]:
    if blocks is None:
        return ()
    if not isinstance(blocks, list) or not all(isinstance(b, dict) and b.get("type") in _THOUGHTS for b in blocks):
        place = f"{where}.thinking_blocks"
        raise BadRequest(f"{place} must be an array of thinking and redacted_thinking blocks.", param=place)
    return tuple(blocks)


def _calls(calls: Any, where: str) -> tuple[ToolCall, ...]:
    where = f"{where}.tool_calls"
    if calls is None:
        return ()
    if not isinstance(calls, list):
        raise BadRequest(f"{where} must be an array.", param=where)
    return tuple(_call(raw, f"{where}[{position}]") for position, raw in enumerate(calls))


def _call(raw: Any, where: str) -> ToolCall:
    function = raw.get("function") if isinstance(raw, dict) else None
    if not isinstance(function, dict):
        raise BadRequest(f"{where} must be an object with an 'id' and a 'function'.", param=where)
    return ToolCall(
        id=_string(raw, "id", where),
        name=_string(function, "name", where),
        arguments=_arguments(function.get("arguments"), where),
        signature=_signature(raw, function),
    )


def _arguments(written: Any, where: str) -> Json:
    arguments: Any = written
    if isinstance(written, str):
        try:
            arguments = orjson.loads(written) if written.strip() else {}
        except orjson.JSONDecodeError:
            arguments = None
    if not isinstance(arguments, dict):
        place = f"{where}.function.arguments"
        raise BadRequest(f"{place} must be a JSON object, written as a string.", param=place)
    return arguments


def _signature(call: Json, function: Json) -> str:
    """Gemini's thought signature, where LiteLLM's clients keep it or where those of Google's own OpenAI wire do."""
    for holder in (call, function):
        if fields := _object(holder, "provider_specific_fields"):
            return _optional(fields, "thought_signature")
    return _optional(_object(_object(call, "extra_content"), "google"), "thought_signature")


def _answered(raw: Json, where: str, known: Mapping[str, ToolCall]) -> ToolCall:
    call = known.get(_string(raw, "tool_call_id", where))
    if call is None:
        place = f"{where}.tool_call_id"
        raise BadRequest(f"{where}: no message before it has a tool call of this 'tool_call_id'.", param=place)
    return call


def _cache_control(raw: Json) -> Json | None:
    found = raw.get("cache_control")
    return found if isinstance(found, dict) else None


def _object(raw: Json, name: str) -> Json:
    value = raw.get(name)
    return value if isinstance(value, dict) else {}


def _optional(raw: Json, name: str) -> str:
    value = raw.get(name)
    return value if isinstance(value, str) else ""


def _string(raw: Json, name: str, where: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str):
        raise BadRequest(f"{where}: '{name}' must be a string.", param=f"{where}.{name}")
    return value
