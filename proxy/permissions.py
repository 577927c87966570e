"""Django REST framework's view of who is calling and what they may do."""

from typing import TYPE_CHECKING, cast

from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from proxy.runtime import running
from teams.errors import AuthenticationError
from teams.snapshot import Principal

if TYPE_CHECKING:
    # The framework's views read these classes from the settings while they are imported themselves.
    from rest_framework.views import APIView


class VirtualKeyAuthentication(BaseAuthentication):
    """For the management API: the same keys, the same answers. `request.auth` is the Principal."""

    def authenticate(self, request: Request) -> tuple[None, Principal]:
        return None, running().authenticate(request._request)


class IsProxyAdmin(BasePermission):
    """The default of every management route."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        principal = cast("Principal", request.auth)
        if not principal.is_admin:
            raise AuthenticationError(
                "Authentication Error, Only proxy admin can be used to generate, delete, update info for new "
                f"keys/users/teams. Route={request.path}. Your role={principal.role}. Your user_id={principal.user_id}"
            )
        return True
