"""What Gemini refuses in a request, in the words of its API."""

from typing import Any

_FIELDS = {
    "contents",
    "systemInstruction",
    "tools",
    "toolConfig",
    "generationConfig",
    "safetySettings",
    "cachedContent",
}
_CONFIG = {
    "candidateCount",
    "frequencyPenalty",
    "logprobs",
    "maxOutputTokens",
    "mediaResolution",
    "presencePenalty",
    "responseLogprobs",
    "responseMimeType",
    "responseModalities",
    "responseSchema",
    "seed",
    "stopSequences",
    "temperature",
    "thinkingConfig",
    "topK",
    "topP",
}
_SCHEMA = {
    "anyOf",
    "default",
    "description",
    "enum",
    "example",
    "format",
    "items",
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
    "properties",
    "propertyOrdering",
    "required",
    "title",
    "type",
}
_TYPES = {"string", "number", "integer", "boolean", "array", "object"}
_PART = {"text", "inlineData", "fileData", "functionCall", "functionResponse"}
_MARKS = {"thought", "thoughtSignature"}


class Refused(Exception):
    """400 INVALID_ARGUMENT with this message."""


def check(asked: Any, *, wants_signatures: bool = False) -> None:
    """Raises Refused. `wants_signatures`: as the models do that think at levels."""
    _known(asked, _FIELDS, "")
    _require(bool(asked.get("contents")), "* GenerateContentRequest.contents: contents is not specified")
    for content in [*asked["contents"], asked.get("systemInstruction", {"parts": [{"text": "x"}]})]:
        _known(content, {"role", "parts"}, "contents")
        _require(bool(content["parts"]), "* GenerateContentRequest.contents.parts: must not be empty")
        for part in content["parts"]:
            _check_part(part)
    _check_turns(asked["contents"], wants_signatures=wants_signatures)
    _check_config(asked.get("generationConfig", {}))
    _check_tools(asked)


def _check_part(part: dict[str, Any]) -> None:
    _known(part, _PART | _MARKS, "contents[0].parts[0]")
    _require(len(part.keys() & _PART) == 1, "required oneof field 'data' must have one initialized field")
    if "inlineData" in part:
        _require(part["inlineData"].keys() == {"mimeType", "data"}, "inlineData: mimeType and data are required")
    if "functionCall" in part:
        _known(part["functionCall"], {"id", "name", "args"}, "functionCall")
        _require(isinstance(part["functionCall"]["args"], dict), "functionCall.args: Proto field is not repeating")
    if "functionResponse" in part:
        _known(part["functionResponse"], {"id", "name", "response"}, "functionResponse")
        _require(isinstance(part["functionResponse"]["response"], dict), "functionResponse.response: not an object")


def _check_turns(contents: list[dict[str, Any]], *, wants_signatures: bool) -> None:
    called: list[str] = []
    for content in contents:
        _require(content.get("role") in {"user", "model"}, "Please use a valid role: user, model.")
        calls = [part for part in content["parts"] if "functionCall" in part]
        answers = [part["functionResponse"]["name"] for part in content["parts"] if "functionResponse" in part]
        _require(
            sorted(answers) == sorted(called),
            "Please ensure that the number of function response parts is equal to the number of function call parts "
            "of the function call turn.",
        )
        if wants_signatures and calls:
            _require(
                "thoughtSignature" in calls[0], "Function call is missing a thought_signature in functionCall parts."
            )
        called = [part["functionCall"]["name"] for part in calls]


def _check_config(config: dict[str, Any]) -> None:
    _known(config, _CONFIG, "generation_config")
    _require(0 <= config.get("temperature", 1) <= 2, "temperature must be in the range [0.0, 2.0].")
    if "responseSchema" in config:
        _require(config.get("responseMimeType") == "application/json", "responseSchema needs application/json")
        _check_schema(config["responseSchema"], "generation_config.response_schema")
    thinking = config.get("thinkingConfig", {})
    _known(thinking, {"thinkingBudget", "thinkingLevel", "includeThoughts"}, "generation_config.thinking_config")
    both = {"thinkingBudget", "thinkingLevel"} <= thinking.keys()
    _require(not both, "You can only set only one of thinking budget and thinking level.")


def _check_tools(asked: dict[str, Any]) -> None:
    declared = [function for tool in asked.get("tools", []) for function in tool.get("functionDeclarations", [])]
    for function in declared:
        _known(function, {"name", "description", "parameters"}, "tools[0].function_declarations[0]")
        if "parameters" in function:
            _check_schema(function["parameters"], "tools[0].function_declarations[0].parameters")
    calling = asked.get("toolConfig", {}).get("functionCallingConfig", {"mode": "AUTO"})
    _require(calling["mode"] in {"AUTO", "NONE", "ANY"}, "tool_config.function_calling_config.mode: invalid value")
    names = {function["name"] for function in declared}
    _require(set(calling.get("allowedFunctionNames", ())) <= names, "allowed_function_names: not a subset")


def _check_schema(schema: dict[str, Any], where: str) -> None:
    _known(schema, _SCHEMA, where)
    if "anyOf" in schema:
        _require(bool(schema["anyOf"]), f"{where}.any_of: must not be empty")
    elif "type" in schema:
        _require(str(schema["type"]).lower() in _TYPES, f"Invalid value at '{where}.type' (Type), \"{schema['type']}\"")
    if schema.get("type") == "object" and "properties" in schema:
        _require(bool(schema["properties"]), f"{where}.properties: should be non-empty for OBJECT type")
    if schema.get("type") == "array":
        _require(bool(schema.get("items")), f"{where}.items: missing field.")
    if "enum" in schema:
        _require(all(isinstance(value, str) and value for value in schema["enum"]), f"{where}.enum: TYPE_STRING")
        _require(schema.get("type") == "string", f"{where}.enum: only allowed for STRING type")
    required = set(schema.get("required", ()))
    _require(required <= schema.get("properties", {}).keys(), f"{where}.required[0]: property is not defined")
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
    for found in [*inner, *([schema["items"]] if "items" in schema else [])]:
        _check_schema(found, f"{where}.x")


def _known(found: dict[str, Any], names: set[str], where: str) -> None:
    for name in found:
        at = f" at '{where}'" if where else ""
        _require(name in names, f'Invalid JSON payload received. Unknown name "{name}"{at}: Cannot find field.')


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise Refused(message)
