"""Usage as single services report it, and what it means."""

from typing import Any

import pytest

from budgets.core.pricing import Usage
from proxy.core.operations import Operation
from proxy.providers import PROVIDERS


@pytest.mark.parametrize(
    ("name", "reported", "expected"),
    [
        (
            "deepseek",
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 8, "prompt_cache_miss_tokens": 2},
            Usage(10, 5, cached_tokens=8),
        ),
        (
            "deepseek",
            {
                "prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 8,
                "prompt_tokens_details": {"cached_tokens": 8},
            },
            Usage(10, 5, cached_tokens=8),
        ),
        (
            "moonshot",
            {"prompt_tokens": 19, "completion_tokens": 21, "cached_tokens": 10},
            Usage(19, 21, cached_tokens=10),
        ),
        (
            "xai",
            {
                "prompt_tokens": 12, "completion_tokens": 1, "total_tokens": 399,
                "completion_tokens_details": {"reasoning_tokens": 386},
            },
            Usage(12, 387, reasoning_tokens=386),
        ),
        (
            "xai",
            {
                "prompt_tokens": 12, "completion_tokens": 387, "total_tokens": 399,
                "completion_tokens_details": {"reasoning_tokens": 386},
            },
            Usage(12, 387, reasoning_tokens=386),
        ),
        (
            "perplexity",
            {"prompt_tokens": 7, "completion_tokens": 30, "citation_tokens": 200, "reasoning_tokens": 100},
            Usage(207, 130, reasoning_tokens=100),
        ),
        ("perplexity", {"prompt_tokens": 7, "completion_tokens": 30}, Usage(7, 30)),
        ("voyage", {"total_tokens": 8}, Usage(8, 0)),
        ("jina_ai", {"total_tokens": 8, "prompt_tokens": 8}, Usage(8, 0)),
        ("openai", {"total_tokens": 8}, None),
    ],
)  # fmt: skip
def test_what_is_reported_is_counted(name: str, reported: dict[str, Any], expected: Usage | None) -> None:
    assert PROVIDERS[name].usage(Operation.CHAT, reported) == expected
