"""A chat completion's request in the words of Anthropic's Messages API.

https://platform.claude.com/docs/en/api/messages; defaults and budgets are LiteLLM's.
"""

import re
from collections.abc import Mapping
from typing import Any

from proxy.core.errors import BadRequest
from proxy.providers.anthropic_content import to_system, to_turns
from proxy.providers.base import Json
from proxy.providers.conversation import read_messages
from proxy.providers.parameters import (
    JsonFormat,
    Tool,
    ToolChoice,
    read_effort,
    read_format,
    read_max_tokens,
    read_stop,
    read_tool_choice,
    read_tools,
    select,
)

# The tool that an answer in JSON comes in.
JSON_TOOL = "json_tool_call"

_MAX_TOKENS = 4096
_LEAST_BUDGET = 1024
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 4096, "max": 4096}
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
# From 4.6 on a model decides itself how much to think, and is told an effort; from 4.7 on it takes no budget.
_VERSION = re.compile(r"claude-(?:[a-z]+-)?(\d+)(?:[-.](\d{1,2}))?(?!\d)")
_FIRST_ADAPTIVE = (4, 6)
_UNSUPPORTED = frozenset(
    {
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "modalities",
        "n",
        "prediction",
        "presence_penalty",
        "seed",
        "service_tier",
        "store",
        "top_logprobs",
        "verbosity",
        "web_search_options",
    }
)
_SILENT = frozenset({"stream_options", "prompt_cache_key", "prompt_cache_retention", "safety_identifier"})
_TRANSLATED = frozenset(
    {
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "parallel_tool_calls",
        "reasoning_effort",
        "response_format",
        "stop",
        "tool_choice",
        "tools",
        "user",
    }
)
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}


def to_messages(body: Mapping[str, Any], *, model: str, drop_params: bool) -> Json:
    """The body of `POST /v1/messages`, still without `model` and `stream`. Raises BadRequest."""
    kept = select(body, _UNSUPPORTED, silent=_SILENT, provider="anthropic", drop=drop_params)
    messages = read_messages(kept)
    request: Json = {name: value for name, value in kept.items() if name not in _TRANSLATED}
    request["messages"] = to_turns(messages)
    if system := to_system(messages):
        request["system"] = system
    request |= _thinking(kept, model)
    request["max_tokens"] = read_max_tokens(kept) or _MAX_TOKENS + _budget(request)
    if stops := read_stop(kept):
        request["stop_sequences"] = stops
    request |= _tools(kept, forces=not _thinks(request))
    if (user := _user_id(kept.get("user"))) and "metadata" not in request:
        request["metadata"] = {"user_id": user}
    return request


def _thinking(kept: Mapping[str, Any], model: str) -> Json:
    """What `reasoning_effort` comes to; Anthropic's own `thinking` goes before it."""
    effort = read_effort(kept, _BUDGETS)
    if effort is None or "thinking" in kept:
        return {}
    if _is_adaptive(model):
        config = kept.get("output_config")
        own = config if isinstance(config, dict) else {}
        return {"thinking": {"type": "adaptive"}, "output_config": {"effort": _EFFORTS[effort], **own}}
    # A budget must be less than max_tokens; an effort is a wish, so it gives way.
    most = read_max_tokens(kept)
    budget = _BUDGETS[effort] if most is None else min(_BUDGETS[effort], most - 1)
    return {"thinking": {"type": "enabled", "budget_tokens": budget}} if budget >= _LEAST_BUDGET else {}


def _is_adaptive(model: str) -> bool:
    version = _VERSION.search(model)
    if version is None:
        # A Claude without a number is one of the latest.
        return "claude-" in model
    return (int(version[1]), int(version[2] or 0)) >= _FIRST_ADAPTIVE


def _budget(request: Json) -> int:
    thinking = request.get("thinking")
    budget = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    return budget if type(budget) is int and budget > 0 else 0


def _thinks(request: Json) -> bool:
    thinking = request.get("thinking")
    return isinstance(thinking, dict) and thinking.get("type") != "disabled"


def _tools(kept: Mapping[str, Any], *, forces: bool) -> Json:
    own = [_tool(tool) for tool in read_tools(kept)]
    format_ = read_format(kept)
    if format_ is not None and any(tool.get("name") == JSON_TOOL for tool in own):
        raise BadRequest(f"The name {JSON_TOOL!r} is taken by 'response_format'.", param="tools")
    tools = own if format_ is None else [*own, _json_tool(format_)]
    if not tools:
        return {}
    asked = read_tool_choice(kept)
    choice = _choice(asked) if format_ is None else _json_choice(asked, alone=not own, forces=forces)
    if kept.get("parallel_tool_calls") is False and choice != {"type": "none"}:
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return {"tools": tools, "tool_choice": choice} if choice else {"tools": tools}


def _choice(asked: ToolChoice | None) -> Json | None:
    if asked is None:
        return None
    return {"type": "tool", "name": asked.name} if asked.name else {"type": _CHOICES[asked.mode]}


def _json_choice(asked: ToolChoice | None, *, alone: bool, forces: bool) -> Json | None:
    """A model that thinks cannot be forced to use a tool: it is only shown the one for JSON."""
    if not forces:
        return {"type": "auto"}
    if alone or (asked is not None and asked.mode == "none"):
        return {"type": "tool", "name": JSON_TOOL}
    return {"type": "any"} if asked is None or asked.mode == "auto" else _choice(asked)


def _tool(tool: Tool | Json) -> Json:
    if not isinstance(tool, Tool):
        return tool
    said: Json = {"name": tool.name, "input_schema": {"type": "object", "properties": {}, **(tool.parameters or {})}}
    if tool.description:
        said["description"] = tool.description
    if tool.cache_control:
        said["cache_control"] = tool.cache_control
    return said


def _json_tool(format_: JsonFormat) -> Json:
    schema = {"properties": {}, "additionalProperties": True} if format_.schema is None else format_.schema
    return {
        "name": JSON_TOOL,
        "description": "Answer with this tool: its input is the answer.",
        "input_schema": {"type": "object", **schema},
    }


def _user_id(user: Any) -> str:
    """Anthropic wants no names, addresses or numbers there, and at most 256 characters."""
    if not isinstance(user, str) or "@" in user or re.fullmatch(r"\+?[\d\s()-]{7,}", user) or len(user) > 256:
        return ""
    return user
