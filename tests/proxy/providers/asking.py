"""Asking a provider's fake server what a client asked: translated there and back as the gateway does it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from proxy.core.errors import UpstreamError
from proxy.core.operations import Operation
from proxy.providers.base import Account, Provider, UpstreamRequest

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = "sk-ant-api03-right"


def request(
    provider: Provider,
    body: Mapping[str, Any],
    *,
    api_base: str = "http://127.0.0.1:1",
    model: str = "claude-sonnet-4-5",
    operation: Operation = Operation.CHAT,
    stream: bool = False,
    params: Mapping[str, Any] | None = None,
    api_key: str = KEY,
) -> UpstreamRequest:
    target = provider.prepare(Account(model, api_base, api_key, params or {}))
    # A client's body still has its own name for the model.
    return provider.build_request(target, operation, {"model": "group", **body}, stream=stream, now=NOW)


def ask(provider: Provider, body: Mapping[str, Any], *, operation: Operation = Operation.CHAT, **facts: Any) -> Any:
    """The whole answer. Raises UpstreamError."""
    answer = post(request(provider, body, operation=operation, **facts))
    if answer.status_code != 200:
        raise provider.error(answer.status_code, answer.headers, answer.content, secrets=())
    return provider.parse_response(operation, answer.json())


def stream(provider: Provider, body: Mapping[str, Any], **facts: Any) -> list[dict[str, Any]]:
    """The chunks of a streamed answer. Raises UpstreamError for what goes wrong before the first."""
    answer = post(request(provider, body, stream=True, **facts))
    if answer.status_code != 200:
        raise provider.error(answer.status_code, answer.headers, answer.content, secrets=())
    decoder = provider.decoder()
    return [*decoder.feed(answer.content), *decoder.finish()]


def post(asked: UpstreamRequest) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=5) as client:
        return client.post(asked.url, headers=dict(asked.headers), content=asked.content)


def joined(chunks: list[dict[str, Any]], *, choice: int = 0) -> dict[str, Any]:
    """What a client makes of the chunks of one choice."""
    made: dict[str, Any] = {"content": "", "reasoning_content": "", "calls": {}, "finish_reason": None, "role": None}
    for piece in (found for chunk in chunks for found in chunk.get("choices", []) if found["index"] == choice):
        delta = piece["delta"]
        made["role"] = made["role"] or delta.get("role")
        made["content"] += delta.get("content") or ""
        made["reasoning_content"] += delta.get("reasoning_content") or ""
        for call in delta.get("tool_calls", ()):
            known = made["calls"].setdefault(call["index"], {"id": "", "name": "", "arguments": ""})
            known["id"] = call.get("id") or known["id"]
            known["name"] = call["function"].get("name") or known["name"]
            known["arguments"] += call["function"].get("arguments") or ""
        made["finish_reason"] = piece["finish_reason"] or made["finish_reason"]
    return made


def failure(call: Any) -> UpstreamError:
    """The UpstreamError that `call` raises."""
    try:
        call()
    except UpstreamError as error:
        return error
    raise AssertionError("nothing was raised")
