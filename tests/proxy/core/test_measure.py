"""What an answer is charged by, for each operation: reported, counted, or estimated and said to be."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budgets.core.pricing import Usage
from proxy.core.measure import Measured, estimate_prompt, estimate_tokens, measure
from proxy.core.operations import Operation
from proxy.core.uploads import Upload
from tests.proxy.core.recordings import mp3, wav

REPORTED = Usage(prompt_tokens=9, completion_tokens=4)
MESSAGES = [{"role": "user", "content": "Hi"}]
# b'[{"role":"user","content":"Hi"}]' has 32 bytes.
MESSAGES_TOKENS = 8


def measured(
    operation: Operation,
    body: dict[str, Any] | None = None,
    answer: dict[str, Any] | None = None,
    *,
    content: bytes = b"",
    reported: Usage | None = None,
) -> Measured:
    return measure(operation, body or {}, answer, content, reported)


def told(**counts: Any) -> Measured:
    return Measured(Usage(**counts), estimated=False)


def guessed(**counts: Any) -> Measured:
    return Measured(Usage(**counts), estimated=True)


@pytest.mark.parametrize(
    "operation",
    [
        Operation.CHAT,
        Operation.COMPLETION,
        Operation.EMBEDDING,
        Operation.MESSAGES,
        Operation.RESPONSES,
        Operation.MODERATION,
    ],
)
def test_what_is_reported_of_texts_is_what_was_used(operation: Operation) -> None:
    assert measured(operation, answer={"choices": ["x"] * 100}, reported=REPORTED) == Measured(
        REPORTED, estimated=False
    )


@pytest.mark.parametrize(
    ("operation", "body", "answer", "prompt", "completion"),
    [
        (Operation.CHAT, {"messages": MESSAGES}, {"choices": [{"message": {"content": "Ho"}}]}, MESSAGES_TOKENS, 8),
        (Operation.CHAT, {"messages": MESSAGES}, {}, MESSAGES_TOKENS, 0),
        (Operation.CHAT, {"messages": MESSAGES}, None, MESSAGES_TOKENS, 0),
        (
            Operation.MESSAGES,
            {"messages": MESSAGES, "system": "Hi"},
            {"content": [{"text": "Ho"}]},
            MESSAGES_TOKENS + 1,
            4,
        ),
        (Operation.RESPONSES, {"input": "Hello", "instructions": "Hi"}, {"output": ["Ho"]}, 3, 2),
        (Operation.COMPLETION, {"prompt": "Hello"}, {"choices": [{"text": "Ho"}]}, 2, 4),
        (Operation.COMPLETION, {"prompt": [1, 2, 3]}, {"choices": []}, 3, 0),
        (Operation.EMBEDDING, {"input": "Hello"}, {"data": [{"embedding": [0.1] * 100}]}, 2, 0),
        (Operation.EMBEDDING, {"input": [[1, 2], [3]]}, {"data": []}, 3, 0),
        (Operation.EMBEDDING, {"input": ["Hello", "Hello"]}, {"data": []}, 5, 0),
    ],
)
def test_texts_without_a_report_are_estimated_at_four_bytes_a_token(
    operation: Operation, body: dict[str, Any], answer: dict[str, Any] | None, prompt: int, completion: int
) -> None:
    assert measured(operation, body, answer) == guessed(prompt_tokens=prompt, completion_tokens=completion)


def test_a_moderation_without_a_report_is_no_estimate() -> None:
    assert measured(Operation.MODERATION, {"input": "Hi"}, {"results": [{}]}) == told()


@pytest.mark.parametrize(
    ("body", "answer", "expected"),
    [
        pytest.param({"n": 3}, {"data": [{"url": "x"}] * 2}, told(images=2), id="images that came"),
        pytest.param(
            {},
            {
                "data": [{"b64_json": "x"}],
                "usage": {
                    "total_tokens": 4210,
                    "input_tokens": 50,
                    "output_tokens": 4160,
                    "input_tokens_details": {"text_tokens": 40, "image_tokens": 10},
                },
            },
            told(
                prompt_tokens=50, completion_tokens=4160, prompt_image_tokens=10, completion_image_tokens=4160, images=1
            ),
            id="gpt-image",
        ),
        pytest.param(
            {},
            {
                "data": [{"b64_json": "x"}],
                "usage": {
                    "input_tokens": 50,
                    "output_tokens": 300,
                    "input_tokens_details": {"text_tokens": 50, "cached_tokens": 7},
                    "output_tokens_details": {"text_tokens": 28, "image_tokens": 272},
                },
            },
            told(prompt_tokens=50, completion_tokens=300, cached_tokens=7, completion_image_tokens=272, images=1),
            id="gpt-image that thought aloud",
        ),
        pytest.param({"n": 3}, {"created": 1}, guessed(images=3), id="as many as asked for"),
        pytest.param({"n": True}, {"data": "x"}, guessed(images=1), id="one"),
        pytest.param({}, {"data": [], "usage": "none"}, told(), id="nothing came"),
    ],
)
def test_images_are_counted_and_their_tokens_read(
    body: dict[str, Any], answer: dict[str, Any], expected: Measured
) -> None:
    assert measured(Operation.IMAGE, body, answer) == expected


AUDIO = {"file": Upload("a.wav", "audio/wav", wav(2500))}


@pytest.mark.parametrize(
    ("body", "answer", "expected"),
    [
        pytest.param(
            AUDIO,
            {"text": "Hi", "usage": {"type": "duration", "seconds": 7}},
            told(milliseconds=7000),
            id="seconds of whisper",
        ),
        pytest.param(AUDIO, {"text": "Hi", "duration": 3.3299999}, told(milliseconds=3330), id="verbose"),
        pytest.param(AUDIO, {"text": "Hi", "duration": "8.470000267028809"}, told(milliseconds=8470), id="as a text"),
        pytest.param(
            AUDIO,
            {
                "text": "Hi",
                "usage": {
                    "type": "tokens",
                    "total_tokens": 101,
                    "input_tokens": 56,
                    "output_tokens": 45,
                    "input_token_details": {"text_tokens": 14, "audio_tokens": 42},
                },
            },
            told(prompt_tokens=56, completion_tokens=45, prompt_audio_tokens=42, milliseconds=2500),
            id="tokens of gpt-4o-transcribe",
        ),
        pytest.param(
            AUDIO,
            {"text": "Hi"},
            guessed(prompt_tokens=25, completion_tokens=1, prompt_audio_tokens=25, milliseconds=2500),
            id="the recording's own length",
        ),
        pytest.param(
            {**AUDIO, "prompt": "Toll"},
            {"text": "Hi", "usage": {"type": "duration", "seconds": -1}, "duration": "long"},
            guessed(prompt_tokens=27, completion_tokens=1, prompt_audio_tokens=25, milliseconds=2500),
            id="a report that makes no sense",
        ),
        pytest.param(
            {"file": Upload("a.webm", "audio/webm", bytes(8000))},
            {"text": ""},
            guessed(prompt_tokens=10, completion_tokens=1, prompt_audio_tokens=10, milliseconds=1000),
            id="a recording that does not tell",
        ),
    ],
)
def test_a_transcription_is_measured_by_seconds_or_tokens(
    body: dict[str, Any], answer: dict[str, Any], expected: Measured
) -> None:
    assert measured(Operation.TRANSCRIPTION, body, answer) == expected


def test_a_transcription_that_came_as_text_is_measured_by_the_recording_and_the_text() -> None:
    found = measured(Operation.TRANSCRIPTION, AUDIO, None, content="1\n00:00 --> 00:02\nZöll\n".encode())

    assert found == guessed(prompt_tokens=25, completion_tokens=8, prompt_audio_tokens=25, milliseconds=2500)


@pytest.mark.parametrize(
    ("body", "content", "milliseconds"),
    [
        ({"input": "Grüße 😀"}, mp3(3000), 3000),
        ({"input": "Grüße 😀", "response_format": "pcm"}, bytes(48_000), 1000),
        ({"input": "Grüße 😀", "response_format": "aac"}, bytes(8000), 1000),
    ],
)
def test_speech_is_counted_in_characters_and_its_tokens_estimated(
    body: dict[str, Any], content: bytes, milliseconds: int
) -> None:
    spoken = milliseconds // 50

    assert measured(Operation.SPEECH, body, content=content) == guessed(
        prompt_tokens=4,
        completion_tokens=spoken,
        completion_audio_tokens=spoken,
        characters=7,
        milliseconds=milliseconds,
    )


def test_what_is_reported_of_speech_is_kept_beside_the_characters() -> None:
    found = measured(Operation.SPEECH, {"input": "Hi"}, content=wav(500), reported=REPORTED)

    assert found == told(prompt_tokens=9, completion_tokens=4, characters=2, milliseconds=500)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"meta": {"billed_units": {"search_units": 3}}}, told(queries=3)),
        (
            {"meta": {"billed_units": {"search_units": 1}, "tokens": {"input_tokens": 70}}},
            told(prompt_tokens=70, queries=1),
        ),
        ({"meta": {"billed_units": {"input_tokens": 70}}}, told(prompt_tokens=70, queries=1)),
        ({"usage": {"total_tokens": 70}}, told(prompt_tokens=70, queries=1)),
        ({"results": []}, guessed(prompt_tokens=6, queries=1)),
        ({"meta": {"billed_units": {"search_units": "many"}}, "usage": []}, guessed(prompt_tokens=6, queries=1)),
    ],
)
def test_a_ranking_is_measured_by_search_units_or_tokens(answer: dict[str, Any], expected: Measured) -> None:
    assert measured(Operation.RERANK, {"query": "toll", "documents": ["gate", "road"]}, answer) == expected


def test_a_ranking_whose_tokens_are_reported_is_one_query() -> None:
    assert measured(Operation.RERANK, answer={}, reported=REPORTED) == told(
        prompt_tokens=9, completion_tokens=4, queries=1
    )


@pytest.mark.parametrize(
    ("value", "tokens"), [("", 1), ("ab", 1), ("abc", 2), ([], 1), ({}, 1), (None, 1), ("ü", 1), ("x" * 398, 100)]
)
def test_four_bytes_of_json_are_a_token(value: Any, tokens: int) -> None:
    assert estimate_tokens(value) == tokens


def test_what_no_encoder_takes_is_estimated_all_the_same() -> None:
    deep: Any = []
    for _ in range(900):
        deep = [deep]

    assert estimate_tokens(deep) > 400
    assert estimate_tokens({"file": Upload("a", "b", bytes(10_000))}) < 20


@pytest.mark.parametrize("operation", Operation)
def test_the_prompt_of_an_empty_request_is_nothing(operation: Operation) -> None:
    assert estimate_prompt(operation, {}) == 0


_keys = st.sampled_from(
    [
        "usage", "data", "duration", "seconds", "type", "text", "meta", "billed_units", "search_units", "tokens",
        "input_tokens", "output_tokens", "input_tokens_details", "input_token_details", "image_tokens", "audio_tokens",
        "output_tokens_details", "total_tokens", "choices", "content", "output", "input", "prompt", "n", "file",
        "response_format", "query", "documents", "messages",
    ]
)  # fmt: skip
_leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("1e400")
_json = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=6), max_leaves=20
)


@given(
    st.sampled_from(Operation),
    st.dictionaries(_keys, _json),
    st.none() | st.dictionaries(_keys, _json),
    st.binary(max_size=50),
    st.none() | st.just(REPORTED),
)
@settings(deadline=None, max_examples=200)
def test_whatever_an_answer_holds_it_is_measured(
    operation: Operation, body: dict[str, Any], answer: dict[str, Any] | None, content: bytes, reported: Usage | None
) -> None:
    usage = measure(operation, body, answer, content, reported).usage

    assert (usage.search_size, usage.service_tier) == ("", "")
    for name in set(Usage.__slots__) - {"search_size", "service_tier"}:
        assert type(getattr(usage, name)) is int
        assert 0 <= getattr(usage, name) < 2**53
    assert orjson.loads(orjson.dumps(usage)) is not None
