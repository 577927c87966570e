"""A chat completion's request in the words of Gemini's generateContent.

https://ai.google.dev/api/generate-content; budgets are LiteLLM's.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from proxy.core.errors import BadRequest
from proxy.providers.base import Json
from proxy.providers.conversation import Media, Message, Part, Text, ToolCall, read_messages
from proxy.providers.gemini_schema import to_schema
from proxy.providers.parameters import (
    Tool,
    read_effort,
    read_format,
    read_max_tokens,
    read_stop,
    read_tool_choice,
    read_tools,
    select,
)

_UNSUPPORTED = frozenset(
    {
        "audio",
        "function_call",
        "functions",
        "logit_bias",
        "parallel_tool_calls",
        "prediction",
        "service_tier",
        "store",
        "verbosity",
        "web_search_options",
    }
)
_SILENT = frozenset(
    {"model", "stream", "stream_options", "user", "prompt_cache_key", "prompt_cache_retention", "safety_identifier"}
)
# What goes into generationConfig, by OpenAI's, LiteLLM's and its own names.
_CONFIG = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "n": "candidateCount",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
    "topP": "topP",
    "topK": "topK",
    "responseModalities": "responseModalities",
    "mediaResolution": "mediaResolution",
    "speechConfig": "speechConfig",
    "imageConfig": "imageConfig",
    "thinkingConfig": "thinkingConfig",
}
# What stands beside it.
_BESIDE = {
    "safety_settings": "safetySettings",
    "safetySettings": "safetySettings",
    "cached_content": "cachedContent",
    "cachedContent": "cachedContent",
}
_TRANSLATED = frozenset(
    {
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "modalities",
        "reasoning_effort",
        "response_format",
        "stop",
        "thinking",
        "tool_choice",
        "tools",
    }
)
_KNOWN = _TRANSLATED | _CONFIG.keys() | _BESIDE.keys()
_BUDGETS = {"minimal": 512, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 4096, "max": 4096}
# From 3 on a model is told a level, and refuses a call of its own that comes back without its signature.
_VERSION = re.compile(r"gemini-(\d+)")
_LEVELS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_FIRST_WITH_LEVELS = 3
# What Google has put in place of a signature that is not at hand.
# https://ai.google.dev/gemini-api/docs/thought-signatures
_NO_SIGNATURE = "skip_thought_signature_validator"
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_TYPES_BY_ENDING = {
    "gif": "image/gif",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "mp3": "audio/mp3",
    "mp4": "video/mp4",
    "pdf": "application/pdf",
    "png": "image/png",
    "wav": "audio/wav",
    "webp": "image/webp",
}


def to_contents(body: Mapping[str, Any], *, model: str, drop_params: bool) -> Json:
    """The body of `generateContent`. Raises BadRequest."""
    unsupported = _UNSUPPORTED | (body.keys() - _KNOWN)
    kept = select(body, unsupported, silent=_SILENT, provider="gemini", drop=drop_params)
    messages = read_messages(kept)
    request: Json = {_BESIDE[name]: value for name, value in kept.items() if name in _BESIDE}
    request["contents"] = _contents(messages, signed=_version(model) >= _FIRST_WITH_LEVELS)
    if system := [part for message in messages if message.role == "system" for part in _said(message)]:
        request["systemInstruction"] = {"parts": system}
    request |= _tools(kept)
    if config := _config(kept, model):
        request["generationConfig"] = config
    return request


def _config(kept: Mapping[str, Any], model: str) -> Json:
    config: Json = {_CONFIG[name]: value for name, value in kept.items() if name in _CONFIG}
    if (most := read_max_tokens(kept)) is not None:
        config["maxOutputTokens"] = most
    if stops := read_stop(kept):
        config["stopSequences"] = stops
    if (modalities := kept.get("modalities")) is not None:
        if not isinstance(modalities, list) or not all(isinstance(modality, str) for modality in modalities):
            raise BadRequest("'modalities' must be an array of strings.", param="modalities")
        config["responseModalities"] = [modality.upper() for modality in modalities]
    if (format_ := read_format(kept)) is not None:
        config["responseMimeType"] = "application/json"
        if format_.schema is not None:
            config["responseSchema"] = to_schema(format_.schema)
    return _thinking(kept, model) | config


def _thinking(kept: Mapping[str, Any], model: str) -> Json:
    """What `reasoning_effort` or Anthropic's `thinking` come to; its own `thinkingConfig` goes before them."""
    thinking = kept.get("thinking")
    if isinstance(thinking, dict):
        return {"thinkingConfig": _budget(thinking)}
    has_levels = _version(model) >= _FIRST_WITH_LEVELS
    if kept.get("reasoning_effort") == "none":
        # A model with levels always thinks.
        least: Json = {"thinkingLevel": "low"} if has_levels else {"thinkingBudget": 0}
        return {"thinkingConfig": {**least, "includeThoughts": False}}
    effort = read_effort(kept, _BUDGETS)
    if effort is None:
        return {}
    depth: Json = {"thinkingLevel": _LEVELS[effort]} if has_levels else {"thinkingBudget": _BUDGETS[effort]}
    return {"thinkingConfig": {**depth, "includeThoughts": True}}


def _budget(thinking: Json) -> Json:
    if thinking.get("type") == "disabled":
        return {"thinkingBudget": 0, "includeThoughts": False}
    budget = thinking.get("budget_tokens")
    return {"includeThoughts": True} | ({"thinkingBudget": budget} if type(budget) is int else {})


def _version(model: str) -> int:
    found = _VERSION.search(model)
    return int(found[1]) if found else 0


def _contents(messages: Sequence[Message], *, signed: bool) -> list[Json]:
    """The answers to the calls of one turn are one content of their own. Raises BadRequest."""
    contents: list[Json] = []
    kinds: list[str] = []
    for message in messages:
        parts = _parts(message, signed=signed)
        if message.role == "system" or not parts:
            continue
        if kinds and kinds[-1] == message.role:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": "model" if message.role == "assistant" else "user", "parts": parts})
            kinds.append(message.role)
    if not contents:
        raise BadRequest("'messages' must hold something besides system messages.", param="messages")
    return contents


def _parts(message: Message, *, signed: bool) -> list[Json]:
    if message.answers is not None:
        return [
            _function_response(message, message.answers),
            *(_part(p) for p in message.parts if isinstance(p, Media)),
        ]
    parts = _said(message)
    for position, call in enumerate(message.calls):
        part: Json = {"functionCall": {"id": call.id, "name": call.name, "args": call.arguments}}
        # Of several calls at once only the first is signed.
        if signature := call.signature or (_NO_SIGNATURE if signed and not position else ""):
            part["thoughtSignature"] = signature
        parts.append(part)
    return parts


def _function_response(message: Message, call: ToolCall) -> Json:
    try:
        response: Any = orjson.loads(message.text)
    except orjson.JSONDecodeError:
        response = None
    if not isinstance(response, dict):
        response = {"output": message.text}
    return {"functionResponse": {"id": call.id, "name": call.name, "response": response}}


def _said(message: Message) -> list[Json]:
    return [_part(part) for part in message.parts]


def _part(part: Part) -> Json:
    if isinstance(part, Text):
        return {"text": part.text}
    if part.url:
        media_type = part.media_type or _guessed(part.url)
        return {"fileData": {"fileUri": part.url} | ({"mimeType": media_type} if media_type else {})}
    return {"inlineData": {"mimeType": part.media_type, "data": part.data}}


def _guessed(url: str) -> str:
    return _TYPES_BY_ENDING.get(url.partition("?")[0].rpartition(".")[2].lower(), "")


def _tools(kept: Mapping[str, Any]) -> Json:
    """Its own tools (`{"googleSearch": {}}`) stay as they are."""
    found = read_tools(kept)
    declared = [_declaration(tool) for tool in found if isinstance(tool, Tool)]
    tools = [tool for tool in found if not isinstance(tool, Tool)]
    if declared:
        tools.insert(0, {"functionDeclarations": declared})
    if not tools:
        return {}
    choice = read_tool_choice(kept)
    if choice is None or not declared:
        return {"tools": tools}
    config: Json = {"mode": _MODES[choice.mode]}
    if choice.name:
        config["allowedFunctionNames"] = [choice.name]
    return {"tools": tools, "toolConfig": {"functionCallingConfig": config}}


def _declaration(tool: Tool) -> Json:
    """A function without parameters has none; an object without properties would be refused."""
    declaration: Json = {"name": tool.name}
    if tool.description:
        declaration["description"] = tool.description
    parameters = to_schema(tool.parameters or {})
    if parameters.get("properties"):
        declaration["parameters"] = parameters
    return declaration
