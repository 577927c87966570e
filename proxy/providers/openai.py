"""OpenAI's wire, spoken by most: a base URL and a bearer key are all that differs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from budgets.core.pricing import Usage
from proxy.providers.base import Endpoint


@dataclass(frozen=True)
class OpenAICompatible:
    name: str
    api_base: str = ""

    def default_api_base(self) -> str:
        return self.api_base

    def chat_endpoint(self, *, model: str, api_base: str, api_key: str, params: Mapping[str, Any]) -> Endpoint:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            # A stream is relayed as it comes, and read on the way.
            "Accept-Encoding": "identity",
        }
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        if organization := params.get("organization"):
            headers["OpenAI-Organization"] = str(organization)
        return Endpoint(url=_below(api_base or self.api_base, "chat/completions"), headers=headers)

    def usage(self, reported: Any) -> Usage | None:
        if not isinstance(reported, dict):
            return None
        prompt, completion = _count(reported, "prompt_tokens"), _count(reported, "completion_tokens")
        if not prompt and not completion:
            return None
        prompt_details = _details(reported, "prompt_tokens_details")
        completion_details = _details(reported, "completion_tokens_details")
        return Usage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            cached_tokens=_count(prompt_details, "cached_tokens"),
            cache_creation_tokens=_count(reported, "cache_creation_input_tokens"),
            reasoning_tokens=_count(completion_details, "reasoning_tokens"),
        )


def _below(api_base: str, path: str) -> str:
    """`path` under the address; a query of the address stays behind it."""
    address, mark, query = api_base.partition("?")
    return f"{address.rstrip('/')}/{path}{mark}{query}"


def _details(reported: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = reported.get(name)
    return value if isinstance(value, dict) else {}


_MOST_TOKENS = 1_000_000_000


def _count(reported: Mapping[str, Any], name: str) -> int:
    """A provider's number may be missing, negative, a float or a text; only a plausible count is a count."""
    value = reported.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 < value < _MOST_TOKENS else 0
