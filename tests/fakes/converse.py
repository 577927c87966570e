"""What Bedrock's Converse API refuses, in its own words."""

import base64
from typing import Any

_FIELDS = {
    "additionalModelRequestFields", "additionalModelResponseFieldPaths", "guardrailConfig", "inferenceConfig",
    "messages", "outputConfig", "performanceConfig", "promptVariables", "requestMetadata", "serviceTier", "system",
    "toolConfig",
}  # fmt: skip
_INFERENCE: dict[str, tuple[type, ...]] = {
    "maxTokens": (int,),
    "temperature": (int, float),
    "topP": (int, float),
    "stopSequences": (list,),
}
_IMAGES = {"gif", "jpeg", "png", "webp"}


class Invalid(Exception):
    pass


def validate(asked: Any) -> None:
    """Raises Invalid."""
    if not isinstance(asked, dict):
        raise Invalid("The request body is not an object.")
    if extraneous := sorted(asked.keys() - _FIELDS):
        raise Invalid(f"Malformed input request: #: extraneous key [{extraneous[0]}] is not permitted.")
    for name, value in (asked.get("inferenceConfig") or {}).items():
        if name not in _INFERENCE or not isinstance(value, _INFERENCE[name]) or isinstance(value, bool):
            raise Invalid(f"Value at 'inferenceConfig.{name}' failed to satisfy constraint.")
    for at, block in enumerate(asked.get("system") or []):
        _text_or_cache(block, f"system.{at}")
    _messages(asked.get("messages"), has_tools=bool((asked.get("toolConfig") or {}).get("tools")))
    for tool in (asked.get("toolConfig") or {}).get("tools", []):
        if "cachePoint" not in tool and not isinstance(tool["toolSpec"]["inputSchema"]["json"], dict):
            raise Invalid("The value at toolConfig.tools.0.toolSpec.inputSchema.json must be an object.")


def _messages(messages: Any, *, has_tools: bool) -> None:
    if not isinstance(messages, list) or not messages:
        raise Invalid("The messages field is empty. Add messages, and try again.")
    if messages[0].get("role") != "user":
        raise Invalid("A conversation must start with a user message. Try again with a conversation that does.")
    previous = None
    for at, message in enumerate(messages):
        if message.get("role") not in {"user", "assistant"} or message["role"] == previous:
            raise Invalid(f"A conversation must alternate between user and assistant roles (messages.{at}).")
        previous = message["role"]
        if not message.get("content"):
            raise Invalid(f"The content field in the Message object at messages.{at} is empty.")
        for position, block in enumerate(message["content"]):
            _block(block, f"messages.{at}.content.{position}", has_tools=has_tools)


def _block(block: Any, at: str, *, has_tools: bool) -> None:
    if not isinstance(block, dict) or len(block) != 1:
        raise Invalid(f"The ContentBlock object at {at} must set exactly one of its members.")
    match block:
        case {"toolUse": {"toolUseId": str(), "name": str(), "input": dict()}} if has_tools:
            return
        case {"toolResult": {"toolUseId": str(), "content": list(content)}} if has_tools and content:
            return
        case {"toolUse": _} | {"toolResult": _}:
            raise Invalid("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
        case {"image": {"format": str(kind), "source": {"bytes": data}}} if kind in _IMAGES and is_base64(data):
            return
        case {"document": {"format": str(), "name": str(), "source": {"bytes": data}}} if is_base64(data):
            return
        case {"reasoningContent": {"reasoningText": {"text": str(), "signature": str()}} | {"redactedContent": str()}}:
            return
    _text_or_cache(block, at)


def _text_or_cache(block: Any, at: str) -> None:
    match block:
        case {"cachePoint": {"type": "default"}}:
            return
        case {"text": str(text)}:
            if not text.strip():
                raise Invalid(
                    f"The text field in the ContentBlock object at {at} is blank. Add text to the text field."
                )
            return
    raise Invalid(f"The ContentBlock object at {at} is invalid.")


def is_base64(text: Any) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except (TypeError, ValueError):
        return False
