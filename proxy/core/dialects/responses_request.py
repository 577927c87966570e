"""A request of OpenAI's Responses API as a chat completion's (developers.openai.com/api/reference). Pure."""

from collections.abc import Callable
from typing import Any

from proxy.core.dialects.base import Json
from proxy.core.dialects.conversation import Conversation
from proxy.core.dialects.fields import Fields, json_text, shown

# What refers to something that OpenAI keeps.
_STORED = ("conversation", "previous_response_id", "prompt")
_NOT_STORED = "nothing is stored here; send the whole conversation as 'input'."
# Whose sense is the same under another name, or the same name. What has no counterpart and is not refused is a hint
# (`store`, `include`, `truncation`, `service_tier`, `prompt_cache_key`, ...), and dropped.
_SAME = {
    "max_output_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "user": "user",
}
_REPEATED = ("reasoning", "text", "tool_choice", "tools")


def to_chat(body: Json) -> Json:
    """Raises BadRequest."""
    fields = Fields(body)
    for name in _STORED:
        if body.get(name) is not None:
            raise fields.refusal(_NOT_STORED, name)
    if fields.get("background", bool):
        raise fields.refusal(
            "a response in the background would have to be stored, and nothing is stored here.", "background"
        )
    _check_repeated(fields)
    chat: Json = {"messages": _messages(fields)}
    chat |= {theirs: body[ours] for ours, theirs in _SAME.items() if body.get(ours) is not None}
    chat |= _tools(fields)
    chat |= _text_options(fields)
    reasoning = fields.child("reasoning")
    if reasoning and (effort := reasoning.get("effort", str)):
        chat["reasoning_effort"] = effort
    if fields.get("stream", bool):
        # The ledger needs the usage, which a chat completion only tells when asked.
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    return chat


def _check_repeated(fields: Fields) -> None:
    """What the answer repeats must be fit to be written again, some objects deep."""
    metadata = fields.get("metadata", dict) or {}
    if not all(isinstance(value, str) for value in metadata.values()):
        raise fields.refusal("must hold strings only.", "metadata")
    for name in _REPEATED:
        json_text([[[fields.values.get(name)]]], name)


def _messages(fields: Fields) -> list[Json]:
    talk = Conversation()
    if instructions := fields.get("instructions", str):
        talk.say("system", [{"type": "text", "text": instructions}])
    given = fields.values.get("input")
    if isinstance(given, str):
        talk.say("user", [{"type": "text", "text": given}])
        return talk.finish()
    fields.need("input", list)
    for item in fields.children("input"):
        kind = item.get("type", str) or "message"
        if kind not in _ITEMS:
            raise item.refusal(f"this model cannot be given an item of type '{shown(kind)}'.", "type")
        _ITEMS[kind](talk, item)
    return talk.finish()


def _message(talk: Conversation, item: Fields) -> None:
    role = item.need("role", str)
    if role not in _ROLES:
        raise item.refusal("must be 'user', 'assistant', 'system' or 'developer'.", "role")
    parts = _content(item, "content")
    if role == "assistant":
        talk.reply(parts)
    else:
        talk.say(_ROLES[role], parts)


# Only OpenAI's newest models know developers; to all others it is the system that speaks.
_ROLES = {"assistant": "assistant", "developer": "system", "system": "system", "user": "user"}


def _function_call(talk: Conversation, item: Fields) -> None:
    talk.call(item.need("call_id", str), item.need("name", str), item.need("arguments", str))


def _function_call_output(talk: Conversation, item: Fields) -> None:
    talk.answer(item.need("call_id", str), _content(item, "output"))


def _reasoning(talk: Conversation, item: Fields) -> None:
    """Reasoning of earlier turns is dropped: a chat completion has no place for it, and many upstreams refuse one."""


def _item_reference(talk: Conversation, item: Fields) -> None:
    raise item.refusal(_NOT_STORED, "type")


_ITEMS: dict[str, Callable[[Conversation, Fields], None]] = {
    "function_call": _function_call,
    "function_call_output": _function_call_output,
    "item_reference": _item_reference,
    "message": _message,
    "reasoning": _reasoning,
}


def _content(item: Fields, name: str) -> list[Json]:
    value = item.values.get(name)
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    item.need(name, list)
    return [_part(part) for part in item.children(name)]


def _part(part: Fields) -> Json:
    kind = part.need("type", str)
    if kind not in _PARTS:
        raise part.refusal(f"this model cannot be given content of type '{shown(kind)}'.", "type")
    return _PARTS[kind](part)


def _text(part: Fields) -> Json:
    return {"type": "text", "text": part.need("text", str)}


def _refusal(part: Fields) -> Json:
    return {"type": "text", "text": part.need("refusal", str)}


def _image(part: Fields) -> Json:
    if part.get("file_id", str):
        raise part.refusal("no files are stored here; send an 'image_url'.", "file_id")
    image: Json = {"url": part.need("image_url", str)}
    if detail := part.get("detail", str):
        image["detail"] = detail
    return {"type": "image_url", "image_url": image}


def _file(part: Fields) -> Json:
    for name in ("file_id", "file_url"):
        if part.get(name, str):
            raise part.refusal("this model fetches no files; send 'file_data'.", name)
    filename = part.get("filename", str) or "file"
    return {"type": "file", "file": {"filename": filename, "file_data": part.need("file_data", str)}}


def _audio(part: Fields) -> Json:
    return {"type": "input_audio", "input_audio": part.need("input_audio", dict)}


_PARTS: dict[str, Callable[[Fields], Json]] = {
    "input_audio": _audio,
    "input_file": _file,
    "input_image": _image,
    "input_text": _text,
    "output_text": _text,
    "refusal": _refusal,
    "text": _text,
}


def _tools(fields: Fields) -> Json:
    """Without tools there is nothing to choose from, and an upstream refuses a choice."""
    tools = [_tool(tool) for tool in fields.children("tools")]
    choice = _tool_choice(fields)
    if not tools:
        return {}
    chat: Json = {"tools": tools}
    if choice is not None:
        chat["tool_choice"] = choice
    if (parallel := fields.get("parallel_tool_calls", bool)) is not None:
        chat["parallel_tool_calls"] = parallel
    return chat


def _tool(tool: Fields) -> Json:
    kind = tool.need("type", str)
    if kind != "function":
        raise tool.refusal(f"the tool '{shown(kind)}' is OpenAI's own, and this model has only functions.", "type")
    function: Json = {"name": tool.need("name", str), "parameters": tool.get("parameters", dict) or {}}
    if (description := tool.get("description", str)) is not None:
        function["description"] = description
    if (strict := tool.get("strict", bool)) is not None:
        function["strict"] = strict
    return {"type": "function", "function": function}


def _tool_choice(fields: Fields) -> Any:
    choice = fields.values.get("tool_choice")
    if choice is None or (isinstance(choice, str) and choice in {"auto", "none", "required"}):
        return choice
    chosen = fields.child("tool_choice") if isinstance(choice, dict) else None
    if chosen is None or chosen.values.get("type") != "function":
        raise fields.refusal("must be 'auto', 'none', 'required' or a function.", "tool_choice")
    return {"type": "function", "function": {"name": chosen.need("name", str)}}


def _text_options(fields: Fields) -> Json:
    text = fields.child("text")
    if text is None:
        return {}
    chat: Json = {}
    if verbosity := text.get("verbosity", str):
        chat["verbosity"] = verbosity
    wanted = text.child("format")
    if wanted and (response_format := _response_format(wanted)):
        chat["response_format"] = response_format
    return chat


def _response_format(wanted: Fields) -> Json | None:
    """None for plain text, which needs no saying."""
    kind = wanted.need("type", str)
    if kind == "text":
        return None
    if kind == "json_object":
        return {"type": "json_object"}
    if kind != "json_schema":
        raise wanted.refusal("must be 'text', 'json_object' or 'json_schema'.", "type")
    schema: Json = {"name": wanted.need("name", str), "schema": wanted.need("schema", dict)}
    if (description := wanted.get("description", str)) is not None:
        schema["description"] = description
    if (strict := wanted.get("strict", bool)) is not None:
        schema["strict"] = strict
    return {"type": "json_schema", "json_schema": schema}
