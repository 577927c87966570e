"""Anthropic as the gateway meets it: where to post, what comes back, and what goes wrong, against a real server."""

from collections.abc import Iterator
from typing import Any

import anthropic
import orjson
import pytest

from budgets.core.pricing import Usage
from proxy.core.errors import BadRequest
from proxy.core.operations import Operation
from proxy.providers import PROVIDERS
from proxy.providers.base import Account
from tests.fakes.anthropic import FakeAnthropic, anthropic_error
from tests.fakes.server import Reply
from tests.proxy.providers.asking import KEY, ask, failure, joined, post, request, stream

ANTHROPIC = PROVIDERS["anthropic"]
HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "May I pass?"}]}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    },
}
NATIVE: dict[str, Any] = {"messages": [{"role": "user", "content": "May I pass?"}], "max_tokens": 100}


@pytest.fixture
def fake() -> Iterator[FakeAnthropic]:
    with FakeAnthropic(api_key=KEY) as fake:
        yield fake


def sent(fake: FakeAnthropic) -> Any:
    return fake.received[-1].json()


@pytest.mark.parametrize(
    ("api_base", "url"),
    [
        ("", "https://api.anthropic.com/v1/messages"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/messages"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1/messages"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1/messages"),
        ("http://127.0.0.1:8000/v1/messages", "http://127.0.0.1:8000/v1/messages"),
        ("http://127.0.0.1:8000/eu?key=1", "http://127.0.0.1:8000/eu/v1/messages?key=1"),
    ],
)
@pytest.mark.parametrize("operation", [Operation.CHAT, Operation.MESSAGES])
def test_where_to_post(api_base: str, url: str, operation: Operation) -> None:
    assert request(ANTHROPIC, NATIVE, api_base=api_base, operation=operation).url == url


def test_a_key_goes_as_a_key_and_a_token_as_a_bearer() -> None:
    key = ANTHROPIC.prepare(Account("m", "", "sk-ant-api03-x", {})).headers
    token = ANTHROPIC.prepare(Account("m", "", "sk-ant-oat01-x", {})).headers
    none = ANTHROPIC.prepare(Account("m", "", "", {})).headers

    assert (key["x-api-key"], key.get("Authorization")) == ("sk-ant-api03-x", None)
    assert (token.get("x-api-key"), token["Authorization"]) == (None, "Bearer sk-ant-oat01-x")
    assert token["anthropic-beta"] == "oauth-2025-04-20"
    assert {"x-api-key", "Authorization"}.isdisjoint(none)


def test_the_version_of_the_api_is_the_deployments_or_the_known_one() -> None:
    assert ANTHROPIC.prepare(Account("m", "", "k", {})).headers["anthropic-version"] == "2023-06-01"
    own = ANTHROPIC.prepare(Account("m", "", "k", {"anthropic_version": "2026-01-01"}))
    assert own.headers["anthropic-version"] == "2026-01-01"


def test_a_chat_is_answered_and_counted(fake: FakeAnthropic) -> None:
    fake.cache_read_tokens, fake.cache_creation_tokens = 30, 20

    answer = ask(ANTHROPIC, HELLO, api_base=fake.url)

    [billed] = fake.billed
    assert answer["object"] == "chat.completion"
    assert answer["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": fake.answer}, "finish_reason": "stop"}
    ]
    assert ANTHROPIC.usage(Operation.CHAT, answer["usage"]) == Usage(
        billed.prompt_tokens, billed.completion_tokens, cached_tokens=30, cache_creation_tokens=20
    )
    assert answer["usage"]["total_tokens"] == billed.prompt_tokens + billed.completion_tokens
    assert sent(fake) == {
        "model": "claude-sonnet-4-5",
        "stream": False,
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "May I pass?"}]}],
    }


def test_a_stream_says_what_the_whole_answer_says_and_counts_the_same(fake: FakeAnthropic) -> None:
    fake.cache_read_tokens = 30
    whole = ask(ANTHROPIC, HELLO, api_base=fake.url)

    chunks = stream(ANTHROPIC, HELLO, api_base=fake.url)

    made = joined(chunks)
    assert (made["role"], made["content"], made["finish_reason"]) == ("assistant", fake.answer, "stop")
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert (chunks[-1]["choices"], chunks[-1]["usage"]) == ([], whole["usage"])
    assert [chunk for chunk in chunks if "usage" in chunk] == chunks[-1:]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_is_called_and_its_result_taken(fake: FakeAnthropic, streamed: bool) -> None:
    fake.uses_tools = True
    asked = HELLO | {"tools": [WEATHER]}

    if streamed:
        made = joined(stream(ANTHROPIC, asked, api_base=fake.url))
        [call] = made["calls"].values()
        reason = made["finish_reason"]
    else:
        [choice] = ask(ANTHROPIC, asked, api_base=fake.url)["choices"]
        [tool_call] = choice["message"]["tool_calls"]
        call, reason = {"id": tool_call["id"], **tool_call["function"]}, choice["finish_reason"]

    assert (call["name"], orjson.loads(call["arguments"]), reason) == ("weather", {"place": "toll"}, "tool_calls")
    function = {"name": call["name"], "arguments": call["arguments"]}
    asked["messages"] = [
        *HELLO["messages"],
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": call["id"], "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": call["id"], "content": "Fog"},
    ]
    assert ask(ANTHROPIC, asked, api_base=fake.url)["choices"][0]["message"]["content"] == fake.answer


@pytest.mark.parametrize("streamed", [False, True])
def test_a_call_without_arguments_has_an_empty_object(fake: FakeAnthropic, streamed: bool) -> None:
    fake.uses_tools = True
    asked = HELLO | {"tools": [{"type": "function", "function": {"name": "now"}}]}

    if streamed:
        written = joined(stream(ANTHROPIC, asked, api_base=fake.url))["calls"][0]["arguments"]
    else:
        message = ask(ANTHROPIC, asked, api_base=fake.url)["choices"][0]["message"]
        written = message["tool_calls"][0]["function"]["arguments"]

    assert written == "{}"


@pytest.mark.parametrize("streamed", [False, True])
def test_json_comes_as_content(fake: FakeAnthropic, streamed: bool) -> None:
    schema = {"type": "object", "properties": {"fare": {"type": "integer"}, "values": {"type": "boolean"}}}
    asked = HELLO | {"response_format": {"type": "json_schema", "json_schema": {"name": "fare", "schema": schema}}}

    if streamed:
        made = joined(stream(ANTHROPIC, asked, api_base=fake.url))
    else:
        choice = ask(ANTHROPIC, asked, api_base=fake.url)["choices"][0]
        assert "tool_calls" not in choice["message"]
        made = {**choice["message"], "finish_reason": choice["finish_reason"], "calls": {}}

    assert orjson.loads(made["content"]) == {"fare": 7, "values": True}
    assert (made["finish_reason"], made["calls"]) == ("stop", {})


@pytest.mark.parametrize("streamed", [False, True])
def test_thoughts_are_told_and_can_be_given_back(fake: FakeAnthropic, streamed: bool) -> None:
    asked = HELLO | {"reasoning_effort": "low"}

    if streamed:
        chunks = stream(ANTHROPIC, asked, api_base=fake.url)
        deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
        pieces = [block for delta in deltas for block in delta.get("thinking_blocks", ())]
        told = joined(chunks)["reasoning_content"]
        blocks = [
            {
                "type": "thinking",
                "thinking": "".join(piece["thinking"] for piece in pieces),
                "signature": "".join(piece.get("signature", "") for piece in pieces),
            }
        ]
    else:
        message = ask(ANTHROPIC, asked, api_base=fake.url)["choices"][0]["message"]
        told, blocks = message["reasoning_content"], message["thinking_blocks"]

    assert told == fake.thoughts
    reply = {"role": "assistant", "content": "Pass.", "thinking_blocks": blocks}
    ask(ANTHROPIC, {"messages": [*HELLO["messages"], reply, *HELLO["messages"]]}, api_base=fake.url)
    assert sent(fake)["messages"][1]["content"] == [*blocks, {"type": "text", "text": "Pass."}]


@pytest.mark.parametrize(
    ("reply", "status", "name"),
    [
        (anthropic_error(400, "max_tokens: too many"), 400, "BadRequestError"),
        (anthropic_error(400, "prompt is too long: 210000 tokens > 200000 maximum"), 400, "ContextWindowExceededError"),
        (anthropic_error(400, "Output blocked by content filtering policy"), 400, "ContentPolicyViolationError"),
        (anthropic_error(400, "Your credit balance is too low to access the API"), 402, "APIError"),
        (anthropic_error(401, "invalid x-api-key"), 401, "AuthenticationError"),
        (anthropic_error(402, "billing"), 402, "APIError"),
        (anthropic_error(403, "no"), 403, "PermissionDeniedError"),
        (anthropic_error(404, "model: claude-9"), 404, "NotFoundError"),
        (anthropic_error(413, "Request exceeds the maximum size"), 413, "BadRequestError"),
        (anthropic_error(429, "slow down", retry_after=7), 429, "RateLimitError"),
        (anthropic_error(500, "oops"), 500, "InternalServerError"),
        (anthropic_error(529, "Overloaded"), 500, "InternalServerError"),
        (Reply(504, "<html>timeout</html>"), 500, "InternalServerError"),
    ],
)
def test_each_refusal_is_told_in_the_gateways_words(fake: FakeAnthropic, reply: Reply, status: int, name: str) -> None:
    fake.script(reply)

    error = failure(lambda: ask(ANTHROPIC, HELLO, api_base=fake.url))

    assert (error.status_code, error.name) == (status, name)
    assert "AnthropicException - " in error.message


def test_when_to_try_again_is_passed_on(fake: FakeAnthropic) -> None:
    fake.script(anthropic_error(429, "slow down", retry_after=7))

    assert failure(lambda: ask(ANTHROPIC, HELLO, api_base=fake.url)).headers == {"retry-after": "7"}


def test_an_error_does_not_repeat_the_key() -> None:
    body = orjson.dumps({"type": "error", "error": {"type": "x", "message": f"key {KEY} and hunter2hunter2"}})

    error = ANTHROPIC.error(401, {}, body, secrets=("hunter2hunter2",))

    assert KEY not in error.message
    assert "hunter2" not in error.message


def test_a_wrong_key_is_refused(fake: FakeAnthropic) -> None:
    assert failure(lambda: ask(ANTHROPIC, HELLO, api_base=fake.url, api_key="sk-ant-wrong")).status_code == 401


def test_a_failure_in_the_stream_is_told_and_nothing_after_it(fake: FakeAnthropic) -> None:
    fake.fails_after_chunks = 2

    chunks = stream(ANTHROPIC, HELLO, api_base=fake.url)

    assert chunks[-1] == {"error": {"type": "overloaded_error", "message": "Overloaded"}}
    assert not any("usage" in chunk for chunk in chunks)


def test_its_own_messages_pass_as_they_are(fake: FakeAnthropic) -> None:
    body = NATIVE | {"system": "Be brief", "top_k": 5, "metadata": {"user_id": "u-1"}, "drop_params": True}

    answer = ask(ANTHROPIC, body, operation=Operation.MESSAGES, api_base=fake.url)

    expected = body | {"model": "claude-sonnet-4-5", "stream": False}
    del expected["drop_params"]
    assert sent(fake) == expected
    assert (answer["type"], answer["content"]) == ("message", [{"type": "text", "text": fake.answer}])
    [billed] = fake.billed
    assert ANTHROPIC.usage(Operation.MESSAGES, answer["usage"]) == Usage(billed.prompt_tokens, billed.completion_tokens)


def test_its_own_stream_is_relayed(fake: FakeAnthropic) -> None:
    answer = post(request(ANTHROPIC, NATIVE, operation=Operation.MESSAGES, stream=True, api_base=fake.url))
    reader = ANTHROPIC.reader(Operation.MESSAGES, model="claude", wants_usage=False)
    assert reader is not None

    relayed = reader.feed(answer.content) + reader.finish() + reader.farewell()

    assert relayed == answer.content.replace(b'"model":"claude-sonnet-4-5"', b'"model":"claude"')
    [billed] = fake.billed
    assert ANTHROPIC.usage(Operation.MESSAGES, reader.usage) == Usage(billed.prompt_tokens, billed.completion_tokens)


def test_a_chat_is_never_relayed() -> None:
    assert ANTHROPIC.reader(Operation.CHAT, model="claude", wants_usage=True) is None


@pytest.mark.parametrize("where", ["deployment", "request"])
def test_what_it_does_not_support_is_refused_or_dropped(fake: FakeAnthropic, where: str) -> None:
    asked = HELLO | {"seed": 7, "logit_bias": {"1": 2}}
    with pytest.raises(BadRequest, match="logit_bias, seed") as caught:
        ask(ANTHROPIC, asked, api_base=fake.url)
    assert (caught.value.status_code, caught.value.param) == (400, "logit_bias")

    if where == "deployment":
        ask(ANTHROPIC, asked, api_base=fake.url, params={"drop_params": True})
    else:
        ask(ANTHROPIC, asked | {"drop_params": True}, api_base=fake.url)

    assert sent(fake).keys() == {"model", "stream", "max_tokens", "messages"}


def test_the_official_client_talks_to_the_fake(fake: FakeAnthropic) -> None:
    with anthropic.Anthropic(base_url=fake.url, api_key=KEY, max_retries=0) as sdk:
        whole = sdk.messages.create(model="claude-toll", max_tokens=50, messages=NATIVE["messages"])
        with sdk.messages.stream(model="claude-toll", max_tokens=50, messages=NATIVE["messages"]) as events:
            final = events.get_final_message()
        with pytest.raises(anthropic.BadRequestError, match="providing tools"):
            sdk.messages.create(
                model="claude-toll", max_tokens=50, tool_choice={"type": "auto"}, messages=NATIVE["messages"]
            )
    assert [block.to_dict()["text"] for block in final.content] == [fake.answer]
    assert [block.to_dict()["text"] for block in whole.content] == [fake.answer]
    assert final.usage.output_tokens == whole.usage.output_tokens
