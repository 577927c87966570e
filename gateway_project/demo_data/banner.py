"""What each page of the admin says while the demo's data are there."""

from django.db import DatabaseError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gateway_project.demo_data.marks import REMOVE_COMMAND, Standing, standing

_SENTENCES = {
    Standing.WHOLE: _(
        "What you see is in part demo data, under names that begin with “demo.”. To remove it, and nothing else:"
    ),
    Standing.UNFINISHED: _(
        "There is demo data here that is not whole: it is being made or removed, or that was broken off. To remove "
        "the rest:"
    ),
}


def demo_banner(request: HttpRequest) -> dict[str, str]:
    """A context processor for pages of people who are logged in to the admin."""
    # A page is made of many templates, each of which asks.
    known: dict[str, str] | None = getattr(request, "_demo_banner", None)
    if known is None:
        known = _banner(request)
        request._demo_banner = known  # type: ignore[attr-defined]
    return known


def _banner(request: HttpRequest) -> dict[str, str]:
    user = getattr(request, "user", None)
    if not request.path.startswith("/admin/") or user is None or not user.is_authenticated:
        return {}
    try:
        sentence = str(_SENTENCES.get(standing(), ""))
    except DatabaseError:
        return {}
    return {"demo_sentence": sentence, "demo_command": REMOVE_COMMAND} if sentence else {}
