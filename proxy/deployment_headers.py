"""The headers that a deployment's requests go out with: its provider's, and those that its row adds."""

import re
from collections.abc import Mapping
from typing import Any

from proxy.config.environment import from_environment

# A list of names: what is added by hand goes beside what the provider itself needs.
_LISTS = frozenset({"anthropic-beta"})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def extra_headers(params: Mapping[str, Any]) -> dict[str, str]:
    """LiteLLM's `headers` and `extra_headers`, variables resolved. Raises ValueError."""
    given: dict[str, Any] = {}
    for name in ("headers", "extra_headers"):
        found = params.get(name) or {}
        if not isinstance(found, Mapping):
            raise ValueError(f"{name} is not an object")  # noqa: TRY004 - one kind of error for whatever a row holds
        given.update(found)
    resolved = {name: from_environment(value) for name, value in given.items()}
    return {name: str(value) for name, value in resolved.items() if value is not None}


def merged(headers: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """What is written by hand wins; names of headers know no case."""
    own = {name.lower(): name for name in headers}
    found = dict(headers)
    for name, value in extra.items():
        known = own.get(name.lower(), name)
        found[known] = f"{found[known]},{value}" if known in found and known.lower() in _LISTS else value
    return found


def sendable(headers: Mapping[str, str]) -> Mapping[str, str]:
    """`headers` themselves. Raises ValueError, which repeats no value: it may be a secret."""
    for name, value in headers.items():
        if not (_NAME.fullmatch(name) and value.isascii() and value.isprintable()):
            shown = name if _NAME.fullmatch(name) else "a name"
            what = _SOURCES.get(name, f"headers or extra_headers: {shown}")
            raise ValueError(f"{what} holds a character that no header can carry")
    return headers


_SOURCES = {
    "Authorization": "api_key",
    "OpenAI-Organization": "organization",
    "api-key": "api_key",
    "x-api-key": "api_key",
    "x-goog-api-key": "api_key",
}
