"""A request from the client's words to the provider's and back, whole and as a stream."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from budgets.core.pricing import Usage
from proxy.core.calls import Call, parse_call
from proxy.core.errors import BadRequest, UpstreamFailure
from proxy.core.exchange import Exchange, exchange
from proxy.core.operations import Operation
from proxy.core.streams import StreamReader
from proxy.providers import PROVIDERS
from proxy.providers.base import Account, Provider
from proxy.providers.openai import OpenAICompatible
from tests.proxy.core.dialects.chats import USAGE, answer, chunk, told, wire

Json = dict[str, Any]

# What most are: a provider of chat completions and nothing else.
CHATTY = OpenAICompatible("chatty", "http://chatty", frozenset({Operation.CHAT}))
TARGET = CHATTY.prepare(Account(model="m-1", api_base="", api_key="", params={}))
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANSWER_ID, CREATED = "chatcmpl-ours", 1_767_225_600
READ = Usage(10, 7, cached_tokens=4, cache_creation_tokens=2, reasoning_tokens=3)
ASKED: dict[Operation, Json] = {
    Operation.COMPLETION: {"prompt": "hi", "max_tokens": 5},
    Operation.MESSAGES: {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5},
    Operation.RESPONSES: {"input": "hi", "max_output_tokens": 5},
}
TRANSLATED = pytest.mark.parametrize("operation", list(ASKED))


def over_chat(operation: Operation) -> Exchange:
    found = exchange(operation, CHATTY)
    assert found is not None
    return found


def answered(call: Call, body: Json) -> tuple[Json, Usage | None]:
    return over_chat(call.operation).answer(call, body, model="group", fallback_id=ANSWER_ID, created=CREATED)


def reader_of(call: Call, provider: Provider = CHATTY) -> StreamReader:
    found = exchange(call.operation, provider)
    assert found is not None
    return found.reader(call, model="group", fallback_id=ANSWER_ID, created=CREATED)


@TRANSLATED
@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_of_chat_completions_is_asked_for_one(operation: Operation, stream: bool) -> None:
    call = parse_call(operation, {"model": "group", "stream": stream, **ASKED[operation]}, route="/x")
    request = over_chat(operation).request(call, TARGET, {"temperature": 0.5}, now=NOW)
    sent = orjson.loads(request.content)

    assert request.url == "http://chatty/chat/completions"
    assert sent["messages"] == [{"role": "user", "content": "hi"}]
    assert (sent["model"], sent["max_tokens"], sent["temperature"]) == ("m-1", 5, 0.5)
    assert sent.get("stream_options") == ({"include_usage": True} if stream else None)


@TRANSLATED
def test_its_answer_comes_back_in_the_clients_words(operation: Operation) -> None:
    call = parse_call(operation, {"model": "group", **ASKED[operation]}, route="/x")
    found, usage = answered(call, answer({"content": "hi"}))

    assert found["model"] == "group"
    assert "message" not in found.get("choices", [{}])[0]
    assert usage == READ


@TRANSLATED
def test_an_answer_without_a_message_is_the_upstreams_failure(operation: Operation) -> None:
    call = parse_call(operation, {"model": "group", **ASKED[operation]}, route="/x")

    with pytest.raises(UpstreamFailure, match="ChattyException - The answer has no message in it"):
        answered(call, {"choices": []})


@TRANSLATED
def test_its_stream_comes_back_in_the_clients_words(operation: Operation) -> None:
    call = parse_call(operation, {"model": "group", "stream": True, **ASKED[operation]}, route="/x")
    reader = reader_of(call)
    seen = reader.feed(wire([chunk({"content": "hi"}), chunk({}, finish="stop"), chunk(usage=USAGE)])) + reader.finish()

    assert reader.usage == USAGE
    assert (reader.upstream_id, reader.first_token) == ("chatcmpl-abc123", True)
    assert not any("delta" in choice for event in told(seen) for choice in event.get("choices", []))
    assert reader.farewell()


def test_what_a_response_repeats_is_the_clients_own_request() -> None:
    body = {"model": "group", "input": "hi", "metadata": {"a": "b"}}
    call = parse_call(Operation.RESPONSES, body, route="/x")
    found, _ = answered(call, answer({"content": "hi"}))

    assert found["metadata"] == {"a": "b"}


def test_a_request_that_cannot_be_translated_is_the_clients_mistake() -> None:
    body = {"model": "group", "input": "hi", "tools": [{"type": "web_search"}]}
    call = parse_call(Operation.RESPONSES, body, route="/x")

    with pytest.raises(BadRequest, match="web_search"):
        over_chat(Operation.RESPONSES).request(call, TARGET, {}, now=NOW)


def test_a_provider_that_speaks_the_operation_is_not_translated_for() -> None:
    speaks = OpenAICompatible("speaks", "http://x", frozenset({Operation.CHAT, Operation.COMPLETION}))
    found = exchange(Operation.COMPLETION, speaks)

    assert found is not None
    assert (found.operation, found.dialect) == (Operation.COMPLETION, None)


def test_what_no_dialect_can_say_is_not_served() -> None:
    assert exchange(Operation.EMBEDDING, CHATTY) is None


NAMELESS = [
    pytest.param({"id": None, "created": None}, id="nothing said"),
    pytest.param({"id": "", "created": 0}, id="said emptily"),
]


@pytest.mark.parametrize("said", NAMELESS)
def test_a_chat_that_its_provider_gives_no_name_and_date_gets_ours(said: Json) -> None:
    call = parse_call(Operation.CHAT, {"model": "group", "messages": []}, route="/x")
    found, _ = answered(call, answer({"content": "hi"}) | said)

    assert (found["id"], found["created"]) == (ANSWER_ID, CREATED)


def test_a_chats_own_name_and_date_stay() -> None:
    call = parse_call(Operation.CHAT, {"model": "group", "messages": []}, route="/x")
    found, _ = answered(call, answer({"content": "hi"}) | {"id": "chatcmpl-theirs", "created": 7})

    assert (found["id"], found["created"]) == ("chatcmpl-theirs", 7)


def test_a_stream_that_is_translated_has_one_name_and_one_date_in_all_its_chunks() -> None:
    call = parse_call(Operation.CHAT, {"model": "group", "messages": [], "stream": True}, route="/x")
    reader = reader_of(call, PROVIDERS["gemini"])
    parts = [{"candidates": [{"content": {"parts": [{"text": text}]}}]} for text in ("The", "toll")]
    seen = b"".join(reader.feed(b"data: " + orjson.dumps(part) + b"\n\n") for part in parts)

    chunks = told(seen + reader.finish())
    assert len(chunks) >= 2
    assert {(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks} == {(ANSWER_ID, CREATED, "group")}


@pytest.mark.parametrize("usage", [{}, {"usage": None}])
def test_embeddings_whose_provider_counts_nothing_tell_an_estimate_that_is_not_taken_for_its_word(usage: Json) -> None:
    call = parse_call(Operation.EMBEDDING, {"model": "group", "input": "the toll"}, route="/x")
    found = exchange(Operation.EMBEDDING, OpenAICompatible("embedder", "http://embedder"))
    assert found is not None
    body, reported = found.answer(
        call, {"object": "list", "data": [], "model": "m", **usage}, model="group", fallback_id="", created=0
    )

    assert body["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert reported is None
