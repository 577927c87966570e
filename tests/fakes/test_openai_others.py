"""OpenAI's own client understands what the fake answers, and the bill says what was served."""

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.fakes.completion import Billed
from tests.fakes.openai_others import SPEECH
from tests.fakes.upstream import FakeUpstream

AUDIO = bytes(range(256)) + b"\r\n--\r\n\r\n" + bytes(range(255, -1, -1))


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


@pytest.fixture
def sdk(upstream: FakeUpstream) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{upstream.url}/v1", api_key="sk-test", max_retries=0) as sdk:
        yield sdk


def bill(upstream: FakeUpstream) -> tuple[str, int, int, int, str]:
    [line] = upstream.billed
    return line.model, line.prompt_tokens, line.completion_tokens, line.units, line.unit


@pytest.mark.parametrize(
    ("given", "vectors", "tokens"), [("toll", 1, 2), (["toll", "gate"], 2, 4), ([1, 2, 3], 1, 3), ([[1, 2], [3]], 2, 3)]
)
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings(
    upstream: FakeUpstream, sdk: openai.OpenAI, given: Any, vectors: int, tokens: int, encoding: Any
) -> None:
    answer = sdk.embeddings.create(model="embed", input=given, encoding_format=encoding)

    assert len(answer.data) == vectors
    assert answer.usage.prompt_tokens == tokens
    assert bill(upstream) == ("embed", tokens, 0, 0, "")


def test_embeddings_come_as_numbers_when_nothing_is_said(sdk: openai.OpenAI) -> None:
    assert sdk.embeddings.create(model="embed", input="toll").data[0].embedding == [0.25, -0.5, 0.125]


def test_moderations_are_free(upstream: FakeUpstream, sdk: openai.OpenAI) -> None:
    answer = sdk.moderations.create(model="omni-moderation", input=["peace", "violence"])

    assert [result.flagged for result in answer.results] == [False, True]
    assert bill(upstream) == ("omni-moderation", 0, 0, 0, "")


def test_images_are_billed_by_the_image_or_by_their_tokens(upstream: FakeUpstream, sdk: openai.OpenAI) -> None:
    urls = sdk.images.generate(model="dall-e-3", prompt="A gate", n=2)
    assert len(urls.data or []) == 2
    assert urls.usage is None
    assert bill(upstream) == ("dall-e-3", 0, 0, 2, "image")
    upstream.clear()

    drawn = sdk.images.generate(model="gpt-image-1", prompt="A gate", n=3)
    assert drawn.usage
    assert drawn.usage.output_tokens == 3 * 272
    assert bill(upstream) == ("gpt-image-1", drawn.usage.input_tokens, 816, 3, "image")


@pytest.mark.parametrize(
    ("usage", "billed"), [("duration", (0, 0)), ("tokens", (75, 5)), ("", (0, 0))], ids=["duration", "tokens", "none"]
)
def test_transcriptions_need_the_file_byte_for_byte(
    upstream: FakeUpstream, sdk: openai.OpenAI, usage: str, billed: tuple[int, int]
) -> None:
    upstream.others.file, upstream.others.transcript_usage = AUDIO, usage
    answer = sdk.audio.transcriptions.create(
        model="whisper-1", file=("a.wav", AUDIO, "audio/wav"), timestamp_granularities=["word", "segment"]
    )

    assert answer.text == upstream.others.transcript
    assert (answer.usage.type if answer.usage else "") == usage
    assert upstream.others.forms[0]["timestamp_granularities[]"] == [b"word", b"segment"]
    assert bill(upstream) == ("whisper-1", *billed, 7500, "millisecond")


def test_a_file_that_came_otherwise_is_refused(upstream: FakeUpstream, sdk: openai.OpenAI) -> None:
    upstream.others.file = AUDIO
    with pytest.raises(openai.BadRequestError, match="are not the"):
        sdk.audio.transcriptions.create(model="whisper-1", file=("a.wav", AUDIO.replace(b"\r\n", b"\n")))

    assert upstream.billed == []


@pytest.mark.parametrize("response_format", ["text", "srt", "vtt"])
def test_subtitles_come_as_text(upstream: FakeUpstream, sdk: openai.OpenAI, response_format: Any) -> None:
    answer: Any = sdk.audio.transcriptions.create(
        model="whisper-1", file=("a.wav", AUDIO), response_format=response_format
    )

    assert upstream.others.transcript in answer
    assert bill(upstream)[3:] == (7500, "millisecond")


def test_speech_comes_as_audio(upstream: FakeUpstream, sdk: openai.OpenAI) -> None:
    answer = sdk.audio.speech.create(model="tts-1", voice="alloy", input="Grüße")

    assert answer.content == SPEECH
    assert answer.response.headers["content-type"] == "audio/mpeg"
    assert bill(upstream) == ("tts-1", 0, 0, 5, "character")


def test_rankings_have_coheres_shape(upstream: FakeUpstream) -> None:
    asked = {"model": "rerank", "query": "the toll", "documents": ["a road", {"text": "the toll"}], "top_n": 1}
    answer = httpx.post(f"{upstream.url}/v1/rerank", json=asked, trust_env=False).json()

    assert answer["results"] == [{"index": 1, "relevance_score": 1.0}]
    assert answer["meta"]["billed_units"] == {"search_units": 1}
    assert bill(upstream) == ("rerank", 0, 0, 1, "query")


def test_completions_whole_and_streaming(upstream: FakeUpstream, sdk: openai.OpenAI) -> None:
    whole = sdk.completions.create(model="gpt-3.5-turbo-instruct", prompt="What is the toll?")
    chunks = list(
        sdk.completions.create(
            model="gpt-3.5-turbo-instruct",
            prompt="What is the toll?",
            stream=True,
            stream_options={"include_usage": True},
        )
    )

    assert whole.choices[0].text == upstream.answer
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == upstream.answer
    assert chunks[-1].usage == whole.usage
    assert [(line.stream, line.finished) for line in upstream.billed] == [(False, True), (True, True)]


def test_responses_whole_and_streaming(upstream: FakeUpstream, sdk: openai.OpenAI) -> None:
    upstream.cached_tokens, upstream.reasoning_tokens = 2, 5
    whole = sdk.responses.create(model="gpt-4o", input="What is the toll?")
    events = list(
        sdk.responses.create(model="gpt-4o", input=[{"role": "user", "content": "What is the toll?"}], stream=True)
    )

    assert whole.output_text == upstream.answer
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == upstream.answer
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == upstream.answer
    assert last.response.usage == whole.usage
    assert whole.usage
    assert (whole.usage.input_tokens_details.cached_tokens, whole.usage.output_tokens_details.reasoning_tokens) == (
        2,
        5,
    )
    first, second = upstream.billed
    assert (first.prompt_tokens, first.completion_tokens) == (whole.usage.input_tokens, whole.usage.output_tokens)
    assert (second.prompt_tokens, second.completion_tokens) == (first.prompt_tokens, first.completion_tokens)


def test_a_response_that_may_not_be_long_is_incomplete(sdk: openai.OpenAI) -> None:
    answer = sdk.responses.create(model="gpt-4o", input="What is the toll?", max_output_tokens=3)

    assert answer.status == "incomplete"
    assert answer.usage
    assert answer.usage.output_tokens == 3


@pytest.mark.parametrize(
    ("path", "asked"),
    [("responses", {"model": "gpt-4o", "input": "Hi"}), ("completions", {"model": "x", "prompt": "Hi"})],
)
def test_a_stream_that_is_cut_is_billed_in_part(upstream: FakeUpstream, path: str, asked: dict[str, Any]) -> None:
    upstream.cut_after_chunks, upstream.completion_tokens = 1, 40
    with pytest.raises(httpx.ReadError):
        httpx.post(f"{upstream.url}/v1/{path}", json=asked | {"stream": True}, trust_env=False)

    [line] = upstream.wait_for_billed(1)
    assert (line.completion_tokens, line.finished) == (10, False)


@pytest.mark.parametrize(
    "path",
    [
        "embeddings", "completions", "moderations", "images/generations", "audio/transcriptions", "audio/speech",
        "rerank", "responses",
    ],
)  # fmt: skip
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"model": "x"}'])
def test_what_makes_no_sense_is_refused_and_not_billed(upstream: FakeUpstream, path: str, body: bytes) -> None:
    answer = httpx.post(f"{upstream.url}/v1/{path}", content=body, trust_env=False)

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert upstream.billed == []


def test_usage_can_be_left_out(upstream: FakeUpstream) -> None:
    upstream.omit_usage = True
    with httpx.Client(trust_env=False, base_url=f"{upstream.url}/v1") as client:
        answers = [
            client.post("/embeddings", json={"model": "x", "input": "Hi"}),
            client.post("/completions", json={"model": "x", "prompt": "Hi"}),
            client.post("/responses", json={"model": "x", "input": "Hi"}),
            client.post("/images/generations", json={"model": "gpt-image-1", "prompt": "Hi"}),
        ]

    assert [answer.json().get("usage") for answer in answers] == [None] * 4
    assert all(type(line) is Billed for line in upstream.billed)
    assert len(upstream.billed) == 4
