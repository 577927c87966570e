"""Every provider that speaks OpenAI's wire, asked for all it has, under the name that LiteLLM gives it."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from proxy.core.operations import Operation
from proxy.providers.table import TABLE
from tests.fakes.upstream import FakeUpstream
from tests.functional.sdk.asking import QUESTION
from tests.functional.sdk.books import Books
from tests.functional.sdk.peers import Peer
from tests.functional.sdk.test_others import recording
from tests.gateway import MASTER_KEY, Gateway

PRICE = {"input_cost_per_token": "0.000002", "output_cost_per_token": "0.000006"}
A_QUERY = {"input_cost_per_query": "0.001"}
# Their rankings are billed by tokens.
BY_TOKENS = {"jina_ai", "voyage"}
PEERS = {
    provider.name: Peer(
        provider.name,
        f"{provider.name}/a-model",
        {"api_base": "{url}/v1", "api_key": "sk-upstream-0123456789"},
        PRICE if provider.name in BY_TOKENS else PRICE | A_QUERY,
    )
    for provider in TABLE
}
HAVING = {
    operation: [provider.name for provider in TABLE if operation in provider.operations] for operation in Operation
}
TALKERS = [name for name in PEERS if name in HAVING[Operation.CHAT]]


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        yield server


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream) -> Iterator[Books]:
    config = {
        "model_list": [peer.entry(upstream.url) for peer in PEERS.values()],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }
    with (
        Gateway(tmp_path_factory.mktemp("every"), config) as started,
        Books(started, {"openai": upstream}) as found,
    ):
        yield found
    assert "Traceback" not in started.log(), started.log()


@pytest.fixture(scope="module")
def sdk(books: Books) -> Iterator[openai.OpenAI]:
    http = openai.DefaultHttpxClient(event_hooks={"response": [books.note]}, trust_env=False)
    with openai.OpenAI(
        base_url=f"{books.gateway.url}/v1", api_key=MASTER_KEY, max_retries=0, http_client=http
    ) as client:
        yield client


# They refuse `stream_options`, and tell the usage all the same.
UNASKED = {"cohere", "cohere_chat", "mistral", "perplexity"}


@pytest.mark.parametrize("name", TALKERS)
def test_chat(sdk: openai.OpenAI, books: Books, upstream: FakeUpstream, name: str) -> None:
    upstream.tells_usage = name in UNASKED
    with books.answer(PEERS[name], "acompletion"):
        whole = sdk.chat.completions.create(model=name, messages=QUESTION, max_completion_tokens=200)
    with books.answer(PEERS[name], "acompletion", stream=True):
        chunks = list(sdk.chat.completions.create(model=name, messages=QUESTION, stream=True))

    assert whole.choices[0].message.content == upstream.answer
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == upstream.answer
    assert {whole.model, *(chunk.model for chunk in chunks)} == {name}


@pytest.mark.parametrize("name", TALKERS)
def test_responses_and_completions(sdk: openai.OpenAI, books: Books, upstream: FakeUpstream, name: str) -> None:
    """Its own where it has them, else its chat."""
    with books.answer(PEERS[name], "aresponses"):
        response = sdk.responses.create(model=name, input="What is the toll?")
    with books.answer(PEERS[name], "atext_completion"):
        completion = sdk.completions.create(model=name, prompt="The toll is")

    assert response.output_text == completion.choices[0].text == upstream.answer


@pytest.mark.parametrize("name", HAVING[Operation.EMBEDDING])
def test_embeddings(sdk: openai.OpenAI, books: Books, name: str) -> None:
    with books.answer(PEERS[name], "aembedding"):
        answer = sdk.embeddings.create(model=name, input=["toll", "gate"])

    assert [one.embedding for one in answer.data] == [[0.25, -0.5, 0.125]] * 2


@pytest.mark.parametrize("name", HAVING[Operation.RERANK])
def test_rankings(books: Books, upstream: FakeUpstream, name: str) -> None:
    upstream.others.ranking_tokens = 6 if name in BY_TOKENS else 0
    upstream.others.ranked_under = "data" if name == "voyage" else "results"
    body: dict[str, Any] = {"model": name, "query": "the toll", "documents": ["a road", "the toll"], "top_n": 1}
    with books.answer(PEERS[name], "arerank"):
        answer = books.http.post("/v1/rerank", json=body)

    assert [(one["index"], one["relevance_score"]) for one in answer.json()["results"]] == [(1, 1.0)]


@pytest.mark.parametrize("name", HAVING[Operation.TRANSCRIPTION])
def test_transcriptions(sdk: openai.OpenAI, books: Books, upstream: FakeUpstream, name: str) -> None:
    upstream.others.transcript_usage, upstream.others.seconds = "tokens", 3.0
    with books.answer(PEERS[name], "atranscription"):
        answer = sdk.audio.transcriptions.create(model=name, file=recording())

    assert answer.text == upstream.others.transcript


@pytest.mark.parametrize("name", HAVING[Operation.SPEECH])
def test_speech(sdk: openai.OpenAI, books: Books, upstream: FakeUpstream, name: str) -> None:
    with books.answer(PEERS[name], "aspeech", basis="estimated"):
        answer = sdk.audio.speech.create(model=name, voice="alloy", input="Stop")

    assert answer.content == upstream.others.speech


@pytest.mark.parametrize("name", HAVING[Operation.IMAGE])
def test_images(sdk: openai.OpenAI, books: Books, name: str) -> None:
    with books.answer(PEERS[name], "aimage_generation"):
        answer = sdk.images.generate(model=name, prompt="A gate", n=2)

    assert len(answer.data or []) == 2
