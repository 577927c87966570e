"""Embeddings, moderations, images, audio and rankings: charged by different things, and all alike."""

import io
import struct
from typing import Any

import httpx
import openai
import pytest

from tests.fakes.openai_others import SPEECH
from tests.functional.sdk.asking import named, over
from tests.functional.sdk.books import Books, as_billed, owed
from tests.functional.sdk.peers import EMBEDDERS, Fake, Peer

_SAMPLES = 8000 * 3
# Three seconds, as any program would record them.
WAV = (
    b"RIFF" + struct.pack("<I", 36 + _SAMPLES) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    + b"data" + struct.pack("<I", _SAMPLES) + bytes(_SAMPLES)
)  # fmt: skip


def recording() -> io.BytesIO:
    file = io.BytesIO(WAV)
    file.name = "gate.wav"
    return file


# Who embeds without saying how many tokens that took.
SILENT = {"embed-gemini", "embed-cohere"}


@over(EMBEDDERS)
@pytest.mark.parametrize("encoding", [None, "float"], ids=["as the SDK likes it", "floats"])
def test_embeddings(sdk: openai.OpenAI, books: Books, peer: Peer, encoding: Any) -> None:
    options: Any = {"encoding_format": encoding} if encoding else {}
    basis = "estimated" if peer.group in SILENT else "usage"
    with books.answer(peer, "aembedding", basis=basis) as seen:
        answer = sdk.embeddings.create(model=peer.group, input="What is the toll?", **options)

    assert answer.model == peer.group
    assert [type(value) for value in answer.data[0].embedding[:2]] == [float, float]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == seen.row["prompt_tokens"] > 0
    assert seen.row["amount_nano"] == owed(as_billed(seen.row), peer.price) > 0


@over(named("embed-openai", "embed-azure", "embed-gemini", "embed-cohere"))
def test_several_embeddings_at_once(sdk: openai.OpenAI, peer: Peer) -> None:
    answer = sdk.embeddings.create(model=peer.group, input=["What", "is", "the toll?"])

    assert [one.index for one in answer.data] == [0, 1, 2]


def test_moderations_are_counted_and_free(sdk: openai.OpenAI, books: Books) -> None:
    [peer] = named("moderation")
    with books.answer(peer, "amoderation") as seen:
        answer = sdk.moderations.create(model=peer.group, input=["peace", "violence"])

    assert answer.model == peer.group
    assert [result.flagged for result in answer.results] == [False, True]
    assert seen.row["amount_nano"] == 0


@over(named("dall-e", "azure-dall-e"))
def test_images_cost_by_the_piece(sdk: openai.OpenAI, books: Books, peer: Peer) -> None:
    with books.answer(peer, "aimage_generation") as seen:
        answer = sdk.images.generate(model=peer.group, prompt="A gate", n=3, size="1024x1024")

    assert len(answer.data or []) == 3
    assert (seen.row["units"], seen.row["unit"], seen.row["amount_nano"]) == (3, "image", 120_000_000)


def test_images_cost_by_their_tokens(sdk: openai.OpenAI, books: Books) -> None:
    [peer] = named("gpt-image")
    with books.answer(peer, "aimage_generation") as seen:
        answer = sdk.images.generate(model=peer.group, prompt="A gate", n=2)

    assert len(answer.data or []) == 2
    assert answer.usage
    assert (seen.row["prompt_tokens"], seen.row["completion_tokens"]) == (answer.usage.input_tokens, 2 * 272)


@over(named("whisper", "azure-whisper", "groq-whisper"))
@pytest.mark.parametrize("response_format", ["json", "verbose_json", "text", "srt"])
def test_recordings_cost_by_the_second(
    sdk: openai.OpenAI, books: Books, fakes: dict[str, Any], peer: Peer, response_format: Any
) -> None:
    """As the provider counts them, else as the file says."""
    others = fakes[peer.fake].others
    others.file, others.seconds = WAV, 3.0
    told = "usage" if response_format.endswith("json") else "estimated"
    with books.answer(peer, "atranscription", basis=told) as seen:
        answer: Any = sdk.audio.transcriptions.create(
            model=peer.group, file=recording(), response_format=response_format, language="en"
        )

    assert others.transcript in (answer if isinstance(answer, str) else answer.text)
    assert others.forms[-1]["language"] == [b"en"]
    assert (seen.row["units"], seen.row["amount_nano"]) == (3000, 300_000)


def test_recordings_cost_by_their_tokens(sdk: openai.OpenAI, books: Books, fakes: dict[str, Any]) -> None:
    [peer] = named("gpt-transcribe")
    fakes["openai"].others.transcript_usage, fakes["openai"].others.seconds = "tokens", 3.0
    with books.answer(peer, "atranscription") as seen:
        sdk.audio.transcriptions.create(model=peer.group, file=recording())

    assert (seen.row["prompt_tokens"], seen.row["completion_tokens"]) == (30, 5)


@over(named("tts", "azure-tts"))
def test_speech_costs_by_the_character(sdk: openai.OpenAI, books: Books, peer: Peer) -> None:
    with books.answer(peer, "aspeech", basis="estimated") as seen:
        answer = sdk.audio.speech.create(model=peer.group, voice="alloy", input="Grüße")

    assert answer.content == SPEECH
    assert answer.response.headers["content-type"] == "audio/mpeg"
    assert (seen.row["units"], seen.row["unit"], seen.row["amount_nano"]) == (5, "character", 75_000)


def test_speech_can_be_read_as_it_comes(sdk: openai.OpenAI, books: Books) -> None:
    [peer] = named("tts")
    with (
        books.answer(peer, "aspeech", basis="estimated"),
        sdk.audio.speech.with_streaming_response.create(model=peer.group, voice="alloy", input="Stop") as answer,
    ):
        assert b"".join(answer.iter_bytes()) == SPEECH


@over(named("rerank-cohere", "rerank-vllm"))
@pytest.mark.parametrize("path", ["/rerank", "/v1/rerank", "/v2/rerank"])
def test_rankings_cost_by_the_query(books: Books, fakes: dict[str, Any], peer: Peer, path: str) -> None:
    fakes[peer.fake].others.search_units = 2
    with books.answer(peer, "arerank") as seen:
        answer = books.http.post(
            path, json={"model": peer.group, "query": "the toll", "documents": ["a road", "the toll"], "top_n": 1}
        )

    assert answer.status_code == 200, answer.text
    assert [result["index"] for result in answer.json()["results"]] == [1]
    assert (seen.row["units"], seen.row["amount_nano"]) == (2, 4_000_000)


@over(named("claude", "gemini", "llama"))
def test_what_a_provider_does_not_have_is_a_bad_request(sdk: openai.OpenAI, fake: Fake, peer: Peer) -> None:
    with pytest.raises(openai.BadRequestError, match="image_generation"):
        sdk.images.generate(model=peer.group, prompt="A gate")

    assert fake.received == []


def test_a_form_is_refused_where_json_is_due(books: Books) -> None:
    answer: httpx.Response = books.http.post("/v1/embeddings", files={"input": b"x"}, data={"model": "embed-openai"})

    assert answer.status_code == 415
    assert answer.json()["error"]["message"]
