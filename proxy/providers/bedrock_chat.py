"""A chat completion's request as one of Bedrock's Converse API.

Source: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

from collections.abc import Mapping
from typing import Any

import orjson

from proxy.core.errors import BadRequest
from proxy.providers.base import Json
from proxy.providers.bedrock_messages import has_tool_blocks, system_blocks, turns

_INFERENCE = {
    "max_tokens": "maxTokens",
    "max_completion_tokens": "maxTokens",
    "temperature": "temperature",
    "top_p": "topP",
}
# Converse's own, which a client or the deployment may give as they are.
_OWN = frozenset(
    {
        "additionalModelResponseFieldPaths",
        "guardrailConfig",
        "performanceConfig",
        "promptVariables",
        "requestMetadata",
        "serviceTier",
    }
)
# Of no consequence to the answer.
_IGNORED = frozenset(
    {
        "metadata", "model", "prompt_cache_key", "safety_identifier", "service_tier", "store", "stream",
        "stream_options", "user", "verbosity",
    }
)  # fmt: skip
# What Converse cannot do; a value that asks for nothing is let through.
REFUSED: Mapping[str, tuple[Any, ...]] = {
    "audio": (),
    "frequency_penalty": (0,),
    "function_call": (),
    "functions": ([],),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
    "n": (1,),
    "parallel_tool_calls": (True,),
    "prediction": (),
    "presence_penalty": (0,),
    "seed": (),
    "top_logprobs": (0,),
    "web_search_options": (),
}
_HANDLED = frozenset(
    {
        *_INFERENCE, "additionalModelRequestFields", "messages", "reasoning_effort", "response_format", "stop",
        "tool_choice", "tools", "top_k",
    }
)  # fmt: skip
_CHOICES: Mapping[str, Json | None] = {"none": None, "auto": {"auto": {}}, "required": {"any": {}}}
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096}


def converse_request(body: Mapping[str, Any], *, model: str, drop_params: bool = False) -> Json:
    """Raises BadRequest for what Converse cannot be asked, unless `drop_params` and it is a parameter."""
    body = {name: value for name, value in body.items() if value is not None and name not in _IGNORED}
    body = _without_refused(body, drop_params=drop_params)
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise BadRequest("'messages' must be an array of objects.", param="messages")
    request: Json = {"messages": turns(messages)}
    if not request["messages"]:
        raise BadRequest("Bedrock needs at least one message with content that is not the system's.", param="messages")
    parts = {
        "system": system_blocks(messages),
        "inferenceConfig": _inference(body),
        "toolConfig": _tool_config(body, used=has_tool_blocks(request["messages"])),
        "outputConfig": _output_config(body, drop_params=drop_params),
        "additionalModelRequestFields": _additional(body, model=model, drop_params=drop_params),
    }
    request |= {name: part for name, part in parts.items() if part}
    return request | {name: body[name] for name in _OWN & body.keys()}


def _without_refused(body: Json, *, drop_params: bool) -> Json:
    refused = [name for name in REFUSED.keys() & body.keys() if body[name] not in REFUSED[name]]
    if refused and not drop_params:
        raise BadRequest(
            f"Bedrock does not support parameters: {', '.join(sorted(refused))}. "
            "To drop these, set drop_params to true for the deployment.",
            param=min(refused),
        )
    return {name: value for name, value in body.items() if name not in REFUSED}


def _inference(body: Json) -> Json:
    config = {new: body[old] for old, new in _INFERENCE.items() if old in body}
    stop = body.get("stop")
    if stop:
        config["stopSequences"] = [stop] if isinstance(stop, str) else stop
    return config


def _tool_config(body: Json, *, used: bool) -> Json:
    tools = body.get("tools") or []
    if not isinstance(tools, list):
        raise BadRequest("'tools' must be an array.", param="tools")
    choice = body.get("tool_choice")
    # Without tools Converse refuses a conversation in which some were used.
    if not tools or (choice == "none" and not used):
        return {}
    config: Json = {"tools": [block for tool in tools for block in _tool(tool)]}
    if (wanted := _tool_choice(choice)) is not None:
        config["toolChoice"] = wanted
    return config


def _tool(tool: Any) -> list[Json]:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise BadRequest("Bedrock takes tools of type 'function' only, with a name each.", param="tools")
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    spec: Json = {"name": function["name"], "inputSchema": {"json": parameters}}
    if description := function.get("description"):
        spec["description"] = description
    if function.get("strict") is True:
        spec["strict"] = True
    cached = tool.get("cache_control") or function.get("cache_control")
    return [{"toolSpec": spec}, {"cachePoint": {"type": "default"}}] if cached else [{"toolSpec": spec}]


def _tool_choice(choice: Any) -> Json | None:
    if choice is None or (isinstance(choice, str) and choice in _CHOICES):
        return _CHOICES[choice or "none"]
    function = choice.get("function") if isinstance(choice, dict) else None
    if isinstance(function, dict) and isinstance(function.get("name"), str):
        return {"tool": {"name": function["name"]}}
    raise BadRequest("'tool_choice' must be none, auto, required, or name a function.", param="tool_choice")


def _output_config(body: Json, *, drop_params: bool) -> Json:
    """Structured output (docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html)."""
    wanted = body.get("response_format")
    if wanted is None:
        return {}
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind == "text" or (kind == "json_object" and drop_params):
        return {}
    described = wanted.get("json_schema") if kind == "json_schema" else None
    if not isinstance(described, dict) or not isinstance(described.get("schema"), dict):
        raise BadRequest("Bedrock takes a 'response_format' of type text or json_schema.", param="response_format")
    schema: Json = {"schema": orjson.dumps(described["schema"]).decode()}
    schema |= {name: described[name] for name in ("name", "description") if isinstance(described.get(name), str)}
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}


def _additional(body: Json, *, model: str, drop_params: bool) -> Json:
    """What only some models know. `top_k` and thinking are Claude's words; Nova has its own for the first."""
    given = body.get("additionalModelRequestFields")
    fields: Json = dict(given) if isinstance(given, dict) else {}
    fields |= {name: value for name, value in body.items() if name not in _HANDLED and name not in _OWN}
    if (top_k := body.get("top_k")) is not None:
        fields |= {"inferenceConfig": {"topK": top_k}} if "amazon.nova" in model else {"top_k": top_k}
    effort = body.get("reasoning_effort")
    if effort is None or effort == "none" or "thinking" in fields:
        return fields
    if "anthropic" in model and isinstance(effort, str) and effort in _BUDGETS:
        return fields | {"thinking": {"type": "enabled", "budget_tokens": _BUDGETS[effort]}}
    if "openai." in model:
        return fields | {"reasoning_effort": effort}
    if drop_params:
        return fields
    raise BadRequest("Bedrock does not support this 'reasoning_effort' for this model.", param="reasoning_effort")
