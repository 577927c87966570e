"""Anthropic's stream, however it is cut: the same chunks, the same bytes, and nothing lost of what it cost."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.errors import UpstreamRateLimit
from proxy.core.streams import LONGEST_EVENT, EventTooLong
from proxy.providers.anthropic_stream import MessagesDecoder, MessagesReader
from tests.proxy.providers.asking import joined


def event(kind: str, **data: Any) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + orjson.dumps({"type": kind, **data}) + b"\n\n"


def delta(index: Any = 0, **fields: Any) -> bytes:
    return event("content_block_delta", index=index, delta=fields)


def text(said: str) -> bytes:
    return delta(type="text_delta", text=said)


def opened(index: int, **block: Any) -> bytes:
    return event("content_block_start", index=index, content_block=block)


def closed(index: int) -> bytes:
    return event("content_block_stop", index=index)


MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [],
    "usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 2, "output_tokens": 1},
}
START = event("message_start", message=MESSAGE)
END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 9})
STOP = event("message_stop")
PING = event("ping")
ERROR = event("error", error={"type": "overloaded_error", "message": "Overloaded", "inside": "secret"})
CALL = opened(1, type="tool_use", id="toolu_1", name="weather", input={})
PLAIN = START + opened(0, type="text", text="") + PING + text("The toll ") + text("生产 😀") + closed(0) + END + STOP
TOOLS = (
    START
    + CALL
    + delta(1, type="input_json_delta", partial_json="")
    + delta(1, type="input_json_delta", partial_json='{"at":')
    + delta(1, type="input_json_delta", partial_json='"x"}')
    + closed(1)
    + opened(2, type="tool_use", id="toolu_2", name="now", input={})
    + closed(2)
    + opened(3, type="tool_use", id="toolu_3", name="all", input={"at": "once"})
    + closed(3)
    + event("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 20})
    + STOP
)
_events = st.one_of(
    st.sampled_from([START, END, STOP, PING, ERROR, CALL, closed(1), b": hello\n\n", b"data: no json\n\n"]),
    st.builds(text, st.text()),
    st.builds(lambda piece: delta(1, type="input_json_delta", partial_json=piece), st.text(max_size=5)),
    st.builds(lambda piece: delta(0, type="thinking_delta", thinking=piece), st.text(max_size=5)),
)
_streams = st.sampled_from([PLAIN, TOOLS]) | st.lists(_events, max_size=10).map(b"".join)


@st.composite
def _cut_streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    stream = draw(_streams)
    if draw(st.booleans()):
        stream = stream.replace(b"\n", b"\r\n")
    cuts = draw(st.lists(st.integers(0, len(stream)), max_size=20))
    return stream, [stream[start:end] for start, end in pairwise([0, *sorted(cuts), len(stream)])]


def decode(*pieces: bytes) -> list[dict[str, Any]]:
    decoder = MessagesDecoder()
    return [chunk for piece in pieces for chunk in decoder.feed(piece)] + decoder.finish()


def relay(*pieces: bytes) -> tuple[bytes, MessagesReader]:
    reader = MessagesReader("claude")
    return b"".join(reader.feed(piece) for piece in pieces) + reader.finish(), reader


@given(_cut_streams())
@settings(deadline=None, max_examples=200)
def test_the_chunks_are_the_same_however_the_stream_is_cut(cut: tuple[bytes, list[bytes]]) -> None:
    stream, pieces = cut

    assert decode(*pieces) == decode(stream)


@given(_cut_streams())
@settings(deadline=None, max_examples=200)
def test_the_client_sees_the_same_bytes_however_the_stream_is_cut(cut: tuple[bytes, list[bytes]]) -> None:
    stream, pieces = cut
    whole, one = relay(stream)
    parts, other = relay(*pieces)

    assert parts == whole
    facts = ("usage", "error", "upstream_id", "events", "first_token")
    assert [getattr(other, name) for name in facts] == [getattr(one, name) for name in facts]


def test_calls_are_numbered_and_each_has_an_object_of_arguments() -> None:
    chunks = decode(TOOLS)

    assert joined(chunks)["calls"] == {
        0: {"id": "toolu_1", "name": "weather", "arguments": '{"at":"x"}'},
        1: {"id": "toolu_2", "name": "now", "arguments": "{}"},
        2: {"id": "toolu_3", "name": "all", "arguments": '{"at":"once"}'},
    }
    assert joined(chunks)["finish_reason"] == "tool_calls"


def test_usage_is_what_the_start_and_the_end_say_together() -> None:
    assert decode(PLAIN)[-1]["usage"] == {
        "prompt_tokens": 17,
        "completion_tokens": 9,
        "total_tokens": 26,
        "prompt_tokens_details": {"cached_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 0},
        "cache_creation_input_tokens": 2,
        "cache_read_input_tokens": 5,
    }
    assert relay(PLAIN)[1].usage == MESSAGE["usage"] | {"output_tokens": 9}  # type: ignore[operator]


@pytest.mark.parametrize("stream", [b"", START, START + text("half"), START + text("half") + closed(0)])
def test_a_stream_that_stops_in_the_middle_is_a_failure_without_usage(stream: bytes) -> None:
    _, reader = relay(stream)

    assert decode(stream)[-1]["error"]["message"] == "the stream ended before its message did"
    assert (reader.error, reader.usage) == (decode(stream)[-1]["error"], None)


def test_a_stream_that_only_lacks_its_last_event_is_whole() -> None:
    stream = PLAIN.removesuffix(STOP)

    assert decode(stream) == decode(PLAIN)
    assert relay(stream)[1].error is None


def test_an_error_is_kept_back_with_its_texts_only() -> None:
    relayed, reader = relay(START + text("half") + ERROR)

    assert reader.error == decode(START + ERROR)[-1]["error"] == {"type": "overloaded_error", "message": "Overloaded"}
    assert b"Overloaded" not in relayed


def test_only_the_models_name_is_changed_and_the_end_is_kept_back() -> None:
    relayed, reader = relay(PLAIN)

    assert relayed + reader.farewell() == PLAIN.replace(b'"claude-sonnet-4-5-20250929"', b'"claude"')
    assert STOP not in relayed
    assert (reader.upstream_id, reader.events, reader.first_token) == ("msg_1", 7, True)


def test_the_first_token_is_the_first_that_says_something() -> None:
    reader = MessagesReader("claude")
    reader.feed(START + opened(0, type="text", text="") + PING + text(""))
    before = reader.first_token
    reader.feed(text("x"))

    assert (before, reader.first_token) == (False, True)


def test_a_complaint_is_an_event_of_anthropics() -> None:
    complaint = MessagesReader("claude").complaint(UpstreamRateLimit("slow", provider="anthropic"))

    head, data = complaint.strip().split(b"\n")
    told = orjson.loads(data.removeprefix(b"data: "))
    assert (head, told["type"], told["error"]["type"]) == (b"event: error", "error", "rate_limit_error")
    assert told["error"]["message"] == "litellm.RateLimitError: RateLimitError: AnthropicException - slow"


@pytest.mark.parametrize("reader", [MessagesDecoder(), MessagesReader("claude")])
def test_an_event_without_end_is_not_kept(reader: MessagesDecoder | MessagesReader) -> None:
    reader.feed(b"data: " + b"x" * (LONGEST_EVENT // 2))

    with pytest.raises(EventTooLong):
        reader.feed(b"x" * LONGEST_EVENT)


@pytest.mark.parametrize(
    "hostile",
    [
        b"data: []\n\n",
        b"data: {\n\n",
        b"data: 5\n\n",
        event("message_start"),
        event("message_start", message=[]),
        event("message_start", message={"id": 5, "model": [], "usage": "x"}),
        event("content_block_start", index=[], content_block={"type": "tool_use"}),
        event("content_block_start", index=0, content_block={"type": "tool_use", "id": 5, "name": {}, "input": 7}),
        event("content_block_start", index=0, content_block=5),
        event("content_block_delta", index=None, delta={"type": "input_json_delta", "partial_json": 5}),
        event("content_block_delta", index=9, delta={"type": "input_json_delta", "partial_json": "{"}),
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": {"a": 1}}),
        event("content_block_delta", index=0, delta={"type": ["text_delta"]}),
        event("content_block_stop", index={}),
        event("message_delta", delta=None, usage=[]),
        event("message_delta", delta={"stop_reason": []}, usage={"output_tokens": "x"}),
        event("error"),
        event("error", error="text"),
        b'data: {"type":"content_block_start","index":0,"content_block":{"type":"tool_use","input":'
        + b'{"a":' * 400
        + b"1"
        + b"}" * 400
        + b"}}\n\n",
    ],
)
def test_a_hostile_event_breaks_nothing(hostile: bytes) -> None:
    chunks = decode(START + hostile + text("after") + END)
    relayed, _ = relay(START + hostile + text("after") + END)

    assert all("error" in chunk or chunk["object"] == "chat.completion.chunk" for chunk in chunks)
    assert text("after") in relayed
