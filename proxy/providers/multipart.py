"""A request body as multipart/form-data, the way OpenAI's own client writes it."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import orjson

from proxy.core.errors import BadRequest
from proxy.core.uploads import Upload

_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
_DEEPEST = 20
_Part = tuple[bytes, bytes]


def encode_multipart(body: Mapping[str, Any]) -> tuple[str, bytes]:
    """Content type and content. A list goes under `name[]`, an object under `name[key]`; what is None is left out.

    Raises BadRequest for a value that no form can hold.
    """
    parts = [part for name, value in body.items() for part in _parts(name, value)]
    boundary = _boundary(parts)
    delimiter = b"--" + boundary
    pieces = [piece for head, data in parts for piece in (delimiter, b"\r\n", head, b"\r\n\r\n", data, b"\r\n")]
    return f"multipart/form-data; boundary={boundary.decode()}", b"".join((*pieces, delimiter, b"--\r\n"))


def _parts(name: str, value: Any) -> Iterator[_Part]:
    if value is None:
        return
    if name.count("[") > _DEEPEST:
        raise BadRequest(f"'{name.partition('[')[0]}' is nested too deeply for a form.")
    if isinstance(value, Upload):
        kind = value.content_type
        kind = kind if kind and kind.isascii() and kind.isprintable() else "application/octet-stream"
        filename = f'; filename="{_escape(value.filename)}"'
        yield _head(name, f"{filename}\r\nContent-Type: {kind}"), value.data
    elif isinstance(value, (list, tuple)):
        plural = name if name.endswith("[]") else f"{name}[]"
        for inner in value:
            if isinstance(inner, (list, tuple)):
                raise BadRequest(f"'{name}' holds lists of lists, which cannot be sent in a form.", param=name)
            yield from _parts(plural, inner)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _parts(f"{name}[{key}]", inner)
    else:
        yield _head(name, ""), _text(name, value).encode()


def _head(name: str, more: str) -> bytes:
    return f'Content-Disposition: form-data; name="{_escape(name)}"{more}'.encode()


def _escape(name: str) -> str:
    """WHATWG, multipart/form-data encoding algorithm."""
    return name.translate(_ESCAPES)


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        try:
            return orjson.dumps(value).decode()
        except orjson.JSONEncodeError:
            raise BadRequest(f"'{name}' is too large a number.", param=name) from None
    raise BadRequest(f"'{name}' cannot be sent in a form.", param=name)


def _boundary(parts: list[_Part]) -> bytes:
    """A digest of all there is: no content can be made to hold its own."""
    digest = sha256()
    for head, data in parts:
        digest.update(b"%d:%d:" % (len(head), len(data)))
        digest.update(head)
        digest.update(data)
    return digest.hexdigest()[:48].encode()
