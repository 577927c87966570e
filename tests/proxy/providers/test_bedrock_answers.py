"""What Converse answers, as a chat completion: whole, streamed and broken."""

import json
from typing import Any

import pytest

from proxy.core.errors import UpstreamFailure
from proxy.providers.bedrock_answers import ConverseDecoder, chat_completion, openai_usage
from tests.fakes.bedrock import event, exception, frame

USAGE = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}
START = event("messageStart", {"role": "assistant"})
STOP = event("messageStop", {"stopReason": "end_turn"})


def answer(*content: Any, stop: Any = "end_turn") -> dict[str, Any]:
    return {"output": {"message": {"role": "assistant", "content": list(content)}}, "stopReason": stop, "usage": USAGE}


def delta(index: int, piece: dict[str, Any]) -> bytes:
    return event("contentBlockDelta", {"contentBlockIndex": index, "delta": piece})


def tool_start(index: int, name: str) -> bytes:
    start = {"toolUse": {"toolUseId": f"id-{name}", "name": name}}
    return event("contentBlockStart", {"contentBlockIndex": index, "start": start})


def tool_stop(index: int) -> bytes:
    return event("contentBlockStop", {"contentBlockIndex": index})


def decoded(*events: bytes) -> list[dict[str, Any]]:
    decoder = ConverseDecoder()
    return [*decoder.feed(b"".join(events)), *decoder.finish()]


def deltas(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [choice["delta"] for chunk in chunks for choice in chunk.get("choices", [])]


def test_a_whole_answer() -> None:
    whole = chat_completion(
        answer(
            {"reasoningContent": {"reasoningText": {"text": "1+1", "signature": "c2ln"}}},
            {"reasoningContent": {"redactedContent": "eA=="}},
            {"text": "Two"},
            {"text": "."},
            {"toolUse": {"toolUseId": "1", "name": "pay", "input": {"cents": 5}}},
            {"citationsContent": {}},
            stop="tool_use",
        )
    )

    [choice] = whole["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert json.loads(choice["message"]["tool_calls"][0]["function"].pop("arguments")) == {"cents": 5}
    assert choice["message"] == {
        "role": "assistant",
        "content": "Two.",
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "pay"}}],
        "reasoning_content": "1+1",
        "thinking_blocks": [
            {"type": "thinking", "thinking": "1+1", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "eA=="},
        ],
    }
    assert whole["usage"]["total_tokens"] == 5


def test_an_answer_of_tools_alone_has_no_text() -> None:
    message = chat_completion(answer({"toolUse": {"toolUseId": "1", "name": "pay"}}))["choices"][0]["message"]

    assert message["content"] is None
    assert message["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("tool_use", "tool_calls"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("something_new", "stop"),
        (None, "stop"),
        ([], "stop"),
    ],
)
def test_why_it_stopped(reason: Any, expected: str) -> None:
    assert chat_completion(answer({"text": "x"}, stop=reason))["choices"][0]["finish_reason"] == expected
    last = decoded(START, event("messageStop", {"stopReason": reason}))[-1]
    assert last["choices"][0]["finish_reason"] == expected


def test_what_came_from_the_cache_is_part_of_the_prompt() -> None:
    reported = {"inputTokens": 3, "outputTokens": 2, "cacheReadInputTokens": 100, "cacheWriteInputTokens": 20}

    assert openai_usage({**reported, "totalTokens": 125}) == {
        "prompt_tokens": 123,
        "completion_tokens": 2,
        "total_tokens": 125,
        "prompt_tokens_details": {"cached_tokens": 100},
        "cache_creation_input_tokens": 20,
        "cache_read_input_tokens": 100,
    }


@pytest.mark.parametrize("broken", [{}, {"output": None}, {"output": {"message": []}}, {"output": {"message": {}}}])
def test_an_answer_without_a_message_is_the_upstreams_failure(broken: dict[str, Any]) -> None:
    with pytest.raises(UpstreamFailure):
        chat_completion(broken)


def test_odd_blocks_are_passed_over() -> None:
    odd: list[Any] = [None, 5, {"text": 5}, {"toolUse": {"name": "pay"}}, {"reasoningContent": []}]

    assert chat_completion(answer(*odd))["choices"][0]["message"] == {"role": "assistant", "content": ""}


def test_a_stream_of_thoughts_text_and_tools() -> None:
    chunks = decoded(
        START,
        delta(0, {"reasoningContent": {"text": "1+1"}}),
        delta(0, {"reasoningContent": {"signature": "c2ln"}}),
        tool_stop(0),
        delta(1, {"text": "Two."}),
        tool_stop(1),
        tool_start(2, "pay"),
        delta(2, {"toolUse": {"input": '{"cents":'}}),
        delta(2, {"toolUse": {"input": "5}"}}),
        tool_stop(2),
        tool_start(3, "ring"),
        tool_stop(3),
        event("messageStop", {"stopReason": "tool_use"}),
        event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 5}}),
    )

    said = deltas(chunks)
    calls = [call for one in said for call in one.get("tool_calls", [])]
    assert said[0] == {"role": "assistant", "content": ""}
    assert "".join(one.get("content", "") for one in said) == "Two."
    assert "".join(one.get("reasoning_content", "") for one in said) == "1+1"
    assert [block["signature"] for one in said for block in one.get("thinking_blocks", [])] == ["", "c2ln"]
    assert [(call["index"], call.get("id"), call["function"]["arguments"]) for call in calls] == [
        (0, "id-pay", ""),
        (0, None, '{"cents":'),
        (0, None, "5}"),
        (1, "id-ring", ""),
        (1, None, "{}"),
    ]
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 2


@pytest.mark.parametrize(
    ("kind", "code"),
    [("throttlingException", "429"), ("validationException", "400"), ("somethingNew", "500")],
)
def test_an_exception_ends_the_stream_as_an_error(kind: str, code: str) -> None:
    [*_, last] = decoded(START, exception(kind, "Too many requests."))

    assert last == {"error": {"message": "Too many requests.", "type": kind, "code": code}}


def test_an_error_of_the_protocol_is_told_by_its_headers() -> None:
    headers = {":message-type": "error", ":error-code": "InternalFailure", ":error-message": "It broke."}

    [last] = decoded(frame(headers, b""))

    assert last["error"]["message"] == "It broke."
    assert last["error"]["type"] == "InternalFailure"


def test_a_credential_in_an_exception_is_not_told() -> None:
    [last] = decoded(exception("validationException", "no Bearer abcdefghijkl here"))

    assert "abcdefghijkl" not in last["error"]["message"]


@pytest.mark.parametrize("broken", [START + b"\x00" * 16, START, START + STOP[:-1], b""])
def test_a_stream_that_breaks_off_is_told_once(broken: bytes) -> None:
    errors = [chunk for chunk in decoded(broken) if "error" in chunk]

    assert len(errors) == 1


def test_a_stream_that_ended_well_is_no_error() -> None:
    assert not [chunk for chunk in decoded(START, STOP) if "error" in chunk]


@pytest.mark.parametrize(
    "odd",
    [
        event("contentBlockDelta", {"delta": None}),
        event("contentBlockDelta", {"delta": {"toolUse": {"input": "x"}}}),
        event("contentBlockDelta", {"contentBlockIndex": [], "delta": {"toolUse": {"input": "x"}}}),
        event("contentBlockStart", {"start": {"toolUse": {"name": 5}}}),
        event("contentBlockStart", {"start": 5}),
        event("contentBlockStop", {"contentBlockIndex": "x"}),
        event("metadata", {"usage": 5}),
        event("trace", {}),
        frame({":message-type": "event", ":event-type": "contentBlockDelta"}, b"[]"),
    ],
)
def test_odd_events_are_passed_over(odd: bytes) -> None:
    assert decoded(START, odd, STOP) == decoded(START, STOP)


def test_an_event_that_is_not_json_is_a_failure() -> None:
    headers = {":message-type": "event", ":event-type": "contentBlockDelta"}

    [*_, last] = decoded(START, frame(headers, b"{"))

    assert last["error"]["message"]
