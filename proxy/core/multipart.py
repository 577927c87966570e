"""A multipart/form-data body as its fields, read strictly (RFC 7578, and browsers' ways of writing names). Pure.

The body is in memory whole, because it may be sent on more than once; so it is split rather than streamed through a
parser, and whatever a splitting reader could take in two ways is refused.
"""

import re
from typing import NoReturn
from urllib.parse import unquote_to_bytes

from proxy.core.errors import BadRequest
from proxy.core.uploads import Upload

Form = dict[str, str | list[str] | Upload]

_MOST_PARTS = 100
_MOST_HEADERS = 8
_LONGEST_HEAD = 4096
_LONGEST_NAME = 255
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - what RFC 9110 calls a token
_HEADER = re.compile(rf"({_TOKEN}):[ \t]*(.*)", re.DOTALL)
_PARAMETER = re.compile(rf'[ \t]*;[ \t]*({_TOKEN})=(?:"([^"]*)"|({_TOKEN}))')
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_EXTENDED = re.compile(r"utf-8'[^']*'(.*)", re.IGNORECASE | re.DOTALL)
# What the bytes of a part already are; anything else would have to be decoded, and RFC 7578 4.7 has done with it.
_AS_THEY_ARE = frozenset({"7bit", "8bit", "binary"})
_UNESCAPED = {"%22": '"', "%0D": "\r", "%0A": "\n"}
_ESCAPED = re.compile("|".join(_UNESCAPED), re.IGNORECASE)


def parse_multipart(raw: bytes, content_type: str) -> Form:
    """A name that ends in `[]` has a list of texts, under that very name; no other may come twice.

    Raises BadRequest.
    """
    delimiter = b"--" + _boundary(content_type)
    if not raw.startswith(delimiter):
        _refuse("it does not begin with the boundary that Content-Type names")
    # The line break before a boundary is the boundary's.
    first, *others = raw.split(b"\r\n" + delimiter, _MOST_PARTS + 1)
    *parts, end = (first[len(delimiter) :], *others)
    if len(parts) > _MOST_PARTS:
        _refuse(f"it has more than {_MOST_PARTS} parts")
    form: Form = {}
    for part in parts:
        if not part.startswith(b"\r\n"):
            _refuse("something stands behind a boundary in its line")
        _add(form, *_part(part))
    if end not in {b"--", b"--\r\n"}:
        _refuse("it does not end with its boundary")
    return form


def _boundary(content_type: str) -> bytes:
    kind, mark, rest = content_type.partition(";")
    if kind.strip().lower() != "multipart/form-data":
        _refuse("Content-Type is not multipart/form-data")
    boundary = _parameters(mark + rest.rstrip(" \t"), of="Content-Type").get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        _refuse("Content-Type must name a boundary of 1 to 70 characters")
    return boundary.encode("ascii")


def _add(form: Form, name: str, value: str | Upload) -> None:
    if name.endswith("[]"):
        if isinstance(value, Upload):
            _refuse("a list of files is not supported")
        found = form.setdefault(name, [])
        assert isinstance(found, list), "a name with brackets always has a list"
        found.append(value)
    elif name in form:
        _refuse("a field is given twice; a list has [] after its name", param=name)
    else:
        form[name] = value


def _part(part: bytes) -> tuple[str, str | Upload]:
    """`part` begins with the line break behind its boundary."""
    end = part.find(b"\r\n\r\n", 0, _LONGEST_HEAD)
    if end < 0:
        _refuse(f"a part has no headers, or more than {_LONGEST_HEAD} bytes of them")
    headers = _headers(part[2:end])
    if headers.get("content-transfer-encoding", "binary").lower() not in _AS_THEY_ARE:
        _refuse("a part has a Content-Transfer-Encoding, which is not supported")
    kind, mark, rest = headers.get("content-disposition", "").partition(";")
    if kind.strip().lower() != "form-data":
        _refuse("a part has no Content-Disposition of form-data")
    said = _parameters(mark + rest, of="Content-Disposition")
    name = _unescape(said.get("name", ""))
    if not 0 < len(name) <= _LONGEST_NAME:
        _refuse(f"a part's name must have 1 to {_LONGEST_NAME} characters")
    data = part[end + 4 :]
    if (filename := _filename(said)) is None:
        return name, _text(data, "a field", param=name)
    if len(filename) > _LONGEST_NAME:
        _refuse(f"a file's name is longer than {_LONGEST_NAME} characters", param=name)
    return name, Upload(filename, headers.get("content-type") or "application/octet-stream", data)


def _headers(head: bytes) -> dict[str, str]:
    lines = _text(head, "a part's header").split("\r\n") if head else []
    if len(lines) > _MOST_HEADERS:
        _refuse(f"a part has more than {_MOST_HEADERS} headers")
    headers: dict[str, str] = {}
    for line in lines:
        found = _HEADER.fullmatch(line)
        # A folded line begins with a space, and a bare CR or LF is a line's end for some readers.
        if found is None or any(character < " " or character == "\x7f" for character in line.replace("\t", " ")):
            _refuse("a part's header is malformed")
        name = found[1].lower()
        if name in headers:
            _refuse("a part has a header twice")
        headers[name] = found[2].rstrip(" \t")
    return headers


def _parameters(text: str, *, of: str) -> dict[str, str]:
    """`; name="a"; filename=b` by their names."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        if (match := _PARAMETER.match(text, position)) is None or (name := match[1].lower()) in found:
            _refuse(f"the parameters of {of} are malformed")
        found[name] = match[3] if match[2] is None else match[2]
        position = match.end()
    return found


def _filename(said: dict[str, str]) -> str | None:
    if (extended := said.get("filename*")) is None:
        plain = said.get("filename")
        return None if plain is None else _unescape(plain)
    # RFC 7578 4.2 forbids this form, and some clients write names that are not ASCII in it all the same.
    match = _EXTENDED.fullmatch(extended)
    if match is None:
        _refuse("a file's name is in an encoding that is not supported")
    return _text(unquote_to_bytes(match[1]), "a file's name")


def _unescape(name: str) -> str:
    """WHATWG's escapes. A backslash is a backslash."""
    return _ESCAPED.sub(lambda found: _UNESCAPED[found[0].upper()], name) if "%" in name else name


def _text(data: bytes, what: str, *, param: str = "request_body") -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        _refuse(f"{what} is not UTF-8", param=param)


def _refuse(what: str, *, param: str = "request_body") -> NoReturn:
    shown = param if param.isprintable() else "request_body"
    raise BadRequest(f"Invalid multipart payload: {what}.", param=shown)
