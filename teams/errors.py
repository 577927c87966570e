"""What a caller is told when a request fails: the error base that every route renders the same way.

ApiError
 |- AuthenticationError        401: no key, or not one of ours
 |   |- UnknownKey
 |   |- ExpiredKey
 |   |- MasterKeyOnly
 |- PermissionDenied           403: a good key that may not do this
 |   |- KeyModelAccessDenied
 |       |- TeamModelAccessDenied
 |       |- OrganizationModelAccessDenied
 |       |- UserModelAccessDenied
 |       |- CustomerModelAccessDenied
 |   |- RouteDenied
 |- ManagementError            what a management route refuses, in the envelope of that route
 |   |- Invalid                400
 |   |- Forbidden              403
 |   |- NotFound               404
 |   |- AlreadyExists          409
 |- CustomerBlocked            400
 |- BudgetExceeded             422, or what a setting says
 |- RateLimited                429
 |- KeyUnverifiable            503: nobody can say now
"""

from enum import Enum
from typing import Any


class ApiError(Exception):
    """A failure with a place in LiteLLM's envelope `{"error": {message, type, param, code}}`.

    `code` is the HTTP status as text; `param` for general authentication errors is the literal text "None".
    """

    status_code = 500
    type = "internal_server_error"
    param: str | None = None

    def __init__(self, message: str, *, param: str | None = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.headers = headers or {}
        if param is not None:
            self.param = param

    def envelope(self) -> dict[str, Any]:
        return {
            "error": {"message": self.message, "type": self.type, "param": self.param, "code": str(self.status_code)}
        }


class AuthenticationError(ApiError):
    status_code = 401
    type = "auth_error"
    param = "None"


class UnknownKey(AuthenticationError):
    type = "token_not_found_in_db"
    param = "key"


class ExpiredKey(AuthenticationError):
    type = "expired_key"


class PermissionDenied(ApiError):
    status_code = 403
    type = "auth_error"
    param = "None"


class KeyModelAccessDenied(PermissionDenied):
    type = "key_model_access_denied"
    param = "model"


class TeamModelAccessDenied(KeyModelAccessDenied):
    type = "team_model_access_denied"


class UserModelAccessDenied(KeyModelAccessDenied):
    type = "user_model_access_denied"


class OrganizationModelAccessDenied(KeyModelAccessDenied):
    type = "org_model_access_denied"


class CustomerModelAccessDenied(KeyModelAccessDenied):
    type = "customer_model_access_denied"


class CustomerBlocked(ApiError):
    status_code = 400
    type = "bad_request_error"


class BudgetExceeded(ApiError):
    type = "budget_exceeded"

    def __init__(self, message: str, *, status: int, headers: dict[str, str] | None = None) -> None:
        super().__init__(message, headers=headers)
        self.status_code = status


class RateLimited(ApiError):
    status_code = 429
    type = "throttling_error"


class RouteDenied(PermissionDenied):
    """Told without LiteLLM's envelope, as LiteLLM does."""

    def envelope(self) -> dict[str, Any]:
        return {"detail": self.message}


class Envelope(Enum):
    """How a route of LiteLLM's dresses its refusals (api.md section 0)."""

    ERROR = "error"
    DETAIL_ERROR = "detail error"
    DETAIL = "detail"


class ManagementError(ApiError):
    """`type` may be given where LiteLLM has a word of its own for the case; `style` is the route's."""

    style = Envelope.ERROR

    def __init__(self, message: str, *, type_: str | None = None, param: str | None = None) -> None:
        super().__init__(message, param=param)
        if type_ is not None:
            self.type = type_

    def envelope(self) -> dict[str, Any]:
        if self.style is Envelope.DETAIL_ERROR:
            return {"detail": {"error": self.message}}
        if self.style is Envelope.DETAIL:
            return {"detail": self.message}
        return super().envelope()


class Invalid(ManagementError):
    status_code = 400
    type = "bad_request_error"


class Forbidden(ManagementError):
    status_code = 403
    type = "auth_error"


class NotFound(ManagementError):
    status_code = 404
    type = "not_found_error"


class AlreadyExists(ManagementError):
    status_code = 409
    type = "bad_request_error"


class KeyUnverifiable(ApiError):
    """The key is not in the snapshot, and the database that could know it is away: not a reason to say it is wrong."""

    status_code = 503
    type = "no_db_connection"
