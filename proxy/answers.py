"""Answers on the lean path: bytes and headers, without what Django's response does for pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.header import Header

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """Status 200. Names of headers are lower case and ASCII."""

    content: bytes
    headers: Headers


def encode_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), _encode(value)) for name, value in headers]


def _encode(value: str) -> bytes:
    """A deployment may be called anything, in any script: beyond Latin-1 it goes as RFC 2047 has it."""
    if not value.isprintable():
        value = "".join(character if character.isprintable() else " " for character in value)
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return Header(value, "utf-8", maxlinelen=10_000).encode().encode("ascii")
