"""A JSON schema as the subset that Gemini takes.

https://ai.google.dev/api/caching#Schema: any other key is refused, references are none, null is a property of a type.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from proxy.core.errors import BadRequest
from proxy.providers.base import Json

_KEPT = frozenset(
    {
        "default",
        "description",
        "example",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "nullable",
        "pattern",
        "propertyOrdering",
        "title",
    }
)
_FORMATS = ("date-time", "enum", "double", "float", "int32", "int64")
_TYPES = ("string", "number", "integer", "boolean", "array", "object")
_DEEPEST = 64
_MOST_TYPES = 5000


def to_schema(schema: Json) -> Json:
    """Raises BadRequest for what is too large or nested too deeply. A type within itself is cut short as any object."""
    definitions = {
        f"#/{place}/{name}": inner
        for place in ("$defs", "definitions")
        if isinstance(found := schema.get(place), dict)
        for name, inner in found.items()
    }
    return _Translation(definitions).of(schema, seen=(), depth=0)


@dataclass(slots=True)
class _Translation:
    """What is referred to is written out wherever it is, so that a small schema may be a large one: `left` ends it."""

    definitions: Mapping[str, Any]
    left: int = _MOST_TYPES

    def of(self, schema: Any, *, seen: tuple[str, ...], depth: int) -> Json:
        if not isinstance(schema, dict):
            # `true` and `false` are schemas, too; Gemini has no word for them.
            return {}
        self.left -= 1
        if depth > _DEEPEST or self.left < 0:
            limits = f"{_DEEPEST} levels and {_MOST_TYPES} types"
            raise BadRequest(f"A JSON schema must have no more than {limits}, references included.", param="tools")
        if "$ref" in schema:
            return self._referred(schema, seen=seen, depth=depth)

        def inner(found: Any) -> Json:
            return self.of(found, seen=seen, depth=depth + 1)

        said: Json = {name: value for name, value in schema.items() if name in _KEPT and value is not None}
        said |= _type(schema) | _values(schema)
        if schema.get("format") in _FORMATS:
            said["format"] = schema["format"]
        said |= _properties(schema, inner)
        if "items" in schema or said.get("type") == "array":
            said = {"type": "array", **said, "items": inner(schema.get("items")) or {"type": "string"}}
        return _with_options(said, schema, inner)

    def _referred(self, schema: Json, *, seen: tuple[str, ...], depth: int) -> Json:
        reference = schema["$ref"]
        target = self.definitions.get(reference) if isinstance(reference, str) else None
        if not isinstance(target, dict) or reference in seen:
            return {"type": "object"}
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        return self.of({**target, **beside}, seen=(*seen, reference), depth=depth + 1)


Inner = Callable[[Any], Json]


def _properties(schema: Json, inner: Inner) -> Json:
    """An object without any has none; an empty one would be refused."""
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict) or not properties:
        return {}
    said: Json = {"properties": {name: inner(found) for name, found in properties.items()}}
    named = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    if known := [name for name in named if name in properties]:
        said["required"] = known
    return said


def _type(schema: Json) -> Json:
    """`["string", "null"]` is a string that is nullable."""
    found = schema.get("type")
    kinds = [str(kind).lower() for kind in (found if isinstance(found, list) else [found])]
    known = [kind for kind in _TYPES if kind in kinds]
    said: Json = {"nullable": True} if "null" in kinds else {}
    if len(known) > 1:
        said["anyOf"] = [{"type": kind} for kind in known]
    elif known:
        said["type"] = known[0]
    elif said:
        said["type"] = "string"
    elif "properties" in schema:
        said["type"] = "object"
    return said


def _values(schema: Json) -> Json:
    """Only texts can be listed, and none that is empty."""
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if not isinstance(values, list):
        return {}
    texts = [value for value in values if isinstance(value, str) and value]
    said: Json = {"enum": texts, "type": "string"} if texts else {}
    return said | ({"nullable": True} if None in values else {})


def _with_options(said: Json, schema: Json, inner: Inner) -> Json:
    """`anyOf` with one of them null is the other, nullable. Of `allOf` all hold at once."""
    for name in ("anyOf", "oneOf"):
        if isinstance(found := schema.get(name), list) and found:
            options = [inner(option) for option in found if not _is_null(option)]
            if len(options) < len(found):
                said["nullable"] = True
            if len(options) == 1:
                said = {**options[0], **said}
            elif options:
                said["anyOf"] = options
    for option in schema["allOf"] if isinstance(schema.get("allOf"), list) else ():
        said = _both(said, inner(option))
    # Gemini takes nothing of weight beside `anyOf`.
    return {name: said[name] for name in said if name in _BESIDE_OPTIONS} if "anyOf" in said else said


_BESIDE_OPTIONS = ("anyOf", "description", "nullable", "title")


def _both(one: Json, other: Json) -> Json:
    properties = {**other.get("properties", {}), **one.get("properties", {})}
    required = [
        *one.get("required", []),
        *(name for name in other.get("required", []) if name not in one.get("required", [])),
    ]
    both = {**other, **one}
    return both | ({"properties": properties} if properties else {}) | ({"required": required} if required else {})


def _is_null(option: Any) -> bool:
    return isinstance(option, dict) and option.get("type") == "null"
