"""The lean ASGI entry: Django's request, URL table and views without its middleware, threads and signals.

Stock Django spends most of a millisecond a request on hops between threads; this spends less than a tenth of it.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope
from django.http.response import HttpResponseBase
from django.urls import URLPattern

from proxy.request import LeanRequest
from proxy.streaming import RelayResponse

# On every answer, as LiteLLM has it (api.md 1.3).
_ALWAYS = (
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"Origin"),
)


class LeanHandler:
    def __init__(self, patterns: Sequence[URLPattern]) -> None:
        self._views: dict[str, Callable[..., Any]] = {f"/{pattern.pattern}": pattern.callback for pattern in patterns}

    def serves(self, path: str) -> bool:
        return path in self._views

    async def __call__(self, scope: HTTPScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        request = LeanRequest(scope, receive)
        response = await self._views[scope["path"]](request)
        if isinstance(response, RelayResponse):
            await _relay(request, response, send)
        else:
            await _send_whole(response, send, without_body=scope["method"] == "HEAD")


async def _send_whole(response: HttpResponseBase, send: ASGISendCallable, *, without_body: bool) -> None:
    body: bytes = response.content  # type: ignore[attr-defined]
    headers = _headers(response)
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": b"" if without_body else body, "more_body": False})


async def _relay(request: LeanRequest, response: RelayResponse, send: ASGISendCallable) -> None:
    start = {"type": "http.response.start", "status": 200, "headers": _headers(response), "trailers": False}
    await send(start)  # type: ignore[arg-type]
    watcher = asyncio.create_task(request.wait_until_gone())
    try:
        async for part in response.parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        watcher.cancel()
        await response.parts.aclose()  # type: ignore[attr-defined]


def _headers(response: HttpResponseBase) -> list[tuple[bytes, bytes]]:
    headers = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
    headers.extend(_ALWAYS)
    return headers
