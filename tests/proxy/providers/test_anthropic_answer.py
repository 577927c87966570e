"""Anthropic's answers: why they stopped, what they cost, and those that are none."""

from typing import Any

import pytest

from budgets.core.pricing import Usage
from proxy.core.errors import UpstreamFailure
from proxy.core.usage import read_usage
from proxy.providers.anthropic_answer import read_anthropic_usage, to_completion, to_openai_usage


@pytest.mark.parametrize("answer", [{}, {"content": None}, {"content": "x"}, {"content": [1]}, {"type": "error"}])
def test_an_answer_that_is_no_message_is_a_failure(answer: dict[str, Any]) -> None:
    with pytest.raises(UpstreamFailure):
        to_completion(answer)


@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("something_new", "stop"),
        (None, "stop"),
        ([], "stop"),
    ],
)
def test_why_it_stopped(stop_reason: Any, finish_reason: str) -> None:
    answer = {"content": [{"type": "text", "text": "x"}], "stop_reason": stop_reason}

    assert to_completion(answer)["choices"][0]["finish_reason"] == finish_reason


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        (None, None),
        ([], None),
        ({}, None),
        ({"input_tokens": 0, "output_tokens": 0}, None),
        ({"input_tokens": "3", "output_tokens": -1}, None),
        ({"input_tokens": 3, "output_tokens": 2}, Usage(3, 2)),
        (
            {
                "input_tokens": 3,
                "cache_read_input_tokens": 5,
                "cache_creation_input_tokens": 7,
                "output_tokens": 9,
                "output_tokens_details": {"thinking_tokens": 4},
            },
            Usage(15, 9, cached_tokens=5, cache_creation_tokens=7, reasoning_tokens=4),
        ),
        ({"input_tokens": 3, "cache_read_input_tokens": None, "output_tokens_details": []}, Usage(3)),
        (
            {
                "input_tokens": 3,
                "cache_creation_input_tokens": 9,
                "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 7},
                "output_tokens": 1,
                "server_tool_use": {"web_search_requests": 2},
                "service_tier": "batch",
            },
            Usage(12, 1, cache_creation_tokens=9, cache_creation_1h_tokens=7, searches=2, service_tier="batch"),
        ),
        (
            {"input_tokens": 3, "cache_creation_input_tokens": 2, "cache_creation": {"ephemeral_1h_input_tokens": 7}},
            Usage(5, cache_creation_tokens=2, cache_creation_1h_tokens=2),
        ),
        ({"input_tokens": 3, "cache_creation": "x", "server_tool_use": [1], "service_tier": "standard"}, Usage(3)),
    ],
)
def test_usage_of_its_own_shape(reported: Any, usage: Usage | None) -> None:
    assert read_anthropic_usage(reported) == usage
    assert read_usage(to_openai_usage(reported)) == usage


def test_a_hostile_block_breaks_nothing() -> None:
    content = [{}, {"type": []}, {"type": "text", "text": 5}, {"type": "tool_use", "id": 5, "name": [], "input": "x"}]

    [choice] = to_completion({"id": 5, "model": {}, "content": content, "usage": []})["choices"]

    function = {"name": "", "arguments": '"x"'}
    assert choice["message"]["tool_calls"] == [{"id": "", "type": "function", "function": function}]
