"""A chat completion request: parsed strictly, and split into what goes upstream and what is ours. Pure."""

from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from proxy.core.errors import BadRequest

# Proxy settings in the body (api.md 1.2): honoured here or by the router, and never sent on. An upstream's own
# `metadata` needs its storage switched on and would leak ours.
_OURS = frozenset(
    {
        "cache",
        "content_policy_fallbacks",
        "context_window_fallbacks",
        "disable_fallbacks",
        "fallbacks",
        "guardrails",
        "litellm_metadata",
        "metadata",
        "mock_response",
        "num_retries",
        "priority",
        "prompt_id",
        "router_settings_override",
        "stream_timeout",
        "tags",
        "timeout",
    }
)
# With these a client would choose where our credentials go, or whose are used.
_REFUSED = frozenset(
    {
        "api_base",
        "api_key",
        "api_version",
        "base_url",
        "callbacks",
        "custom_llm_provider",
        "extra_headers",
        "failure_callback",
        "headers",
        "organization",
        "success_callback",
        "user_config",
    }
)
_MOCKS = frozenset(
    {
        "mock_delay",
        "mock_testing_content_policy_fallbacks",
        "mock_testing_context_fallbacks",
        "mock_testing_fallbacks",
        "mock_testing_rate_limit_error",
        "mock_timeout",
    }
)
T = TypeVar("T")

_MOST_TAGS = 64
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """`upstream` is the body to send on, still without the upstream's model name."""

    model: str
    upstream: dict[str, Any]
    stream: bool
    wants_usage: bool
    metadata: dict[str, Any]
    tags: tuple[str, ...]
    end_user: str


def parse_chat(body: dict[str, Any], *, route: str) -> ChatRequest:
    """Raises BadRequest with a sentence a caller can act on."""
    _refuse(body)
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise BadRequest(f"{route}: Missing required parameter: 'model'.", param="model")
    messages = body.get("messages")
    if messages is None:
        raise BadRequest(f"{route}: Missing required parameter: 'messages'.", param="messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise BadRequest(f"{route}: 'messages' must be an array of objects.", param="messages")
    stream = _optional(body, "stream", bool, False)
    options = _optional(body, "stream_options", dict, {})
    metadata = _optional(body, "metadata", dict, {}) or _optional(body, "litellm_metadata", dict, {})
    upstream = {name: value for name, value in body.items() if name not in _OURS}
    if stream:
        # The ledger needs the usage whether or not the client asked for it.
        upstream["stream_options"] = {**options, "include_usage": True}
    return ChatRequest(
        model=model,
        upstream=upstream,
        stream=stream,
        wants_usage=options.get("include_usage") is True,
        metadata=metadata,
        tags=_tags(body, metadata),
        end_user=clean(_optional(body, "user", str, "")),
    )


def parse_object(raw: bytes) -> dict[str, Any]:
    """A JSON object. NaN, infinities, lone surrogates and bottomless nesting are refused by the decoder."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"Invalid JSON payload: {error}", param="request_body") from None
    if not isinstance(body, dict):
        raise BadRequest("Invalid JSON payload: expected an object.", param="request_body")
    return body


def clean(text: str) -> str:
    """A client's name for something, fit to be stored and shown: no control characters, at most 255 long."""
    if not text.isprintable():
        text = "".join(character for character in text if character.isprintable())
    return text[:_LONGEST_NAME]


def _refuse(body: dict[str, Any]) -> None:
    names = body.keys()
    if refused := sorted(_REFUSED & names):
        raise BadRequest(
            f"Client-side credentials and endpoints are not allowed: remove {', '.join(refused)} from the request.",
            param=refused[0],
        )
    if mocks := sorted(_MOCKS & names):
        raise BadRequest(f"Mock testing request params are disabled on this proxy: {', '.join(mocks)}.", param=mocks[0])


def _optional(body: dict[str, Any], name: str, kind: type[T], default: T) -> T:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise BadRequest(f"'{name}' must be {_KINDS[kind]}, not {_shown(value)}.", param=name)
    return value


_KINDS: dict[type, str] = {bool: "true or false", dict: "an object", str: "a string", list: "an array"}


def _shown(value: Any) -> str:
    text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode() if isinstance(value, (int, float, str)) else ""
    return text[:40] or ("an array" if isinstance(value, list) else "an object")


def _tags(body: dict[str, Any], metadata: dict[str, Any]) -> tuple[str, ...]:
    found = [*_optional(metadata, "tags", list, []), *_optional(body, "tags", list, [])]
    if len(found) > _MOST_TAGS or not all(isinstance(tag, str) for tag in found):
        raise BadRequest(f"'tags' must be an array of at most {_MOST_TAGS} strings.", param="tags")
    return tuple(dict.fromkeys(clean(tag) for tag in found))
