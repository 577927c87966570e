"""The limit for Python: an ASGI proxy that only relays bytes.

Three ways to the upstream, each the lower part of the one before: httpx over httpx-aiohttp, the transport of
httpx-aiohttp without the client above it, and the aiohttp session beneath (what the gateway uses).

Upstreams come from the environment: BENCH_UPSTREAM, and BENCH_SLOW_UPSTREAM for paths below /slow.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
Reply = tuple[int, bytes, AsyncIterator[bytes]]
Post = Callable[[str, bytes, dict[str, str]], AbstractAsyncContextManager[Reply]]

UPSTREAM = os.environ.get("BENCH_UPSTREAM", "")
SLOW_UPSTREAM = os.environ.get("BENCH_SLOW_UPSTREAM", "")
SLOW_PREFIX = "/slow"
JSON = "application/json"
CONNECTIONS = 1000
TIMEOUT_SECONDS = 60.0


def proxy(open_client: Callable[[], AbstractAsyncContextManager[Post]]) -> App:
    """An ASGI application that posts every request to the upstream and relays the answer as it arrives."""
    post: Post

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        nonlocal post
        if scope["type"] != "lifespan":
            await _relay(post, scope, receive, send)
            return
        await receive()
        async with open_client() as post:
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    return application


async def _relay(post: Post, scope: Message, receive: Receive, send: Send) -> None:
    body = await _read(receive)
    headers = {"content-type": JSON}
    for name, value in scope["headers"]:
        if name == b"authorization":
            headers["authorization"] = value.decode("latin-1")
    async with post(_url(scope["path"]), body, headers) as (status, content_type, chunks):
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", content_type)]})
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _url(path: str) -> str:
    if path.startswith(SLOW_PREFIX):
        return SLOW_UPSTREAM + path.removeprefix(SLOW_PREFIX)
    return UPSTREAM + path


@asynccontextmanager
async def _httpx_client() -> AsyncIterator[Post]:
    async with httpx.AsyncClient(transport=_transport(), timeout=TIMEOUT_SECONDS) as client:

        @asynccontextmanager
        async def post(url: str, body: bytes, headers: dict[str, str]) -> AsyncIterator[Reply]:
            request = client.build_request("POST", url, content=body, headers=headers)
            response = await client.send(request, stream=True)
            try:
                yield response.status_code, response.headers["content-type"].encode(), response.aiter_raw()
            finally:
                await response.aclose()

        yield post


@asynccontextmanager
async def _httpx_transport() -> AsyncIterator[Post]:
    async with _transport() as transport:
        timeout = dict.fromkeys(("connect", "read", "pool"), TIMEOUT_SECONDS)

        @asynccontextmanager
        async def post(url: str, body: bytes, headers: dict[str, str]) -> AsyncIterator[Reply]:
            request = httpx.Request("POST", url, content=body, headers=headers, extensions={"timeout": timeout})
            response = await transport.handle_async_request(request)
            try:
                yield response.status_code, response.headers["content-type"].encode(), response.aiter_raw()
            finally:
                await response.aclose()

        yield post


def _transport() -> AiohttpTransport:
    return AiohttpTransport(limits=httpx.Limits(max_connections=CONNECTIONS), client=_session)


def _session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=CONNECTIONS)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False)


@asynccontextmanager
async def _aiohttp_client() -> AsyncIterator[Post]:
    async with _session() as session:

        @asynccontextmanager
        async def post(url: str, body: bytes, headers: dict[str, str]) -> AsyncIterator[Reply]:
            async with session.post(url, data=body, headers=headers) as response:
                yield response.status, response.headers["content-type"].encode(), response.content.iter_any()

        yield post


httpx_app = proxy(_httpx_client)
transport_app = proxy(_httpx_transport)
aiohttp_app = proxy(_aiohttp_client)
