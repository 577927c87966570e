"""The other ways in: Azure's addresses by its own SDK class, engines, headers, lists of models."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.functional.sdk.asking import QUESTION, named, over, over_chat
from tests.functional.sdk.books import Books
from tests.functional.sdk.peers import ALL, Fake, Peer
from tests.functional.sdk.test_others import recording
from tests.gateway import MASTER_KEY, Gateway


@pytest.fixture(scope="module")
def azure_sdk(world: Gateway, books: Books) -> Iterator[openai.AzureOpenAI]:
    http = openai.DefaultHttpxClient(event_hooks={"response": [books.note]}, trust_env=False)
    with openai.AzureOpenAI(
        azure_endpoint=world.url, api_key=MASTER_KEY, api_version="2099-01-01", max_retries=0, http_client=http
    ) as client:
        yield client


@over_chat
def test_azures_sdk_chats_with_every_provider(
    azure_sdk: openai.AzureOpenAI, books: Books, peer: Peer, fake: Fake
) -> None:
    with books.answer(peer, "acompletion"):
        answer = azure_sdk.chat.completions.create(model=peer.group, messages=QUESTION)
    with books.answer(peer, "acompletion", stream=True):
        chunks = list(azure_sdk.chat.completions.create(model=peer.group, messages=QUESTION, stream=True))

    assert answer.choices[0].message.content == fake.answer
    assert "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices) == fake.answer


def test_azures_sdk_has_the_rest_as_well(azure_sdk: openai.AzureOpenAI, books: Books) -> None:
    with books.answer(ALL["gpt"], "atext_completion"):
        azure_sdk.completions.create(model="gpt", prompt="The toll is")
    with books.answer(ALL["embed-titan"], "aembedding"):
        azure_sdk.embeddings.create(model="embed-titan", input="toll")
    with books.answer(ALL["dall-e"], "aimage_generation"):
        azure_sdk.images.generate(model="dall-e", prompt="A gate")
    with books.answer(ALL["whisper"], "atranscription"):
        azure_sdk.audio.transcriptions.create(model="whisper", file=recording())
    with books.answer(ALL["tts"], "aspeech", basis="estimated"):
        azure_sdk.audio.speech.create(model="tts", voice="alloy", input="Stop")
    with books.answer(ALL["gpt"], "aresponses"):
        azure_sdk.responses.create(model="gpt", input="What is the toll?")
    assert "gpt" in [model.id for model in azure_sdk.models.list()]


def test_azures_v1_addresses(world: Gateway, books: Books) -> None:
    """As Azure has them since 2025: OpenAI's own class, and `/openai/v1`."""
    http = openai.DefaultHttpxClient(event_hooks={"response": [books.note]}, trust_env=False)
    with openai.OpenAI(
        base_url=f"{world.url}/openai/v1/", api_key=MASTER_KEY, max_retries=0, http_client=http
    ) as client:
        with books.answer(ALL["gpt"], "acompletion"):
            client.chat.completions.create(model="gpt", messages=QUESTION)
        with books.answer(ALL["claude"], "aresponses"):
            client.responses.create(model="claude", input="What is the toll?")


PATHS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat/completions": ("acompletion", {"messages": QUESTION}),
    "completions": ("atext_completion", {"prompt": "The toll is"}),
}


@over(named("gpt", "claude"))
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "form", ["/{path}", "/v1/{path}", "/engines/{model}/{path}", "/openai/deployments/{model}/{path}"]
)
def test_the_model_may_stand_in_the_path(books: Books, peer: Peer, path: str, form: str) -> None:
    call_type, body = PATHS[path]
    if "{model}" not in form:
        body = {**body, "model": peer.group}
    with books.answer(peer, call_type):
        answer = books.http.post(form.format(path=path, model=peer.group), json=body)

    assert answer.status_code == 200, answer.text


@over(named("embed-openai"))
def test_engines_embed(books: Books, peer: Peer) -> None:
    with books.answer(peer, "aembedding"):
        books.http.post(f"/engines/{peer.group}/embeddings", json={"input": "toll"})


def test_models_are_listed(sdk: openai.OpenAI) -> None:
    found = list(sdk.models.list())

    assert [model.id for model in found] == sorted(ALL)
    assert {model.object for model in found} == {"model"}
    assert sdk.models.retrieve("claude").id == "claude"
    with pytest.raises(openai.NotFoundError):
        sdk.models.retrieve("nope")


@over_chat
def test_headers_say_who_served_and_for_how_much(sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake) -> None:
    with books.answer(peer, "acompletion") as seen:
        raw = sdk.chat.completions.with_raw_response.create(model=peer.group, messages=QUESTION)

    headers = raw.headers
    assert raw.parse().choices[0].message.content == fake.answer
    assert headers["x-litellm-model-group"] == peer.group
    assert headers["x-litellm-model-name"] == peer.model
    assert headers["x-litellm-model-api-base"].startswith(fake.url)
    assert float(headers["x-litellm-response-cost"]) == seen.row["amount_nano"] / 10**9
    assert float(headers["x-litellm-response-cost-input"]) + float(headers["x-litellm-response-cost-output"]) > 0
    for name in ("x-litellm-call-id", "x-litellm-model-id", "x-litellm-version", "x-litellm-response-duration-ms"):
        assert headers[name]
    assert headers["x-litellm-attempted-retries"] == headers["x-litellm-attempted-fallbacks"] == "0"
