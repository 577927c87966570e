"""Server-sent events: the same whoever wrote the line ends, and wherever the network cut them."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.sse import EventParser, OpenAIDecoder, ServerSentEvent
from proxy.core.streams import LONGEST_EVENT, EventTooLong


def events(*parts: bytes) -> list[ServerSentEvent]:
    parser = EventParser()
    found = [event for part in parts for event in parser.feed(part)]
    return [*found, *parser.finish()]


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    borders = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(borders)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\n", [("", b"a")]),
        (b"data:a\n\ndata:  b\n\n", [("", b"a"), ("", b" b")]),
        (b"event: ping\ndata: {}\n\n", [("ping", b"{}")]),
        (b"data: {}\nevent:ping\n\n", [("ping", b"{}")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [("", b"a"), ("", b"b")]),
        (b"data: a\r\rdata: b\r\r", [("", b"a"), ("", b"b")]),
        (b"data: a\n\r\ndata: b\r\n\n", [("", b"a"), ("", b"b")]),
        (b"data: a\ndata: b\n\n", [("", b"a\nb")]),
        (b"data: a\ndata:\ndata: b\n\n", [("", b"a\n\nb")]),
        (b"data:\n\n", [("", b"")]),
        (b": a comment\n\n:\n\ndata: a\n\n", [("", b"a")]),
        (b": a comment\ndata: a\nid: 5\nretry: 10\n\n", [("", b"a")]),
        (b"event: nothing\n\ndata: a\n\n", [("", b"a")]),
        (b"\n\n\n\ndata: a\n\n\n\n", [("", b"a")]),
        (b"data: a\n\ndata: without an end", [("", b"a"), ("", b"without an end")]),
        (b"data: a\n\ndata: half an end\n", [("", b"a"), ("", b"half an end")]),
        (b"event: \xff\xfe\ndata: \xff\xfe\n\n", [("\ufffd\ufffd", b"\xff\xfe")]),
        ("data: ☃\u2028\u0085\n\n".encode(), [("", "☃\u2028\u0085".encode())]),
        (b"dataless: a\n\ndata : a\n\n", []),
        (b"", []),
    ],
)
def test_what_stands_in_a_stream(stream: bytes, expected: list[tuple[str, bytes]]) -> None:
    assert [(event.name, event.data) for event in events(stream)] == expected


_lines = st.binary(max_size=12).map(lambda line: line.translate(None, b"\r\n"))
_names = st.text("abc_.-", max_size=8)
_events = st.lists(st.tuples(_names, st.lists(_lines, min_size=1, max_size=3)), max_size=5)
_cuts = st.lists(st.integers(0, 500), max_size=10)
_comments = st.lists(_lines.map(lambda line: b":" + line), max_size=2)


def written(name: str, lines: list[bytes], comments: list[bytes], end: bytes) -> bytes:
    named = [b"event: " + name.encode()] if name else []
    return end.join([*comments, *named, *(b"data: " + line for line in lines)]) + end * 2


@given(_events, _comments, st.sampled_from([b"\n", b"\r\n", b"\r"]), _cuts)
def test_what_is_written_is_read_however_it_is_cut(
    said: list[tuple[str, list[bytes]]], comments: list[bytes], end: bytes, cuts: list[int]
) -> None:
    stream = b"".join(written(name, lines, comments, end) for name, lines in said)

    assert events(*pieces(stream, cuts)) == [ServerSentEvent(name, b"\n".join(lines)) for name, lines in said]


_noise = st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"data:", b"data: ", b"event: ", b"a", b":", b" ", b"\xe2", b"[DONE]"])
).map(b"".join)


@given(_noise, _cuts)
def test_no_cut_changes_what_is_read_whatever_stands_there(noise: bytes, cuts: list[int]) -> None:
    assert events(*pieces(noise, cuts)) == events(noise)


@given(_noise)
def test_a_stream_that_comes_byte_by_byte_is_the_same(noise: bytes) -> None:
    assert events(*pieces(noise, list(range(len(noise))))) == events(noise)


def test_an_event_is_given_as_soon_as_it_is_whole() -> None:
    parser = EventParser()

    assert parser.feed(b"data: a\n") == []
    assert parser.feed(b"\ndata: b") == [ServerSentEvent("", b"a")]
    assert parser.feed(b"\r\n\r") == []
    assert parser.feed(b"\n") == [ServerSentEvent("", b"b")]
    assert parser.finish() == []


def test_an_event_without_an_end_is_given_up() -> None:
    parser = EventParser()
    parser.feed(b"x" * LONGEST_EVENT)

    with pytest.raises(EventTooLong):
        parser.feed(b"x")


def test_a_stream_may_be_longer_than_an_event() -> None:
    parser = EventParser()
    event = b"data: " + b"x" * 65_536 + b"\n\n"

    assert sum(len(parser.feed(event)) for _ in range(40)) == 40


def test_nothing_is_told_twice_at_the_end() -> None:
    parser = EventParser()
    parser.feed(b"data: a")

    assert (len(parser.finish()), parser.finish()) == (1, [])


@pytest.mark.parametrize(
    ("data", "chunks"),
    [
        (b'{"choices":[]}', [{"choices": []}]),
        (b'{"error":"broken"}', [{"error": {"message": "broken"}}]),
        (b'{"error":{"message":"broken","code":5}}', [{"error": {"message": "broken", "code": 5}}]),
        (b"[DONE]", []),
        (b"[1]", []),
        (b"null", []),
        (b'"text"', []),
        (b'{"choices":', []),
        (b"\xff", []),
        (b"", []),
    ],
)
def test_chunks_are_the_objects_of_a_stream(data: bytes, chunks: list[dict[str, Any]]) -> None:
    decoder = OpenAIDecoder()

    assert decoder.feed(b"data: " + data + b"\n\n") == chunks
    assert decoder.finish() == []


@given(st.lists(st.dictionaries(st.sampled_from(["id", "choices", "usage"]), st.none() | st.integers(0, 9))), _cuts)
def test_chunks_are_the_same_however_they_are_cut(said: list[dict[str, Any]], cuts: list[int]) -> None:
    stream = b"".join(b"data: " + orjson.dumps(chunk) + b"\n\n" for chunk in said)
    decoder = OpenAIDecoder()
    found = [chunk for piece in pieces(stream, cuts) for chunk in decoder.feed(piece)]

    assert [*found, *decoder.finish()] == said
