"""What an OpenAI-shaped `usage` object says. Pure."""

from collections.abc import Mapping
from typing import Any

from budgets.core.pricing import Usage

_MOST_TOKENS = 1_000_000_000


def read_usage(reported: Any) -> Usage | None:
    """None when there is nothing usable in it."""
    if not isinstance(reported, dict):
        return None
    prompt, completion = count(reported, "prompt_tokens"), count(reported, "completion_tokens")
    if not prompt and not completion:
        return None
    prompt_details = _details(reported, "prompt_tokens_details")
    completion_details = _details(reported, "completion_tokens_details")
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=count(prompt_details, "cached_tokens"),
        cache_creation_tokens=count(reported, "cache_creation_input_tokens"),
        reasoning_tokens=count(completion_details, "reasoning_tokens"),
        prompt_audio_tokens=count(prompt_details, "audio_tokens"),
        prompt_image_tokens=count(prompt_details, "image_tokens"),
        completion_audio_tokens=count(completion_details, "audio_tokens"),
        completion_image_tokens=count(completion_details, "image_tokens"),
    )


def count(reported: Mapping[str, Any], name: str) -> int:
    """A provider's number may be missing, negative, a float or a text; only a plausible count is a count."""
    value = reported.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 < value < _MOST_TOKENS else 0


def _details(reported: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = reported.get(name)
    return value if isinstance(value, dict) else {}
