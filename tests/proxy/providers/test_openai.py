"""What OpenAI's wire means: usage that can be believed, and where to post."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budgets.core.pricing import Usage
from proxy.core.errors import BadRequest
from proxy.core.operations import Operation
from proxy.providers import PROVIDERS
from proxy.providers.base import Account, Provider, Upload, UpstreamRequest
from proxy.providers.openai import OpenAICompatible

OPENAI = PROVIDERS["openai"]
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def test_usage_with_all_its_details() -> None:
    reported = {
        "prompt_tokens": 10,
        "completion_tokens": 20,
        "total_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 8},
        "cache_creation_input_tokens": 3,
    }

    assert OPENAI.usage(Operation.CHAT, reported) == Usage(
        10, 20, cached_tokens=4, cache_creation_tokens=3, reasoning_tokens=8
    )


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
    assert OPENAI.usage(Operation.CHAT, reported) is None


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

    assert OPENAI.usage(Operation.CHAT, reported) == Usage(0, 5)


@pytest.mark.parametrize("details", [None, 5, "x", [], [{"cached_tokens": 5}]])
def test_details_that_are_no_object_are_ignored(details: Any) -> None:
    reported = {"prompt_tokens": 3, "prompt_tokens_details": details, "completion_tokens_details": details}

    assert OPENAI.usage(Operation.CHAT, reported) == Usage(prompt_tokens=3)


def test_a_whole_number_written_as_a_float_is_a_count() -> None:
    assert OPENAI.usage(Operation.CHAT, {"prompt_tokens": 3.0}) == Usage(prompt_tokens=3)


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
    usage = OPENAI.usage(Operation.CHAT, reported)

    if usage is not None:
        counts = (
            usage.prompt_tokens,
            usage.completion_tokens,
            usage.cached_tokens,
            usage.cache_creation_tokens,
            usage.reasoning_tokens,
        )
        assert all(type(count) is int and 0 <= count < 10**9 for count in counts)


def account(api_base: str = "", api_key: str = "sk-x", model: str = "gpt-4o", **params: Any) -> Account:
    return Account(model, api_base, api_key, params)


def built(operation: Operation, body: dict[str, Any], *, provider: Provider = OPENAI, **facts: Any) -> UpstreamRequest:
    return provider.build_request(provider.prepare(account(**facts)), operation, body, stream=False, now=NOW)


@pytest.mark.parametrize(
    ("api_base", "url"),
    [
        ("", "https://api.openai.com/v1/chat/completions"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://127.0.0.1:8000/v1/?team=7", "http://127.0.0.1:8000/v1/chat/completions?team=7"),
    ],
)
def test_where_to_post(api_base: str, url: str) -> None:
    target = OPENAI.prepare(account(api_base, organization="org-1"))

    assert target.urls[Operation.CHAT] == url
    assert target.headers["Authorization"] == "Bearer sk-x"
    assert target.headers["OpenAI-Organization"] == "org-1"


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        (Operation.CHAT, "chat/completions"),
        (Operation.COMPLETION, "completions"),
        (Operation.EMBEDDING, "embeddings"),
        (Operation.RESPONSES, "responses"),
        (Operation.MODERATION, "moderations"),
        (Operation.IMAGE, "images/generations"),
        (Operation.TRANSCRIPTION, "audio/transcriptions"),
        (Operation.SPEECH, "audio/speech"),
    ],
)
def test_each_operation_has_its_path(operation: Operation, path: str) -> None:
    assert OPENAI.prepare(account()).urls[operation] == f"https://api.openai.com/v1/{path}"


def test_without_a_key_no_authorization_is_sent() -> None:
    target = OpenAICompatible("hosted_vllm").prepare(account("http://h", api_key=""))

    assert "Authorization" not in target.headers


def test_without_an_address_the_admin_is_told() -> None:
    with pytest.raises(ValueError, match="'hosted_vllm' needs an api_base"):
        OpenAICompatible("hosted_vllm").prepare(account())


def test_the_body_is_sent_as_it_is_under_the_upstreams_name_for_the_model() -> None:
    request = built(Operation.CHAT, {"messages": [], "made_up": {"a": 1}}, model="meta-llama/Llama-3")

    assert json.loads(request.content) == {"messages": [], "made_up": {"a": 1}, "model": "meta-llama/Llama-3"}


def test_a_file_goes_as_a_form() -> None:
    file = Upload("toll.wav", "audio/wav", b"RIFF....")

    request = built(Operation.TRANSCRIPTION, {"file": file, "language": "en"}, model="whisper-1")

    assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")
    assert b'name="model"\r\n\r\nwhisper-1\r\n' in request.content
    assert b"RIFF...." in request.content


def test_a_file_that_does_not_belong_is_the_clients_mistake() -> None:
    with pytest.raises(BadRequest):
        built(Operation.CHAT, {"messages": [], "extra": Upload("a", "b/c", b"")})


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("gpt-4o", {"max_tokens": 5, "temperature": 0.2}),
        ("gpt-5-chat-latest", {"max_tokens": 5, "temperature": 0.2}),
        ("gpt-5.1-chat-latest", {"max_tokens": 5, "temperature": 0.2}),
        ("o4-mini", {"max_completion_tokens": 5, "temperature": 0.2}),
        ("gpt-5-mini", {"max_completion_tokens": 5, "temperature": 0.2}),
    ],
)
def test_reasoning_models_get_the_limit_they_know(model: str, sent: dict[str, Any]) -> None:
    body = json.loads(built(Operation.CHAT, {"max_tokens": 5, "temperature": 0.2}, model=model).content)

    assert body == {**sent, "model": model}


def test_what_reasoning_models_refuse_is_left_out_when_the_admin_says_so() -> None:
    asked = {"max_tokens": 5, "temperature": 0.2, "top_p": 0.1, "seed": 1}

    dropped = json.loads(built(Operation.CHAT, asked, model="o3", drop_params=True).content)
    kept = json.loads(built(Operation.CHAT, asked, model="gpt-4o", drop_params=True).content)

    assert dropped == {"max_completion_tokens": 5, "seed": 1, "model": "o3"}
    assert kept == {**asked, "model": "gpt-4o"}


def test_a_client_may_say_so_as_well() -> None:
    asked = {"max_tokens": 5, "temperature": 0.2, "top_p": 0.1, "seed": 1}
    said = {"drop_params": True, "additional_drop_params": ["seed"]}

    dropped = json.loads(built(Operation.CHAT, {**asked, **said}, model="o3").content)
    kept = json.loads(built(Operation.CHAT, {**asked, "drop_params": False}, model="o3").content)

    assert dropped == {"max_completion_tokens": 5, "model": "o3"}
    assert kept == {"max_completion_tokens": 5, "temperature": 0.2, "top_p": 0.1, "seed": 1, "model": "o3"}


def test_both_limits_are_not_fought_over() -> None:
    asked = {"max_tokens": 5, "max_completion_tokens": 7}

    assert json.loads(built(Operation.CHAT, asked, model="o3").content)["max_completion_tokens"] == 7


def test_completions_in_a_stream_count_as_the_first_token() -> None:
    reader = OPENAI.reader(Operation.COMPLETION, model="m", wants_usage=False)
    assert reader is not None

    relayed = reader.feed(b'data: {"id":"cmpl-1","choices":[{"index":0,"text":"The toll"}],"model":"own"}\n\n')

    assert reader.first_token
    assert json.loads(relayed[6:])["model"] == "m"
