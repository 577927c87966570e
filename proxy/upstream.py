"""The only HTTP client that speaks to upstreams: one per process, made in the event loop that uses it."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx
import orjson
from httpx_aiohttp import AiohttpTransport

from proxy.core.errors import UpstreamError, UpstreamFailure, UpstreamTimeout, from_upstream, redact
from proxy.registry import Deployment

CONNECT_SECONDS = 10.0
# Below the idle time-out of common servers (uvicorn: 5 s), so that no request meets a connection just closed.
KEEPALIVE_SECONDS = 4.0
MOST_CONNECTIONS = 5000
MOST_ANSWER_BYTES = 64 * 1024 * 1024
_MOST_ERROR_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer with status 200."""

    body: dict[str, Any]
    headers: httpx.Headers


class Upstream:
    def __init__(self) -> None:
        limits = httpx.Limits(max_connections=MOST_CONNECTIONS, keepalive_expiry=KEEPALIVE_SECONDS)
        self._transport = AiohttpTransport(limits=limits, trust_env=False, client=_session)

    async def close(self) -> None:
        await self._transport.aclose()

    async def complete(self, deployment: Deployment, content: bytes) -> Answer:
        """Post and read the whole answer. Raises UpstreamError."""
        started = time.monotonic()
        with _mapped(deployment, limit=deployment.timeout, started=started):
            # The time-out of each read alone would let an upstream trickle for ever.
            async with asyncio.timeout(deployment.timeout):
                response = await self._post(deployment, content, timeout=deployment.timeout)
                raw = await _read_and_close(response, most=MOST_ANSWER_BYTES)
        return Answer(body=_parse(raw, deployment), headers=response.headers)

    async def stream(self, deployment: Deployment, content: bytes) -> "UpstreamStream":
        """Post and return once the status is known to be 200. Raises UpstreamError."""
        started = time.monotonic()
        with _mapped(deployment, limit=deployment.stream_timeout, started=started):
            response = await self._post(deployment, content, timeout=deployment.stream_timeout)
            if response.headers.get("content-type", "").startswith("application/json"):
                _parse(await _read_and_close(response, most=_MOST_ERROR_BYTES), deployment)
                raise UpstreamFailure("the upstream did not stream", provider=deployment.provider.name)
            if response.headers.get("content-encoding", "identity") != "identity":
                await response.aclose()
                raise UpstreamFailure("the stream is compressed", provider=deployment.provider.name)
        return UpstreamStream(response, deployment)

    async def _post(self, deployment: Deployment, content: bytes, *, timeout: float) -> httpx.Response:
        # Straight to the transport: the client above it adds redirects, cookies and authentication, none wanted here.
        response = await self._transport.handle_async_request(
            httpx.Request(
                "POST",
                deployment.url,
                headers=deployment.headers,
                content=content,
                extensions={"timeout": {"connect": CONNECT_SECONDS, "read": timeout, "pool": CONNECT_SECONDS}},
            )
        )
        if response.status_code != 200:
            told = await _read_and_close(response, most=_MOST_ERROR_BYTES)
            raise from_upstream(
                response.status_code,
                told,
                provider=deployment.provider.name,
                secrets=deployment.secrets,
                retry_after=response.headers.get("retry-after"),
            )
        return response


class UpstreamStream:
    """An answer that is being written. Iterate once, then `close`."""

    def __init__(self, response: httpx.Response, deployment: Deployment) -> None:
        self.headers = response.headers
        self._response = response
        self._deployment = deployment

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises UpstreamError when it breaks off or falls silent."""
        started = time.monotonic()
        with _mapped(self._deployment, limit=self._deployment.stream_timeout, started=started):
            async for data in self._response.stream:  # type: ignore[union-attr]
                yield data

    async def close(self) -> None:
        await self._response.aclose()


class _mapped:  # noqa: N801 - reads as the statement it is
    """Turns what the client library raises into our errors. A class, since a generator would cost the hot path."""

    def __init__(self, deployment: Deployment, *, limit: float, started: float) -> None:
        self._deployment = deployment
        self._limit = limit
        self._started = started

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, UpstreamError):
            return
        if isinstance(error, (httpx.RequestError, aiohttp.ClientError, TimeoutError, OSError)):
            raise self._translate(error) from error

    def _translate(self, error: Exception) -> UpstreamError:
        provider = self._deployment.provider.name
        # The transport calls a refused connection a time-out; the cause knows better.
        cause = error.__cause__ or error
        if isinstance(error, TimeoutError) or isinstance(cause, (TimeoutError, httpx.TimeoutException)):
            return UpstreamTimeout(provider=provider, limit=self._limit, taken=time.monotonic() - self._started)
        if isinstance(cause, (aiohttp.ClientConnectorError, ConnectionError)):
            return UpstreamFailure("Connection error.", provider=provider)
        return UpstreamFailure(
            f"Connection broken: {redact(str(cause), secrets=self._deployment.secrets)}", provider=provider
        )


def _session() -> aiohttp.ClientSession:
    """No cookies: one tenant's answer must not colour the next one's request."""
    connector = aiohttp.TCPConnector(limit=MOST_CONNECTIONS, keepalive_timeout=KEEPALIVE_SECONDS)
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
    )


async def _read_and_close(response: httpx.Response, *, most: int) -> bytes:
    """The decoded body. Raises httpx.DecodingError when it is larger than `most` bytes."""
    parts = []
    size = 0
    try:
        async for part in response.aiter_bytes():
            size += len(part)
            if size > most:
                raise httpx.DecodingError(f"more than {most} bytes")
            parts.append(part)
    finally:
        await response.aclose()
    return b"".join(parts)


def _parse(raw: bytes, deployment: Deployment) -> dict[str, Any]:
    provider = deployment.provider.name
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise UpstreamFailure("the answer is not JSON", provider=provider) from None
    if not isinstance(body, dict):
        raise UpstreamFailure("the answer is not an object", provider=provider)
    if body.get("error") and not body.get("choices"):
        # Some gateways report a failure with status 200.
        raise from_upstream(500, raw, provider=provider, secrets=deployment.secrets)
    return body
