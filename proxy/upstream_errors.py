"""What the HTTP client raises, as our errors. No text of the client's is passed on: it is fond of quoting URLs."""

import os
import ssl
import time
from types import TracebackType

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from proxy.connections import ConnectionRefusedByRules, Sending
from proxy.core.errors import (
    AddressNotAllowed,
    ConnectionFailed,
    ConnectionTimedOut,
    UpstreamError,
    UpstreamFailure,
    UpstreamTimeout,
)


class Unsendable(Exception):
    """The address or a header holds what HTTP cannot carry, such as a line break."""


_LIBRARY_ERRORS = (Unsendable, aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError)


class mapped:  # noqa: N801 - reads as the statement it is
    """`with mapped(provider, limit=seconds):` raises UpstreamError for whatever goes wrong on the wire within.

    `sending` is of the request that is to be connected for, if any. A class, since a generator would cost the hot path.
    """

    def __init__(self, provider: str, *, limit: float, sending: Sending | None = None) -> None:
        self._provider = provider
        self._sending = sending
        self._limit = limit
        self._started = time.monotonic()

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and isinstance(error, _LIBRARY_ERRORS):
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> UpstreamError:
        provider = self._provider
        if isinstance(error, TimeoutError):
            unconnected = self._sending is not None and self._sending.connection is None
            kind = ConnectionTimedOut if unconnected else UpstreamTimeout
            return kind(provider=provider, limit=self._limit, taken=time.monotonic() - self._started)
        if isinstance(error, aiohttp.ClientConnectorError):
            return _not_connected(error.os_error, provider)
        if isinstance(error, (Unsendable, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
            return ConnectionFailed(
                "Not sent: the address or a header holds a character that HTTP cannot carry.", provider=provider
            )
        return UpstreamFailure(f"Connection broken: {_breakage(error)}", provider=provider)


def _not_connected(cause: OSError, provider: str) -> ConnectionFailed:
    if isinstance(cause, ConnectionRefusedByRules):
        return AddressNotAllowed(f"Not sent: {cause.reason}.", provider=provider)
    if isinstance(cause, ssl.SSLError):
        # The library's name for it, such as CERTIFICATE_VERIFY_FAILED: a constant.
        return ConnectionFailed(f"TLS error. {cause.reason or ''}".rstrip(), provider=provider)
    return ConnectionFailed(provider=provider)


def _breakage(error: Exception) -> str:
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the upstream hung up without an answer"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the answer stops in the middle or cannot be decoded"
    if isinstance(error, (aiohttp.ClientResponseError, HttpProcessingError)):
        return "the answer is not HTTP, or its headers are too large"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return "the upstream hung up before it had the whole request"
