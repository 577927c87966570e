"""What goes wrong between a client and an upstream, in LiteLLM's words.

GatewayError
 |- BadRequest                 400, the client's own mistake; nothing was sent upstream
 |   |- UnknownModel
 |- RequestTooLarge            413
 |- UnsupportedMediaType       415
 |- ModelUnavailable           503, the gateway itself cannot serve (no routing table, no ledger)
 |- UpstreamError              what an upstream answered, or that it did not
     |- UpstreamBadRequest     400, 422 and the rest of its 4xx
     |   |- ContextWindowExceeded
     |   |- ContentPolicyViolation
     |- UpstreamAuthentication 401
     |- UpstreamPermission     403
     |- UpstreamNotFound       404
     |- UpstreamTimeout        408
     |- UpstreamRateLimit      429
     |- UpstreamFailure        500 and everything unexpected, refused connections included
     |- UpstreamUnavailable    503

The class-name prefixes of the messages (`litellm.RateLimitError: ...`) are part of the wire: clients match them.
"""

import re
from typing import Any, ClassVar

import orjson

from teams.errors import ApiError

_LONGEST_MESSAGE = 2000


class GatewayError(ApiError):
    """`name` is what metrics and the ledger call it: LiteLLM's exception class."""

    name: ClassVar[str] = "APIError"


class BadRequest(GatewayError):
    status_code = 400
    type = "invalid_request_error"
    name = "BadRequestError"


class UnknownModel(BadRequest):
    def __init__(self, model: str) -> None:
        shown = model if len(model) <= 200 else model[:200] + "..."
        super().__init__(
            f"litellm.BadRequestError: You passed in model={shown}. There are no healthy deployments for this model"
        )


class RequestTooLarge(GatewayError):
    status_code = 413
    type = "invalid_request_error"
    name = "RequestTooLarge"


class UnsupportedMediaType(GatewayError):
    status_code = 415
    type = "invalid_request_error"
    name = "UnsupportedMediaType"


class ModelUnavailable(GatewayError):
    status_code = 503
    name = "ServiceUnavailableError"


class UpstreamError(GatewayError):
    """`told` is what the upstream said, redacted; the provider's name stands before it."""

    prefix: ClassVar[str] = "litellm.APIError: "
    # Whether an admin should hear of it: the client's own mistakes never page anybody.
    alerts: ClassVar[bool] = True

    def __init__(
        self,
        told: str,
        *,
        provider: str,
        type_: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{self.prefix}{_title(provider)}Exception - {told}", param=param, headers=headers)
        self.told = told
        if type_:
            self.type = type_


class UpstreamBadRequest(UpstreamError):
    status_code = 400
    type = "invalid_request_error"
    name = "BadRequestError"
    prefix = "litellm.BadRequestError: "
    alerts = False


class UpstreamUnprocessable(UpstreamBadRequest):
    status_code = 422
    name = "UnprocessableEntityError"


class ContextWindowExceeded(UpstreamBadRequest):
    name = "ContextWindowExceededError"
    prefix = "litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: "


class ContentPolicyViolation(UpstreamBadRequest):
    name = "ContentPolicyViolationError"
    prefix = "litellm.ContentPolicyViolationError: litellm.BadRequestError: ContentPolicyViolationError: "


class UpstreamAuthentication(UpstreamError):
    status_code = 401
    type = "authentication_error"
    name = "AuthenticationError"
    prefix = "litellm.AuthenticationError: AuthenticationError: "


class UpstreamPermission(UpstreamError):
    status_code = 403
    type = "permission_error"
    name = "PermissionDeniedError"
    prefix = "litellm.APIError: APIError: "


class UpstreamNotFound(UpstreamError):
    status_code = 404
    type = "invalid_request_error"
    name = "NotFoundError"
    prefix = "litellm.NotFoundError: NotFoundError: "


class UpstreamTimeout(UpstreamError):
    status_code = 408
    type = "invalid_request_error"
    name = "Timeout"

    def __init__(self, *, provider: str, limit: float, taken: float) -> None:
        super().__init__("Request timed out.", provider=provider)
        self.message = (
            "litellm.Timeout: APITimeoutError - Request timed out. Error_str: Request timed out. "
            f"- timeout value={limit}, time taken={taken:.2f} seconds"
        )


class UpstreamRateLimit(UpstreamError):
    status_code = 429
    type = "throttling_error"
    name = "RateLimitError"
    prefix = "litellm.RateLimitError: RateLimitError: "


class UpstreamFailure(UpstreamError):
    status_code = 500
    name = "InternalServerError"
    prefix = "litellm.InternalServerError: InternalServerError: "


class UpstreamUnavailable(UpstreamError):
    status_code = 503
    name = "ServiceUnavailableError"
    prefix = "litellm.ServiceUnavailableError: ServiceUnavailableError: "


_BY_STATUS: dict[int, type[UpstreamError]] = {
    400: UpstreamBadRequest,
    401: UpstreamAuthentication,
    403: UpstreamPermission,
    404: UpstreamNotFound,
    422: UpstreamUnprocessable,
    429: UpstreamRateLimit,
    503: UpstreamUnavailable,
}
_CONTEXT_WINDOW = (
    "maximum context length",
    "context_length_exceeded",
    "string too long",
    "prompt is too long",
    "context window",
)
_CONTENT_POLICY = ("content_policy_violation", "content management policy", "content_filter")


def from_upstream(
    status: int, body: bytes, *, provider: str, secrets: tuple[str, ...] = (), retry_after: str | None = None
) -> UpstreamError:
    """The error for an upstream's answer. 408 and statuses outside the table fall back by their hundred."""
    told, type_, param = (text and redact(text, secrets=secrets) for text in _read(body))
    told = told or f"HTTP {status}"
    headers = {"retry-after": retry_after} if retry_after and retry_after.isprintable() else None
    if status == 408:
        status = 500
    kind = _BY_STATUS.get(status) or (UpstreamBadRequest if 400 <= status < 500 else UpstreamFailure)
    if issubclass(kind, UpstreamBadRequest):
        lowered = body[:10_000].decode("utf-8", "replace").lower()
        if any(sign in lowered for sign in _CONTEXT_WINDOW):
            kind = ContextWindowExceeded
        elif any(sign in lowered for sign in _CONTENT_POLICY):
            kind = ContentPolicyViolation
        # Only for its 400s does an upstream's own type help the client.
        return kind(told, provider=provider, type_=type_, param=param, headers=headers)
    return kind(told, provider=provider, headers=headers)


def redact(text: str, *, secrets: tuple[str, ...] = ()) -> str:
    """Without credentials, control characters and excess length."""
    for secret in secrets:
        if len(secret) >= 8:
            text = text.replace(secret, "***")
    text = _KEYS.sub(r"\1***", text)
    text = _URL_SECRETS.sub(r"\1***@", text)
    text = _CONTROL.sub(" ", text)
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "..."


_KEYS = re.compile(r"\b(sk-|gsk_|xai-|AIza|key-|Bearer )[\w.-]{8,}")
_URL_SECRETS = re.compile(r"(https?://)[^\s/@]+@")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def _read(body: bytes) -> tuple[str, str | None, str | None]:
    """Message, type and param of an OpenAI-style error body; of any other body its text."""
    try:
        parsed: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace").strip(), None, None
    error = parsed.get("error", parsed) if isinstance(parsed, dict) else parsed
    if not isinstance(error, dict):
        return str(error), None, None
    message = error.get("message")
    if not isinstance(message, str):
        message = orjson.dumps(error).decode()
    return message, _text(error.get("type")), _text(error.get("param"))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 200 else None


def _title(provider: str) -> str:
    return {"openai": "OpenAI", "azure": "Azure", "anthropic": "Anthropic"}.get(provider, provider.capitalize())
