"""Who is acting, for the audit trail: set at each door, read where a change is recorded."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from teams.models import ActorSource


@dataclass(frozen=True, slots=True)
class Actor:
    """`key` is the alias or masked name of the key that was used, never the key."""

    source: ActorSource
    id: str = ""
    role: str = ""
    key: str = ""
    key_hash: str = ""
    address: str = ""
    changed_by: str = ""


# Whoever names nobody is a command at a terminal.
_NOBODY = Actor(source=ActorSource.COMMAND)
_current: ContextVar[Actor | None] = ContextVar("actor", default=None)


def current() -> Actor:
    return _current.get() or _NOBODY


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    token = _current.set(actor)
    try:
        yield
    finally:
        _current.reset(token)


class ActorMiddleware:
    """For the admin's pages; the API names its actor once it knows the key. Stands after AuthenticationMiddleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with acting(self._actor(request)):
            return self._get_response(request)

    def _actor(self, request: HttpRequest) -> Actor:
        address = request.META.get("REMOTE_ADDR", "")
        if not request.path.startswith("/admin/") or not request.user.is_authenticated:
            return Actor(source=ActorSource.ADMIN, address=address)
        return Actor(source=ActorSource.ADMIN, id=request.user.pk, role=request.user.role, address=address)
