"""A client's request: parsed strictly, and split into what goes upstream and what is ours. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import orjson

from proxy.core.errors import BadRequest
from proxy.core.fields import ensure_fields
from proxy.core.operations import STREAMED, Operation

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
_MOST_FALLBACKS = 20
_MOST_RETRIES = 20
_LONGEST_TIMEOUT = 86_400
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Options:
    """What a client may say about the way of its request (api.md 1.2). None: it did not. Seconds."""

    fallbacks: tuple[Any, ...] | None = None
    context_window_fallbacks: tuple[Any, ...] | None = None
    content_policy_fallbacks: tuple[Any, ...] | None = None
    disable_fallbacks: bool = False
    num_retries: int | None = None
    timeout: float | None = None
    stream_timeout: float | None = None
    overrides: Mapping[str, Any] | None = None


NO_OPTIONS = Options()
_OPTIONS = frozenset(
    {
        "content_policy_fallbacks",
        "context_window_fallbacks",
        "disable_fallbacks",
        "fallbacks",
        "num_retries",
        "router_settings_override",
        "stream_timeout",
        "timeout",
    }
)


@dataclass(frozen=True, slots=True)
class Call:
    """`body` is to be sent on in the operation's shape, still without the upstream's model name."""

    operation: Operation
    model: str
    body: dict[str, Any]
    stream: bool
    wants_usage: bool
    metadata: dict[str, Any]
    tags: tuple[str, ...]
    end_user: str
    options: Options = NO_OPTIONS


# On these routes `metadata` is the provider's; ours is `litellm_metadata`.
_OWN_METADATA = frozenset({Operation.MESSAGES, Operation.RESPONSES})
# What a request cannot do without.
_REQUIRED: dict[Operation, tuple[str, ...]] = {
    Operation.CHAT: ("messages",),
    Operation.COMPLETION: ("prompt",),
    Operation.EMBEDDING: ("input",),
    Operation.MESSAGES: ("messages", "max_tokens"),
    Operation.RESPONSES: ("input",),
    Operation.MODERATION: ("input",),
    Operation.IMAGE: ("prompt",),
    Operation.TRANSCRIPTION: ("file",),
    Operation.SPEECH: ("input", "voice"),
    Operation.RERANK: ("query", "documents"),
}


def parse_call(operation: Operation, body: dict[str, Any], *, route: str, model: str = "") -> Call:
    """`model` is the one that the path names; the body's goes before it.

    Raises BadRequest with a sentence a caller can act on.
    """
    _refuse(body)
    named = body.get("model") or model
    if not isinstance(named, str) or not named:
        raise BadRequest(f"{route}: Missing required parameter: 'model'.", param="model")
    for required in _REQUIRED[operation]:
        if body.get(required) is None:
            raise BadRequest(f"{route}: Missing required parameter: '{required}'.", param=required)
    ensure_fields(operation, body, route=route)
    stream = _optional(body, "stream", bool, False)
    if stream and operation not in STREAMED:
        raise BadRequest(f"{route}: 'stream' is not supported here: the answer comes whole.", param="stream")
    options = _optional(body, "stream_options", dict, {})
    providers_own = operation in _OWN_METADATA
    metadata = _optional(body, "litellm_metadata", dict, {})
    if not metadata or not providers_own:
        metadata = _optional(body, "metadata", dict, {}) or metadata
    kept = {name: value for name, value in body.items() if name not in _OURS or (providers_own and name == "metadata")}
    if operation not in STREAMED:
        kept.pop("stream", None)
    elif stream and not providers_own:
        # The ledger needs the usage whether or not the client asked for it.
        kept["stream_options"] = {**options, "include_usage": True}
    return Call(
        operation=operation,
        model=named,
        body=kept,
        stream=stream,
        wants_usage=options.get("include_usage") is True,
        metadata=metadata,
        tags=_tags(body, metadata),
        end_user=clean(_end_user(body, metadata)),
        options=NO_OPTIONS if _OPTIONS.isdisjoint(body) else _parse_options(body),
    )


def with_changes(call: Call, changes: Mapping[str, Any], *, route: str) -> Call:
    """The same request with other fields, as a client may ask of a fallback; a stream stays one. Raises BadRequest."""
    fixed = {"model": call.model, "stream": call.stream}
    if "stream_options" in call.body:
        fixed["stream_options"] = call.body["stream_options"]
    changed = parse_call(call.operation, {**call.body, **changes, **fixed}, route=route)
    return replace(call, body=changed.body)


def _end_user(body: dict[str, Any], metadata: dict[str, Any]) -> str:
    if user := _optional(body, "user", str, ""):
        return user
    named = metadata.get("user_id")
    return named if isinstance(named, str) else ""


def _parse_options(body: dict[str, Any]) -> Options:
    return Options(
        fallbacks=_list(body, "fallbacks"),
        context_window_fallbacks=_list(body, "context_window_fallbacks"),
        content_policy_fallbacks=_list(body, "content_policy_fallbacks"),
        disable_fallbacks=_optional(body, "disable_fallbacks", bool, False),
        num_retries=parse_retries(body.get("num_retries"), param="num_retries"),
        timeout=parse_seconds(body.get("timeout"), param="timeout"),
        stream_timeout=parse_seconds(body.get("stream_timeout"), param="stream_timeout"),
        overrides=_optional(body, "router_settings_override", dict, {}) or None,
    )


def parse_seconds(value: Any, *, param: str) -> float | None:
    """A time-out from a body or a header. Raises BadRequest."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if isinstance(value, bool) or not 0 < seconds <= _LONGEST_TIMEOUT:
        raise BadRequest(f"'{param}' must be a number of seconds, more than 0 and at most a day.", param=param)
    return seconds


def parse_retries(value: Any, *, param: str) -> int | None:
    """Raises BadRequest."""
    if value is None:
        return None
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = -1
    if isinstance(value, bool) or not 0 <= number <= _MOST_RETRIES:
        raise BadRequest(f"'{param}' must be a whole number from 0 to {_MOST_RETRIES}.", param=param)
    return number


def _list(body: dict[str, Any], name: str) -> tuple[Any, ...] | None:
    found = body.get(name)
    if found is None:
        return None
    if not isinstance(found, list) or len(found) > _MOST_FALLBACKS:
        raise BadRequest(f"'{name}' must be an array of at most {_MOST_FALLBACKS} models.", param=name)
    if not all(isinstance(entry, (str, dict)) for entry in found):
        raise BadRequest(f"'{name}' must hold names of models, or objects.", param=name)
    return tuple(found)


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
