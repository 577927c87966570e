"""Bedrock over the wire: signed requests that are taken, and refusals that keep their kind."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from budgets.core.pricing import Usage
from proxy.core.dialects.chat import ChatEncoder
from proxy.core.errors import (
    BadRequest,
    ContextWindowExceeded,
    UpstreamAuthentication,
    UpstreamBadRequest,
    UpstreamError,
    UpstreamFailure,
    UpstreamNotFound,
    UpstreamPermission,
    UpstreamRateLimit,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from proxy.core.operations import Operation
from proxy.core.streams import TranslatedStream
from proxy.providers import PROVIDERS
from proxy.providers.base import Account, UpstreamRequest
from tests.fakes.bedrock import FakeBedrock, aws_error

BEDROCK = PROVIDERS["bedrock"]
CLAUDE = "us.anthropic.claude-3-5-sonnet-20240620-v1:0"
ARN = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2c3"
KEYS = {
    "aws_region_name": "us-east-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
TOOL = {"type": "function", "function": {"name": "pay", "parameters": {"type": "object", "properties": {}}}}
CONVERSATION = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": PIXEL}}],
        },
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "pay", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "paid"},
    ],
    "tools": [TOOL],
    "max_tokens": 100,
    "temperature": 0.5,
    "top_k": 5,
}


@pytest.fixture
def fake() -> Iterator[FakeBedrock]:
    with FakeBedrock() as fake:
        yield fake


def build(
    fake: FakeBedrock,
    body: dict[str, Any],
    *,
    model: str = CLAUDE,
    stream: bool = False,
    operation: Operation = Operation.CHAT,
    now: datetime | None = None,
    api_key: str = "",
    **params: Any,
) -> UpstreamRequest:
    target = BEDROCK.prepare(Account(model, fake.url, api_key, {**KEYS, **params}))
    return BEDROCK.build_request(target, operation, body, stream=stream, now=now or datetime.now(UTC))


def post(request: UpstreamRequest) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=5) as client:
        return client.post(request.url, headers=dict(request.headers), content=request.content)


def error(response: httpx.Response, *secrets: str) -> UpstreamError:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return BEDROCK.error(response.status_code, headers, response.content, secrets=secrets)


def translated(fake: FakeBedrock) -> tuple[TranslatedStream, bytes]:
    response = post(build(fake, CONVERSATION, stream=True))
    assert response.headers["content-type"] == "application/vnd.amazon.eventstream"
    stream = TranslatedStream(BEDROCK.decoder(), ChatEncoder("public", wants_usage=True))
    return stream, stream.feed(response.content) + stream.finish()


def test_a_signed_conversation_is_answered(fake: FakeBedrock) -> None:
    fake.cache_read_tokens, fake.cache_write_tokens = 50, 7

    answer = BEDROCK.parse_response(Operation.CHAT, post(build(fake, CONVERSATION)).json())

    [billed] = fake.billed
    assert answer["choices"][0]["message"]["content"] == fake.answer
    assert BEDROCK.usage(Operation.CHAT, answer["usage"]) == Usage(
        billed.prompt_tokens, billed.completion_tokens, cached_tokens=50, cache_creation_tokens=7
    )


@pytest.mark.parametrize("model", [CLAUDE, ARN, "amazon.nova-lite-v1:0", "us-west-2/anthropic.claude-v2", "ünder/x y"])
def test_every_name_of_a_model_is_signed_right(fake: FakeBedrock, model: str) -> None:
    fake.region = "us-west-2" if model.startswith("us-west-2") else "us-east-1"
    fake.models = frozenset({model.removeprefix("us-west-2/")})

    assert post(build(fake, CONVERSATION, model=model)).status_code == 200


def test_a_session_token_is_signed_too(fake: FakeBedrock) -> None:
    fake.session_token = "the-session-token=="

    assert post(build(fake, CONVERSATION, aws_session_token="the-session-token==")).status_code == 200
    assert isinstance(error(post(build(fake, CONVERSATION))), UpstreamAuthentication)


def test_an_api_key_needs_no_signature(fake: FakeBedrock) -> None:
    fake.api_key = "bedrock-api-key-abc"

    request = build(fake, CONVERSATION, api_key="bedrock-api-key-abc")

    assert "X-Amz-Date" not in request.headers
    assert post(request).status_code == 200
    assert isinstance(error(post(build(fake, CONVERSATION, api_key="wrong"))), UpstreamPermission)


def test_a_stream_is_told_as_openai_would(fake: FakeBedrock) -> None:
    fake.thinking, fake.tool_call = "Hm.", ("pay", {"cents": 5})

    stream, said = translated(fake)

    [billed] = fake.billed
    usage = BEDROCK.usage(Operation.CHAT, stream.usage)
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (billed.prompt_tokens, billed.completion_tokens)
    assert stream.first_token
    assert stream.error is None
    assert b'"model":"public"' in said
    assert b'"reasoning_content":"Hm."' in said
    assert b'"finish_reason":"tool_calls"' in said


def test_an_exception_within_a_stream_is_its_error(fake: FakeBedrock) -> None:
    fake.cut_after_chunks, fake.exception = 2, ("modelStreamErrorException", "The model broke.")

    stream, _ = translated(fake)

    assert stream.first_token
    assert stream.error == {"message": "The model broke.", "type": "modelStreamErrorException", "code": "500"}


@pytest.mark.parametrize(
    ("model", "given", "count"),
    [("amazon.titan-embed-text-v2:0", "a toll", 1), ("cohere.embed-english-v3", ["a", "b"], 2)],
)
def test_embeddings_are_answered(fake: FakeBedrock, model: str, given: Any, count: int) -> None:
    response = post(build(fake, {"input": given}, model=model, operation=Operation.EMBEDDING))

    answer = BEDROCK.parse_response(Operation.EMBEDDING, response.json())
    assert [entry["embedding"] for entry in answer["data"]] == [[0.25, -0.5]] * count


@pytest.mark.parametrize(
    "params",
    [
        {"aws_secret_access_key": "wrong-secret"},
        {"aws_access_key_id": "AKIDNOBODY"},
        {"aws_region_name": "eu-west-1"},
        {"now": datetime.now(UTC) - timedelta(hours=1)},
    ],
)
def test_wrong_credentials_are_ours_to_mend(fake: FakeBedrock, params: dict[str, Any]) -> None:
    told = error(post(build(fake, CONVERSATION, **params)))

    assert isinstance(told, UpstreamAuthentication)
    assert "Canonical" not in told.message


@pytest.mark.parametrize(
    ("status", "kind", "message", "expected"),
    [
        (400, "ValidationException", "Input is too long for requested model.", ContextWindowExceeded),
        (400, "ValidationException", "The model said: prompt is too long: 9", ContextWindowExceeded),
        (400, "ValidationException", "messages is empty", UpstreamBadRequest),
        (400, "ServiceQuotaExceededException", "too much", UpstreamRateLimit),
        (403, "AccessDeniedException", "no access to the model", UpstreamPermission),
        (403, "ExpiredTokenException", "expired", UpstreamAuthentication),
        (404, "ResourceNotFoundException", "no such model", UpstreamNotFound),
        (408, "ModelTimeoutException", "too slow", UpstreamTimeout),
        (424, "ModelErrorException", "the model failed", UpstreamFailure),
        (429, "ThrottlingException", "Too many requests", UpstreamRateLimit),
        (429, "ModelNotReadyException", "starting", UpstreamRateLimit),
        (500, "InternalServerException", "broken", UpstreamFailure),
        (503, "ServiceUnavailableException", "away", UpstreamUnavailable),
        (418, "SomethingNew", "tea", UpstreamBadRequest),
    ],
)  # fmt: skip
def test_exceptions_keep_their_kind(
    fake: FakeBedrock, status: int, kind: str, message: str, expected: type[UpstreamError]
) -> None:
    fake.script(aws_error(status, kind, message))

    told = error(post(build(fake, CONVERSATION)))

    assert type(told) is expected
    assert message in told.message


def test_a_message_with_a_capital_is_read_as_well() -> None:
    told = BEDROCK.error(403, {}, b'{"Message": "User is not authorized."}', secrets=())

    assert told.told == "User is not authorized."


@pytest.mark.parametrize(
    ("account", "url"),
    [
        (
            Account("us.anthropic.claude-v2:1", "", "", KEYS),
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-v2%3A1/converse",
        ),
        (
            Account("converse/amazon.nova", "", "k", {"region_name": "cn-north-1"}),
            "https://bedrock-runtime.cn-north-1.amazonaws.com.cn/model/amazon.nova/converse",
        ),
        (
            Account("arn:aws:bedrock:eu-west-1:1:m/a1", "", "k", {}),
            "https://bedrock-runtime.eu-west-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Am%2Fa1/converse",
        ),
        (
            Account("x", "https://base", "k", {**KEYS, "aws_bedrock_runtime_endpoint": "https://vpce.example/"}),
            "https://vpce.example/model/x/converse",
        ),
    ],
    ids=["region", "china", "arn", "endpoint"],
)
def test_where_to_post(account: Account, url: str) -> None:
    target = BEDROCK.prepare(account)

    assert target.urls[Operation.CHAT] == url
    assert target.facts["stream_url"] == f"{url}-stream"


@pytest.mark.parametrize(
    ("account", "sentence"),
    [
        (Account(CLAUDE, "", "k", {}), "aws_region_name"),
        (Account(CLAUDE, "", "k", {"aws_region_name": "evil.example/"}), "aws_region_name"),
        (Account(CLAUDE, "", "", {"aws_region_name": "us-east-1"}), "aws_access_key_id"),
        (Account(CLAUDE, "", "", {**KEYS, "aws_secret_access_key": ""}), "aws_secret_access_key"),
        (Account(CLAUDE, "", "", {**KEYS, "aws_session_token": "a\nb"}), "aws_session_token"),
        (Account(CLAUDE, "", "", {**KEYS, "aws_access_key_id": 5}), "aws_access_key_id"),
        (Account("us-east-1/", "", "k", {}), "needs a model"),
    ],
)
def test_what_is_missing_is_told_to_the_admin(account: Account, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        BEDROCK.prepare(account)


def test_a_target_does_not_show_its_secrets() -> None:
    assert KEYS["aws_secret_access_key"] not in repr(BEDROCK.prepare(Account(CLAUDE, "", "", KEYS)))


def test_a_client_may_ask_for_what_is_not_known_to_be_dropped(fake: FakeBedrock) -> None:
    asked = {**CONVERSATION, "logit_bias": {"1": 5}}

    with pytest.raises(BadRequest, match="logit_bias"):
        build(fake, asked)
    assert build(fake, {**asked, "drop_params": True}).content == build(fake, CONVERSATION).content
