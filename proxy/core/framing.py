"""Where events begin and end in a stream that is relayed as bytes. Pure."""

import re
from typing import Any

BOUNDARY = re.compile(rb"\r?\n\r?\n")


def first_event(block: bytes) -> tuple[bytes, bytes]:
    """The first event without its boundary, and the rest."""
    end = BOUNDARY.search(block)
    return (block, b"") if end is None else (block[: end.start()], block[end.end() :])


def last_boundary(data: bytes) -> int:
    """Where the last whole event ends."""
    end = data.rfind(b"\n\n")
    crlf = data.rfind(b"\r\n\r\n")
    return max(end + 2 if end >= 0 else 0, crlf + 4 if crlf >= 0 else 0)


def count_events(block: bytes) -> int:
    return block.startswith(b"data:") + block.count(b"\ndata:")


def data_of(event: bytes) -> bytes | None:
    """None when it has none: a comment, or a bare name."""
    lines = [line[5:].strip() for line in event.splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None


def texts_of(error: Any) -> dict[str, Any]:
    """The texts of an error; whatever else an upstream packs into it stays out."""
    if not isinstance(error, dict):
        return {"message": str(error)}
    return {name: error[name] for name in ("message", "type", "code", "param") if isinstance(error.get(name), str)}
