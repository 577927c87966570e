"""Pages that take a secret answer 429 once too many were wrong."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from gateway_project.login import throttle
from gateway_project.login.forms import OwnPasswordForm, seconds_until, too_many

# Whose secret is a token in the address.
_LINKS = frozenset({"alert-acknowledge", "invitation"})


def login(request: HttpRequest) -> HttpResponseBase:
    shown = {}
    if settings.SSO is not None:
        address = reverse("sso-login", query={"next": request.GET["next"]} if request.GET.get("next") else None)
        shown = {"sso_name": settings.SSO.name, "sso_url": address}
    return _told(admin.site.login(request, extra_context=shown))


def change_own_password(request: HttpRequest) -> HttpResponseBase:
    request.current_app = admin.site.name
    view = PasswordChangeView.as_view(
        form_class=OwnPasswordForm,
        success_url=reverse("admin:password_change_done"),
        extra_context=admin.site.each_context(request),
    )
    return _told(view(request))


def urls() -> list[URLPattern]:
    """Stand before the admin's own, of the same addresses."""
    return [
        path("admin/login/", login),
        path("admin/password_change/", admin.site.admin_view(change_own_password, cacheable=True)),
    ]


class LinkThrottleMiddleware:
    """Counts links that are not valid by the address that follows them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        if response.status_code == 404 and _is_link(request):
            throttle.begin(_counts(request), now=timezone.now())
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        if not _is_link(request):
            return None
        until = throttle.paused_until(_counts(request), now=timezone.now())
        return None if until is None else _paused(request, until)


def _is_link(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and match.view_name in _LINKS


def _counts(request: HttpRequest) -> tuple[throttle.Count, ...]:
    return throttle.of_link(request.META.get("REMOTE_ADDR", ""))


def _paused(request: HttpRequest, until: datetime) -> HttpResponse:
    response = render(request, "paused.html", {"problem": too_many(until)}, status=429)
    response["Retry-After"] = str(seconds_until(until))
    response["Cache-Control"] = "no-store"
    return response


def _told(response: HttpResponseBase) -> HttpResponseBase:
    """The page with its form, whose status says whether the form was paused."""
    form = (response.context_data or {}).get("form") if isinstance(response, TemplateResponse) else None
    until: datetime | None = getattr(form, "paused_until", None)
    if until is not None:
        response.status_code = 429
        response["Retry-After"] = str(seconds_until(until))
    return response
