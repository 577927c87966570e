"""`GET /metrics`: 200 on both paths, in the format the scraper asks for."""

import asyncio
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from gateway_project.metric_store import store
from proxy.api import AsyncAPIView
from proxy.request import LeanRequest


class MetricsView(AsyncAPIView):
    """Open, as the seed's scrape configuration expects it. A scrape is not traffic and is not counted."""

    public = True

    async def get(self, request: LeanRequest) -> HttpResponse:
        encode, content_type = choose_encoder(request.META.get("HTTP_ACCEPT", ""))
        names = request.GET.getlist("name[]")
        registry: Any = REGISTRY.restricted_registry(names) if names else REGISTRY
        # Rendering thousands of series takes long enough to be felt by whoever streams just now.
        page = await asyncio.to_thread(store.render, REGISTRY, lambda _: encode(registry))
        return HttpResponse(page, content_type=content_type)


def start_store() -> None:
    store.start(settings.REDIS_URL)


def stop_store() -> None:
    store.stop()
