"""What single providers report in their own way, rewritten to OpenAI's meaning. Pure."""

from collections.abc import Callable
from typing import Any

from proxy.core.errors import UpstreamFailure
from proxy.core.usage import count
from proxy.providers.base import Json


def cached_tokens_at(name: str) -> Callable[[Json], Json]:
    """For a usage that has its cached tokens at the top level.

    DeepSeek: `prompt_cache_hit_tokens` (api-docs.deepseek.com, "Context Caching"); Moonshot: `cached_tokens`
    (platform.kimi.ai/docs/api/chat).
    """

    def rewrite(reported: Json) -> Json:
        details = _object(reported.get("prompt_tokens_details"))
        cached = count(details, "cached_tokens") or count(reported, name)
        return {**reported, "prompt_tokens_details": {**details, "cached_tokens": cached}} if cached else reported

    return rewrite


def with_reasoning_apart(reported: Json) -> Json:
    """Reasoning is counted by xAI beside the completion and not in it (docs.x.ai, "Consumption and rate limits").

    The total tells which of the two it is.
    """
    prompt, completion = count(reported, "prompt_tokens"), count(reported, "completion_tokens")
    reasoning = count(_object(reported.get("completion_tokens_details")), "reasoning_tokens")
    if reasoning and count(reported, "total_tokens") == prompt + completion + reasoning:
        return {**reported, "completion_tokens": completion + reasoning}
    return reported


def with_research(reported: Json) -> Json:
    """Perplexity's deep research bills the citations it read like a prompt, and reasoning beside the completion

    (docs.perplexity.ai, "Pricing": `citation_tokens`, `reasoning_tokens`, neither within the other two counts).
    """
    citations, reasoning = count(reported, "citation_tokens"), count(reported, "reasoning_tokens")
    if not citations and not reasoning:
        return reported
    return {
        **reported,
        "prompt_tokens": count(reported, "prompt_tokens") + citations,
        "completion_tokens": count(reported, "completion_tokens") + reasoning,
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


def total_as_prompt(reported: Json) -> Json:
    """Voyage reports `total_tokens` alone: an embedding completes nothing."""
    if "prompt_tokens" in reported or "completion_tokens" in reported:
        return reported
    return {**reported, "prompt_tokens": reported.get("total_tokens")}


def usage_of_groq(chunk: Json) -> Any:
    """The last chunk carries it in `x_groq`."""
    return _object(chunk.get("x_groq")).get("usage")


def usage_of_choice(chunk: Json) -> Any:
    """Moonshot's last chunk carries it in its only choice."""
    choices = chunk.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return _object(first).get("usage")


def results_of_data(answer: Json) -> Json:
    """Voyage's reranking in the shape of Cohere's, which is everybody else's. Raises UpstreamFailure."""
    data = answer.get("data")
    if not isinstance(data, list):
        raise UpstreamFailure("the answer has no results", provider="voyage")
    rest = {name: value for name, value in answer.items() if name not in {"data", "object"}}
    return {**rest, "results": [_result(entry) for entry in data if isinstance(entry, dict)]}


def _result(entry: Json) -> Json:
    """Voyage gives back a document as a text, Cohere as an object."""
    document = entry.get("document")
    return {**entry, "document": {"text": document}} if isinstance(document, str) else entry


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
