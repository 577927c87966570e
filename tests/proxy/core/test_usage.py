"""What a `usage` object says of prices: an hour in the cache, searches of the web, the service tier."""

from typing import Any

import pytest

from budgets.core.pricing import Usage
from proxy.core.operations import Operation
from proxy.core.relays import read_responses_usage
from proxy.core.scanner import StreamScanner
from proxy.core.usage import read_usage, searched, with_what_is_beside
from proxy.providers import PROVIDERS

PLAIN: dict[str, Any] = {"prompt_tokens": 10, "completion_tokens": 5}


@pytest.mark.parametrize(
    ("more", "usage"),
    [
        ({}, Usage(10, 5)),
        ({"service_tier": "priority"}, Usage(10, 5, service_tier="priority")),
        ({"service_tier": "fast"}, Usage(10, 5, service_tier="priority")),
        ({"service_tier": "flex"}, Usage(10, 5, service_tier="flex")),
        ({"service_tier": "default"}, Usage(10, 5)),
        ({"service_tier": "auto"}, Usage(10, 5)),
        ({"service_tier": "x" * 100}, Usage(10, 5)),
        ({"service_tier": ["flex"]}, Usage(10, 5)),
        (
            {
                "cache_creation_input_tokens": 4,
                "prompt_tokens_details": {"cache_creation_token_details": {"ephemeral_1h_input_tokens": 3}},
            },
            Usage(10, 5, cache_creation_tokens=4, cache_creation_1h_tokens=3),
        ),
        ({"prompt_tokens_details": {"cache_creation_token_details": []}}, Usage(10, 5)),
        ({"prompt_tokens_details": {"image_count": 2}}, Usage(10, 5, prompt_images=2)),
        ({"num_search_queries": 3}, Usage(10, 5, searches=3)),
        ({"search_context_size": "low"}, Usage(10, 5, searches=1, search_size="low")),
        ({"search_context_size": "huge"}, Usage(10, 5)),
        ({"server_tool_use": {"web_search_requests": 2}}, Usage(10, 5, searches=2)),
        ({"server_tool_use": {"web_search_requests": -2}}, Usage(10, 5)),
    ],
)
def test_what_is_read(more: dict[str, Any], usage: Usage) -> None:
    assert read_usage({**PLAIN, **more}) == usage


@pytest.mark.parametrize(
    ("answer", "usage"),
    [
        ({"service_tier": "flex"}, Usage(10, 5, service_tier="flex")),
        ({"service_tier": None}, Usage(10, 5)),
        ({"service_tier": {"a": 1}}, Usage(10, 5)),
        ({"output": [{"type": "web_search_call"}, {"type": "message"}, "x", {"type": "web_search_call"}]},
         Usage(10, 5, searches=2)),
        ({"output": "web_search_call"}, Usage(10, 5)),
    ],
)  # fmt: skip
def test_openai_tells_some_of_it_beside_its_usage(answer: dict[str, Any], usage: Usage) -> None:
    assert read_usage(with_what_is_beside(PLAIN, answer)) == usage
    assert (
        read_responses_usage(with_what_is_beside({"input_tokens": 10, "output_tokens": 5}, {"output": [], **answer}))
        == usage
    )


@pytest.mark.parametrize("reported", [None, [], "x", 5])
def test_what_is_no_usage_stays_none(reported: Any) -> None:
    assert with_what_is_beside(reported, {"service_tier": "flex"}) is reported


def test_its_own_word_goes_before_what_is_beside_it() -> None:
    assert with_what_is_beside({"service_tier": "flex"}, {"service_tier": "priority"}) == {"service_tier": "flex"}


def test_a_stream_tells_the_service_tier_in_the_chunk_with_its_usage() -> None:
    scanner = StreamScanner(model="m", wants_usage=False)
    scanner.feed(b'data: {"id":"a","service_tier":"priority","choices":[],"usage":{"prompt_tokens":10}}\n\n')

    assert read_usage(scanner.usage) == Usage(10, service_tier="priority")


@pytest.mark.parametrize(
    ("provider", "body", "usage", "found"),
    [
        ("openai", {}, Usage(1), Usage(1)),
        ("openai", {"web_search_options": {}}, Usage(1), Usage(1, searches=1)),
        ("openai", {"web_search_options": None}, Usage(1), Usage(1)),
        ("openai", {"web_search_options": {"search_context_size": "high"}}, Usage(1),
         Usage(1, searches=1, search_size="high")),
        # Whoever counts its searches and has counted none has not searched.
        ("anthropic", {"web_search_options": {"search_context_size": "high"}}, Usage(1), Usage(1)),
        ("anthropic", {"web_search_options": {"search_context_size": "high"}}, Usage(1, searches=3),
         Usage(1, searches=3, search_size="high")),
        ("openai", {"tools": [5, {"type": "web_search", "search_context_size": "low"}]}, Usage(1, searches=2),
         Usage(1, searches=2, search_size="low")),
        ("openai", {"tools": [{"type": "web_search", "search_context_size": []}]}, Usage(1, searches=2),
         Usage(1, searches=2)),
        ("perplexity", {"web_search_options": {"search_context_size": "high"}},
         Usage(1, searches=1, search_size="low"), Usage(1, searches=1, search_size="low")),
    ],
)  # fmt: skip
def test_how_large_a_search_is_only_the_request_says(
    provider: str, body: dict[str, Any], usage: Usage, found: Usage
) -> None:
    assert searched(usage, body, provider=provider) == found


@pytest.mark.parametrize(
    ("provider", "answer", "usage"),
    [
        (
            "bedrock",
            {
                "output": {"message": {"content": []}},
                "usage": {
                    "inputTokens": 3,
                    "outputTokens": 2,
                    "cacheWriteInputTokens": 9,
                    "cacheDetails": [{"inputTokens": 7, "ttl": "1h"}, {"inputTokens": 2, "ttl": "5m"}, "x"],
                },
                "serviceTier": {"type": "flex"},
            },
            Usage(12, 2, cache_creation_tokens=9, cache_creation_1h_tokens=7, service_tier="flex"),
        ),
        (
            "gemini",
            {
                "candidates": [{"content": {"parts": [{"text": "x"}]}}],
                "usageMetadata": {
                    "promptTokenCount": 3,
                    "candidatesTokenCount": 2,
                    "trafficType": "ON_DEMAND_PRIORITY",
                },
            },
            Usage(3, 2, service_tier="priority"),
        ),
        (
            "openai",
            {"choices": [], "service_tier": "flex", "usage": PLAIN},
            Usage(10, 5, service_tier="flex"),
        ),
    ],
)
def test_each_provider_says_it_in_its_own_words(provider: str, answer: dict[str, Any], usage: Usage) -> None:
    wire = PROVIDERS[provider]
    parsed = wire.parse_response(Operation.CHAT, answer)

    assert wire.usage(Operation.CHAT, with_what_is_beside(parsed["usage"], parsed)) == usage
