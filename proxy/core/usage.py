"""What an OpenAI-shaped `usage` object says. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from budgets.core.pricing import SearchSize, Service, Usage

_MOST_TOKENS = 1_000_000_000
# "fast" is priced as priority (LiteLLM's rule).
_SERVICE_TIERS = {**{service.value: service.value for service in Service}, "fast": Service.PRIORITY.value}
_SEARCH_SIZES = frozenset(size.value for size in SearchSize)
# Whose search models search for each request, and report no number of searches.
_SEARCH_EACH_TIME = frozenset({"azure", "openai"})


def read_usage(reported: Any) -> Usage | None:
    """None when there is nothing usable in it."""
    if not isinstance(reported, dict):
        return None
    prompt, completion = count(reported, "prompt_tokens"), count(reported, "completion_tokens")
    if not prompt and not completion:
        return None
    prompt_details = _details(reported, "prompt_tokens_details")
    completion_details = _details(reported, "completion_tokens_details")
    size = search_size(reported)
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
        cache_creation_1h_tokens=cache_creation_1h(reported) or _cache_creation_1h_detail(prompt_details),
        prompt_images=count(prompt_details, "image_count"),
        searches=web_searches(reported) or (1 if size else 0),
        search_size=size,
        service_tier=service_tier(reported),
    )


def cache_creation_1h(reported: Mapping[str, Any]) -> int:
    """Anthropic: `usage.cache_creation` tells what was written for an hour from what was written for 5 minutes."""
    return count(_details(reported, "cache_creation"), "ephemeral_1h_input_tokens")


def _cache_creation_1h_detail(prompt_details: Mapping[str, Any]) -> int:
    """The same where LiteLLM has it."""
    return count(_details(prompt_details, "cache_creation_token_details"), "ephemeral_1h_input_tokens")


def web_searches(reported: Mapping[str, Any]) -> int:
    """Anthropic's number of searches, or Perplexity's."""
    return count(_details(reported, "server_tool_use"), "web_search_requests") or count(reported, "num_search_queries")


def search_size(reported: Mapping[str, Any]) -> str:
    size = reported.get("search_context_size")
    return size if isinstance(size, str) and size in _SEARCH_SIZES else ""


def service_tier(reported: Mapping[str, Any]) -> str:
    """Nothing for the usual one, however it is called, and for one that nobody knows: it is a label."""
    tier = reported.get("service_tier")
    return _SERVICE_TIERS.get(tier, "") if isinstance(tier, str) else ""


def with_what_is_beside(reported: Any, answer: Mapping[str, Any]) -> Any:
    """A `usage` object that also holds what OpenAI tells beside it: the service tier, and a response's searches."""
    if not isinstance(reported, dict):
        return reported
    found: dict[str, Any] = {}
    if isinstance(tier := answer.get("service_tier"), str):
        found["service_tier"] = tier
    if isinstance(output := answer.get("output"), list):
        searches = sum(isinstance(item, dict) and item.get("type") == "web_search_call" for item in output)
        if searches:
            found["server_tool_use"] = {"web_search_requests": searches}
    return {**found, **reported} if found else reported


def searched(usage: Usage, body: Mapping[str, Any], *, provider: str) -> Usage:
    """With what only the request says of its searches: how large they are, and that there was one."""
    wishes = body.get("web_search_options")
    once = isinstance(wishes, Mapping) and provider in _SEARCH_EACH_TIME
    if usage.search_size or not (usage.searches or once):
        return usage
    return replace(usage, searches=usage.searches or 1, search_size=_wished_size(wishes, body.get("tools")))


def _wished_size(wishes: Any, tools: Any) -> str:
    given = [wishes, *(tools if isinstance(tools, list) else ())]
    return next((size for one in given if isinstance(one, Mapping) and (size := search_size(one))), "")


def count(reported: Mapping[str, Any], name: str) -> int:
    """A provider's number may be missing, negative, a float or a text; only a plausible count is a count."""
    value = reported.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 < value < _MOST_TOKENS else 0


def _details(reported: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = reported.get(name)
    return value if isinstance(value, dict) else {}
