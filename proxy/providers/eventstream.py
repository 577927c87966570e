"""AWS's binary event stream, `application/vnd.amazon.eventstream`, as it arrives in pieces. Pure.

A message: total length, length of the headers, CRC32 of these eight bytes; headers; payload; CRC32 of all before it.
Numbers are big-endian (docs.aws.amazon.com/transcribe/latest/dg/event-stream.html).
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from proxy.core.streams import LONGEST_EVENT, EventTooLong

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_PRELUDE = struct.Struct(">III")
_CRC = struct.Struct(">I")
_OVERHEAD = _PRELUDE.size + _CRC.size
# Sizes of header values by their type; before those of -1 stands their length.
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 6: -1, 7: -1, 8: 8, 9: 16}
_TEXT = 7


@dataclass(frozen=True, slots=True)
class Message:
    """`headers` are those that are texts; the protocol's own (`:message-type`, `:event-type`, ...) all are."""

    headers: Mapping[str, str]
    payload: bytes


@dataclass(slots=True)
class MessageParser:
    """Feed it bytes cut anywhere; it gives back the messages that are whole.

    Once a checksum or a length is wrong nothing after it can be told apart: `corrupt` stays True, and the rest is
    dropped.
    """

    corrupt: bool = field(default=False, init=False)
    _rest: bytes = field(default=b"", init=False)

    @property
    def waits(self) -> bool:
        """Whether part of a message has come, and not the whole."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[Message]:
        """Raises EventTooLong."""
        messages: list[Message] = []
        data = self._rest + data if self._rest else data
        start = 0
        while not self.corrupt and len(data) - start >= _PRELUDE.size:
            total, headers_length, prelude_crc = _PRELUDE.unpack_from(data, start)
            if zlib.crc32(data[start : start + 8]) != prelude_crc or total < _OVERHEAD + headers_length:
                self.corrupt = True
                break
            if total > LONGEST_EVENT:
                raise EventTooLong
            if len(data) - start < total:
                break
            message = _message(data[start : start + total], headers_length)
            if message is None:
                self.corrupt = True
                break
            messages.append(message)
            start += total
        self._rest = b"" if self.corrupt else data[start:]
        return messages


def _message(data: bytes, headers_length: int) -> Message | None:
    end = len(data) - _CRC.size
    if zlib.crc32(data[:end]) != _CRC.unpack_from(data, end)[0]:
        return None
    headers = _headers(data[_PRELUDE.size : _PRELUDE.size + headers_length])
    return None if headers is None else Message(headers, data[_PRELUDE.size + headers_length : end])


def _headers(block: bytes) -> dict[str, str] | None:
    """None when the block does not add up."""
    found: dict[str, str] = {}
    at = 0
    while at < len(block):
        name_end = at + 1 + block[at]
        value_at = name_end + 1
        size = _SIZES.get(block[name_end]) if name_end < len(block) else None
        if size is None:
            return None
        if size < 0:
            size, value_at = int.from_bytes(block[value_at : value_at + 2]), value_at + 2
        if value_at + size > len(block):
            return None
        if block[name_end] == _TEXT:
            found[_text(block[at + 1 : name_end])] = _text(block[value_at : value_at + size])
        at = value_at + size
    return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
