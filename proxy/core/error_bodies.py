"""What the body of an upstream's refusal says, and that without secrets. Pure."""

import re
from typing import Any

import orjson

_LONGEST_MESSAGE = 2000


def read_error_body(body: bytes) -> tuple[str, str | None, str | None]:
    """Message, type and param of an OpenAI-style error body; of any other body its text."""
    try:
        parsed: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace").strip(), None, None
    error = parsed.get("error", parsed) if isinstance(parsed, dict) else parsed
    if not isinstance(error, dict):
        return str(error), None, None
    message = error.get("message")
    if not isinstance(message, str):
        message = orjson.dumps(error).decode()
    return message, _text(error.get("type")), _text(error.get("param"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 200 else None


def redact(text: str, *, secrets: tuple[str, ...] = ()) -> str:
    """Without credentials, control characters and excess length."""
    for secret in secrets:
        if len(secret) >= 8:
            text = text.replace(secret, "***")
    text = _KEYS.sub(r"\1***", text)
    text = _URL_SECRETS.sub(r"\1***@", text)
    text = _CONTROL.sub(" ", text)
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "..."


_KEYS = re.compile(r"\b(sk-|gsk_|xai-|AIza|key-|Bearer )[\w.-]{8,}")
_URL_SECRETS = re.compile(r"(https?://)[^\s/@]+@")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
