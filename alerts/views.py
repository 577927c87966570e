"""The page behind a message's link "Acknowledge"."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from alerts import lifecycle
from alerts.links import InvalidLink, acknowledged_incident, incident_url
from alerts.models import Incident

ACTOR = "link in a message"


# Whoever has the link may follow it: its signature stands for the session that it has none of.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def acknowledge(request: HttpRequest, token: str) -> HttpResponse:
    """Asks first: what previews a message's links, or scans a mail, follows them without a person."""
    try:
        incident = Incident.objects.filter(pk=acknowledged_incident(token)).first()
    except InvalidLink:
        incident = None
    if incident is None:
        return _page(request, {"problem": gettext("This link is not valid, or older than a week.")}, status=404)
    if request.method == "POST":
        lifecycle.acknowledge(incident, actor=ACTOR, now=timezone.now())
        incident.refresh_from_db()
    return _page(request, {"incident": incident, "url": incident_url(incident.pk)})


def _page(request: HttpRequest, context: dict[str, object], *, status: int = 200) -> HttpResponse:
    response = render(request, "alerts/acknowledge.html", context, status=status)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response
