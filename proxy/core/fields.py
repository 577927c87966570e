"""Of what type the fields of each operation must be, as far as we depend on it or can say it better. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.core.errors import BadRequest
from proxy.core.operations import Operation
from proxy.core.uploads import Upload


@dataclass(frozen=True, slots=True)
class _Rule:
    holds: Callable[[Any], bool]
    wanted: str


def ensure_fields(operation: Operation, body: Mapping[str, Any], *, route: str) -> None:
    """A field that is left out or null is not looked at. Raises BadRequest."""
    for name, rule in _RULES[operation].items():
        value = body.get(name)
        if value is not None and not rule.holds(value):
            raise BadRequest(f"{route}: '{name}' must be {rule.wanted}.", param=name)


def _all(value: Any, *kinds: type) -> bool:
    """`type` rather than `isinstance`: true and false are no numbers here."""
    return isinstance(value, list) and all(type(inner) in kinds for inner in value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_text_or_tokens(value: Any) -> bool:
    """OpenAI, embeddings: "encoded as a string or array of tokens", or an array of either."""
    return (
        isinstance(value, str)
        or _all(value, str)
        or _all(value, int)
        or (_all(value, list) and all(_all(inner, int) for inner in value))
    )


def _is_file(value: Any) -> bool:
    return isinstance(value, Upload) and bool(value.data)


_TEXT = _Rule(_is_text, "a string")
_TEXTS = _Rule(lambda value: _all(value, str), "an array of strings")
_OBJECTS = _Rule(lambda value: _all(value, dict), "an array of objects")
_TOKENS = _Rule(
    _is_text_or_tokens, "a string, an array of strings, an array of tokens, or an array of arrays of tokens"
)
_COUNT = _Rule(lambda value: type(value) is int and value > 0, "a whole number of at least 1")

_RULES: dict[Operation, dict[str, _Rule]] = {
    Operation.CHAT: {"messages": _OBJECTS},
    Operation.MESSAGES: {"messages": _OBJECTS},
    Operation.COMPLETION: {"prompt": _TOKENS},
    Operation.EMBEDDING: {"input": _TOKENS, "dimensions": _COUNT, "encoding_format": _TEXT},
    Operation.RESPONSES: {
        "input": _Rule(lambda value: isinstance(value, str) or _all(value, dict), "a string or an array of objects")
    },
    Operation.MODERATION: {
        "input": _Rule(
            lambda value: isinstance(value, str) or _all(value, str) or _all(value, dict),
            "a string, an array of strings, or an array of objects",
        )
    },
    Operation.IMAGE: {
        "prompt": _TEXT,
        "n": _Rule(lambda value: type(value) is int and 1 <= value <= 10, "a whole number from 1 to 10"),
        "size": _TEXT,
        "quality": _TEXT,
        "response_format": _TEXT,
    },
    Operation.TRANSCRIPTION: {
        "file": _Rule(_is_file, "an uploaded file that is not empty"),
        "response_format": _TEXT,
        "timestamp_granularities[]": _TEXTS,
        "include[]": _TEXTS,
        "prompt": _TEXT,
        "language": _TEXT,
    },
    Operation.SPEECH: {
        "input": _TEXT,
        # A voice that somebody made is an object with an id.
        "voice": _Rule(lambda value: isinstance(value, (str, dict)), "a string or an object"),
        "response_format": _TEXT,
        "stream_format": _Rule(lambda value: value == "audio", '"audio": events are not relayed'),
    },
    Operation.RERANK: {
        "query": _TEXT,
        "documents": _Rule(lambda value: _all(value, str, dict), "an array of strings or objects"),
        "top_n": _COUNT,
    },
}
