"""The official OpenAI SDK against the gateway, as a user's program would have it."""

from collections.abc import Iterator

import openai
import pytest

from tests.fakes.server import Reply
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.gateway import MASTER_KEY, Gateway


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=MASTER_KEY, max_retries=0) as sdk:
        yield sdk


def ask(client: openai.OpenAI, model: str = "gpt-4o") -> openai.types.chat.ChatCompletion:
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hello"}])


def test_chat(client: openai.OpenAI, shared_upstream: FakeUpstream) -> None:
    completion = ask(client)

    assert completion.model == "gpt-4o"
    assert completion.choices[0].message.content == shared_upstream.answer
    assert completion.usage
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


def test_stream_without_usage_looks_as_if_none_had_been_asked(
    client: openai.OpenAI, shared_upstream: FakeUpstream
) -> None:
    stream = client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "Hello"}], stream=True
    )
    chunks = list(stream)

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == shared_upstream.answer
    assert {chunk.model for chunk in chunks} == {"gpt-4o"}
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_stream_with_usage_ends_with_it(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": "Hello"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    last = list(stream)[-1]

    assert last.choices == []
    assert last.usage
    assert last.usage.completion_tokens > 0


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["gpt-4o", "gpt-4o-mini"]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (openai_error(400, "bad temperature", "invalid_request_error"), openai.BadRequestError),
        (openai_error(401, "Incorrect API key provided: sk-abcdefgh12345678", "auth"), openai.AuthenticationError),
        (openai_error(403, "not in your country", "forbidden"), openai.PermissionDeniedError),
        (openai_error(404, "no such model", "not_found"), openai.NotFoundError),
        (openai_error(422, "unprocessable", "invalid"), openai.UnprocessableEntityError),
        (openai_error(429, "slow down", "requests", retry_after=7), openai.RateLimitError),
        (openai_error(500, "oops", "server_error"), openai.InternalServerError),
        (openai_error(503, "overloaded", "server_error"), openai.InternalServerError),
        (Reply(drop=True), openai.InternalServerError),
        (Reply(200, "<html>not an API</html>"), openai.InternalServerError),
        (Reply(200, {"error": {"message": "with status 200"}}), openai.InternalServerError),
    ],
)
def test_upstream_errors_become_the_sdks_exceptions(
    client: openai.OpenAI, shared_upstream: FakeUpstream, reply: Reply, error: type[openai.APIStatusError]
) -> None:
    # A kept connection that is reset before any answer is tried once more, on a new one.
    shared_upstream.script(*[reply] * (2 if reply.drop else 1))
    with pytest.raises(error) as caught:
        ask(client)

    assert caught.value.body
    assert "sk-abcdefgh12345678" not in str(caught.value)


def test_retry_after_of_the_upstream_reaches_the_client(client: openai.OpenAI, shared_upstream: FakeUpstream) -> None:
    shared_upstream.script(openai_error(429, "slow down", "requests", retry_after=7))
    with pytest.raises(openai.RateLimitError) as caught:
        ask(client)

    assert caught.value.response.headers["retry-after"] == "7"


def test_unknown_model_is_a_bad_request(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="You passed in model=nope"):
        ask(client, "nope")


def test_wrong_key_is_an_authentication_error(gateway: Gateway) -> None:
    stranger = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-nobody-knows-this", max_retries=0)
    with pytest.raises(openai.AuthenticationError, match="Invalid proxy server token"):
        ask(stranger)


def test_clients_own_time_out_is_not_held_up(gateway: Gateway, shared_upstream: FakeUpstream) -> None:
    shared_upstream.script(Reply(hang=True))
    hasty = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=MASTER_KEY, max_retries=0, timeout=0.3)
    with pytest.raises(openai.APITimeoutError):
        ask(hasty)
    shared_upstream.close()
    shared_upstream.open()
