"""Gemini as the gateway meets it: where to post, what comes back, and what goes wrong, against a real server."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budgets.core.pricing import Usage
from proxy.core.errors import UpstreamError
from proxy.core.operations import Operation
from proxy.providers import PROVIDERS
from proxy.providers.base import Account
from tests.fakes.gemini import FakeGemini, gemini_error
from tests.proxy.providers.asking import ask, failure, joined, request, stream

GEMINI = PROVIDERS["gemini"]
KEY = "AIzaSyFakeFakeFakeFakeFake"
FLASH: dict[str, Any] = {"model": "gemini-2.5-flash", "api_key": KEY}
HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "May I pass?"}]}
PARAMETERS = {"type": "object", "properties": {"at": {"type": "string"}}, "additionalProperties": False}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
NOW = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture
def fake() -> Iterator[FakeGemini]:
    with FakeGemini(api_key=KEY) as fake:
        yield fake


def sent(fake: FakeGemini) -> Any:
    return fake.received[-1].json()


@pytest.mark.parametrize(
    ("api_base", "model", "path"),
    [
        ("", "gemini-2.5-pro", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro"),
        ("http://h:1/", "models/gemini-2.5-pro", "http://h:1/v1beta/models/gemini-2.5-pro"),
        ("http://h:1/v1", "gemini-2.5-pro", "http://h:1/v1/models/gemini-2.5-pro"),
        ("http://h:1/v1beta/", "tunedModels/mine", "http://h:1/v1beta/tunedModels/mine"),
        ("http://h:1", "a?b", "http://h:1/v1beta/models/a%3Fb"),
    ],
)
def test_where_to_post(api_base: str, model: str, path: str) -> None:
    facts: dict[str, Any] = {"api_base": api_base, "model": model}

    assert request(GEMINI, HELLO, **facts).url == f"{path}:generateContent"
    assert request(GEMINI, HELLO, stream=True, **facts).url == f"{path}:streamGenerateContent?alt=sse"
    embedding = request(GEMINI, {"input": "x"}, operation=Operation.EMBEDDING, **facts)
    assert embedding.url == f"{path}:batchEmbedContents"


def test_a_query_of_the_address_stays_behind_the_path() -> None:
    found = request(GEMINI, HELLO, stream=True, api_base="http://h:1/x?zone=eu", model="m")

    assert found.url == "http://h:1/x/v1beta/models/m:streamGenerateContent?zone=eu&alt=sse"


def test_the_key_is_a_header_and_never_in_the_address() -> None:
    target = GEMINI.prepare(Account("gemini-2.5-pro", "", KEY, {}))

    assert target.headers["x-goog-api-key"] == KEY
    assert KEY not in str([target.urls, target.facts])
    assert "x-goog-api-key" not in GEMINI.prepare(Account("m", "", "", {})).headers


def test_a_chat_is_answered_and_counted(fake: FakeGemini) -> None:
    fake.cached_tokens, fake.thought_tokens = 3, 11

    answer = ask(GEMINI, HELLO, api_base=fake.url, **FLASH)

    [billed] = fake.billed
    assert (answer["object"], answer["id"], answer["model"]) == ("chat.completion", billed.id, "gemini-2.5-flash")
    assert answer["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": fake.answer}, "finish_reason": "stop"}
    ]
    assert GEMINI.usage(Operation.CHAT, answer["usage"]) == Usage(
        billed.prompt_tokens, billed.completion_tokens, cached_tokens=3, reasoning_tokens=11
    )
    assert sent(fake) == {"contents": [{"role": "user", "parts": [{"text": "May I pass?"}]}]}


def test_a_stream_says_what_the_whole_answer_says_and_counts_the_same(fake: FakeGemini) -> None:
    whole = ask(GEMINI, HELLO, api_base=fake.url, **FLASH)

    chunks = stream(GEMINI, HELLO, api_base=fake.url, **FLASH)

    made = joined(chunks)
    assert (made["role"], made["content"], made["finish_reason"]) == ("assistant", fake.answer, "stop")
    assert {chunk["id"] for chunk in chunks} == {fake.billed[-1].id}
    assert (chunks[-1]["choices"], chunks[-1]["usage"]) == ([], whole["usage"])
    assert [chunk for chunk in chunks if "usage" in chunk] == chunks[-1:]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("has_call_ids", [False, True])
def test_functions_are_called_and_their_results_taken(fake: FakeGemini, has_call_ids: bool, streamed: bool) -> None:
    fake.uses_tools, fake.has_call_ids, fake.wants_signatures = True, has_call_ids, True
    asked = HELLO | {"tools": [WEATHER, NOW]}

    if streamed:
        chunks = stream(GEMINI, asked, api_base=fake.url, **FLASH)
        found = [call for chunk in chunks for c in chunk["choices"] for call in c["delta"].get("tool_calls", ())]
        reason = joined(chunks)["finish_reason"]
        assert [call.pop("index") for call in found] == [0, 1]
    else:
        [choice] = ask(GEMINI, asked, api_base=fake.url, **FLASH)["choices"]
        found, reason = choice["message"]["tool_calls"], choice["finish_reason"]

    assert reason == "tool_calls"
    assert [(call["function"]["name"], call["function"]["arguments"]) for call in found] == [
        ("weather", '{"at":"toll"}'),
        ("now", "{}"),
    ]
    assert len({call["id"] for call in found}) == 2
    asked["messages"] = [
        *HELLO["messages"],
        {"role": "assistant", "content": None, "tool_calls": found},
        {"role": "tool", "tool_call_id": found[1]["id"], "content": "noon"},
        {"role": "tool", "tool_call_id": found[0]["id"], "content": '{"sky": "fog"}'},
    ]
    assert ask(GEMINI, asked, api_base=fake.url, **FLASH)["choices"][0]["message"]["content"] == fake.answer
    calls, responses = sent(fake)["contents"][1:]
    assert calls["parts"][0]["thoughtSignature"] == "CsUBfake=="
    assert [part["functionResponse"]["response"] for part in responses["parts"]] == [{"output": "noon"}, {"sky": "fog"}]


@pytest.mark.parametrize("streamed", [False, True])
def test_thoughts_are_told_apart(fake: FakeGemini, streamed: bool) -> None:
    asked = HELLO | {"reasoning_effort": "low"}

    if streamed:
        made = joined(stream(GEMINI, asked, api_base=fake.url, **FLASH))
    else:
        made = ask(GEMINI, asked, api_base=fake.url, **FLASH)["choices"][0]["message"]

    assert (made["reasoning_content"], made["content"]) == (fake.thoughts, fake.answer)


def test_json_is_answered_by_the_schema(fake: FakeGemini) -> None:
    schema = {"type": "object", "properties": {"fare": {"type": "integer"}}, "additionalProperties": False}
    asked = HELLO | {"response_format": {"type": "json_schema", "json_schema": {"name": "f", "schema": schema}}}

    answer = ask(GEMINI, asked, api_base=fake.url, **FLASH)

    assert orjson.loads(answer["choices"][0]["message"]["content"]) == {"fare": 7}


def test_several_candidates_are_several_choices(fake: FakeGemini) -> None:
    answer = ask(GEMINI, HELLO | {"n": 2}, api_base=fake.url, **FLASH)

    assert [choice["index"] for choice in answer["choices"]] == [0, 1]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_prompt_that_is_blocked_is_filtered(fake: FakeGemini, streamed: bool) -> None:
    fake.blocks = True

    if streamed:
        made = joined(stream(GEMINI, HELLO, api_base=fake.url, **FLASH))
    else:
        [choice] = ask(GEMINI, HELLO, api_base=fake.url, **FLASH)["choices"]
        made = choice | {"content": choice["message"]["content"] or ""}

    assert (made["finish_reason"], made["content"]) == ("content_filter", "")


@pytest.mark.parametrize(
    ("told", "finish_reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("RECITATION", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("BLOCKLIST", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "stop"),
        ("SOMETHING_NEW", "stop"),
    ],
)
def test_why_it_stopped(fake: FakeGemini, told: str, finish_reason: str) -> None:
    fake.finish_reason = told

    whole = ask(GEMINI, HELLO, api_base=fake.url, **FLASH)

    assert whole["choices"][0]["finish_reason"] == finish_reason
    assert joined(stream(GEMINI, HELLO, api_base=fake.url, **FLASH))["finish_reason"] == finish_reason


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize(
    ("status", "message", "expected", "name"),
    [
        (400, "API key not valid. Please pass a valid API key.", 401, "AuthenticationError"),
        (400, "* contents is not specified", 400, "BadRequestError"),
        (
            400,
            "The input token count (1300000) exceeds the maximum number of tokens allowed (1048575).",
            400,
            "ContextWindowExceededError",
        ),
        (403, "Permission denied", 403, "PermissionDeniedError"),
        (404, "models/x is not found", 404, "NotFoundError"),
        (429, "You exceeded your current quota", 429, "RateLimitError"),
        (500, "An internal error has occurred", 500, "InternalServerError"),
        (503, "The model is overloaded", 503, "ServiceUnavailableError"),
    ],
)
def test_each_refusal_is_told_in_the_gateways_words(
    fake: FakeGemini, status: int, message: str, expected: int, name: str, listed: bool
) -> None:
    fake.script(gemini_error(status, message, listed=listed))

    error = failure(lambda: ask(GEMINI, HELLO, api_base=fake.url, **FLASH))

    assert (error.status_code, error.name) == (expected, name)
    assert error.message.endswith(f"GeminiException - {message}")


@pytest.mark.parametrize(
    ("delay", "headers"),
    [
        ("17s", {"retry-after": "17"}),
        ("3.2s", {"retry-after": "4"}),
        ("0s", {"retry-after": "0"}),
        ("soon", {}),
        ("-1s", {}),
        ("9999999999s", {}),
        ("", {}),
    ],
)
@pytest.mark.parametrize("listed", [False, True])
def test_when_to_try_again_is_told_in_a_header(
    fake: FakeGemini, delay: str, headers: dict[str, str], listed: bool
) -> None:
    fake.script(gemini_error(429, "quota", retry_delay=delay, listed=listed))

    assert (failure(lambda: ask(GEMINI, HELLO, api_base=fake.url, **FLASH)).headers or {}) == headers


def test_a_wrong_key_is_refused(fake: FakeGemini) -> None:
    error = failure(lambda: ask(GEMINI, HELLO, api_base=fake.url, model="gemini-2.5-flash", api_key="AIzaWrong"))

    assert error.status_code == 401


def test_an_error_does_not_repeat_the_key() -> None:
    body = orjson.dumps([{"error": {"code": 400, "message": f"bad {KEY} hunter2hunter2", "status": "X"}}])

    message = GEMINI.error(400, {}, body, secrets=("hunter2hunter2",)).message

    assert KEY not in message
    assert "hunter2" not in message


@given(st.binary(max_size=60) | st.recursive(st.none() | st.text(), st.lists).map(orjson.dumps))
@settings(deadline=None, max_examples=200)
def test_no_answer_can_break_the_telling(body: bytes) -> None:
    assert isinstance(GEMINI.error(500, {}, body, secrets=()), UpstreamError)


def test_a_failure_in_the_stream_is_told_and_nothing_after_it(fake: FakeGemini) -> None:
    fake.fails_after_chunks = 2

    chunks = stream(GEMINI, HELLO, api_base=fake.url, **FLASH)

    message = "The model is overloaded. Please try again later."
    assert chunks[-1] == {"error": {"message": message, "type": "UNAVAILABLE"}}
    assert not any("usage" in chunk for chunk in chunks)
