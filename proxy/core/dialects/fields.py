"""A client's JSON, read by kind: whatever is not what it should be is the client's mistake, told by its path. Pure."""

from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from proxy.core.dialects.base import Json
from proxy.core.errors import BadRequest

T = TypeVar("T", bool, int, str, dict[str, Any], list[Any])

_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    str: "a string",
    dict: "an object",
    list: "an array",
}
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Fields:
    """One object of the request, and where it stands: `messages[2].content[0]`. Everything raises BadRequest."""

    values: Json
    path: str = ""

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def get(self, name: str, kind: type[T]) -> T | None:
        """None when it is absent or null."""
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise BadRequest(f"'{self.at(name)}' must be {_KINDS[kind]}.", param=self.at(name))
        return value

    def need(self, name: str, kind: type[T]) -> T:
        value = self.get(name, kind)
        if value is None:
            raise BadRequest(f"'{self.at(name)}' is missing: it must be {_KINDS[kind]}.", param=self.at(name))
        return value

    def child(self, name: str) -> "Fields | None":
        value = self.get(name, dict)
        return None if value is None else Fields(value, self.at(name))

    def children(self, name: str) -> "list[Fields]":
        """An array of objects; none when it is absent or null."""
        return objects(self.get(name, list) or [], self.at(name))

    def texts(self, name: str) -> list[str]:
        """An array of strings; none when it is absent or null."""
        found = self.get(name, list) or []
        if not all(isinstance(text, str) for text in found):
            raise BadRequest(f"'{self.at(name)}' must be an array of strings.", param=self.at(name))
        return found

    def refusal(self, sentence: str, name: str) -> BadRequest:
        """The error to raise for what cannot be served; `name` is the member that is to blame."""
        return BadRequest(f"'{self.at(name)}': {sentence}", param=self.at(name))


def objects(found: list[Any], path: str) -> list[Fields]:
    """Raises BadRequest."""
    for number, value in enumerate(found):
        if not isinstance(value, dict):
            raise BadRequest(f"'{path}[{number}]' must be an object.", param=f"{path}[{number}]")
    return [Fields(value, f"{path}[{number}]") for number, value in enumerate(found)]


def shown(name: str) -> str:
    """A client's own word for something, fit for a sentence."""
    return name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "..."


def json_text(value: Any, path: str) -> str:
    """Raises BadRequest for what the decoder takes and the encoder does not: very deep nesting."""
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        raise BadRequest(f"'{path}' is nested too deeply.", param=path) from None
