"""A chat completion's parameters, read strictly, for providers that must say them in other words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from proxy.core.errors import BadRequest
from proxy.providers.base import Json

# LiteLLM's settings of a request, honoured here and never sent on.
SETTINGS = frozenset({"drop_params", "additional_drop_params", "allowed_openai_params"})
# What asks for nothing that a provider would not do anyway.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "logprobs": (False,),
    "frequency_penalty": (0, 0.0),
    "presence_penalty": (0, 0.0),
    "logit_bias": ({},),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "modalities": (["text"],),
    "parallel_tool_calls": (True,),
}


@dataclass(frozen=True, slots=True)
class Tool:
    """`parameters` is a JSON schema, or None for a function without any."""

    name: str
    description: str
    parameters: Json | None
    cache_control: Json | None = None


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """`name` is that of the only function allowed, with mode `required`."""

    mode: Literal["auto", "none", "required"]
    name: str = ""


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """The answer shall be JSON; `schema` is None when any object will do."""

    schema: Json | None


def select(
    body: Mapping[str, Any], unsupported: frozenset[str], *, silent: frozenset[str], provider: str, drop: bool
) -> Json:
    """What of `body` the provider can be asked: without nulls, what is `silent` and what changes nothing.

    Raises BadRequest naming what it does not support, unless the deployment or the request says to drop it.
    """
    dropped = SETTINGS | silent | _names(body.get("additional_drop_params"))
    kept = {name: value for name, value in body.items() if value is not None and name not in dropped}
    refused = sorted(name for name in unsupported & kept.keys() if not _is_neutral(name, kept[name]))
    if refused and not (drop or body.get("drop_params") is True):
        raise BadRequest(
            f"{provider} does not support these parameters: {', '.join(refused)}. Leave them out, or set "
            "'drop_params: true' in the deployment's litellm_params.",
            param=refused[0],
        )
    return {name: value for name, value in kept.items() if name not in unsupported}


def _names(found: Any) -> frozenset[str]:
    return frozenset(name for name in found if isinstance(name, str)) if isinstance(found, list) else frozenset()


def _is_neutral(name: str, value: Any) -> bool:
    # In Python True is 1, in JSON it is not.
    return any(type(value) is type(neutral) and value == neutral for neutral in _NEUTRAL.get(name, ()))


def read_max_tokens(body: Mapping[str, Any]) -> int | None:
    """Raises BadRequest."""
    for name in ("max_completion_tokens", "max_tokens"):
        if (value := body.get(name)) is not None:
            if type(value) is not int or value < 1:
                raise BadRequest(f"'{name}' must be a whole number, at least 1.", param=name)
            return value
    return None


def read_stop(body: Mapping[str, Any]) -> list[str]:
    """Raises BadRequest."""
    found = body.get("stop")
    stops = [found] if isinstance(found, str) else found or []
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise BadRequest("'stop' must be a string or an array of strings.", param="stop")
    return [stop for stop in stops if stop]


def read_effort(body: Mapping[str, Any], levels: Mapping[str, Any]) -> str | None:
    """`reasoning_effort`, one of `levels`; None when there shall be none or nothing is said. Raises BadRequest."""
    effort = body.get("reasoning_effort")
    if effort is None or effort == "none":
        return None
    if isinstance(effort, str) and effort in levels:
        return effort
    allowed = ", ".join(("none", *levels))
    raise BadRequest(f"'reasoning_effort' must be one of {allowed}.", param="reasoning_effort")


def read_tools(body: Mapping[str, Any]) -> list[Tool | Json]:
    """A tool that is no function is the provider's own, and stays as it is. Raises BadRequest."""
    found = body.get("tools")
    if found is None:
        return []
    if not isinstance(found, list):
        raise BadRequest("'tools' must be an array.", param="tools")
    return [_tool(raw, f"tools[{position}]") for position, raw in enumerate(found)]


def _tool(raw: Any, where: str) -> Tool | Json:
    if not isinstance(raw, dict):
        raise BadRequest(f"{where} must be an object.", param=where)
    if raw.get("type") != "function" and "function" not in raw:
        return raw
    function = raw.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise BadRequest(f"{where}: 'function' must be an object with a 'name'.", param=f"{where}.function")
    parameters, description = function.get("parameters"), function.get("description")
    if not isinstance(parameters, dict | None):
        raise BadRequest(f"{where}: 'parameters' must be a JSON schema.", param=f"{where}.function.parameters")
    cache_control = raw.get("cache_control") or function.get("cache_control")
    return Tool(
        name=function["name"],
        description=description if isinstance(description, str) else "",
        parameters=parameters,
        cache_control=cache_control if isinstance(cache_control, dict) else None,
    )


_MODES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
    "any": "required",
}


def read_tool_choice(body: Mapping[str, Any]) -> ToolChoice | None:
    """Raises BadRequest."""
    found = body.get("tool_choice")
    if found is None:
        return None
    if isinstance(found, dict):
        function = found.get("function")
        name = function.get("name") if isinstance(function, dict) else found.get("name")
        if isinstance(name, str) and name:
            return ToolChoice("required", name)
        found = found.get("type")
    if isinstance(found, str) and found in _MODES:
        return ToolChoice(_MODES[found])
    raise BadRequest("'tool_choice' must be auto, none, required, or name a function.", param="tool_choice")


def read_format(body: Mapping[str, Any]) -> JsonFormat | None:
    """`response_format`; None for text. Raises BadRequest."""
    found = body.get("response_format")
    if found is None:
        return None
    kind = found.get("type") if isinstance(found, dict) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return JsonFormat(_schema(found.get("response_schema")))
    if kind == "json_schema" and isinstance(named := found.get("json_schema"), dict):
        return JsonFormat(_schema(named.get("schema")))
    raise BadRequest("'response_format' must be text, json_object or a json_schema.", param="response_format")


def _schema(found: Any) -> Json | None:
    if not isinstance(found, dict | None):
        raise BadRequest("'response_format': the schema must be an object.", param="response_format")
    return found
