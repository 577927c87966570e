"""What goes wrong between a client and an upstream, in LiteLLM's words.

GatewayError
 |- BadRequest                 400, the client's own mistake; nothing was sent upstream
 |   |- UnknownModel
 |   |- OperationUnsupported
 |- TagsDenied                 401
 |- PriceUnknown               403, and the operator wants no spending that nobody counts
 |- RequestTooLarge            413
 |- UnsupportedMediaType       415
 |- NoDeploymentAvailable      429, all of a group cool down
 |- BudgetCrossed              429, of a deployment or a provider; a key's or team's is not ours to tell
 |- ClientGone                 499
 |- ModelUnavailable           503, the gateway itself cannot serve (no routing table, no ledger)
 |- UpstreamError              what an upstream answered, or that it did not
     |- UpstreamBadRequest     400 and the rest of its 4xx
     |   |- UpstreamUnprocessable  422
     |   |- UpstreamConflict       409
     |   |- UpstreamTooLarge       413
     |   |- ContextWindowExceeded
     |   |- ContentPolicyViolation
     |- UpstreamAuthentication 401
     |- UpstreamUnpaid         402, the account that we use is out of credit
     |- UpstreamPermission     403
     |- UpstreamNotFound       404
     |- UpstreamTimeout        408
     |   |- ConnectionTimedOut     nobody answered the knock
     |- UpstreamRateLimit      429
     |- UpstreamFailure        500 and everything unexpected
     |   |- ConnectionFailed       nothing listened: refused, no such name, TLS
     |       |- AddressNotAllowed  we did not knock
     |- UpstreamUnavailable    503

The class-name prefixes of the messages (`litellm.RateLimitError: ...`) are part of the wire: clients match them.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from proxy.core.error_bodies import read_error_body
from proxy.core.error_bodies import redact as redact  # noqa: PLC0414 - it belongs to what one needs to tell an error
from proxy.core.operations import Operation
from proxy.core.retry_after import read_retry_after
from teams.errors import ApiError


class GatewayError(ApiError):
    """`name` is what metrics and the ledger call it: LiteLLM's exception class."""

    name: ClassVar[str] = "APIError"


class BadRequest(GatewayError):
    status_code = 400
    type = "invalid_request_error"
    name = "BadRequestError"


class UnknownModel(BadRequest):
    def __init__(self, model: str) -> None:
        super().__init__(
            f"litellm.BadRequestError: You passed in model={_shown(model)}. "
            "There are no healthy deployments for this model"
        )


class OperationUnsupported(BadRequest):
    """A group none of whose providers can be asked such a thing."""

    def __init__(self, model: str, operation: Operation) -> None:
        super().__init__(
            f"litellm.BadRequestError: The model {_shown(model)} cannot serve requests of the kind '{operation}'",
            param="model",
        )


class TagsDenied(GatewayError):
    status_code = 401
    type = "authentication_error"
    name = "AuthenticationError"

    def __init__(self) -> None:
        super().__init__("Not allowed to access model due to tags configuration")


class PriceUnknown(GatewayError):
    status_code = 403
    type = "model_cost_map_missing"
    name = "PermissionDeniedError"
    param = "model"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"No price is known for model={_shown(model)}, and requests without one are blocked "
            "(litellm_settings.block_requests_for_models_without_pricing). Set a price for it first."
        )


class RequestTooLarge(GatewayError):
    status_code = 413
    type = "invalid_request_error"
    name = "RequestTooLarge"


class UnsupportedMediaType(GatewayError):
    status_code = 415
    type = "invalid_request_error"
    name = "UnsupportedMediaType"


class NoDeploymentAvailable(GatewayError):
    """Clients read the seconds from the sentence as well as from the header."""

    status_code = 429
    type = "throttling_error"
    name = "RateLimitError"

    def __init__(
        self,
        model: str,
        *,
        retry_after: float,
        cooling: Sequence[str] = (),
        reasons: Sequence[str] = (),
        pre_call_checks: bool = False,
    ) -> None:
        seconds = max(1, math.ceil(retry_after))
        why = "All deployments for selected model are in cooldown."
        if not cooling and reasons:
            why = f"None of them may be asked now: {', '.join(reasons)}."
        super().__init__(
            f"No deployments available for selected model, Try again in {seconds} seconds. "
            f"{why} Passed model={_shown(model)}. "
            f"pre-call-checks={pre_call_checks}, cooldown_list={list(cooling)}",
            headers={"retry-after": str(seconds)},
        )


class BudgetCrossed(GatewayError):
    """`crossings` are a sentence each: `Exceeded budget for provider openai: 1.5 >= 1`, in dollars."""

    status_code = 429
    type = "throttling_error"
    name = "RateLimitError"

    def __init__(self, crossings: Sequence[str]) -> None:
        super().__init__("No deployments available - crossed budget: " + "\n".join(crossings))


class ClientGone(GatewayError):
    """Nobody reads it but the ledger and the metrics."""

    status_code = 499
    type = "invalid_request_error"
    name = "ClientDisconnected"

    def __init__(self) -> None:
        super().__init__("The client closed the connection before the answer was complete.")


class ModelUnavailable(GatewayError):
    status_code = 503
    name = "ServiceUnavailableError"


class UpstreamError(GatewayError):
    """`told` is what the upstream said, redacted; the provider's name stands before it.

    `kind` is what retry and cooldown policies call it; `retry_after` is in seconds.
    """

    prefix: ClassVar[str] = "litellm.APIError: "
    kind: ClassVar[str] = "APIError"
    # Whether an admin should hear of it: the client's own mistakes never page anybody.
    alerts: ClassVar[bool] = True
    # Whether there was an upstream to fail: False when no connection came about.
    reached: ClassVar[bool] = True

    def __init__(
        self,
        told: str,
        *,
        provider: str,
        type_: str | None = None,
        param: str | None = None,
        headers: dict[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{self.prefix}{_title(provider)}Exception - {told}", param=param, headers=headers)
        self.told = told
        self.retry_after = retry_after
        if type_:
            self.type = type_


class UpstreamBadRequest(UpstreamError):
    status_code = 400
    type = "invalid_request_error"
    name = "BadRequestError"
    kind = "BadRequestError"
    prefix = "litellm.BadRequestError: "
    alerts = False


class UpstreamUnprocessable(UpstreamBadRequest):
    status_code = 422
    name = "UnprocessableEntityError"


class UpstreamConflict(UpstreamBadRequest):
    """LiteLLM has no word for it; the upstream's own status stays, since a conflict is worth another try."""

    status_code = 409


class UpstreamTooLarge(UpstreamBadRequest):
    """LiteLLM has no word for it; the upstream's own status stays, since clients shrink what they send."""

    status_code = 413


class ContextWindowExceeded(UpstreamBadRequest):
    name = "ContextWindowExceededError"
    prefix = "litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: "


class ContentPolicyViolation(UpstreamBadRequest):
    name = "ContentPolicyViolationError"
    kind = "ContentPolicyViolationError"
    prefix = "litellm.ContentPolicyViolationError: litellm.BadRequestError: ContentPolicyViolationError: "


class UpstreamAuthentication(UpstreamError):
    status_code = 401
    type = "authentication_error"
    name = "AuthenticationError"
    kind = "AuthenticationError"
    prefix = "litellm.AuthenticationError: AuthenticationError: "


class UpstreamUnpaid(UpstreamError):
    """The operator's account, not the client's request."""

    status_code = 402
    type = "permission_error"
    prefix = "litellm.APIError: APIError: "


class UpstreamPermission(UpstreamError):
    status_code = 403
    type = "permission_error"
    name = "PermissionDeniedError"
    kind = "PermissionDeniedError"
    prefix = "litellm.APIError: APIError: "


class UpstreamNotFound(UpstreamError):
    status_code = 404
    type = "invalid_request_error"
    name = "NotFoundError"
    kind = "NotFoundError"
    prefix = "litellm.NotFoundError: NotFoundError: "


class UpstreamTimeout(UpstreamError):
    """Our own clock's (`limit` and `taken`, in seconds), or the upstream's answer that its clock ran out."""

    status_code = 408
    type = "invalid_request_error"
    name = "Timeout"
    kind = "TimeoutError"
    prefix = "litellm.Timeout: APITimeoutError - "

    def __init__(
        self,
        told: str = "Request timed out.",
        *,
        provider: str,
        limit: float | None = None,
        taken: float = 0.0,
        headers: dict[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(told, provider=provider, headers=headers, retry_after=retry_after)
        if limit is not None:
            self.message = (
                f"{self.prefix}Request timed out. Error_str: {told} - timeout value={limit}, time taken={taken:.2f} "
                "seconds"
            )


class ConnectionTimedOut(UpstreamTimeout):
    """No connection came about within the time for that, which is shorter than a request's."""

    reached = False


class UpstreamRateLimit(UpstreamError):
    status_code = 429
    type = "throttling_error"
    name = "RateLimitError"
    kind = "RateLimitError"
    prefix = "litellm.RateLimitError: RateLimitError: "


class UpstreamFailure(UpstreamError):
    status_code = 500
    name = "InternalServerError"
    kind = "InternalServerError"
    prefix = "litellm.InternalServerError: InternalServerError: "


class ConnectionFailed(UpstreamFailure):
    """LiteLLM tells it as an internal server error; `reached` tells the two apart."""

    reached = False

    def __init__(self, told: str = "Connection error.", *, provider: str) -> None:
        super().__init__(told, provider=provider)


class AddressNotAllowed(ConnectionFailed):
    """The upstream's address is one that is not called. Its text names the reason, never the address."""


class UpstreamUnavailable(UpstreamError):
    status_code = 503
    name = "ServiceUnavailableError"
    kind = "ServiceUnavailableError"
    prefix = "litellm.ServiceUnavailableError: ServiceUnavailableError: "


_BY_STATUS: dict[int, type[UpstreamError]] = {
    400: UpstreamBadRequest,
    401: UpstreamAuthentication,
    402: UpstreamUnpaid,
    403: UpstreamPermission,
    404: UpstreamNotFound,
    408: UpstreamTimeout,
    409: UpstreamConflict,
    413: UpstreamTooLarge,
    422: UpstreamUnprocessable,
    429: UpstreamRateLimit,
    503: UpstreamUnavailable,
}
_CONTEXT_WINDOW = (
    "maximum context length",
    "context_length_exceeded",
    "string too long",
    "prompt is too long",
    "input is too long",
    "context window",
    "exceeds the maximum number of tokens allowed",
)
_CONTENT_POLICY = (
    "content_policy_violation",
    "content management policy",
    "content filtering policy",
    "content_filter",
)


def from_upstream(
    status: int,
    body: bytes,
    *,
    provider: str,
    secrets: tuple[str, ...] = (),
    retry_after: str | None = None,
    headers: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> UpstreamError:
    """The error for an upstream's answer. Statuses outside the table fall back by their hundred.

    `headers` are the answer's, in lower case; `retry_after` is enough where only that one is at hand.
    """
    told, type_, param = (text and redact(text, secrets=secrets) for text in read_error_body(body))
    told = told or f"HTTP {status}"
    said = headers if headers is not None else {"retry-after": retry_after} if retry_after else {}
    own = retry_after or said.get("retry-after")
    told_on = {"retry-after": own} if own and own.isprintable() else None
    wait = read_retry_after(said, now=now)
    kind = _BY_STATUS.get(status) or (UpstreamBadRequest if 400 <= status < 500 else UpstreamFailure)
    if issubclass(kind, UpstreamBadRequest):
        lowered = body[:10_000].decode("utf-8", "replace").lower()
        if any(sign in lowered for sign in _CONTEXT_WINDOW):
            kind = ContextWindowExceeded
        elif any(sign in lowered for sign in _CONTENT_POLICY):
            kind = ContentPolicyViolation
        # Only for its 400s does an upstream's own type help the client.
        return kind(told, provider=provider, type_=type_, param=param, headers=told_on, retry_after=wait)
    return kind(told, provider=provider, headers=told_on, retry_after=wait)


def _shown(model: str) -> str:
    return model if len(model) <= 200 else model[:200] + "..."


def _title(provider: str) -> str:
    return {"openai": "OpenAI", "azure": "Azure", "anthropic": "Anthropic"}.get(provider, provider.capitalize())
