"""What an Anthropic client is answered: judged by Anthropic's own SDK."""

from typing import Any

import orjson
import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given, settings
from pydantic import TypeAdapter

from proxy.core.dialects import DIALECTS
from proxy.core.dialects.base import NoAnswer
from proxy.core.errors import BadRequest, ModelUnavailable, RequestTooLarge, UpstreamRateLimit
from proxy.core.operations import Operation
from teams.errors import ApiError
from tests.proxy.core.dialects.chats import (
    USAGE,
    answer,
    anything,
    call,
    chunk,
    cuts,
    streams,
    told,
    translate,
)

Json = dict[str, Any]

MESSAGES = DIALECTS[Operation.MESSAGES]
EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)


def from_chat(whole: Json) -> Json:
    found = MESSAGES.from_chat(whole, model="group", request={})
    Message.model_validate(found)
    return found


def streamed(*chunks: Json) -> list[Json]:
    return told(translate(Operation.MESSAGES, list(chunks)))


def test_a_whole_answer() -> None:
    assert from_chat(
        answer(
            {
                "reasoning_content": "hm",
                "content": "I look.",
                "tool_calls": [call("call_1", "look", '{"x": 1}'), call("call_2", "find", "")],
            },
            finish="tool_calls",
        )
    ) == {
        "id": "msg_abc123",
        "type": "message",
        "role": "assistant",
        "model": "group",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": ""},
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "call_1", "name": "look", "input": {"x": 1}},
            {"type": "tool_use", "id": "call_2", "name": "find", "input": {}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 4,
            "cache_creation_input_tokens": 2,
            "cache_read_input_tokens": 4,
            "output_tokens": 7,
        },
    }


@pytest.mark.parametrize("arguments", ['{"x": ', "[1]", '"x"', "null", '{"x":' * 300 + "1" + "}" * 300])
def test_arguments_that_are_no_object_reach_the_client_as_they_were_said(arguments: str) -> None:
    (block,) = from_chat(answer({"content": None, "tool_calls": [call("a", "look", arguments)]}))["content"]

    assert block["input"] == {"raw_arguments": arguments}
    assert orjson.dumps(block)


@pytest.mark.parametrize(
    ("message", "choice", "reason", "sequence"),
    [
        ({"content": "a"}, {"finish": "stop"}, "end_turn", None),
        ({"content": "a"}, {"finish": "length"}, "max_tokens", None),
        ({"content": "a"}, {"finish": "content_filter"}, "refusal", None),
        ({"content": "a"}, {"finish": None}, "end_turn", None),
        ({"content": "a"}, {"finish": "odd"}, "end_turn", None),
        ({"refusal": "no"}, {"finish": "stop"}, "refusal", None),
        ({"tool_calls": [call("a", "look", "{}")]}, {"finish": "stop"}, "tool_use", None),
        ({"tool_calls": [call("a", "look", "{}")]}, {"finish": "length"}, "max_tokens", None),
        ({"content": "a"}, {"finish": "stop", "stop_reason": "END"}, "stop_sequence", "END"),
        ({"content": "a"}, {"finish": "stop", "stop_reason": 128_009}, "end_turn", None),
    ],
)
def test_why_an_answer_ended(message: Json, choice: Json, reason: str, sequence: str | None) -> None:
    found = from_chat(answer(message, **choice))
    finish = choice.pop("finish")
    ending = {**chunk({}, finish=finish), "choices": [{"index": 0, "delta": {}, "finish_reason": finish, **choice}]}
    *_, delta, _ = streamed(chunk(message), ending)

    assert (found["stop_reason"], found["stop_sequence"]) == (reason, sequence)
    assert delta["delta"] == {"stop_reason": reason, "stop_sequence": sequence}


@pytest.mark.parametrize("usage", [None, {}, "many", {"prompt_tokens": -1}])
def test_an_answer_without_usage_counts_nothing(usage: Any) -> None:
    assert set(from_chat(answer({"content": "a"}, usage=usage))["usage"].values()) == {0}


def test_more_cached_than_there_was_does_not_count_below_zero() -> None:
    usage = {
        "prompt_tokens": 5,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 9},
        "cache_creation_input_tokens": 9,
    }
    found = from_chat(answer({"content": "a"}, usage=usage))["usage"]

    assert (found["input_tokens"], found["cache_read_input_tokens"], found["cache_creation_input_tokens"]) == (0, 5, 0)


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": "x"}, {"choices": [{"message": "x"}]}])
def test_an_answer_without_a_message_is_none(body: Json) -> None:
    with pytest.raises(NoAnswer):
        MESSAGES.from_chat(body, model="group", request={})


@given(anything)
def test_any_message_is_answered_in_the_shape_of_the_sdk(value: Any) -> None:
    message = {"content": value, "reasoning": value, "refusal": value, "tool_calls": [value, {"function": value}]}
    whole = {"id": value, "created": value, "choices": [{"message": message, "finish_reason": value}], "usage": value}

    assert orjson.dumps(from_chat(whole))


def test_a_stream_from_its_start_to_its_end() -> None:
    events = streamed(
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "hm"}),
        chunk({"content": "I "}),
        chunk({"content": "look."}),
        chunk({"tool_calls": [call("call_1", "look", "", index=0)]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"x":'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}),
        chunk({"tool_calls": [call("call_2", "find", "{}", index=1)]}),
        chunk({}, finish="tool_calls"),
        chunk(usage=USAGE),
    )

    assert [(event["type"], event.get("index")) for event in events] == [
        ("message_start", None),
        ("content_block_start", 0),
        ("content_block_delta", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_delta", 1),
        ("content_block_delta", 1),
        ("content_block_stop", 1),
        ("content_block_start", 2),
        ("content_block_delta", 2),
        ("content_block_delta", 2),
        ("content_block_stop", 2),
        ("content_block_start", 3),
        ("content_block_delta", 3),
        ("content_block_stop", 3),
        ("message_delta", None),
        ("message_stop", None),
    ]
    assert events[0]["message"]["id"] == "msg_abc123"
    assert events[0]["message"]["model"] == "group"
    assert [event["delta"] for event in events if event["type"] == "content_block_delta"] == [
        {"type": "thinking_delta", "thinking": "hm"},
        {"type": "text_delta", "text": "I "},
        {"type": "text_delta", "text": "look."},
        {"type": "input_json_delta", "partial_json": '{"x":'},
        {"type": "input_json_delta", "partial_json": "1}"},
        {"type": "input_json_delta", "partial_json": "{}"},
    ]
    assert events[-2]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}
    assert events[-2]["usage"] == {
        "input_tokens": 4,
        "cache_creation_input_tokens": 2,
        "cache_read_input_tokens": 4,
        "output_tokens": 7,
    }


def test_the_sdk_gathers_from_the_stream_what_a_whole_answer_says() -> None:
    message = {
        "reasoning_content": "hm",
        "content": "I look.",
        "tool_calls": [call("call_1", "look", '{"x": 1}', index=0), call("call_2", "find", '{"y": []}', index=1)],
    }
    gathered: Any = None
    buffers: dict[int, bytes] = {}
    for event in streamed(chunk(message), chunk({}, finish="tool_calls"), chunk(usage=USAGE)):
        gathered = accumulate_event(event=EVENT.validate_python(event), current_snapshot=gathered, json_bufs=buffers)

    whole = from_chat(answer(message, finish="tool_calls"))
    assert {name: gathered.to_dict()[name] for name in whole} == whole


def test_what_ends_the_stream_is_told_only_once_the_books_are_closed() -> None:
    encoder = MESSAGES.encoder(model="group", wants_usage=False, request={})
    seen = (
        encoder.feed(chunk({"content": "a"}))
        + encoder.feed(chunk({}, finish="stop"))
        + encoder.feed(chunk(usage=USAGE))
    )

    assert [event["type"] for event in told(seen)][-1] == "content_block_delta"
    assert [event["type"] for event in told(encoder.finish())] == [
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_an_empty_stream_is_a_message_without_content() -> None:
    assert [event["type"] for event in streamed()] == ["message_start", "message_delta", "message_stop"]


@given(streams)
@settings(max_examples=200)
def test_any_stream_is_told_in_events_of_the_sdk(chunks: list[Json]) -> None:
    events = streamed(*chunks)
    for event in events:
        EVENT.validate_python(event)
    types = [event["type"] for event in events]
    starts = [event["index"] for event in events if event["type"] == "content_block_start"]
    stops = [event["index"] for event in events if event["type"] == "content_block_stop"]

    assert starts == stops == list(range(len(starts)))
    assert types.count("message_start") == types.count("message_delta") == types.count("message_stop") == 1
    assert (types[0], types[-2:]) == ("message_start", ["message_delta", "message_stop"])


@given(streams, cuts)
def test_a_stream_is_the_same_however_it_is_cut(chunks: list[Json], borders: list[int]) -> None:
    assert translate(Operation.MESSAGES, chunks, cuts=borders) == translate(Operation.MESSAGES, chunks)


def test_a_failure_is_told_in_the_stream_as_an_error_event() -> None:
    encoder = MESSAGES.encoder(model="group", wants_usage=False, request={})
    encoder.feed(chunk({"content": "a"}))
    complaint = encoder.complaint(UpstreamRateLimit("slow down", provider="openai"))

    assert complaint.startswith(b"event: error\n")
    assert told(complaint) == [
        {
            "type": "error",
            "error": {
                "type": "rate_limit_error",
                "message": "litellm.RateLimitError: RateLimitError: OpenAIException - slow down",
            },
        }
    ]


class _Teapot(ApiError):
    status_code = 418


class _Overloaded(ApiError):
    status_code = 529


@pytest.mark.parametrize(
    ("error", "type_"),
    [
        (BadRequest("no"), "invalid_request_error"),
        (RequestTooLarge("no"), "request_too_large"),
        (UpstreamRateLimit("no", provider="openai"), "rate_limit_error"),
        (ModelUnavailable("no"), "api_error"),
        (_Overloaded("no"), "overloaded_error"),
        (_Teapot("no"), "invalid_request_error"),
        (ApiError("no"), "api_error"),
    ],
)
def test_errors_are_told_in_anthropics_words(error: ApiError, type_: str) -> None:
    assert MESSAGES.envelope(error) == {"type": "error", "error": {"type": type_, "message": error.message}}
