"""What OpenAI's wire means: usage that can be believed, and where to post."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budgets.core.pricing import Usage
from proxy.providers import PROVIDERS, split_model
from proxy.providers.openai import OpenAICompatible

OPENAI = PROVIDERS["openai"]


def test_usage_with_all_its_details() -> None:
    reported = {
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "total_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 8},
        "cache_creation_input_tokens": 3,
    }

    assert OPENAI.usage(reported) == Usage(10, 20, cached_tokens=4, cache_creation_tokens=3, reasoning_tokens=8)


@pytest.mark.parametrize(
    "reported",
    [
        None,
        [],
        "x",
        5,
        True,
        {},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"total_tokens": 7},
        [["prompt_tokens"]],
    ],
)
def test_nothing_usable_is_no_usage(reported: Any) -> None:
    assert OPENAI.usage(reported) is None


@pytest.mark.parametrize(
    "hostile", [None, -1, -(10**9), "5", 1.5, float("nan"), float("inf"), 10**9, 10**30, True, [], {}, [5], 1e300]
)
def test_a_count_that_makes_no_sense_counts_nothing(hostile: Any) -> None:
    reported = {
        "prompt_tokens": hostile,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": hostile},
        "completion_tokens_details": {"reasoning_tokens": hostile},
        "cache_creation_input_tokens": hostile,
    }

    assert OPENAI.usage(reported) == Usage(0, 5)


@pytest.mark.parametrize("details", [None, 5, "x", [], [{"cached_tokens": 5}]])
def test_details_that_are_no_object_are_ignored(details: Any) -> None:
    reported = {"prompt_tokens": 3, "prompt_tokens_details": details, "completion_tokens_details": details}

    assert OPENAI.usage(reported) == Usage(prompt_tokens=3)


def test_a_whole_number_written_as_a_float_is_a_count() -> None:
    assert OPENAI.usage({"prompt_tokens": 3.0}) == Usage(prompt_tokens=3)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "prompt_tokens",
                    "completion_tokens",
                    "prompt_tokens_details",
                    "completion_tokens_details",
                    "cached_tokens",
                    "reasoning_tokens",
                    "cache_creation_input_tokens",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
)


@given(_json)
@settings(deadline=None, max_examples=400)
def test_whatever_is_reported_usage_is_whole_numbers_from_nought_up(reported: Any) -> None:
    usage = OPENAI.usage(reported)

    if usage is not None:
        counts = (
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.cached_tokens,
            usage.cache_creation_tokens,
            usage.reasoning_tokens,
        )
        assert all(type(count) is int and 0 <= count < 10**9 for count in counts)


@pytest.mark.parametrize(
    ("api_base", "url"),
    [
        ("", "https://api.openai.com/v1/chat/completions"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1/chat/completions"),
    ],
)
def test_where_to_post(api_base: str, url: str) -> None:
    endpoint = OPENAI.chat_endpoint(model="gpt-4o", api_base=api_base, api_key="sk-x", params={"organization": "org-1"})

    assert endpoint.url == url
    assert endpoint.headers["Authorization"] == "Bearer sk-x"
    assert endpoint.headers["OpenAI-Organization"] == "org-1"


def test_without_a_key_no_authorization_is_sent() -> None:
    endpoint = OpenAICompatible("hosted_vllm").chat_endpoint(model="m", api_base="http://h", api_key="", params={})

    assert "Authorization" not in endpoint.headers


@pytest.mark.parametrize(
    ("model", "custom", "expected"),
    [
        ("gpt-4o", None, ("openai", "gpt-4o")),
        ("openai/gpt-4o", None, ("openai", "gpt-4o")),
        ("hosted_vllm/meta-llama/Llama-3", None, ("hosted_vllm", "meta-llama/Llama-3")),
        ("meta-llama/Llama-3", "hosted_vllm", ("hosted_vllm", "meta-llama/Llama-3")),
        ("hosted_vllm/llama", "hosted_vllm", ("hosted_vllm", "llama")),
        ("gpt-4o", "", ("openai", "gpt-4o")),
    ],
)
def test_the_prefix_of_a_model_names_its_provider(model: str, custom: str | None, expected: tuple[str, str]) -> None:
    assert split_model(model, custom_provider=custom) == expected
