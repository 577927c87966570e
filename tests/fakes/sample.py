"""Something that fits a JSON schema, as a model would answer."""

from typing import Any

_PLAIN: dict[str, Any] = {"string": "toll", "integer": 7, "number": 1.5, "boolean": True, "null": None}


def sample(schema: dict[str, Any]) -> Any:
    """Types may be written in lower or, as Gemini has it, upper case."""
    if schema.get("enum"):
        return schema["enum"][0]
    if options := schema.get("anyOf"):
        return sample(options[0])
    kind = str(schema.get("type", "object")).lower()
    if kind == "object":
        return {name: sample(inner) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [sample(schema.get("items", {"type": "string"}))]
    return _PLAIN[kind]
