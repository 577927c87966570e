"""How far somebody at these pages reaches: `teams.access.Reach`, asked once a request."""

from django.http import HttpRequest

from teams.access import Reach
from teams.models import Role


def reach_of(request: HttpRequest) -> Reach:
    found: Reach | None = getattr(request, "_reach", None)
    if found is None:
        found = Reach.of_user(request.user)  # type: ignore[arg-type]
        request._reach = found  # type: ignore[attr-defined]
    return found


def only_reads(request: HttpRequest) -> bool:
    """Whoever's role is to read, but for those whom a permission lets manage everything."""
    role = getattr(request.user, "role", "")
    return role in (Role.PROXY_ADMIN_VIEWER, Role.INTERNAL_USER_VIEWER) and not reach_of(request).is_admin
