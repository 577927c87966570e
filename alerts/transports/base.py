"""How to speak to a channel: one error, one receipt, and over HTTP one client and one reading of status codes.

A transport turns a Message into a payload (pure) and inherits the rest: address check, time-outs, classification,
Retry-After, and errors that never hold the channel's URL or secret.
"""

import functools
import json
import ssl
import time
from collections.abc import Mapping
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
from alerts.transports.options import Check, complaint
from alerts.transports.redaction import without_secrets

# For the whole exchange, far below the lease of dispatch.LEASE.
TOTAL_SECONDS = 15.0
_TIMEOUT = httpx.Timeout(5.0, connect=3.0)
_MOST_RESPONSE_BYTES = 64 * 1024
_LONGEST_QUOTE = 200
_RETRIED_STATUSES = frozenset({408, 425, 429})


class TransportError(Exception):
    """The channel did not take the message. `permanent`: it never will. `retry_after`: seconds it asked for.

    `most_attempts`: it probably never will, which so many attempts are to show; 0 has no such bound.
    `left` are recipients that were refused and are to be tried again: the others need no second try, and the channel
    itself is well. `gone`: nobody is there any more, and the channel is to be switched off.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        status: int | None = None,
        retry_after: float | None = None,
        most_attempts: int = 0,
        left: tuple[str, ...] = (),
        gone: bool = False,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.most_attempts = most_attempts
        self.status = status
        self.retry_after = retry_after
        self.left = left
        self.gone = gone


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the channel answered when it took the message. Without a status there was nothing to tell it.

    `quiet_seconds`: for so long it would take no other.
    """

    status: int | None
    body: str
    quiet_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back over HTTP; names of headers are lower case."""

    status: int
    headers: Mapping[str, str]
    text: str


class Transport:
    kind: ClassVar[str]
    # Whether the channel wants to hear that somebody looks after an incident.
    tells_acknowledgement: ClassVar[bool] = False
    # Whether several alerts may be told in one message; not where each has a life of its own.
    merges: ClassVar[bool] = True
    options: ClassVar[Mapping[str, Check]] = {}

    def problems(self, channel: AlertChannel) -> dict[str, str]:
        """What keeps a channel from being set up as one of this kind: column to sentence. Empty when it is well."""
        return self.defects(channel)

    def defects(self, channel: AlertChannel) -> dict[str, str]:
        """Those problems that make every message fail, so that none is tried."""
        wrong = complaint(channel.options, self.options)
        return {"options": wrong} if wrong else {}

    def may_merge(self, channel: AlertChannel) -> bool:
        return self.merges

    def notify(self, channel: AlertChannel, message: Message) -> Receipt:
        """Raises TransportError."""
        if defects := self.defects(channel):
            told = " ".join(f"{column}: {sentence}" for column, sentence in sorted(defects.items()))
            raise TransportError(f"Not sent, the channel is not set up. {told}", permanent=True)
        return self.send(channel, message)

    def send(self, channel: AlertChannel, message: Message) -> Receipt:
        raise NotImplementedError

    def preview(self, channel: AlertChannel, message: Message) -> Any:
        """What would be sent, to be looked at; "html" in it is a page. Raises TransportError as `payload` does."""
        raise NotImplementedError

    def quoted(self, channel: AlertChannel, text: str) -> str:
        """What somebody else said, short enough to keep and without the channel's credentials."""
        return truncate(without_secrets(text.strip(), channel.url, channel.secret), _LONGEST_QUOTE)


class HttpTransport(Transport):
    # Answers that mean the message was taken; other 2xx are tried again.
    taken: ClassVar[frozenset[int]] = frozenset({200})
    # Where to send to when the channel does not say.
    default_address: ClassVar[str] = ""

    def defects(self, channel: AlertChannel) -> dict[str, str]:
        wrong = address_problem(channel.url) if channel.url or not self.default_address else ""
        return super().defects(channel) | ({"url": wrong} if wrong else {})

    def address(self, channel: AlertChannel, message: Message) -> str:
        return channel.url or self.default_address

    def headers(self, channel: AlertChannel, message: Message, body: bytes) -> dict[str, str]:
        """Beside those of every call."""
        return {}

    def payload(self, channel: AlertChannel, message: Message) -> Any:
        """The body to post, as JSON. Pure. Raises TransportError where a message cannot be told in this format."""
        raise NotImplementedError

    def preview(self, channel: AlertChannel, message: Message) -> Any:
        return self.payload(channel, message)

    def refusal(self, receipt: Receipt) -> str:
        """What a 2xx answer complains of, for vendors that say so in the body; empty when it took the message."""
        return ""

    def retry_after(self, answer: Answer) -> float | None:
        """Seconds that the channel asks to be left alone."""
        return parse_retry_after(answer.headers.get("retry-after"), now=timezone.now())

    def quiet_seconds(self, answer: Answer) -> float:
        """For how long the channel would take no other message than the one that it just took."""
        return 0.0

    def classify(self, answer: Answer, said: str) -> TransportError:
        """An answer that does not take the message, as an error. `said` is what may be quoted of it."""
        retry_after = self.retry_after(answer)
        if answer.status == 429 and retry_after is None:
            retry_after = NONSENSE_RETRY_AFTER
        text = f"The channel answered {answer.status}: {said}" if said else f"The channel answered {answer.status}."
        permanent = 300 <= answer.status < 500 and answer.status not in _RETRIED_STATUSES
        return TransportError(text, permanent=permanent, status=answer.status, retry_after=retry_after)

    def send(self, channel: AlertChannel, message: Message) -> Receipt:
        # Half a surrogate pair, which JSON may carry and UTF-8 may not, becomes a question mark.
        body = json.dumps(self.payload(channel, message), ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Content-Type": "application/json", **self.headers(channel, message, body)}
        address = self.address(channel, message)
        answer = call("POST", address, body, headers, private_allowed=channel.private_address_allowed)
        said = self.quoted(channel, answer.text)
        if answer.status not in self.taken:
            raise self.classify(answer, said)
        if wrong := self.refusal(Receipt(answer.status, said)):
            raise self.classify(answer, wrong)
        return Receipt(answer.status, said, self.quiet_seconds(answer))


def ascii_problem(secret: str) -> str:
    """A sentence about a secret that does not go into a header or a field of a vendor's."""
    return "" if secret.isascii() and secret.isprintable() else "It holds characters that no such key has."


def address_problem(url: str) -> str:
    """A sentence about an address that cannot be one; it never quotes it."""
    if not url:
        return "This field is required."
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "This is not a URL."
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "The address must begin with http:// or https:// and name a host."
    if parts.username or parts.password:
        return "The address must not hold a user name or password."
    return ""


def call(
    method: str, url: str, body: bytes, headers: Mapping[str, str], *, private_allowed: bool, whom: str = "channel"
) -> Answer:
    """One request to an address that may be called, redirects not followed. Raises TransportError."""
    try:
        target = resolve(url, private_allowed=private_allowed)
    except AddressRefused as error:
        raise TransportError(f"Not sent: {error}.", permanent=True) from None
    except (OSError, UnicodeError):
        raise TransportError(f"The {whom}'s host name does not resolve.") from None
    parts = urlsplit(url)
    host = f"[{target.ip}]" if ":" in target.ip else target.ip
    pinned = urlunsplit(parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host))
    try:
        request = httpx.Request(
            method,
            pinned,
            content=body,
            headers={
                "Host": parts.netloc,
                "User-Agent": "tollkeeper",
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                "Connection": "close",
                **headers,
            },
            extensions={"sni_hostname": target.host, "timeout": _TIMEOUT.as_dict()},
        )
        return _exchange(request)
    except httpx.TimeoutException as error:
        raise TransportError(f"The {whom} did not answer in time ({type(error).__name__}).") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TransportError(f"The {whom} cannot be reached ({type(error).__name__}).") from None


def _exchange(request: httpx.Request) -> Answer:
    # Not httpx.Client: its log names the address it called. And a connection for each message: alerts are rare, and
    # a kept-alive one would be stale.
    with httpx.HTTPTransport(verify=_certificates(), trust_env=False) as network:
        response = network.handle_request(request)
        deadline = time.monotonic() + TOTAL_SECONDS
        body = b""
        try:
            for chunk in response.iter_raw():
                body += chunk
                if len(body) >= _MOST_RESPONSE_BYTES or time.monotonic() > deadline:
                    break
        finally:
            response.close()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, body[:_MOST_RESPONSE_BYTES].decode("utf-8", "replace"))


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Reading them takes longer than a message."""
    return httpx.create_ssl_context(trust_env=False)
