"""Anthropic's message as a chat completion, and its usage."""

from collections.abc import Mapping
from typing import Any

import orjson

from budgets.core.pricing import Usage
from proxy.core.errors import UpstreamFailure
from proxy.core.usage import cache_creation_1h, count, service_tier, web_searches
from proxy.providers.anthropic_chat import JSON_TOOL
from proxy.providers.base import Json

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def to_completion(answer: Json) -> Json:
    """Raises UpstreamFailure for an answer that is no message. Who has a clock adds `created`."""
    content = answer.get("content")
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise UpstreamFailure("the answer is no message", provider="anthropic")
    message = _message(content)
    return {
        "id": text_of(answer, "id"),
        "object": "chat.completion",
        "model": text_of(answer, "model"),
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": finish_reason(answer.get("stop_reason"), has_calls="tool_calls" in message),
            }
        ],
        "usage": to_openai_usage(answer.get("usage")),
    }


def _message(content: list[Json]) -> Json:
    calls = [block for block in content if block.get("type") == "tool_use"]
    answers = [block for block in calls if block.get("name") == JSON_TOOL]
    texts = [text_of(block, "text") for block in content if block.get("type") == "text"]
    # Beside an answer in JSON, what the model says before it is no part of it.
    text = written(answers[0].get("input")) if answers else "".join(texts)
    tool_calls = [to_tool_call(block) for block in calls if block.get("name") != JSON_TOOL]
    thoughts = [block for block in content if block.get("type") in ("thinking", "redacted_thinking")]
    message: Json = {"role": "assistant", "content": text or (None if tool_calls else "")}
    if tool_calls:
        message["tool_calls"] = tool_calls
    if thoughts:
        message["reasoning_content"] = "".join(text_of(block, "thinking") for block in thoughts)
        message["thinking_blocks"] = thoughts
    return message


def to_tool_call(block: Json) -> Json:
    function = {"name": text_of(block, "name"), "arguments": written(block.get("input"))}
    return {"id": text_of(block, "id"), "type": "function", "function": function}


def written(value: Any) -> str:
    """A tool's input as JSON. Raises UpstreamFailure."""
    try:
        return orjson.dumps({} if value is None else value).decode()
    except orjson.JSONEncodeError:
        raise UpstreamFailure("a tool call is nested too deeply", provider="anthropic") from None


def finish_reason(reason: Any, *, has_calls: bool) -> str:
    """Without a call that the client can see, an answer in JSON has just ended."""
    found = _FINISH_REASONS.get(reason, "stop") if isinstance(reason, str) else "stop"
    return "stop" if found == "tool_calls" and not has_calls else found


def to_openai_usage(reported: Any) -> Json:
    """Anthropic counts what came from the cache or went there apart from the rest of the prompt; OpenAI does not."""
    usage = read_anthropic_usage(reported) or Usage()
    details: Json = {"cached_tokens": usage.cached_tokens}
    if usage.cache_creation_1h_tokens:
        details["cache_creation_token_details"] = {
            "ephemeral_5m_input_tokens": usage.cache_creation_tokens - usage.cache_creation_1h_tokens,
            "ephemeral_1h_input_tokens": usage.cache_creation_1h_tokens,
        }
    told: Json = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "cache_creation_input_tokens": usage.cache_creation_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
    }
    if usage.searches:
        told["server_tool_use"] = {"web_search_requests": usage.searches}
    if usage.service_tier:
        told["service_tier"] = usage.service_tier
    return told


def read_anthropic_usage(reported: Any) -> Usage | None:
    """None when there is nothing usable in it."""
    if not isinstance(reported, dict):
        return None
    cached, created = count(reported, "cache_read_input_tokens"), count(reported, "cache_creation_input_tokens")
    prompt = count(reported, "input_tokens") + cached + created
    completion = count(reported, "output_tokens")
    if not prompt and not completion:
        return None
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=cached,
        cache_creation_tokens=created,
        reasoning_tokens=count(_object(reported.get("output_tokens_details")), "thinking_tokens"),
        cache_creation_1h_tokens=min(cache_creation_1h(reported), created),
        searches=web_searches(reported),
        service_tier=service_tier(reported),
    )


def merge_usage(first: Any, later: Any) -> Json:
    """What `message_delta` says of the usage goes before what `message_start` said; both are totals so far."""
    return {**_object(first), **{name: value for name, value in _object(later).items() if value is not None}}


def text_of(block: Mapping[str, Any], name: str) -> str:
    value = block.get(name)
    return value if isinstance(value, str) else ""


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
