"""The only HTTP client that speaks to upstreams: one per process, used in one event loop.

It speaks aiohttp itself, since httpx on top of it doubles what a request costs. No redirects, no cookies, no proxies
or credentials from the environment; how much it reads and where it connects to has bounds.
"""

import asyncio
import io
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import aiohttp
import orjson
from yarl import URL

from alerts.addresses import Network
from proxy.connections import SENDING, AddressRules, GuardedConnector, Sending
from proxy.core.errors import UpstreamError, UpstreamFailure
from proxy.providers.base import Provider, UpstreamRequest
from proxy.upstream_errors import Unsendable, mapped
from proxy.version import VERSION

CONNECT_SECONDS = 10.0
MOST_ANSWER_BYTES = 64 * 1024 * 1024
MOST_ERROR_BYTES = 64 * 1024
_MOST_HEADERS = 128
_LONGEST_HEADER = 8190
# aiohttp warns of larger bodies in one piece.
_MOST_BYTES_AT_ONCE = 1024 * 1024
_LONGEST_SHOWN = 100
_STREAMS = frozenset({"text/event-stream", "application/vnd.amazon.eventstream", "application/octet-stream", ""})


class Destination(Protocol):
    """What the client must know of a deployment."""

    @property
    def id(self) -> str: ...

    @property
    def provider(self) -> Provider: ...

    @property
    def secrets(self) -> tuple[str, ...]: ...

    @property
    def operators_own(self) -> bool:
        """Whether it stands in config.yaml, and so may be on this machine or network."""


Heard = Callable[[Destination, Mapping[str, str]], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer with status 200. Names of headers know no case."""

    content: bytes
    headers: Mapping[str, str]


class Upstream:
    """`most_answer_bytes` and `networks` may be replaced at any time, from any thread.

    `networks` are private ones where deployments that the operator did not write may be, too. `heard` is told the
    headers of every answer, whatever its status.
    """

    def __init__(self, networks: Iterable[Network] = (), *, heard: Heard | None = None) -> None:
        self._heard = heard
        self.most_answer_bytes = MOST_ANSWER_BYTES
        self._rules = AddressRules(private_allowed=False, networks=tuple(networks))
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    @property
    def networks(self) -> tuple[Network, ...]:
        return self._rules.networks

    @networks.setter
    def networks(self, networks: Iterable[Network]) -> None:
        self._rules = AddressRules(private_allowed=False, networks=tuple(networks))

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()

    async def complete(self, deployment: Destination, request: UpstreamRequest, *, timeout: float) -> Answer:
        """Post and read the whole answer within `timeout` seconds. Raises UpstreamError."""
        sending = Sending()
        with mapped(deployment.provider.name, limit=timeout, sending=sending):
            # The time-out of each read alone would let an upstream trickle for ever.
            async with asyncio.timeout(timeout):
                response = await self._post(deployment, request, sending, timeout=timeout)
                content = await _read(response, deployment, most=self.most_answer_bytes)
        return Answer(content, response.headers)

    async def stream(self, deployment: Destination, request: UpstreamRequest, *, timeout: float) -> "UpstreamStream":
        """Post and return once the status is known to be 200; `timeout` seconds for that and for each read.

        Raises UpstreamError.
        """
        sending = Sending()
        with mapped(deployment.provider.name, limit=timeout, sending=sending):
            async with asyncio.timeout(timeout):
                response = await self._post(deployment, request, sending, timeout=timeout)
                headers = response.headers
                await _ensure_stream(response, headers, deployment)
        return UpstreamStream(response, headers, provider=deployment.provider.name, timeout=timeout)

    async def _post(
        self, deployment: Destination, request: UpstreamRequest, sending: Sending, *, timeout: float
    ) -> aiohttp.ClientResponse:
        """The head of an answer with status 200.

        Sent once more where a kept connection turns out to have been closed: of the first the upstream knows nothing.
        """
        session = self._session(guarded=not deployment.operators_own)
        try:
            response = await _send(session, request, sending, timeout=timeout)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if not sending.was_stale:
                raise
            response = await _send(session, request, Sending(fresh=True), timeout=timeout)
        if self._heard is not None:
            self._heard(deployment, response.headers)
        status = response.status
        if status == 200:
            return response
        if 300 <= status < 400:
            response.close()
            raise UpstreamFailure(
                f"the upstream answered {status}: redirects are not followed", provider=deployment.provider.name
            )
        told = await _read_start(response)
        raise deployment.provider.error(status, response.headers, told, secrets=deployment.secrets)

    def _session(self, *, guarded: bool) -> aiohttp.ClientSession:
        """Two pools, so that what the operator's deployments connected to is not there for the others to take."""
        if (session := self._sessions.get(guarded)) is None:
            session = self._sessions[guarded] = _new_session(
                GuardedConnector((lambda: self._rules) if guarded else (lambda: _OPERATORS))
            )
        return session


_OPERATORS = AddressRules(private_allowed=True)


class UpstreamStream:
    """An answer that is being written. Iterate once, then `close`."""

    def __init__(
        self, response: aiohttp.ClientResponse, headers: Mapping[str, str], *, provider: str, timeout: float
    ) -> None:
        self.headers = headers
        self._response = response
        self._provider = provider
        self._timeout = timeout
        self._aborted = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises UpstreamError when it breaks off or falls silent; ends without a word after `abort`."""
        read = self._response.content.readany
        with mapped(self._provider, limit=self._timeout):
            try:
                while not self._aborted and (data := await read()):
                    yield data
            except aiohttp.ClientConnectionError:
                if not self._aborted:
                    raise

    def abort(self) -> None:
        """Hang up at once; a read that waits ends. No fault of the upstream's, so nothing is raised."""
        self._aborted = True
        self._response.close()

    async def close(self) -> None:
        """The connection is kept when the answer was read to its end."""
        self._response.close()


def _new_session(connector: GuardedConnector) -> aiohttp.ClientSession:
    """No cookies: one tenant's answer must not colour the next one's request."""
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        # A stream is relayed as it comes; whoever compresses all the same is read, within the bounds.
        headers={"Accept-Encoding": "identity", "User-Agent": f"tollkeeper/{VERSION}"},
        trust_env=False,
        max_line_size=_LONGEST_HEADER,
        max_field_size=_LONGEST_HEADER,
        max_headers=_MOST_HEADERS,
    )


async def _send(
    session: aiohttp.ClientSession, request: UpstreamRequest, sending: Sending, *, timeout: float
) -> aiohttp.ClientResponse:
    SENDING.set(sending)
    content = request.content
    try:
        return await session.post(
            _url(request.url),
            headers=request.headers,
            data=content if len(content) <= _MOST_BYTES_AT_ONCE else io.BytesIO(content),
            allow_redirects=False,
            timeout=_timeouts(timeout),
        )
    except ValueError as error:
        # Some of the library's own errors are of this kind, too.
        if isinstance(error, aiohttp.ClientError):
            raise
        raise Unsendable from error


# RFC 3986: unreserved, reserved and escapes.
_AS_SENT = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")


@lru_cache(maxsize=4096)
def _url(address: str) -> URL:
    """Parsing costs more than the rest of a request's building. Raises ValueError.

    What is written as it goes out is left so: Bedrock signs a path whose `%3A` must stay one.
    """
    url = URL(address, encoded=_AS_SENT.fullmatch(address) is not None)
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("no address of an HTTP server")
    return url


@lru_cache(maxsize=256)
def _timeouts(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=seconds)


async def _read(response: aiohttp.ClientResponse, deployment: Destination, *, most: int) -> bytes:
    """The whole body, decoded. Raises UpstreamFailure when it is larger than `most` bytes."""
    read = response.content.readany
    parts: list[bytes] = []
    size = response.content_length or 0
    try:
        if size <= most:
            size = 0
            while size <= most and (part := await read()):
                parts.append(part)
                size += len(part)
    except BaseException:
        response.close()
        raise
    if size > most:
        response.close()
        raise UpstreamFailure(
            f"the answer is larger than {most:,} bytes (general_settings.max_response_size_mb)",
            provider=deployment.provider.name,
        )
    return b"".join(parts)


async def _read_start(response: aiohttp.ClientResponse) -> bytes:
    """The first bytes of what an upstream tells with an error; that it breaks off is not the worst about it."""
    told = b""
    try:
        while len(told) < MOST_ERROR_BYTES and (part := await response.content.readany()):
            told += part
    except aiohttp.ClientError:
        pass
    finally:
        response.close()
    return told[:MOST_ERROR_BYTES]


async def _ensure_stream(response: aiohttp.ClientResponse, headers: Mapping[str, str], deployment: Destination) -> None:
    """Raises UpstreamError for what is no stream that can be relayed as it comes."""
    given = headers.get("content-type", "")
    kind = given.partition(";")[0].strip().lower()
    if kind in _STREAMS:
        if headers.get("content-encoding", "identity") == "identity":
            return
        complaint = "the stream is compressed"
    else:
        shown = "".join(filter(str.isprintable, given))[:_LONGEST_SHOWN]
        complaint = f"the upstream did not stream but sent {shown}"
    if kind == "application/json" and (error := _error_in(await _read_start(response), deployment)):
        raise error
    response.close()
    raise UpstreamFailure(complaint, provider=deployment.provider.name)


def parse_object(raw: bytes, deployment: Destination) -> dict[str, Any]:
    """A JSON answer. Raises UpstreamFailure for what is none, and for an error told with status 200."""
    provider = deployment.provider.name
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise UpstreamFailure("the answer is not JSON", provider=provider) from None
    if not isinstance(body, dict):
        raise UpstreamFailure("the answer is not an object", provider=provider)
    if _tells_error(body):
        raise _as_told(raw, deployment)
    return body


def _error_in(raw: bytes, deployment: Destination) -> UpstreamError | None:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return _as_told(raw, deployment) if isinstance(body, dict) and _tells_error(body) else None


def _tells_error(body: dict[str, Any]) -> bool:
    """Some gateways report a failure with status 200."""
    return bool(body.get("error")) and not body.get("choices")


def _as_told(raw: bytes, deployment: Destination) -> UpstreamError:
    return deployment.provider.error(500, {}, raw, secrets=deployment.secrets)
