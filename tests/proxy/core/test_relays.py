"""OpenAI's own responses on their way through: the same bytes however they are cut, and what is learnt from them."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from budgets.core.pricing import Usage
from proxy.core.dialects import DIALECTS
from proxy.core.errors import UpstreamFailure
from proxy.core.operations import Operation
from proxy.core.relays import ResponsesRelay, read_responses_usage
from proxy.core.streams import LONGEST_EVENT, EventTooLong
from proxy.core.usage import read_usage
from proxy.providers import PROVIDERS
from tests.proxy.core.dialects.chats import USAGE, anything, call, chunk, told

Json = dict[str, Any]

EVENT: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
REPORTED = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 17,
}
READ = Usage(10, 7, cached_tokens=4, cache_creation_tokens=2, reasoning_tokens=3)


def event(kind: str, **facts: Any) -> bytes:
    return f"event: {kind}\ndata: ".encode() + orjson.dumps({"type": kind, "sequence_number": 0, **facts}) + b"\n\n"


def response(**fields: Any) -> Json:
    return {"id": "resp_1", "object": "response", "model": "gpt-4o-2024-08-06", "output": [], **fields}


def delta(text: str) -> bytes:
    return event("response.output_text.delta", item_id="msg_1", output_index=0, content_index=0, delta=text)


CREATED = event("response.created", response=response(status="in_progress"))
COMPLETED = event("response.completed", response=response(status="completed", usage=REPORTED))


def relay(stream: bytes, *, cuts: list[int] | None = None, reader: ResponsesRelay | None = None) -> bytes:
    reader = reader or ResponsesRelay("group")
    borders = [0, *sorted(cut % (len(stream) + 1) for cut in cuts or []), len(stream)]
    return b"".join(reader.feed(stream[start:end]) for start, end in pairwise(borders)) + reader.finish()


def natural_stream() -> bytes:
    """A stream with everything in it, as the dialect over chat models writes one; its model is `gpt-4o`."""
    encoder = DIALECTS[Operation.RESPONSES].encoder(
        model="gpt-4o", wants_usage=False, request={"metadata": {"model": "mine"}}
    )
    chunks = [
        chunk({"reasoning_content": "hm"}),
        chunk({"content": 'say "model":"x" and {"type": "error"}'}),
        chunk({"tool_calls": [call("call_1", "look", '{"model": "y"}', index=0)]}),
        chunk({}, finish="tool_calls"),
        chunk(usage=USAGE),
    ]
    return b"".join(map(encoder.feed, chunks)) + encoder.finish()


NATURAL = natural_stream()


def test_deltas_pass_as_the_bytes_they_are() -> None:
    odd = b'event: response.output_text.delta\r\ndata: {"type": "response.output_text.delta",  "delta": "a"}\r\n\r\n'

    assert relay(odd + delta("b")) == odd + delta("b")


def test_a_response_goes_by_the_name_that_the_client_asked_for() -> None:
    reader = ResponsesRelay("group")
    seen = relay(NATURAL, reader=reader) + reader.farewell()
    responses = [payload["response"] for payload in told(seen) if "response" in payload]

    assert len(responses) == 3
    assert {entry["model"] for entry in responses} == {"group"}
    assert responses[0]["metadata"] == {"model": "mine"}


def test_all_but_the_name_stays_as_it_was() -> None:
    reader = ResponsesRelay("gpt-4o")

    assert told(relay(NATURAL, reader=reader) + reader.farewell()) == told(NATURAL)


@given(st.lists(st.integers(0, 5000), max_size=8))
def test_a_stream_is_the_same_however_it_is_cut(cuts: list[int]) -> None:
    one, other = ResponsesRelay("group"), ResponsesRelay("group")

    assert relay(NATURAL, cuts=cuts, reader=one) == relay(NATURAL, reader=other)
    assert (one.usage, one.upstream_id, one.events, one.first_token) == (
        other.usage,
        other.upstream_id,
        other.events,
        other.first_token,
    )
    assert one.farewell() == other.farewell() != b""


def test_what_is_learnt() -> None:
    reader = ResponsesRelay("group")
    relay(CREATED + delta("a") + COMPLETED, reader=reader)

    assert (reader.upstream_id, reader.events, reader.error) == ("resp_1", 2, None)
    assert read_usage(reader.usage) == READ


@pytest.mark.parametrize("name", ["completed", "incomplete"])
def test_the_end_is_kept_back_for_the_farewell(name: str) -> None:
    reader = ResponsesRelay("group")
    seen = relay(CREATED + event(f"response.{name}", response=response(usage=REPORTED)), reader=reader)

    assert [payload["type"] for payload in told(seen)] == ["response.created"]
    assert [payload["type"] for payload in told(reader.farewell())] == [f"response.{name}"]
    assert read_usage(reader.usage) == READ


@pytest.mark.parametrize(
    "kind",
    [
        "response.output_text.delta",
        "response.function_call_arguments.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.delta",
        "response.refusal.delta",
    ],
)
def test_the_first_token_is_the_first_delta_of_any_kind(kind: str) -> None:
    reader = ResponsesRelay("group")

    reader.feed(CREATED)
    assert not reader.first_token
    reader.feed(event(kind, delta="a"))
    assert reader.first_token


def test_text_that_quotes_an_event_is_no_event() -> None:
    quoted = delta('{"type":"error","message":"no"} "type":"response.completed"')
    reader = ResponsesRelay("group")

    assert relay(delta("a") + quoted, reader=reader) == delta("a") + quoted
    assert (reader.error, reader.farewell()) == (None, b"")


@pytest.mark.parametrize(
    "facts",
    [
        {"code": "server_error", "message": "key sk-123456789 is away", "param": None},
        {"error": {"type": "server_error", "code": "server_error", "message": "key sk-123456789 is away"}},
    ],
    ids=["flat", "as an object"],
)
def test_an_error_is_kept_back_and_told_in_other_words(facts: Json) -> None:
    reader = ResponsesRelay("group")
    seen = relay(CREATED + event("error", **facts), reader=reader)
    complaint = reader.complaint(UpstreamFailure("away", provider="openai"))

    assert reader.error is not None
    assert reader.error["message"] == "key sk-123456789 is away"
    assert b"sk-123456789" not in seen + complaint
    (payload,) = told(complaint)
    assert EVENT.validate_python(payload)
    assert (payload["type"], payload["sequence_number"]) == ("error", 1)


def test_a_response_that_failed_is_kept_back_and_told_in_other_words() -> None:
    reader = ResponsesRelay("group")
    failed = response(status="failed", error={"code": "rate_limit_exceeded", "message": "key sk-123456789 is slow"})
    seen = relay(CREATED + event("response.failed", response=failed), reader=reader)
    complaint = reader.complaint(UpstreamFailure("slow", provider="openai"))

    assert reader.error == {"code": "rate_limit_exceeded", "message": "key sk-123456789 is slow"}
    assert reader.farewell() == b""
    assert b"sk-123456789" not in seen + complaint
    (payload,) = told(complaint)
    assert payload["type"] == "response.failed"
    assert payload["response"]["model"] == "group"
    assert payload["response"]["error"] == {
        "code": "rate_limit_exceeded",
        "message": "litellm.InternalServerError: InternalServerError: OpenAIException - slow",
    }


def test_a_stream_that_breaks_off_is_complained_of() -> None:
    reader = ResponsesRelay("group")
    relay(CREATED + delta("a"), reader=reader)

    assert reader.farewell() == b""
    assert told(reader.complaint(UpstreamFailure("away", provider="openai")))[0]["type"] == "error"


def test_an_upstream_that_forgets_the_last_blank_line_is_read_to_the_end() -> None:
    reader = ResponsesRelay("group")
    relay(CREATED + COMPLETED.rstrip(), reader=reader)

    assert reader.farewell().endswith(b"\n\n")
    assert read_usage(reader.usage) == READ


def test_a_last_event_longer_than_a_chat_chunk_may_be_passes() -> None:
    long = event("response.completed", response=response(instructions="x" * (2 * LONGEST_EVENT)))
    reader = ResponsesRelay("group")
    relay(long, cuts=list(range(0, len(long), 65_536)), reader=reader)

    assert len(reader.farewell()) > 2 * LONGEST_EVENT


def test_an_event_without_an_end_is_refused() -> None:
    reader = ResponsesRelay("group")

    reader.feed(b"x" * 16 * LONGEST_EVENT)

    with pytest.raises(EventTooLong):
        reader.feed(b"x")


def test_a_response_nested_too_deeply_to_be_written_again_passes_as_it_is() -> None:
    deep = b"[" * 400 + b"]" * 400
    created = b'data: {"type":"response.created","response":{"id":"resp_1","tools":' + deep + b"}}\n\n"

    assert relay(created) == created


def test_a_failure_nested_too_deeply_to_be_written_again_is_told_as_an_error() -> None:
    reader = ResponsesRelay("group")
    deep = b"[" * 400 + b"]" * 400
    relay(b'data: {"type":"response.failed","response":{"tools":' + deep + b"}}\n\n", reader=reader)

    assert told(reader.complaint(UpstreamFailure("away", provider="openai")))[0]["type"] == "error"


@given(anything)
def test_any_value_in_an_event_is_survived(value: Any) -> None:
    for kind in ("response.created", "response.completed", "response.failed", "error"):
        for facts in (
            {"response": value},
            {"response": {"id": value, "usage": value, "error": value}},
            {"error": value},
        ):
            reader = ResponsesRelay("group")
            relay(event(kind, **facts), reader=reader)
            assert reader.farewell() + reader.complaint(UpstreamFailure("away", provider="openai"))
            assert reader.usage is None or read_responses_usage(reader.usage) == read_usage(reader.usage)


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        (REPORTED, READ),
        (USAGE, READ),
        ({"input_tokens": 3, "output_tokens": 0}, Usage(3, 0)),
        ({"input_tokens": 3, "output_tokens": 1, "input_tokens_details": "x"}, Usage(3, 1)),
        ({"input_tokens": 0, "output_tokens": 0}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_usage_in_the_words_of_responses(reported: Any, usage: Usage | None) -> None:
    assert read_responses_usage(reported) == usage


def test_openai_reads_and_relays_its_own_responses() -> None:
    openai = PROVIDERS["openai"]
    reader = openai.reader(Operation.RESPONSES, model="group", wants_usage=False)

    assert isinstance(reader, ResponsesRelay)
    relay(COMPLETED, reader=reader)
    assert openai.usage(Operation.RESPONSES, reader.usage) == READ
    assert openai.usage(Operation.RESPONSES, REPORTED) == READ
    assert openai.usage(Operation.CHAT, USAGE) == READ
