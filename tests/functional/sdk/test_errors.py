"""What goes wrong upstream reaches a program as the exception that its SDK has for it, whichever provider said it."""

from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

from tests.fakes.server import Reply
from tests.functional.sdk.asking import QUESTION, named, over_chat
from tests.functional.sdk.books import Books
from tests.functional.sdk.peers import ALL, Fake, Peer, refusal
from tests.functional.sdk.test_others import recording

each_status = pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "BadRequestError"),
        (401, "AuthenticationError"),
        (403, "PermissionDeniedError"),
        (404, "NotFoundError"),
        (429, "RateLimitError"),
        (500, "InternalServerError"),
    ],
)


@over_chat
@each_status
def test_chat_is_refused(sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake, status: int, name: str) -> None:
    fake.script(refusal(peer, status))
    with books.failure(peer, "acompletion", status), pytest.raises(getattr(openai, name)) as caught:
        sdk.chat.completions.create(model=peer.group, messages=QUESTION)

    error: Any = caught.value
    assert "The gate is closed." in error.message
    assert error.body["code"] == str(status)
    assert error.response.headers["x-litellm-response-cost"] == "0"


@over_chat
@each_status
def test_a_stream_is_refused_before_it_begins(
    sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake, status: int, name: str
) -> None:
    fake.script(refusal(peer, status))
    with books.failure(peer, "acompletion", status, stream=True), pytest.raises(getattr(openai, name)):
        sdk.chat.completions.create(model=peer.group, messages=QUESTION, stream=True)


@over_chat
@each_status
def test_a_message_is_refused_in_anthropics_words(
    claude_sdk: anthropic.Anthropic, books: Books, peer: Peer, fake: Fake, status: int, name: str
) -> None:
    fake.script(refusal(peer, status))
    with books.failure(peer, "anthropic_messages", status), pytest.raises(getattr(anthropic, name)) as caught:
        claude_sdk.messages.create(model=peer.group, max_tokens=200, messages=QUESTION)

    body: Any = caught.value.body
    assert body["type"] == "error"
    assert "The gate is closed." in body["error"]["message"]


@over_chat
def test_a_chat_that_breaks_off_says_so_and_is_charged(
    sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake
) -> None:
    fake.cut_after_chunks = 2
    with books.broken_stream(peer, "acompletion"), pytest.raises(openai.APIError):
        list(sdk.chat.completions.create(model=peer.group, messages=QUESTION, stream=True))


@over_chat
def test_a_message_that_breaks_off_says_so_and_is_charged(
    claude_sdk: anthropic.Anthropic, books: Books, peer: Peer, fake: Fake
) -> None:
    fake.cut_after_chunks = 2
    with (
        books.broken_stream(peer, "anthropic_messages"),
        pytest.raises(anthropic.APIError),
        claude_sdk.messages.stream(model=peer.group, max_tokens=200, messages=QUESTION) as stream,
    ):
        stream.get_final_message()


@over_chat
def test_a_response_that_breaks_off_says_so_and_is_charged(
    sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake
) -> None:
    """In an event, which the SDK does not raise for: OpenAI's own are told so."""
    fake.cut_after_chunks = 2
    with books.broken_stream(peer, "aresponses"):
        events: Any = list(sdk.responses.create(model=peer.group, input="What is the toll?", stream=True))

    told = events[-1].response.error if events[-1].type == "response.failed" else events[-1]
    assert events[-1].type in {"error", "response.failed"}
    assert "Exception" in told.message


@over_chat
def test_who_says_how_long_to_wait_is_not_kept_waiting(
    sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake
) -> None:
    fake.script(Reply(hang=True))
    with books.failure(peer, "acompletion", 408), pytest.raises(openai.APIStatusError) as caught:
        sdk.chat.completions.create(model=peer.group, messages=QUESTION, extra_body={"timeout": 0.2})

    assert caught.value.status_code == 408
    assert "Request timed out" in caught.value.message


Ask = Callable[[openai.OpenAI, Books, str], Any]
# How each of the other kinds is asked, and of whom.
KINDS: dict[str, tuple[str, str, Ask]] = {
    "aresponses": ("gpt", "responses", lambda sdk, _, model: sdk.responses.create(model=model, input="Hi")),
    "atext_completion": ("gpt", "completions", lambda sdk, _, model: sdk.completions.create(model=model, prompt="Hi")),
    "aembedding": ("embed-openai", "embeddings", lambda sdk, _, model: sdk.embeddings.create(model=model, input="Hi")),
    "amoderation": ("moderation", "moderations", lambda sdk, _, model: sdk.moderations.create(model=model, input="Hi")),
    "aimage_generation": ("dall-e", "images", lambda sdk, _, model: sdk.images.generate(model=model, prompt="Hi")),
    "atranscription": (
        "whisper",
        "audio",
        lambda sdk, _, model: sdk.audio.transcriptions.create(model=model, file=recording()),
    ),
    "aspeech": ("tts", "audio", lambda sdk, _, model: sdk.audio.speech.create(model=model, input="Hi", voice="alloy")),
}


@pytest.mark.parametrize("call_type", KINDS)
@each_status
def test_whatever_is_asked_is_refused_alike(
    sdk: openai.OpenAI, books: Books, fakes: dict[str, Any], call_type: str, status: int, name: str
) -> None:
    group, _, ask = KINDS[call_type]
    peer = ALL[group]
    fakes[peer.fake].script(refusal(peer, status))
    with books.failure(peer, call_type, status), pytest.raises(getattr(openai, name), match=r"The gate is closed\."):
        ask(sdk, books, group)


@pytest.mark.parametrize("call_type", KINDS)
def test_whatever_is_asked_of_nobody_is_a_bad_request(sdk: openai.OpenAI, books: Books, call_type: str) -> None:
    *_, ask = KINDS[call_type]
    with pytest.raises(openai.BadRequestError, match="You passed in model=nope"):
        ask(sdk, books, "nope")


def test_a_ranking_is_refused_alike(books: Books, fakes: dict[str, Any]) -> None:
    [peer] = named("rerank-cohere")
    fakes[peer.fake].script(refusal(peer, 429))
    with books.failure(peer, "arerank", 429):
        answer = books.http.post("/v1/rerank", json={"model": peer.group, "query": "q", "documents": ["d"]})

    assert answer.status_code == 429
    assert "The gate is closed." in answer.json()["error"]["message"]


def test_a_stranger_is_told_so_by_both_sdks(sdk: openai.OpenAI, claude_sdk: anthropic.Anthropic) -> None:
    with pytest.raises(openai.AuthenticationError):
        sdk.copy(api_key="sk-stranger").models.list()
    with pytest.raises(anthropic.AuthenticationError):
        claude_sdk.copy(api_key="sk-stranger").messages.create(model="claude", max_tokens=1, messages=QUESTION)
