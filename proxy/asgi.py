"""The lean ASGI entry: Django's request, URL table and views without its middleware, threads and signals.

Stock Django spends most of a millisecond a request on hops between threads; this spends less than a tenth of it.
"""

from collections.abc import Callable, Sequence
from typing import Any

from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope
from django.http.response import HttpResponseBase
from django.urls import URLPattern

from proxy.answers import WholeAnswer, encode_headers
from proxy.request import LeanRequest
from proxy.streaming import RelayResponse

View = Callable[..., Any]

# On every answer, as LiteLLM has it (api.md 1.3).
_ALWAYS = (
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"Origin"),
)


class LeanHandler:
    """Patterns are matched whole, or by their prefix and suffix around one name: `engines/{model}/chat/completions`."""

    def __init__(self, patterns: Sequence[URLPattern]) -> None:
        self._views: dict[str, View] = {}
        self._named: list[tuple[str, str, str, View]] = []
        for pattern in patterns:
            route = f"/{pattern.pattern}"
            head, mark, tail = route.partition("<")
            if mark:
                converter, _, suffix = tail.partition(">")
                name = converter.rpartition(":")[2]
                self._named.append((head, suffix, name, pattern.callback))
            else:
                self._views[route] = pattern.callback

    def find(self, path: str) -> tuple[View, str, dict[str, str]] | None:
        """The view, the route that it serves and the names in the path."""
        if (view := self._views.get(path)) is not None:
            return view, path, {}
        for head, suffix, name, view in self._named:
            if path.startswith(head) and path.endswith(suffix) and len(path) > len(head) + len(suffix):
                return view, f"{head}{{{name}}}{suffix}", {name: path[len(head) : len(path) - len(suffix)]}
        return None

    async def __call__(
        self,
        found: tuple[View, str, dict[str, str]],
        scope: HTTPScope,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
    ) -> None:
        request = LeanRequest(scope, receive)
        view, request.route, names = found
        try:
            response = await view(request, **names)
            if isinstance(response, WholeAnswer):
                await _send(200, encode_headers(response.headers), response.content, send)
            elif isinstance(response, RelayResponse):
                await _relay(response, send)
            else:
                await _send_django(response, send, without_body=scope["method"] == "HEAD")
        finally:
            request.stop_watching()


async def _send(
    status: int, headers: list[tuple[bytes, bytes]], body: bytes, send: ASGISendCallable, *, without_body: bool = False
) -> None:
    headers += (*_ALWAYS, (b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers, "trailers": False})
    await send({"type": "http.response.body", "body": b"" if without_body else body, "more_body": False})


async def _send_django(response: HttpResponseBase, send: ASGISendCallable, *, without_body: bool) -> None:
    body: bytes = response.content  # type: ignore[attr-defined]
    headers = [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
    await _send(response.status_code, headers, body, send, without_body=without_body)


async def _relay(response: RelayResponse, send: ASGISendCallable) -> None:
    parts = response.relay.parts()
    try:
        headers = [*encode_headers(response.headers), *_ALWAYS]
        await send({"type": "http.response.start", "status": 200, "headers": headers, "trailers": False})
        async for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    finally:
        await parts.aclose()
        # A generator that was never started does not end either.
        await response.relay.close()
