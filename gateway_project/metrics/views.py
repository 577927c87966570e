"""`GET /metrics`: 200 on both paths, in the format the scraper asks for."""

import asyncio
import gzip
import hmac

from django.conf import settings
from django.http import HttpResponse
from prometheus_client import REGISTRY
from prometheus_client.exposition import gzip_accepted

from gateway_project.metrics.page import OPEN_METRICS, TEXT, Wanted, render
from gateway_project.metrics.shown import look, renderer
from proxy.api import AsyncAPIView
from proxy.metrics.idle import Idleness
from proxy.request import LeanRequest
from proxy.runtime import running
from teams.errors import AuthenticationError, PermissionDenied

PATH = "/metrics"


class MetricsView(AsyncAPIView):
    """Open, as the seed's scrape configuration expects it, unless a token or a setting closes it.

    A scrape is not traffic and is not counted, and neither is one that is refused.
    """

    public = True

    async def get(self, request: LeanRequest) -> HttpResponse:
        _ensure_allowed(request)
        is_open_metrics = "application/openmetrics-text" in request.META.get("HTTP_ACCEPT", "")
        wanted = Wanted(is_open_metrics, frozenset(request.GET.getlist("name[]")))
        is_packed = gzip_accepted(request.META.get("HTTP_ACCEPT_ENCODING", ""))
        # Rendering thousands of series takes long enough to be felt by whoever streams just now.
        page = await asyncio.get_running_loop().run_in_executor(
            renderer, _page, wanted, running().metrics.settings.idleness, is_packed
        )
        response = HttpResponse(page, content_type=OPEN_METRICS if is_open_metrics else TEXT)
        if is_packed:
            response.headers["Content-Encoding"] = "gzip"
        return response


def _ensure_allowed(request: LeanRequest) -> None:
    """Raises AuthenticationError or PermissionDenied."""
    runtime, token = running(), settings.METRICS_TOKEN
    if not token and not runtime.policy.metrics_need_key:
        return
    given = request.META.get("HTTP_AUTHORIZATION", "")
    if token and hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return
    try:
        principal = runtime.identify(request.META)
    except AuthenticationError:
        raise AuthenticationError(
            "/metrics needs the token of TOLLKEEPER_METRICS_TOKEN or the key of an admin, as Authorization: Bearer. "
            "litellm_settings.require_auth_for_metrics_endpoint: false opens it, where no such token is set.",
            headers={"WWW-Authenticate": "Bearer"},
        ) from None
    if not principal.sees_everything and PATH not in principal.allowed_routes:
        raise PermissionDenied(
            "The metrics show everybody's spend: only admins may read them, and keys with /metrics in allowed_routes."
        )


def _page(wanted: Wanted, idleness: Idleness, is_packed: bool) -> bytes:
    page = render(REGISTRY, look(idleness), wanted)
    return gzip.compress(page, compresslevel=1) if is_packed else page
