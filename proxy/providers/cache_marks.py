"""Anthropic's `cache_control` in a request: routers to its models take it, OpenAI's wire refuses it. Pure."""

from collections.abc import Mapping
from typing import Any

from proxy.providers.base import Json

_MARK = "cache_control"


def has_cache_marks(content: bytes) -> bool:
    """Whether there may be some in what was encoded. Inside a text its quotes are escaped."""
    return b'"cache_control"' in content


def without_cache_marks(body: Mapping[str, Any]) -> Json:
    """Messages, the parts of their content, and tools may carry one; OpenAI refuses each as unknown."""
    return {name: _unmarked(value) if name in {"input", "messages", "tools"} else value for name, value in body.items()}


def _unmarked(entries: Any) -> Any:
    if not isinstance(entries, list):
        return entries
    return [_without(entry) if isinstance(entry, dict) else entry for entry in entries]


def _without(entry: Json) -> Json:
    return {name: _unmarked(value) if name == "content" else value for name, value in entry.items() if name != _MARK}
