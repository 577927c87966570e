"""What Anthropic refuses in a request, in the words of its API."""

import re
from typing import Any

_ROLES = {"user", "assistant"}
_TOOL_ID = re.compile(r"[a-zA-Z0-9_-]+")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_IMAGE_TYPES = {"image/jpeg", "image/png", "image/gif", "image/webp"}
_BLOCKS = {"text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking"}
_FIELDS = {
    "cache_control",
    "container",
    "context_management",
    "inference_geo",
    "max_tokens",
    "mcp_servers",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
}


class Refused(Exception):
    """400 `invalid_request_error` with this message."""


def check(asked: Any) -> None:
    """Raises Refused."""
    _require(isinstance(asked, dict), "Input should be an object")
    for name in ("model", "max_tokens", "messages"):
        _require(name in asked, f"{name}: Field required")
    for name in asked:
        _require(name in _FIELDS, f"{name}: Extra inputs are not permitted")
    _require(type(asked["max_tokens"]) is int and asked["max_tokens"] >= 0, "max_tokens: Input should be at least 0")
    temperature = asked.get("temperature", 1)
    _require(isinstance(temperature, (int, float)) and 0 <= temperature <= 1, "temperature: range: 0..1")
    _check_thinking(asked)
    _check_tools(asked)
    _check_system(asked.get("system", []))
    _check_messages(asked["messages"])


def _check_thinking(asked: dict[str, Any]) -> None:
    thinking = asked.get("thinking", {"type": "disabled"})
    if thinking["type"] == "enabled":
        _require(thinking["budget_tokens"] >= 1024, "thinking.enabled.budget_tokens: greater than or equal to 1024")
        _require(
            thinking["budget_tokens"] < asked["max_tokens"],
            "`max_tokens` must be greater than `thinking.budget_tokens`.",
        )
    if thinking["type"] != "disabled":
        forced = asked.get("tool_choice", {}).get("type") in {"any", "tool"}
        _require(not forced, "Thinking may not be enabled when tool_choice forces tool use.")


def _check_tools(asked: dict[str, Any]) -> None:
    tools = asked.get("tools", [])
    for position, tool in enumerate(tools):
        _require(bool(_TOOL_NAME.fullmatch(tool["name"])), f"tools.{position}.name: String should match pattern")
        if "type" not in tool or tool["type"] == "custom":
            schema = tool.get("input_schema", {})
            _require(schema.get("type") == "object", f"tools.{position}.input_schema.type: Field required")
    _require(len({tool["name"] for tool in tools}) == len(tools), "tools: Tool names must be unique.")
    if (choice := asked.get("tool_choice")) is not None:
        _require(bool(tools), "tool_choice: may only be specified while providing tools.")
        _require(choice["type"] in {"auto", "any", "tool", "none"}, "tool_choice: Input tag does not match")
        named = choice["type"] != "tool" or choice["name"] in {tool["name"] for tool in tools}
        _require(named, "tool_choice: Tool not found in provided tools")
        _require(choice["type"] != "none" or len(choice) == 1, "tool_choice.none: Extra inputs are not permitted")


def _check_system(system: Any) -> None:
    for position, block in enumerate(system if isinstance(system, list) else []):
        _require(block["type"] == "text", f"system.{position}.type: Input should be 'text'")
        _check_text(block, f"system.{position}")


def _check_messages(messages: Any) -> None:
    _require(isinstance(messages, list) and bool(messages), "messages: at least one message is required")
    open_calls: set[str] = set()
    for position, message in enumerate(messages):
        where = f"messages.{position}"
        _require(message.keys() <= {"role", "content"}, f"{where}: Extra inputs are not permitted")
        _require(message.get("role") in _ROLES, f"{where}.role: Input should be 'user' or 'assistant'")
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        _require(bool(blocks), f"{where}: all messages must have non-empty content")
        for block in blocks:
            _check_block(block, where)
        _check_results(blocks, open_calls, where)
        open_calls = {block["id"] for block in blocks if block["type"] == "tool_use"}
    last = messages[-1]
    text = last["content"] if isinstance(last["content"], str) else last["content"][-1].get("text", "")
    trailing = last["role"] == "assistant" and text != text.rstrip()
    _require(not trailing, "messages: final assistant content cannot end with trailing whitespace")


def _check_results(blocks: list[dict[str, Any]], open_calls: set[str], where: str) -> None:
    results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    for id_ in results:
        _require(
            id_ in open_calls,
            f"{where}: unexpected `tool_use_id` found in `tool_result` blocks: {id_}. Each `tool_result` block must "
            "have a corresponding `tool_use` block in the previous message.",
        )
    _require(
        open_calls <= set(results),
        f"{where}: `tool_use` ids were found without `tool_result` blocks immediately after: "
        f"{', '.join(sorted(open_calls - set(results)))}.",
    )
    first = [block["type"] for block in blocks[: len(results)]]
    _require(first == ["tool_result"] * len(results), f"{where}: `tool_result` blocks must come first")


def _check_block(block: dict[str, Any], where: str) -> None:
    kind = block["type"]
    _require(kind in _BLOCKS, f"{where}.content: Input tag '{kind}' found using 'type' does not match")
    if kind == "text":
        _check_text(block, where)
    elif kind == "tool_use":
        _require(bool(_TOOL_ID.fullmatch(block["id"])), f"{where}.tool_use.id: String should match pattern")
        _require(isinstance(block["input"], dict), f"{where}.tool_use.input: Input should be an object")
    elif kind == "thinking":
        _require(bool(block.get("signature")), f"{where}.thinking.signature: Field required")
    elif kind in {"image", "document"}:
        _check_source(block["source"], kind, where)
    elif kind == "tool_result" and isinstance(block.get("content"), list):
        for inner in block["content"]:
            _check_block(inner, f"{where}.tool_result")


def _check_source(source: dict[str, Any], kind: str, where: str) -> None:
    _require(source["type"] in {"base64", "url", "text", "file"}, f"{where}.source: Input tag does not match")
    if source["type"] == "base64":
        allowed = _IMAGE_TYPES if kind == "image" else {"application/pdf"}
        _require(source["media_type"] in allowed, f"{where}.{kind}.source.base64.media_type: Input should be ...")
        _require(bool(source["data"]), f"{where}.{kind}.source.base64: invalid base64 data")


def _check_text(block: dict[str, Any], where: str) -> None:
    _require(block["text"] != "", f"{where}: text content blocks must be non-empty")
    _require(bool(block["text"].strip()), f"{where}: text content blocks must contain non-whitespace text")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise Refused(message)
