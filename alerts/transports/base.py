"""How to speak to a channel over HTTP: one client, one error, one reading of status codes.

A transport turns a Message into a payload (pure) and inherits the rest: address check, time-outs, classification,
Retry-After, and errors that never hold the channel's URL.
"""

import time
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

import httpx
from django.utils import timezone

from alerts.addresses import AddressRefused
from alerts.core.backoff import NONSENSE_RETRY_AFTER, parse_retry_after
from alerts.core.message import Message, truncate
from alerts.models import AlertChannel
from alerts.outbound import resolve

# For the whole exchange, far below the lease of dispatch.LEASE.
TOTAL_SECONDS = 15.0
_TIMEOUT = httpx.Timeout(5.0, connect=3.0)
_MOST_RESPONSE_BYTES = 64 * 1024
_RETRIED_STATUSES = frozenset({408, 425, 429})


class TransportError(Exception):
    """The channel did not take the message. `permanent`: it never will. `retry_after`: seconds it asked for."""

    def __init__(
        self, message: str, *, permanent: bool = False, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.status = status
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the channel answered when it took the message."""

    status: int
    body: str


class HttpTransport:
    kind: ClassVar[str]

    def payload(self, message: Message) -> dict[str, Any]:
        """The body to post. Pure."""
        raise NotImplementedError

    def refusal(self, response: Receipt) -> str:
        """What a 2xx answer complains of, for vendors that say so in the body; empty when it took the message."""
        return ""

    def notify(self, channel: AlertChannel, message: Message) -> Receipt:
        """Raises TransportError."""
        response = _post(channel, self.payload(message))
        receipt = Receipt(response.status_code, truncate(_without_address(response.text.strip(), channel.url), 200))
        if response.is_success and not (complaint := self.refusal(receipt)):
            return receipt
        raise _classify(response, receipt.body if not response.is_success else complaint)


def _without_address(text: str, url: str) -> str:
    """A vendor may quote the address it was called at, and the address is a credential."""
    parts = urlsplit(url)
    secrets = [url, parts.path, parts.query, *(step for step in parts.path.split("/") if len(step) >= _SHORTEST_SECRET)]
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return text


_SHORTEST_SECRET = 6


def _post(channel: AlertChannel, payload: dict[str, Any]) -> httpx.Response:
    try:
        target = resolve(channel.url, private_allowed=channel.private_address_allowed)
    except AddressRefused as error:
        raise TransportError(f"Not sent: {error}.", permanent=True) from None
    except (OSError, UnicodeError):
        raise TransportError("The channel's host name does not resolve.") from None
    parts = urlsplit(channel.url)
    host = f"[{target.ip}]" if ":" in target.ip else target.ip
    pinned = urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host))
    try:
        return _read(pinned, payload, host=parts.netloc, server_name=target.host)
    except httpx.TimeoutException as error:
        raise TransportError(f"The channel did not answer in time ({type(error).__name__}).") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TransportError(f"The channel cannot be reached ({type(error).__name__}).") from None


def _read(url: str, payload: dict[str, Any], *, host: str, server_name: str) -> httpx.Response:
    # A client for each message: alerts are rare, and a kept-alive connection would be a stale one.
    with (
        httpx.Client(timeout=_TIMEOUT, follow_redirects=False, trust_env=False) as client,
        client.stream(
            "POST",
            url,
            json=payload,
            headers={"Host": host, "User-Agent": "tollkeeper"},
            extensions={"sni_hostname": server_name},
        ) as response,
    ):
        deadline = time.monotonic() + TOTAL_SECONDS
        body = b""
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) >= _MOST_RESPONSE_BYTES or time.monotonic() > deadline:
                break
        asked = {name: value for name, value in response.headers.items() if name == "retry-after"}
        return httpx.Response(response.status_code, headers=asked, content=body[:_MOST_RESPONSE_BYTES])


def _classify(response: httpx.Response, said: str) -> TransportError:
    status = response.status_code
    retry_after = parse_retry_after(response.headers.get("Retry-After"), now=timezone.now())
    if status == 429 and retry_after is None:
        retry_after = NONSENSE_RETRY_AFTER
    permanent = 300 <= status < 500 and status not in _RETRIED_STATUSES
    text = f"The channel answered {status}: {said}" if said else f"The channel answered {status}."
    return TransportError(text, permanent=permanent, status=status, retry_after=retry_after)
