"""What a vendor answers may quote where it was called and with which key; both are credentials. Pure."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, quote, unquote, urlsplit

# Shorter pieces are no secrets, and would blacken words.
_SHORTEST = 6


def without_secrets(text: str, *credentials: str) -> str:
    """The text with each credential and every part of it that could be one blackened, however it is encoded."""
    pieces = {form for credential in credentials for piece in _pieces(credential) for form in _forms(piece)}
    known = sorted((piece for piece in pieces if len(piece) >= _SHORTEST), key=len, reverse=True)
    return re.sub("|".join(map(re.escape, known)), "***", text, flags=re.IGNORECASE) if known else text


def _pieces(credential: str) -> Iterator[str]:
    yield credential
    yield credential.removeprefix("whsec_")
    try:
        parts = urlsplit(credential)
        query = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return
    if not parts.scheme:
        return
    yield from (parts.path, parts.query, parts.fragment, parts.username or "", parts.password or "")
    yield from parts.path.split("/")
    yield from (value for _, value in query)
    # An address that is not on the web, such as Apprise's, may hold its token where a host would stand.
    if parts.scheme not in ("http", "https"):
        yield parts.netloc
        yield from re.split("[@:]", parts.netloc)


def _forms(piece: str) -> Iterator[str]:
    plain = unquote(piece)
    yield from (piece, plain, quote(plain), quote(plain, safe=""), piece.replace("/", "\\/"))
