"""What a client of OpenAI's Responses is answered: judged by OpenAI's own SDK."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from proxy.core.dialects import DIALECTS
from proxy.core.dialects.base import NoAnswer
from proxy.core.errors import BadRequest, UpstreamRateLimit
from proxy.core.operations import Operation
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

RESPONSES = DIALECTS[Operation.RESPONSES]
EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
TELLS_USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 17,
}


def from_chat(whole: Json, **request: Any) -> Json:
    found = RESPONSES.from_chat(whole, model="group", request={"input": "hi", **request})
    Response.model_validate(found)
    return found


def streamed(*chunks: Json, **request: Any) -> list[Json]:
    return told(translate(Operation.RESPONSES, list(chunks), request=request))


def test_a_whole_answer() -> None:
    found = from_chat(
        answer(
            {"reasoning_content": "hm", "content": "I look.", "tool_calls": [call("call_1", "look", '{"x": 1}')]},
            finish="tool_calls",
        )
    )

    assert found["output"] == [
        {"id": "rs_abc123_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {
            "id": "msg_abc123_1",
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "I look.", "annotations": [], "logprobs": []}],
        },
        {
            "id": "fc_abc123_2",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_1",
            "name": "look",
            "arguments": '{"x": 1}',
        },
    ]
    assert (found["id"], found["object"], found["model"]) == ("resp_abc123", "response", "group")
    assert (found["created_at"], found["status"], found["incomplete_details"]) == (1_700_000_000, "completed", None)
    assert found["usage"] == TELLS_USAGE
    assert Response.model_validate(found).output_text == "I look."


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        (None, "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
    ],
)
def test_why_an_answer_ended(finish: str | None, status: str, reason: str | None) -> None:
    found = from_chat(answer({"content": "a"}, finish=finish))
    last = streamed(chunk({"content": "a"}), chunk({}, finish=finish))[-1]

    assert last["type"] == f"response.{status}"
    for response in (found, last["response"]):
        assert response["status"] == response["output"][-1]["status"] == status
        assert response["incomplete_details"] == (reason and {"reason": reason})


def test_what_was_asked_is_repeated() -> None:
    request = {
        "instructions": "be kind",
        "metadata": {"a": "b"},
        "tools": [{"type": "function", "name": "look", "parameters": {}, "strict": True}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "temperature": 0.5,
        "max_output_tokens": 9,
        "reasoning": {"effort": "low"},
        "text": {"verbosity": "low"},
        "user": "u-1",
    }
    found = from_chat(answer({"content": "a"}), **request)
    first = streamed(chunk({"content": "a"}), **request)[0]["response"]

    for response in (found, first):
        assert {name: response[name] for name in request} == {
            **request,
            "reasoning": {"effort": "low", "summary": None},
            "text": {"format": {"type": "text"}, "verbosity": "low"},
        }


def test_what_was_not_asked_is_as_openai_has_it() -> None:
    found = from_chat(answer({"content": "a"}))

    assert (found["tools"], found["tool_choice"], found["parallel_tool_calls"]) == ([], "auto", True)
    assert (found["metadata"], found["store"], found["previous_response_id"]) == ({}, False, None)


def test_a_refusal_is_told_as_one() -> None:
    (message,) = from_chat(answer({"content": None, "refusal": "no"}))["output"]

    assert message["content"] == [{"type": "refusal", "refusal": "no"}]


@pytest.mark.parametrize("usage", [None, {}, "many"])
def test_an_answer_without_usage_tells_none(usage: Any) -> None:
    assert from_chat(answer({"content": "a"}, usage=usage))["usage"] is None


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": "x"}, {"choices": [{"message": "x"}]}])
def test_an_answer_without_a_message_is_none(body: Json) -> None:
    with pytest.raises(NoAnswer):
        RESPONSES.from_chat(body, model="group", request={})


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
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
        chunk({}, finish="tool_calls"),
        chunk(usage=USAGE),
    )

    assert [event["type"].removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert events[-1]["response"]["usage"] == TELLS_USAGE
    assert events[12]["text"] == "I look."
    assert events[17]["arguments"] == "{}"


def test_the_stream_ends_with_what_a_whole_answer_says() -> None:
    message = {
        "reasoning_content": "hm",
        "content": "I look.",
        "tool_calls": [call("call_1", "look", '{"x": 1}', index=0), call("call_2", "find", "{}", index=1)],
    }
    *_, last = streamed(chunk(message), chunk({}, finish="tool_calls"), chunk(usage=USAGE), input="hi")

    assert last["response"] == from_chat(answer(message, finish="tool_calls"))


def test_the_sdk_gathers_from_the_deltas_what_the_response_says_at_the_end() -> None:
    state: ResponseStreamState[None] = ResponseStreamState(input_tools=omit, text_format=omit)
    texts = []
    events = streamed(
        chunk({"reasoning_content": "hm"}),
        chunk({"content": "I "}),
        chunk({"content": "look.", "tool_calls": [call("call_1", "look", "{}", index=0)]}),
        chunk({}, finish="tool_calls"),
    )
    for event in events:
        for built in state.handle_event(EVENT.validate_python(event)):
            texts.append(getattr(built, "snapshot", None))
            final = built

    assert {"I ", "I look.", "{}"} <= set(texts)
    assert final.type == "response.completed"
    assert final.response.output_text == "I look."


def test_what_ends_the_stream_is_told_only_once_the_books_are_closed() -> None:
    encoder = RESPONSES.encoder(model="group", wants_usage=False, request={})
    seen = (
        encoder.feed(chunk({"content": "a"}))
        + encoder.feed(chunk({}, finish="stop"))
        + encoder.feed(chunk(usage=USAGE))
    )

    assert told(seen)[-1]["type"] == "response.output_text.delta"
    assert told(encoder.finish())[-1]["type"] == "response.completed"


@given(streams)
@settings(max_examples=150)
def test_any_stream_is_told_in_events_of_the_sdk(chunks: list[Json]) -> None:
    events = streamed(*chunks)
    for event in events:
        EVENT.validate_python(event)
    added = [event["output_index"] for event in events if event["type"] == "response.output_item.added"]
    done = [event for event in events if event["type"] == "response.output_item.done"]
    types = [event["type"] for event in events]

    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert added == [event["output_index"] for event in done] == list(range(len(added)))
    assert events[-1]["response"]["output"] == [event["item"] for event in done]
    assert types[:2] == ["response.created", "response.in_progress"]
    assert (
        types.count("response.created") == types.count("response.completed") + types.count("response.incomplete") == 1
    )


@given(streams)
def test_the_deltas_of_an_item_add_up_to_what_it_is_done_with(chunks: list[Json]) -> None:
    deltas: dict[str, str] = {}
    for event in streamed(*chunks):
        kind = event["type"]
        if kind.endswith(".delta"):
            deltas[event["item_id"]] = deltas.get(event["item_id"], "") + event["delta"]
        if kind.endswith((".arguments.done", "_text.done", "refusal.done", "arguments.done")):
            text = event.get("text", event.get("refusal", event.get("arguments")))
            assert deltas.get(event["item_id"], "") == text


@given(streams, cuts)
def test_a_stream_is_the_same_however_it_is_cut(chunks: list[Json], borders: list[int]) -> None:
    assert translate(Operation.RESPONSES, chunks, cuts=borders) == translate(Operation.RESPONSES, chunks)


@pytest.mark.parametrize("begun", [True, False])
def test_a_failure_is_told_as_a_response_that_failed(begun: bool) -> None:
    encoder = RESPONSES.encoder(model="group", wants_usage=False, request={})
    before = told(encoder.feed(chunk({"content": "a"}))) if begun else []
    events = before + told(encoder.complaint(UpstreamRateLimit("slow down", provider="openai")))
    for event in events:
        EVENT.validate_python(event)

    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert events[0]["type"] == "response.created"
    assert events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["error"] == {
        "code": "rate_limit_exceeded",
        "message": "litellm.RateLimitError: RateLimitError: OpenAIException - slow down",
    }


def test_errors_before_the_first_byte_are_openais_own() -> None:
    error = BadRequest("no", param="input")

    assert RESPONSES.envelope(error) == error.envelope()
