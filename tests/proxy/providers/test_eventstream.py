"""AWS's binary stream: whole however it is cut, and given up where it is broken."""

import struct
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.streams import LONGEST_EVENT, EventTooLong
from proxy.providers.eventstream import Message, MessageParser
from tests.fakes.bedrock import frame

HEADERS = {":message-type": "event", ":event-type": "messageStart"}


def parsed(stream: bytes, cuts: list[int] | None = None) -> tuple[list[Message], MessageParser]:
    parser = MessageParser()
    borders = [0, *sorted(cuts or []), len(stream)]
    return [message for start, end in pairwise(borders) for message in parser.feed(stream[start:end])], parser


def sealed(headers: bytes, payload: bytes = b"{}") -> bytes:
    """A frame whose checksums are right, whatever its headers are."""
    prelude = struct.pack(">II", len(headers) + len(payload) + 16, len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def test_the_published_example_is_read() -> None:
    # From the decoding tests that AWS's SDKs share.
    empty = bytes.fromhex("000000100000000005c248eb7d98c8ff")
    payload = bytes.fromhex("0000001d00000000fd528c5a") + b"{'foo':'bar'}" + bytes.fromhex("c3653936")

    assert parsed(empty + payload)[0] == [Message({}, b""), Message({}, b"{'foo':'bar'}")]


@given(
    st.lists(st.tuples(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3), st.binary())), st.data()
)
@settings(deadline=None, max_examples=150)
def test_messages_are_the_same_however_they_are_cut(
    messages: list[tuple[dict[str, str], bytes]], data: st.DataObject
) -> None:
    stream = b"".join(frame(headers, payload) for headers, payload in messages)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))

    found, parser = parsed(stream, cuts)

    assert found == [Message(headers, payload) for headers, payload in messages]
    assert not parser.waits
    assert not parser.corrupt


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(deadline=None, max_examples=150)
def test_a_flipped_bit_is_noticed(place: int, flip: int) -> None:
    good = frame(HEADERS, b'{"role":"assistant"}')
    broken = bytearray(good)
    broken[place % len(good)] ^= flip

    found, parser = parsed(good + bytes(broken) + good)

    assert found == [Message(HEADERS, b'{"role":"assistant"}')]
    assert parser.corrupt


def test_after_a_break_nothing_is_believed() -> None:
    parser = MessageParser()

    assert parser.feed(b"\x00" * 40) == []
    assert parser.feed(frame(HEADERS, b"{}")) == []
    assert parser.corrupt


def test_headers_of_every_type_are_stepped_over() -> None:
    values = {
        0: b"", 1: b"", 2: b"\x05", 3: b"\x00\x05", 4: b"\x00" * 4, 5: b"\x00" * 8, 6: b"\x00\x02ab",
        8: b"\x00" * 8, 9: b"\x00" * 16,
    }  # fmt: skip
    block = b"".join(b"\x01h" + bytes([kind]) + value for kind, value in values.items()) + b"\x01t\x07\x00\x02ok"

    assert parsed(sealed(block))[0] == [Message({"t": "ok"}, b"{}")]


@pytest.mark.parametrize(
    "headers", [b"\x05ab", b"\x01a", b"\x01a\x07\x00\x09ab", b"\x01a\x0a", b"\xff", b"\x01a\x09\x00", b"\x01a\x07\x00"]
)
def test_headers_that_do_not_add_up_are_a_break(headers: bytes) -> None:
    found, parser = parsed(sealed(headers))

    assert found == []
    assert parser.corrupt


def test_headers_longer_than_their_message_are_a_break() -> None:
    prelude = struct.pack(">II", 20, 400)

    found, parser = parsed(prelude + struct.pack(">I", zlib.crc32(prelude)) + b"\x00" * 30)

    assert found == []
    assert parser.corrupt


def test_a_message_without_an_end_is_refused_by_its_first_bytes() -> None:
    prelude = struct.pack(">II", LONGEST_EVENT + 1, 0)

    with pytest.raises(EventTooLong):
        MessageParser().feed(prelude + struct.pack(">I", zlib.crc32(prelude)))


def test_half_a_message_is_waited_for() -> None:
    found, parser = parsed(frame(HEADERS, b"{}")[:-1])

    assert found == []
    assert parser.waits
