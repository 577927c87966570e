"""What holds for every provider there is: a new row is tested here without a word."""

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise, product
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budgets.core.pricing import Usage
from proxy.core.errors import BadRequest, UpstreamError, UpstreamFailure
from proxy.core.operations import Operation
from proxy.core.streams import EventTooLong
from proxy.providers import PROVIDERS
from proxy.providers.base import Account, Provider, Target, Upload
from tests.fakes.bedrock import event

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
KEY = "sk-secret-of-the-provider"
BASE = "http://127.0.0.1:9/v1"
# What a provider cannot do without.
PARAMS: dict[str, dict[str, Any]] = {"bedrock": {"aws_region_name": "us-east-1"}}
MODELS = {("bedrock", Operation.EMBEDDING): "amazon.titan-embed-text-v2:0"}
BODIES: dict[Operation, dict[str, Any]] = {
    Operation.CHAT: {"messages": [{"role": "user", "content": "What is the toll?"}], "max_tokens": 5},
    Operation.COMPLETION: {"prompt": "The toll is", "max_tokens": 5},
    Operation.EMBEDDING: {"input": ["a toll"]},
    Operation.MESSAGES: {"messages": [{"role": "user", "content": "What is the toll?"}], "max_tokens": 5},
    Operation.RESPONSES: {"input": "What is the toll?"},
    Operation.MODERATION: {"input": "a toll"},
    Operation.IMAGE: {"prompt": "a toll gate"},
    Operation.TRANSCRIPTION: {"file": Upload("a.wav", "audio/wav", b"RIFF")},
    Operation.SPEECH: {"input": "the toll", "voice": "alloy"},
    Operation.RERANK: {"query": "toll", "documents": ["gate", "bell"]},
}
# Of a stream in OpenAI's shape, and of those that have their own.
SSE = (
    b'data: {"id":"c-1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
    b'data: {"id":"c-1","choices":[{"index":0,"delta":{"content":"The toll","reasoning":"hm"}}]}\n\n'
    b'data: {"id":"c-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"id":"c-1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n'
    b"data: [DONE]\n\n"
)


def named_event(kind: str, **facts: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), orjson.dumps({"type": kind, **facts}))


STREAMS = {
    "anthropic": named_event("message_start", message={"id": "m-1", "usage": {"input_tokens": 3, "output_tokens": 1}})
    + named_event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    + named_event("content_block_delta", index=0, delta={"type": "text_delta", "text": "The toll"})
    + named_event("content_block_stop", index=0)
    + named_event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2})
    + named_event("message_stop"),
    "bedrock": event("messageStart", {"role": "assistant"})
    + event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "The toll"}})
    + event("messageStop", {"stopReason": "end_turn"})
    + event("metadata", {"usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}}),
    "gemini": (
        b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":"The toll"}]}}]}\r\n\r\n'
        b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":""}]},"finishReason":"STOP"}],'
        b'"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":5}}\r\n\r\n'
    ),
}
# As proxy/core/errors.py has them: what is none of the client's fault is told as ours.
STATUSES = {
    400: 400, 401: 401, 402: 402, 403: 403, 404: 404, 405: 400, 408: 408, 409: 409, 413: 413, 422: 422, 429: 429,
    500: 500, 502: 500, 503: 503, 529: 500,
}  # fmt: skip

each_provider = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
each_operation = pytest.mark.parametrize(
    ("provider", "operation"),
    [
        pytest.param(provider, operation, id=f"{provider.name}-{operation}")
        for provider in PROVIDERS.values()
        for operation in sorted(provider.operations)
    ],
)


def account(
    provider: Provider, *, api_base: str = BASE, operation: Operation = Operation.CHAT, **params: Any
) -> Account:
    model = MODELS.get((provider.name, operation), "some/model-1")
    return Account(model, api_base, KEY, {**PARAMS.get(provider.name, {}), **params})


def prepared(provider: Provider, operation: Operation = Operation.CHAT, **params: Any) -> Target:
    return provider.prepare(account(provider, operation=operation, **params))


def prepared_or_told(provider: Provider) -> Target | str:
    try:
        return provider.prepare(account(provider, api_base=""))
    except ValueError as error:
        return str(error)


def decoded(provider: Provider, stream: bytes, cuts: list[int]) -> list[dict[str, Any]]:
    decoder = provider.decoder()
    parts = [decoder.feed(stream[start:end]) for start, end in pairwise([0, *sorted(cuts), len(stream)])]
    return [chunk for part in [*parts, decoder.finish()] for chunk in part]


def test_each_is_found_under_its_own_name() -> None:
    assert {name: provider.name for name, provider in PROVIDERS.items()} == {name: name for name in PROVIDERS}


@each_provider
def test_names_of_variables_are_such(provider: Provider) -> None:
    groups = [provider.key_variables, provider.base_variables, *provider.fact_variables.values()]
    names = [name for group in groups for name in group]

    assert all(name.isupper() and name.replace("_", "").isalnum() for name in names)
    assert len(set(names)) == len(names)


@each_provider
def test_an_address_of_the_deployment_goes_before_the_usual_one(provider: Provider) -> None:
    target = prepared(provider)

    assert target.urls.keys() == provider.operations
    assert all(url.startswith("http://127.0.0.1:9/") for url in target.urls.values())


@each_provider
def test_without_an_address_there_is_a_usual_one_or_a_sentence_for_the_admin(provider: Provider) -> None:
    found = prepared_or_told(provider)

    if isinstance(found, Target):
        assert all(url.startswith(("https://", "http://localhost")) for url in found.urls.values())
    else:
        assert "api_base" in found


@each_provider
def test_headers_can_be_sent_and_the_key_is_in_no_address(provider: Provider) -> None:
    target = prepared(provider)

    for name, value in target.headers.items():
        assert name.isascii()
        assert value.isascii()
        assert value.isprintable()
    assert any(KEY in value for value in target.headers.values())
    assert not any(KEY in url for url in target.urls.values())


@each_operation
def test_a_request_is_whole(provider: Provider, operation: Operation) -> None:
    target = prepared(provider, operation)

    request = provider.build_request(target, operation, BODIES[operation], stream=False, now=NOW)

    assert request.url == target.urls[operation]
    assert target.headers.keys() <= request.headers.keys()
    assert target.model.encode() in request.content or "model-1" in request.url or "titan" in request.url
    if request.headers["Content-Type"] == "application/json":
        assert isinstance(json.loads(request.content), dict)
    else:
        assert request.headers["Content-Type"].startswith("multipart/form-data; boundary=")


@each_operation
def test_what_a_client_sent_is_not_changed_in_place(provider: Provider, operation: Operation) -> None:
    body = {**BODIES[operation]}
    before = repr(body)

    provider.build_request(prepared(provider, operation), operation, body, stream=True, now=NOW)

    assert repr(body) == before


@each_operation
def test_a_parameter_that_the_admin_drops_is_not_sent(provider: Provider, operation: Operation) -> None:
    target = prepared(provider, operation, additional_drop_params=["wild_card_77", 5, None], drop_params=True)

    request = provider.build_request(
        target, operation, {**BODIES[operation], "wild_card_77": "x"}, stream=False, now=NOW
    )

    assert b"wild_card_77" not in request.content


@each_operation
def test_what_the_admin_drops_may_be_what_the_provider_knows(provider: Provider, operation: Operation) -> None:
    target = prepared(provider, operation, additional_drop_params=["temperature", "dimensions"])
    asked = {**BODIES[operation], "temperature": 0.777, "dimensions": 777}

    request = provider.build_request(target, operation, asked, stream=False, now=NOW)

    assert b"777" not in request.content


@each_operation
def test_what_a_client_says_about_dropping_is_done_and_not_sent(provider: Provider, operation: Operation) -> None:
    said = {"drop_params": True, "additional_drop_params": ["temperature", 5], "allowed_openai_params": ["top_p"]}
    asked = {**BODIES[operation], **said, "temperature": 0.777}

    request = provider.build_request(prepared(provider, operation), operation, asked, stream=False, now=NOW)

    for name in (*said, "0.777"):
        assert name.encode() not in request.content


@each_provider
def test_an_odd_list_of_dropped_parameters_drops_nothing(provider: Provider) -> None:
    for additional in (None, "messages", {"messages": 1}, 5, [["messages"], 5]):
        target = prepared(provider, additional_drop_params=additional)
        if Operation.CHAT in provider.operations:
            request = provider.build_request(target, Operation.CHAT, BODIES[Operation.CHAT], stream=False, now=NOW)
            assert b"What is the toll?" in request.content


@each_operation
def test_what_is_no_usage_is_none(provider: Provider, operation: Operation) -> None:
    nothing: tuple[Any, ...] = (None, [], "x", 5, {}, {"usage": None}, {"prompt_tokens": "many"})
    for reported in nothing:
        assert provider.usage(operation, reported) is None


_NAMES = [
    "cached_tokens", "choices", "citation_tokens", "completion_tokens", "completion_tokens_details", "content", "data",
    "delta", "document", "embedding", "embeddings", "index", "message", "output", "prompt_cache_hit_tokens",
    "prompt_tokens", "prompt_tokens_details", "reasoning", "reasoningContent", "reasoning_tokens", "results", "text",
    "toolUse", "total_tokens", "usage", "x_groq",
]  # fmt: skip
_json: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=5),
    max_leaves=12,
)


@each_operation
@given(answer=st.dictionaries(st.sampled_from(["choices", "output", "data", "embedding", "embeddings"]), _json))
@settings(deadline=None, max_examples=10)
def test_whatever_is_answered_it_is_read_or_told_as_the_upstreams_failure(
    provider: Provider, operation: Operation, answer: dict[str, Any]
) -> None:
    try:
        parsed = provider.parse_response(operation, answer)
    except UpstreamFailure:
        return
    assert isinstance(parsed, dict)


@each_provider
@given(reported=_json)
@settings(deadline=None, max_examples=10)
def test_whatever_is_reported_usage_is_counts(provider: Provider, reported: Any) -> None:
    usage = provider.usage(Operation.CHAT, reported)

    if usage is not None:
        assert usage.prompt_tokens >= 0
        assert usage.completion_tokens >= 0


@each_operation
@given(body=st.dictionaries(st.sampled_from([*BODIES[Operation.CHAT], "input", "tools", "stop", "top_k"]), _json))
@settings(deadline=None, max_examples=10)
def test_hostile_requests_are_built_or_refused(provider: Provider, operation: Operation, body: dict[str, Any]) -> None:
    try:
        request = provider.build_request(prepared(provider, operation), operation, body, stream=True, now=NOW)
    except BadRequest:
        return
    assert request.content


ERRORS = [
    b'{"error": {"message": "no %s", "type": "t", "param": "p", "code": "c"}}' % KEY.encode(),
    b'{"message": "no %s"}' % KEY.encode(),
    b"<html>no " + KEY.encode() + b"</html>",
    b"",
    b"\xff\xfe\x00",
    b"[]",
    b"null",
    b'{"error": [1]}',
]


@each_provider
def test_an_error_has_its_status_and_no_secret(provider: Provider) -> None:
    for (status, expected), body in product(STATUSES.items(), ERRORS):
        error = provider.error(status, {"retry-after": "7"}, body, secrets=(KEY,))

        assert isinstance(error, UpstreamError)
        assert error.status_code == expected, (status, body)
        assert KEY not in f"{error.message}{error.told}{orjson.dumps(error.envelope()).decode()}"
        assert error.headers == {"retry-after": "7"}


@each_provider
@given(st.data())
@settings(deadline=None, max_examples=10)
def test_a_stream_says_the_same_however_it_is_cut(provider: Provider, data: st.DataObject) -> None:
    stream = STREAMS.get(provider.name, SSE)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=6))

    assert decoded(provider, stream, cuts) == decoded(provider, stream, [])


@each_provider
def test_a_stream_has_its_text_and_one_usage(provider: Provider) -> None:
    chunks = decoded(provider, STREAMS.get(provider.name, SSE), [])

    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    [counted] = [chunk for chunk in chunks if chunk.get("usage")]
    assert "".join(delta.get("content") or "" for delta in deltas) == "The toll"
    assert counted["choices"] == []
    assert provider.usage(Operation.CHAT, counted["usage"]) == Usage(3, 2)


@each_provider
@given(noise=st.lists(st.binary(max_size=60), max_size=4))
@settings(deadline=None, max_examples=10)
def test_noise_is_no_stream_and_breaks_nothing(provider: Provider, noise: list[bytes]) -> None:
    decoder = provider.decoder()

    def chunks() -> Iterator[Any]:
        for piece in noise:
            yield from decoder.feed(piece)
        yield from decoder.finish()

    with suppress(EventTooLong):
        assert all(isinstance(chunk, dict) for chunk in chunks())


@each_provider
def test_an_event_without_an_end_is_given_up(provider: Provider) -> None:
    decoder = provider.decoder()
    own = provider.name in STREAMS

    try:
        chunks = [chunk for _ in range(40) for chunk in decoder.feed(b"data: " + b"x" * 65_536)]
    except EventTooLong:
        return
    assert own
    assert chunks[0]["error"]["message"]


@each_provider
def test_a_chat_that_is_relayed_has_the_name_that_was_asked_for(provider: Provider) -> None:
    if (reader := provider.reader(Operation.CHAT, model="public-name", wants_usage=True)) is not None:
        relayed = reader.feed(b'data: {"model":"own","choices":[{"delta":{"content":"hi"}}]}\n\n')
        assert relayed
        assert b"own" not in relayed


@each_provider
def test_only_chat_may_need_a_decoder(provider: Provider) -> None:
    undecoded = provider.operations - {Operation.CHAT}
    needs = {one for one in undecoded if provider.reader(one, model="m", wants_usage=False) is None}

    assert needs <= {Operation.EMBEDDING}
