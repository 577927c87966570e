"""Two addresses: to the identity provider, and back from it."""

import logging

from django.conf import settings
from django.contrib import auth, messages
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET

from gateway_project.sso.configuration import Sso
from teams import actor
from teams.actor import Actor
from teams.models import ActorSource

logger = logging.getLogger(__name__)

_NEXT = "sso_next"


@require_GET
def start(request: HttpRequest) -> HttpResponseBase:
    from gateway_project.sso import provider  # noqa: PLC0415 - its library is an extra

    sso = _configured()
    request.session[_NEXT] = request.GET.get("next", "")
    try:
        return provider.send_to_provider(request, sso, callback_url=_callback_url(request))
    except provider.SignInFailed as failure:
        return _refused(request, reason=failure.reason, told=failure.told)


@require_GET
def come_back(request: HttpRequest) -> HttpResponseBase:
    from gateway_project.sso import people, provider  # noqa: PLC0415 - its library is an extra

    sso = _configured()
    try:
        identity = provider.who_came_back(request, sso)
        with actor.acting(Actor(ActorSource.ADMIN, id="sso", address=request.META.get("REMOTE_ADDR", ""))):
            user = people.user_of(identity, sso)
    except provider.SignInFailed as failure:
        return _refused(request, reason=failure.reason, told=failure.told)
    wanted = request.session.pop(_NEXT, "")
    auth.login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(wanted if is_ours else reverse("admin:index"))


def urls() -> list[URLPattern]:
    """The second address is LiteLLM's, which providers know already."""
    return [path("sso/login", start, name="sso-login"), path("sso/callback", come_back, name="sso-callback")]


def _configured() -> Sso:
    if settings.SSO is None:
        raise Http404
    sso: Sso = settings.SSO
    return sso


def _callback_url(request: HttpRequest) -> str:
    """Never from a header of the client's where the operator has said the address."""
    where = reverse("sso-callback")
    return (
        f"{settings.PROXY_BASE_URL.rstrip('/')}{where}"
        if settings.PROXY_BASE_URL
        else request.build_absolute_uri(where)
    )


def _refused(request: HttpRequest, *, reason: str, told: str) -> HttpResponseBase:
    logger.warning("A single sign-on failed", extra={"reason": reason, "address": request.META.get("REMOTE_ADDR", "")})
    messages.error(request, told)
    return HttpResponseRedirect(reverse("admin:login"))
