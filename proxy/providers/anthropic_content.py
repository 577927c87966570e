"""A chat completion's messages as Anthropic's turns and blocks of content."""

import re
from collections.abc import Iterator, Sequence

from proxy.core.errors import BadRequest
from proxy.providers.base import Json
from proxy.providers.conversation import Media, Message, Part, Text, ToolCall

_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_PDF = "application/pdf"
_BAD_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")


def to_system(messages: Sequence[Message]) -> list[Json]:
    """What every system message says, in their order, wherever they stand."""
    blocks = []
    for message in messages:
        if message.role == "system":
            blocks += _with_cache_control(_said(message), message)
    return blocks


def to_turns(messages: Sequence[Message]) -> list[Json]:
    """Neighbours of one role become one turn, as the results of all calls of a turn must. Raises BadRequest."""
    turns: list[Json] = []
    for message in messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _with_cache_control(list(_blocks(message)), message)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        elif blocks:
            turns.append({"role": role, "content": blocks})
    if not turns:
        raise BadRequest("'messages' must hold something besides system messages.", param="messages")
    for turn in turns:
        # Results come before anything else that is said in their turn.
        if turn["role"] == "user":
            turn["content"].sort(key=lambda block: block["type"] != "tool_result")
    _strip_last(turns)
    return turns


def _strip_last(turns: list[Json]) -> None:
    """The beginning of an answer that the model shall continue must not end with white space."""
    last = turns[-1]["content"][-1]
    if turns[-1]["role"] == "assistant" and last["type"] == "text":
        last["text"] = last["text"].rstrip()


def _blocks(message: Message) -> Iterator[Json]:
    if message.answers is not None:
        yield _result(message, message.answers)
        return
    # Without its signature a thought is not Anthropic's own, and would be refused.
    for thought in message.thinking:
        if thought.get("type") == "redacted_thinking" or thought.get("signature"):
            yield thought
    yield from _said(message)
    for call in message.calls:
        yield {"type": "tool_use", "id": _id(call), "name": call.name, "input": call.arguments}


def _result(message: Message, call: ToolCall) -> Json:
    result: Json = {"type": "tool_result", "tool_use_id": _id(call)}
    if said := _said(message):
        result["content"] = said
    return result


def _said(message: Message) -> list[Json]:
    """Blocks of nothing but white space would be refused."""
    return [_block(part) for part in message.parts if isinstance(part, Media) or part.text.strip()]


def _block(part: Part) -> Json:
    block: Json = {"type": "text", "text": part.text} if isinstance(part, Text) else _media(part)
    if part.cache_control:
        block["cache_control"] = part.cache_control
    return block


def _media(media: Media) -> Json:
    if media.url:
        kind = "document" if media.media_type == _PDF or media.url.lower().endswith(".pdf") else "image"
        return {"type": kind, "source": {"type": "url", "url": media.url}}
    kind = "image" if media.media_type in _IMAGES else "document" if media.media_type == _PDF else ""
    if not kind:
        raise BadRequest(f"anthropic takes pictures and PDFs, not {media.media_type}.", param="messages")
    return {"type": kind, "source": {"type": "base64", "media_type": media.media_type, "data": media.data}}


def _with_cache_control(blocks: list[Json], message: Message) -> list[Json]:
    """A message's own `cache_control` marks its last block."""
    if message.cache_control and blocks:
        blocks[-1] = {**blocks[-1], "cache_control": message.cache_control}
    return blocks


def _id(call: ToolCall) -> str:
    """Other providers put more into their ids than Anthropic takes."""
    return _BAD_IN_ID.sub("_", call.id)
