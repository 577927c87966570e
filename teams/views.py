"""The page behind the link of an invitation."""

from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from teams import actor, invitations
from teams.actor import Actor
from teams.models import ActorSource


@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Asks for a password twice; what previews a mail's links changes nothing."""
    now = timezone.now()
    found = invitations.find_open(token, now=now)
    if found is None:
        return _page(request, {"problem": _("This link is not valid, was used already, or is too old.")}, status=404)
    form = SetPasswordForm(found.user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        with actor.acting(Actor(ActorSource.ADMIN, id=found.user.pk, role=found.user.role)):
            done = invitations.accept(found, password=form.cleaned_data["new_password1"], now=now)
        if done:
            return _page(request, {"done": True, "user": found.user})
        return _page(request, {"problem": _("This link was used already.")}, status=404)
    return _page(request, {"user": found.user, "form": form}, status=400 if form.is_bound else 200)


def _page(request: HttpRequest, context: dict[str, object], *, status: int = 200) -> HttpResponse:
    response = render(request, "teams/invitation.html", context, status=status)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "same-origin"
    return response
