"""The messages of a chat completion as the turns of Bedrock's Converse API."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from proxy.core.errors import BadRequest
from proxy.providers.base import Json

_CACHE_POINT: Json = {"cachePoint": {"type": "default"}}
_SYSTEM = ("system", "developer")
_DATA = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,([A-Za-z0-9+/]+={0,2})")
_IMAGES = {"image/gif": "gif", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/png": "png", "image/webp": "webp"}
_DOCUMENTS = {
    "application/msword": "doc",
    "application/pdf": "pdf",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
    "text/plain": "txt",
}
_BLOB = "Bedrock takes {} as data: URLs in base64 only, of type {}."


def system_blocks(messages: Sequence[Json]) -> list[Json]:
    """Raises BadRequest."""
    said = (message for message in messages if message.get("role") in _SYSTEM)
    return [block for message in said for block in _content(message, _TEXT_ONLY)]


def turns(messages: Sequence[Json]) -> list[Json]:
    """Users' and assistant's in turn, as Converse demands: what follows upon its like is joined to it.

    Raises BadRequest.
    """
    joined: list[Json] = []
    for message in messages:
        role = message.get("role")
        if role in _SYSTEM:
            continue
        make = _BLOCKS.get(role) if isinstance(role, str) else None
        if make is None:
            raise BadRequest("Bedrock knows messages of system, user, assistant and tool.", param="messages")
        speaker = "assistant" if role == "assistant" else "user"
        blocks = make(message)
        if blocks and joined and joined[-1]["role"] == speaker:
            joined[-1]["content"] += blocks
        elif blocks:
            joined.append({"role": speaker, "content": blocks})
    return joined


def has_tool_blocks(converse_turns: Sequence[Json]) -> bool:
    blocks = (block for turn in converse_turns for block in turn["content"])
    return any("toolUse" in block or "toolResult" in block for block in blocks)


def _user(message: Json) -> list[Json]:
    return _content(message, _PARTS)


def _assistant(message: Json) -> list[Json]:
    return [*_thinking(message), *_content(message, _TEXT_ONLY), *_tool_uses(message)]


def _tool_result(message: Json) -> list[Json]:
    identifier = message.get("tool_call_id")
    if not isinstance(identifier, str) or not identifier:
        raise BadRequest("A message of a tool needs a 'tool_call_id'.", param="messages")
    blocks = _content(message, _PARTS)
    result = [block for block in blocks if "cachePoint" not in block] or [{"text": "(empty)"}]
    found: list[Json] = [{"toolResult": {"toolUseId": identifier, "content": result}}]
    return [*found, _CACHE_POINT] if len(blocks) > len(result) or message.get("cache_control") else found


def _thinking(message: Json) -> Iterator[Json]:
    """A model's own thoughts, signed, go back to it as they came."""
    blocks = message.get("thinking_blocks")
    for block in blocks if isinstance(blocks, list) else ():
        match block:
            case {"type": "thinking", "thinking": str(text), "signature": str(signature)}:
                yield {"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}}
            case {"type": "redacted_thinking", "data": str(data)}:
                yield {"reasoningContent": {"redactedContent": data}}
            case _:
                raise BadRequest("'thinking_blocks' must be as they were answered.", param="messages")


def _tool_uses(message: Json) -> Iterator[Json]:
    calls = message.get("tool_calls") or []
    for call in calls if isinstance(calls, list) else [None]:
        match call:
            case {"id": str(identifier), "function": {"name": str(name), "arguments": str(arguments)}}:
                yield {"toolUse": {"toolUseId": identifier, "name": name, "input": _arguments(arguments)}}
            case _:
                raise BadRequest("'tool_calls' must have an id, and a function with name and arguments.")


def _arguments(text: str) -> Json:
    try:
        arguments = orjson.loads(text) if text.strip() else {}
    except orjson.JSONDecodeError:
        arguments = None
    if not isinstance(arguments, dict):
        raise BadRequest("The arguments of a tool call must be a JSON object.", param="messages")
    return arguments


def _content(message: Json, kinds: "dict[str, Callable[[Json], Json]]") -> list[Json]:
    content = message.get("content")
    if content is None:
        return []
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(parts, list):
        raise BadRequest("'content' must be a text, or an array of parts.", param="messages")
    blocks: list[Json] = []
    for part in parts:
        make = kinds.get(part["type"]) if isinstance(part, dict) and isinstance(part.get("type"), str) else None
        if make is None:
            raise BadRequest(f"Bedrock takes parts of type {', '.join(kinds)} here.", param="messages")
        # A blank text is refused by Converse; so is a cache point that nothing precedes.
        if block := make(part):
            blocks.append(block)
            if part.get("cache_control"):
                blocks.append(_CACHE_POINT)
    return [*blocks, _CACHE_POINT] if blocks and message.get("cache_control") else blocks


def _text(part: Json) -> Json:
    text = part.get("text")
    if not isinstance(text, str):
        raise BadRequest("A part of type text needs a text.", param="messages")
    return {"text": text} if text.strip() else {}


def _image(part: Json) -> Json:
    given = part.get("image_url")
    url = given.get("url") if isinstance(given, dict) else given
    kind, data = _blob(url, _IMAGES, "images")
    return {"image": {"format": kind, "source": {"bytes": data}}}


def _file(part: Json) -> Json:
    given = part.get("file")
    given = given if isinstance(given, dict) else {}
    kind, data = _blob(given.get("file_data"), _DOCUMENTS, "files")
    name = given.get("filename")
    # The only characters that Converse takes in a name, and never two spaces in a row.
    clean = re.sub(r"[^A-Za-z0-9()\[\]-]+", " ", name).strip() if isinstance(name, str) else ""
    return {"document": {"format": kind, "name": clean[:200] or "document", "source": {"bytes": data}}}


def _blob(url: Any, formats: dict[str, str], what: str) -> tuple[str, str]:
    found = _DATA.fullmatch(url) if isinstance(url, str) else None
    kind = formats.get(found[1].lower()) if found else None
    if found is None or kind is None:
        raise BadRequest(_BLOB.format(what, ", ".join(sorted(set(formats.values())))), param="messages")
    return kind, found[2]


_TEXT_ONLY: dict[str, Callable[[Json], Json]] = {"text": _text}
_PARTS: dict[str, Callable[[Json], Json]] = {"text": _text, "image_url": _image, "file": _file}
_BLOCKS: dict[str, Callable[[Json], list[Json]]] = {
    "user": _user,
    "assistant": _assistant,
    "tool": _tool_result,
}
