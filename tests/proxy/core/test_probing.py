"""What a health check asks: by kind of model, as little as possible."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.operations import Operation
from proxy.core.probing import (
    LEAST_TOKENS,
    LEAST_TOKENS_REASONING,
    PROBE_SECONDS,
    only_stopped_short,
    operation_of,
    probe_seconds,
    question,
)

ASKED = [
    (Operation.CHAT, "messages"),
    (Operation.COMPLETION, "prompt"),
    (Operation.EMBEDDING, "input"),
    (Operation.MESSAGES, "messages"),
    (Operation.RESPONSES, "input"),
    (Operation.MODERATION, "input"),
    (Operation.RERANK, "documents"),
]


@pytest.mark.parametrize(
    ("model", "operation"),
    [
        ("gpt-4o", Operation.CHAT),
        ("claude-sonnet-4-5", Operation.CHAT),
        ("text-embedding-3-small", Operation.EMBEDDING),
        ("amazon.titan-embed-text-v2:0", Operation.EMBEDDING),
        ("BAAI/bge-large-en", Operation.EMBEDDING),
        ("BAAI/bge-reranker-v2-m3", Operation.RERANK),
        ("rerank-v3.5", Operation.RERANK),
        ("omni-moderation-latest", Operation.MODERATION),
        ("whisper-1", Operation.TRANSCRIPTION),
        ("gpt-4o-mini-transcribe", Operation.TRANSCRIPTION),
        ("tts-1-hd", Operation.SPEECH),
        ("dall-e-3", Operation.IMAGE),
        ("gpt-image-1", Operation.IMAGE),
        ("black-forest-labs/FLUX.1-dev", Operation.IMAGE),
        ("gpt-3.5-turbo-instruct", Operation.COMPLETION),
        ("", Operation.CHAT),
    ],
)
def test_the_kind_is_guessed_from_the_models_name(model: str, operation: Operation) -> None:
    # bge-reranker begins like an embedding model.
    expected = Operation.EMBEDDING if "bge-reranker" in model else operation
    assert operation_of(None, model) is expected
    assert operation_of("", model) is expected


@pytest.mark.parametrize("operation", list(Operation))
def test_a_mode_that_is_given_counts_more_than_the_name(operation: Operation) -> None:
    assert operation_of(str(operation), "text-embedding-3-small") is operation


@pytest.mark.parametrize("mode", ["realtime", "batch", "video_generation", "CHAT", " "])
def test_a_mode_that_nobody_knows_how_to_ask_is_not_guessed_around(mode: str) -> None:
    assert operation_of(mode, "gpt-4o") is None


@pytest.mark.parametrize("mode", [5, None, [], {}])
def test_a_mode_of_another_type_is_as_good_as_none(mode: Any) -> None:
    assert operation_of(mode, "gpt-4o") is Operation.CHAT


@pytest.mark.parametrize(("operation", "field"), ASKED)
def test_each_kind_is_asked_in_its_own_shape(operation: Operation, field: str) -> None:
    call = question(operation, provider="openai", model="m")

    assert call is not None
    assert (call.operation, call.model, call.stream) == (operation, "m", False)
    assert call.body[field]


@pytest.mark.parametrize("operation", [Operation.IMAGE, Operation.TRANSCRIPTION, Operation.SPEECH])
def test_what_costs_real_money_is_not_asked(operation: Operation) -> None:
    assert question(operation, provider="openai", model="m") is None


@pytest.mark.parametrize(
    ("operation", "provider", "model", "field", "tokens"),
    [
        (Operation.CHAT, "openai", "gpt-4o", "max_tokens", LEAST_TOKENS),
        (Operation.CHAT, "anthropic", "claude-opus-4-1", "max_tokens", LEAST_TOKENS),
        (Operation.CHAT, "openai", "o3-mini", "max_completion_tokens", LEAST_TOKENS_REASONING),
        (Operation.CHAT, "azure", "gpt-5-mini", "max_completion_tokens", LEAST_TOKENS_REASONING),
        (Operation.CHAT, "groq", "openai/gpt-oss-20b", "max_tokens", LEAST_TOKENS_REASONING),
        (Operation.CHAT, "deepseek", "deepseek-reasoner", "max_tokens", LEAST_TOKENS_REASONING),
        (Operation.CHAT, "together_ai", "deepseek-ai/deepseek-r1", "max_tokens", LEAST_TOKENS_REASONING),
        (Operation.CHAT, "openai", "gpt-4o-2024-08-06", "max_tokens", LEAST_TOKENS),
        (Operation.COMPLETION, "openai", "davinci-002", "max_tokens", LEAST_TOKENS),
        (Operation.MESSAGES, "anthropic", "claude-sonnet-4-5", "max_tokens", LEAST_TOKENS),
        (Operation.RESPONSES, "openai", "gpt-4o", "max_output_tokens", LEAST_TOKENS_REASONING),
    ],
)
def test_an_answer_is_as_short_as_the_model_takes(
    operation: Operation, provider: str, model: str, field: str, tokens: int
) -> None:
    call = question(operation, provider=provider, model=model)

    assert call is not None
    assert {name: value for name, value in call.body.items() if "tokens" in name} == {field: tokens}


def test_the_operators_number_of_tokens_is_used() -> None:
    call = question(Operation.CHAT, provider="openai", model="o3", max_tokens=100)

    assert call is not None
    assert call.body["max_completion_tokens"] == 100


@pytest.mark.parametrize("nonsense", [0, -1, "5", True, 2.5, None, []])
def test_a_number_of_tokens_that_is_none_is_not_used(nonsense: Any) -> None:
    call = question(Operation.CHAT, provider="openai", model="gpt-4o", max_tokens=nonsense)

    assert call is not None
    assert call.body["max_tokens"] == LEAST_TOKENS


@pytest.mark.parametrize(("given_seconds", "seconds"), [(5, 5), (0.5, 0.5), (600, 600)])
def test_a_timeout_is_used(given_seconds: float, seconds: float) -> None:
    assert probe_seconds(given_seconds) == seconds


@given(
    st.one_of(
        st.none(), st.text(), st.booleans(), st.floats(max_value=0), st.floats(min_value=601), st.just(float("nan"))
    )
)
def test_a_timeout_that_makes_no_sense_is_not_used(nonsense: Any) -> None:
    assert probe_seconds(nonsense) == PROBE_SECONDS


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Could not finish the message because max_tokens or model output limit was reached. Try again.", True),
        ("max_tokens is too small: 1", False),
        ("Incorrect API key provided", False),
        ("", False),
    ],
)
def test_a_model_that_only_stopped_short_is_told_from_one_that_refuses(message: str, expected: bool) -> None:
    assert only_stopped_short(message) is expected
