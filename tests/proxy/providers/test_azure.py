"""Azure's addresses and credentials, against a resource that refuses what Azure's does."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from proxy.core.errors import ContentPolicyViolation, UpstreamAuthentication, UpstreamError, UpstreamNotFound
from proxy.core.operations import Operation
from proxy.providers import PROVIDERS
from proxy.providers.base import Account
from tests.fakes.azure import FakeAzure

AZURE, AZURE_AI = PROVIDERS["azure"], PROVIDERS["azure_ai"]
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
RESOURCE = "https://res.openai.azure.com"
DEPLOYMENT = f"{RESOURCE}/openai/deployments/other"
V1 = f"{RESOURCE}/openai/v1"
COMPLETIONS = "chat/completions"
CHAT = {"messages": [{"role": "user", "content": "What is the toll?"}]}
STREAM = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture
def fake() -> Iterator[FakeAzure]:
    with FakeAzure(api_key="the-key-of-azure", deployments=frozenset({"gpt 4o"})) as fake:
        yield fake


def post(
    fake: FakeAzure,
    body: dict[str, Any],
    *,
    path: str = "",
    key: str = "the-key-of-azure",
    model: str = "gpt 4o",
    operation: Operation = Operation.CHAT,
    **params: Any,
) -> httpx.Response:
    target = AZURE.prepare(Account(model, f"{fake.url}{path}", key, params))
    request = AZURE.build_request(target, operation, body, stream=False, now=NOW)
    with httpx.Client(trust_env=False, timeout=5) as client:
        return client.post(request.url, headers=dict(request.headers), content=request.content)


def error(response: httpx.Response) -> UpstreamError:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return AZURE.error(response.status_code, headers, response.content, secrets=())


@pytest.mark.parametrize(
    ("api_base", "params", "url"),
    [
        (RESOURCE, {}, f"{RESOURCE}/openai/deployments/gpt%2F4/{COMPLETIONS}?api-version=2024-10-21"),
        (f"{RESOURCE}/", {"api_version": "25"}, f"{RESOURCE}/openai/deployments/gpt%2F4/{COMPLETIONS}?api-version=25"),
        (DEPLOYMENT, {}, f"{DEPLOYMENT}/{COMPLETIONS}?api-version=2024-10-21"),
        (f"{DEPLOYMENT}/{COMPLETIONS}?api-version=2024-6", {}, f"{DEPLOYMENT}/{COMPLETIONS}?api-version=2024-6"),
        (V1, {}, f"{V1}/{COMPLETIONS}"),
        (f"{V1}/", {"api_version": "2024-10-21"}, f"{V1}/{COMPLETIONS}"),
        (V1, {"api_version": "preview"}, f"{V1}/{COMPLETIONS}?api-version=preview"),
        (RESOURCE, {"api_version": "v1"}, f"{V1}/{COMPLETIONS}"),
        (RESOURCE, {"api_version": "latest"}, f"{V1}/{COMPLETIONS}"),
        ("https://gw/az", {}, f"https://gw/az/openai/deployments/gpt%2F4/{COMPLETIONS}?api-version=2024-10-21"),
        ("https://gw?s=7", {"api_version": "x"}, f"https://gw/openai/deployments/gpt%2F4/{COMPLETIONS}?s=7&api-version=x"),
    ],
)  # fmt: skip
def test_where_to_post(api_base: str, params: dict[str, Any], url: str) -> None:
    assert AZURE.prepare(Account("gpt/4", api_base, "k", params)).urls[Operation.CHAT] == url


@pytest.mark.parametrize("api_base", [RESOURCE, f"{RESOURCE}/openai/deployments/gpt-4o", f"{RESOURCE}/openai/v1"])
def test_responses_are_asked_of_the_v1_api_always(api_base: str) -> None:
    urls = AZURE.prepare(Account("gpt-4o", api_base, "k", {})).urls

    assert urls[Operation.RESPONSES] == f"{RESOURCE}/openai/v1/responses"


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        (Operation.EMBEDDING, "embeddings"),
        (Operation.IMAGE, "images/generations"),
        (Operation.TRANSCRIPTION, "audio/transcriptions"),
        (Operation.SPEECH, "audio/speech"),
    ],
)
def test_other_operations_are_below_the_deployment_too(operation: Operation, path: str) -> None:
    url = AZURE.prepare(Account("d", RESOURCE, "k", {})).urls[operation]

    assert url == f"{RESOURCE}/openai/deployments/d/{path}?api-version=2024-10-21"


def test_a_key_has_azures_own_header_and_a_token_the_usual_one() -> None:
    by_key = AZURE.prepare(Account("d", RESOURCE, "the-key", {})).headers
    by_token = AZURE.prepare(Account("d", RESOURCE, "the-key", {"azure_ad_token": "the-token"})).headers

    assert by_key["api-key"] == "the-key"
    assert "Authorization" not in by_key
    assert by_token["Authorization"] == "Bearer the-token"
    assert "api-key" not in by_token


def test_a_deployment_answers(fake: FakeAzure) -> None:
    response = post(fake, CHAT)

    parsed = AZURE.parse_response(Operation.CHAT, response.json())
    usage = AZURE.usage(Operation.CHAT, parsed["usage"])
    assert parsed["choices"][0]["message"]["content"] == fake.answer
    assert usage is not None
    assert usage.completion_tokens == fake.wait_for_billed(1)[0].completion_tokens


@pytest.mark.parametrize("path", ["/openai/v1", "/openai/deployments/gpt 4o"])
def test_every_kind_of_address_answers(fake: FakeAzure, path: str) -> None:
    assert post(fake, CHAT, path=path).status_code == 200


def test_a_token_answers(fake: FakeAzure) -> None:
    fake.ad_token = "the-token"

    assert post(fake, CHAT, key="", azure_ad_token="the-token").status_code == 200
    assert isinstance(error(post(fake, CHAT, key="", azure_ad_token="wrong")), UpstreamAuthentication)


def test_embeddings_answer(fake: FakeAzure) -> None:
    answer = post(fake, {"input": ["a", "b"]}, operation=Operation.EMBEDDING).json()

    assert [entry["embedding"] for entry in answer["data"]] == [[0.25, -0.5, 0.125], [0.25, -0.5, 0.125]]


def test_the_chunk_about_the_prompt_does_no_harm(fake: FakeAzure) -> None:
    stream = post(fake, STREAM).content
    reader = AZURE.reader(Operation.CHAT, model="gpt-4o", wants_usage=False)
    assert reader is not None
    first, boundary, rest = stream.partition(b"\n\n")
    assert b"prompt_filter_results" in first

    before = reader.feed(first + boundary)
    token_before, id_before = reader.first_token, reader.upstream_id
    relayed = reader.feed(rest) + reader.finish()

    assert b'"choices": []' in before
    assert not token_before
    assert not id_before
    assert reader.first_token
    assert reader.upstream_id.startswith("chatcmpl-")
    assert reader.usage is not None
    assert fake.answer == "".join(
        json.loads(line[6:])["choices"][0]["delta"].get("content") or "" for line in relayed.splitlines() if line
    )


def test_what_the_content_filter_refuses_is_told_as_such(fake: FakeAzure) -> None:
    fake.forbidden = "toll"

    assert isinstance(error(post(fake, CHAT)), ContentPolicyViolation)


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"key": "wrong"}, UpstreamAuthentication),
        ({"key": ""}, UpstreamAuthentication),
        ({"model": "nobody"}, UpstreamNotFound),
        ({"path": "/elsewhere"}, UpstreamNotFound),
    ],
)
def test_refusals_keep_their_kind(fake: FakeAzure, asked: dict[str, Any], kind: type[UpstreamError]) -> None:
    assert isinstance(error(post(fake, CHAT, **asked)), kind)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3", "retry-after-ms": "2500"}, "3"),
        ({"retry-after-ms": "2500"}, "3"),
        ({"retry-after-ms": "soon"}, None),
        ({}, None),
    ],
)
def test_when_to_try_again_is_told_in_seconds(headers: dict[str, str], seconds: str | None) -> None:
    told = AZURE.error(429, headers, b"", secrets=()).headers or {}

    assert told.get("retry-after") == seconds


FOUNDRY = "https://res.services.ai.azure.com"
MODELS = f"{FOUNDRY}/models"
SERVERLESS = "https://mistral.eastus2.models.ai.azure.com"


@pytest.mark.parametrize(
    ("api_base", "operation", "url"),
    [
        (FOUNDRY, Operation.CHAT, f"{FOUNDRY}/models/chat/completions?api-version=2024-05-01-preview"),
        (f"{FOUNDRY}/models", Operation.EMBEDDING, f"{FOUNDRY}/models/embeddings?api-version=2024-05-01-preview"),
        (f"{MODELS}/{COMPLETIONS}?api-version=9", Operation.CHAT, f"{MODELS}/{COMPLETIONS}?api-version=9"),
        (FOUNDRY, Operation.RERANK, f"{FOUNDRY}/providers/cohere/v2/rerank"),
        (f"{FOUNDRY}/openai/v1", Operation.CHAT, f"{FOUNDRY}/openai/v1/chat/completions"),
        (SERVERLESS, Operation.CHAT, f"{SERVERLESS}/chat/completions"),
        (f"{SERVERLESS}/v1/chat/completions", Operation.CHAT, f"{SERVERLESS}/v1/chat/completions"),
        (f"{SERVERLESS}/v1", Operation.RERANK, f"{SERVERLESS}/v1/rerank"),
    ],
)  # fmt: skip
def test_where_other_makers_models_are(api_base: str, operation: Operation, url: str) -> None:
    assert AZURE_AI.prepare(Account("mistral-large", api_base, "k", {})).urls[operation] == url


def test_a_resource_and_a_serverless_endpoint_take_the_key_differently() -> None:
    resource = AZURE_AI.prepare(Account("m", FOUNDRY, "the-key", {})).headers
    serverless = AZURE_AI.prepare(Account("m", SERVERLESS, "the-key", {})).headers

    assert resource["api-key"] == "the-key"
    assert resource["extra-parameters"] == "pass-through"
    assert serverless["Authorization"] == "Bearer the-key"
    assert "api-key" not in serverless
