"""A request of Anthropic's Messages API as a chat completion's (platform.claude.com/docs/en/api/messages). Pure."""

from collections.abc import Callable
from typing import Any

from proxy.core.dialects.base import Json
from proxy.core.dialects.conversation import Conversation
from proxy.core.dialects.fields import Fields, json_text, shown

# Where LiteLLM draws the lines between a budget of thinking tokens and an effort.
_EFFORTS = ((10_000, "high"), (5_000, "medium"), (2_000, "low"), (0, "minimal"))
# What upstreams accept as an end user's name; longer ones (Claude Code's) would cost the whole request.
_LONGEST_USER = 64
# What only Anthropic's servers could do. Other members without a counterpart are hints, and dropped: `top_k` among
# them, which chat upstreams refuse as unknown and which promises nothing.
_SERVER_SIDE = ("container", "mcp_servers")
# Whose sense is the same under another name, or the same name.
_SAME = {
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
}


def to_chat(body: Json) -> Json:
    """Raises BadRequest."""
    fields = Fields(body)
    for name in _SERVER_SIDE:
        if body.get(name):
            raise fields.refusal("this model cannot serve it; it needs one of Anthropic's.", name)
    chat: Json = {"messages": _messages(fields)}
    chat |= {theirs: body[ours] for ours, theirs in _SAME.items() if body.get(ours) is not None}
    if stop := fields.texts("stop_sequences"):
        chat["stop"] = stop
    chat |= _tools(fields)
    chat |= _thinking(fields)
    metadata = fields.child("metadata")
    user = metadata.get("user_id", str) if metadata else None
    if user and len(user) <= _LONGEST_USER:
        chat["user"] = user
    if fields.get("stream", bool):
        # The ledger needs the usage, which a chat completion only tells when asked.
        chat |= {"stream": True, "stream_options": {"include_usage": True}}
    return chat


def _messages(fields: Fields) -> list[Json]:
    talk = Conversation()
    if fields.values.get("system") is not None:
        talk.say("system", _texts(fields, "system"))
    fields.need("messages", list)
    for message in fields.children("messages"):
        role = message.need("role", str)
        if role not in _ROLES:
            raise message.refusal("must be 'user', 'assistant' or 'system'.", "role")
        if message.values.get("content") is None:
            raise message.refusal("is missing: it must be a string or an array of blocks.", "content")
        _ROLES[role](talk, message)
    return talk.finish()


def _system(talk: Conversation, message: Fields) -> None:
    talk.say("system", _texts(message, "content"))


def _user(talk: Conversation, message: Fields) -> None:
    parts: list[Json] = []
    for block in _blocks(message, "content"):
        if block.values.get("type") == "tool_result":
            _tool_result(talk, block)
        else:
            parts += _parts(block)
    # An empty text is still the user's turn; the results of tools are one by themselves.
    if parts or message.values.get("content") == "":
        talk.say("user", parts or [{"type": "text", "text": ""}])


def _assistant(talk: Conversation, message: Fields) -> None:
    """Thinking of earlier turns is dropped: a chat completion has no place for it, and many upstreams refuse one."""
    parts: list[Json] = []
    calls: list[Fields] = []
    for block in _blocks(message, "content"):
        kind = block.need("type", str)
        if kind == "tool_use":
            calls.append(block)
        elif kind == "text":
            parts += _parts(block)
        elif kind not in {"thinking", "redacted_thinking"}:
            raise block.refusal(f"this model cannot be given a block of type '{shown(kind)}'.", "type")
    if parts or not calls:
        talk.reply(parts)
    for call in calls:
        given = call.get("input", dict) or {}
        talk.call(call.need("id", str), call.need("name", str), json_text(given, call.at("input")))


_ROLES: dict[str, Callable[[Conversation, Fields], None]] = {
    "assistant": _assistant,
    "system": _system,
    "user": _user,
}


def _tool_result(talk: Conversation, block: Fields) -> None:
    parts = [part for inner in _blocks(block, "content") for part in _parts(inner)]
    talk.answer(block.need("tool_use_id", str), parts, failed=block.get("is_error", bool) or False)


def _blocks(fields: Fields, name: str) -> list[Fields]:
    """Content that is a string, or blocks, or absent."""
    value = fields.values.get(name)
    if isinstance(value, str):
        return [Fields({"type": "text", "text": value}, fields.at(name))] if value else []
    return fields.children(name)


def _texts(fields: Fields, name: str) -> list[Json]:
    blocks = _blocks(fields, name)
    if others := [block for block in blocks if block.values.get("type") != "text"]:
        raise others[0].refusal("must be of type 'text'.", "type")
    return [part for block in blocks for part in _parts(block)]


def _parts(block: Fields) -> list[Json]:
    """A block as parts of a chat message. Its `cache_control` stays, for the upstreams that know it."""
    kind = block.need("type", str)
    if kind not in _PARTS:
        raise block.refusal(f"this model cannot be given a block of type '{shown(kind)}'.", "type")
    parts = _PARTS[kind](block)
    if parts and (marked := block.get("cache_control", dict)):
        parts[-1]["cache_control"] = marked
    return parts


def _text(block: Fields) -> list[Json]:
    return [{"type": "text", "text": block.need("text", str)}]


def _image(block: Fields) -> list[Json]:
    source = _source(block)
    kind = source.need("type", str)
    if kind == "base64":
        url = f"data:{source.need('media_type', str)};base64,{source.need('data', str)}"
    elif kind == "url":
        url = source.need("url", str)
    else:
        raise source.refusal("must be 'base64' or 'url': no files are stored here.", "type")
    return [{"type": "image_url", "image_url": {"url": url}}]


def _document(block: Fields) -> list[Json]:
    source = _source(block)
    kind = source.need("type", str)
    title, context = block.get("title", str), block.get("context", str)
    if kind == "base64":
        data = f"data:{source.need('media_type', str)};base64,{source.need('data', str)}"
        file = {"type": "file", "file": {"filename": title or "document.pdf", "file_data": data}}
        return [*_headings(context), file]
    if kind == "text":
        return [*_headings(title, context), {"type": "text", "text": source.need("data", str)}]
    if kind == "content":
        return [*_headings(title, context), *(part for inner in _blocks(source, "content") for part in _parts(inner))]
    raise source.refusal("must be 'text', 'content' or 'base64': this model fetches no documents.", "type")


def _headings(*texts: str | None) -> list[Json]:
    return [{"type": "text", "text": text} for text in texts if text]


def _search_result(block: Fields) -> list[Json]:
    heading = f"{block.need('title', str)} ({block.need('source', str)})"
    return [{"type": "text", "text": heading}, *_texts(block, "content")]


_PARTS: dict[str, Callable[[Fields], list[Json]]] = {
    "document": _document,
    "image": _image,
    "search_result": _search_result,
    "text": _text,
}


def _source(block: Fields) -> Fields:
    return Fields(block.need("source", dict), block.at("source"))


def _tools(fields: Fields) -> Json:
    """Without tools there is nothing to choose from, and an upstream refuses a choice."""
    tools = [_tool(tool) for tool in fields.children("tools")]
    if not tools:
        return {}
    chosen = fields.child("tool_choice")
    return {"tools": tools, **(_tool_choice(chosen) if chosen else {})}


def _tool(tool: Fields) -> Json:
    kind = tool.get("type", str) or "custom"
    if kind != "custom":
        raise tool.refusal(
            f"the tool '{shown(kind)}' is Anthropic's own, and this model has only custom tools.", "type"
        )
    function: Json = {"name": tool.need("name", str), "parameters": tool.need("input_schema", dict)}
    if (description := tool.get("description", str)) is not None:
        function["description"] = description
    if (strict := tool.get("strict", bool)) is not None:
        function["strict"] = strict
    marked = tool.get("cache_control", dict)
    return {"type": "function", "function": function, **({"cache_control": marked} if marked else {})}


_CHOICES = {"any": "required", "auto": "auto", "none": "none"}


def _tool_choice(chosen: Fields) -> Json:
    kind = chosen.need("type", str)
    choice: Any = _CHOICES.get(kind)
    if kind == "tool":
        choice = {"type": "function", "function": {"name": chosen.need("name", str)}}
    if choice is None:
        raise chosen.refusal("must be 'auto', 'any', 'tool' or 'none'.", "type")
    one_by_one = chosen.get("disable_parallel_tool_use", bool)
    return {"tool_choice": choice, **({"parallel_tool_calls": False} if one_by_one else {})}


def _thinking(fields: Fields) -> Json:
    """How hard to think, and in what form to answer.

    Nothing for `disabled` and `adaptive`: models that do not reason refuse every effort, and "none" is one.
    """
    chat: Json = {}
    thinking = fields.child("thinking")
    if thinking and thinking.need("type", str) == "enabled":
        budget = thinking.need("budget_tokens", int)
        chat["reasoning_effort"] = next((effort for least, effort in _EFFORTS if budget >= least), "minimal")
    config = fields.child("output_config")
    if config and (effort := config.get("effort", str)):
        chat["reasoning_effort"] = effort
    wanted = config.child("format") if config else None
    if wanted := wanted or fields.child("output_format"):
        if wanted.need("type", str) != "json_schema":
            raise wanted.refusal("must be 'json_schema'.", "type")
        schema = {"name": "answer", "schema": wanted.need("schema", dict), "strict": True}
        chat["response_format"] = {"type": "json_schema", "json_schema": schema}
    return chat
