"""Connections to upstreams: only to addresses that may be called, and with a memory of what a second try must know.

aiohttp makes and keeps the connections. It offers one place each where an answer of the resolver and the making of a
socket can be watched; what it does not offer (is this connection a kept one, has a byte come over it?) is learnt from
its protocol class. Its tracing would tell as well, for 20 microseconds a request.
"""

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
from aiohttp.abc import ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from alerts.addresses import AddressRefused, Network, PrivateAddressRefused, ensure_callable

# For each of the two pools.
MOST_CONNECTIONS = 5000
# Below the idle time-out of common servers (uvicorn: 5 s), so that few requests meet a connection just closed.
KEEPALIVE_SECONDS = 4.0
DNS_CACHE_SECONDS = 10
# A connection that was closed while it idled says so within a round trip; what takes longer has been at work.
STALE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class AddressRules:
    """`networks` are private ones that may be called all the same."""

    private_allowed: bool
    networks: tuple[Network, ...] = ()

    def ensure_allowed(self, address: str) -> None:
        """Raises AddressRefused with a sentence for the admin."""
        try:
            ensure_callable(address, private_allowed=self.private_allowed, allowed=self.networks)
        except PrivateAddressRefused as refusal:
            raise PrivateAddressRefused(
                f"{refusal}; for a model that does not stand in config.yaml, TOLLKEEPER_UPSTREAM_NETWORKS or "
                "general_settings.upstream_allowed_networks must name the network"
            ) from None


class ConnectionRefusedByRules(OSError):
    """AddressRefused in the only clothes in which the client library takes it for a failed connection."""

    def __init__(self, reason: AddressRefused) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(slots=True)
class Sending:
    """One request on its way: what it tells the connector (`fresh`: take no kept connection) and hears from it."""

    fresh: bool = False
    connection: "UpstreamConnection | None" = None

    @property
    def was_stale(self) -> bool:
        """Whether the connection that failed had been closed while it idled, so that nobody read the request."""
        return self.connection is not None and self.connection.was_stale


# The session hands nothing of ours down to its connector, and both run in the request's own task.
SENDING: ContextVar[Sending] = ContextVar("SENDING")


class UpstreamConnection(ResponseHandler):
    """A connection and what happened to the request that is on it."""

    rules: AddressRules | None = None
    uses = 0
    _began_at = 0.0
    _written = False
    _heard = False
    _taken = False

    def begin(self) -> None:
        self.uses += 1
        self._began_at = time.monotonic()
        self._written = self._heard = False

    @property
    def was_stale(self) -> bool:
        # RFC 9110, 9.2.2: a POST is sent again only by who can tell that the first was not acted upon. That is so where
        # the peer hung up before it had taken the request in, of which its kernel tells (`_taken`). Not so where it
        # aborts: a reset comes from a socket that was closed already, but also from a server that read the request and
        # then fell over, and from here they look the same. Hence the second: few fall over as quickly as that.
        return (
            self.uses > 1 and not self._heard and not self._taken and time.monotonic() - self._began_at < STALE_SECONDS
        )

    def start_timeout(self) -> None:
        """The library calls this when a request is written to its end."""
        self._written = True
        super().start_timeout()

    def data_received(self, data: bytes) -> None:
        self._heard = True
        super().data_received(data)

    def eof_received(self) -> None:
        self._taken = self._written and _is_acknowledged(self.transport)
        super().eof_received()


# As <netinet/tcp.h> has them.
_TCP_CLOSE = 7
_TCP_INFO_START = struct.Struct("=B23xI")


def _is_acknowledged(transport: Any) -> bool:
    """Whether all that was written had been acknowledged when the peer hung up. Only Linux can tell; False elsewhere.

    A peer that closed before it got the request acknowledges nothing of it and answers with a reset.
    """
    if transport is None or transport.get_write_buffer_size() or not hasattr(socket, "TCP_INFO"):
        return False
    if (wire := transport.get_extra_info("socket")) is None:
        return False
    try:
        info = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_START.size)
        state, unacknowledged = _TCP_INFO_START.unpack(info)
    except (OSError, struct.error):
        return False
    return state != _TCP_CLOSE and not unacknowledged


class GuardedConnector(aiohttp.TCPConnector):
    """`rules` are asked for whenever a connection is made or taken again, so they may change."""

    def __init__(self, rules: Callable[[], AddressRules]) -> None:
        super().__init__(
            limit=MOST_CONNECTIONS,
            keepalive_timeout=KEEPALIVE_SECONDS,
            ttl_dns_cache=DNS_CACHE_SECONDS,
            resolver=_CheckedResolver(rules),
            # Not every address has been through the resolver: those written as numbers pass it by, others lay in the
            # cache when the rules changed.
            socket_factory=partial(_checked_socket, rules),
        )
        self._rules = rules
        self._factory = partial(UpstreamConnection, loop=asyncio.get_running_loop())  # type: ignore[assignment]

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        sending = SENDING.get()
        while True:
            rules = self._rules()
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            assert isinstance(protocol, UpstreamConnection)
            if protocol.uses == 0:
                protocol.rules = rules
            # `should_close`: it went bad while it idled, or holds bytes that nobody asked for and that would be taken
            # for the answer to this request.
            elif sending.fresh or protocol.should_close:
                connection.close()
                continue
            if protocol.rules == self._rules():
                protocol.begin()
                sending.connection = protocol
                return connection
            connection.close()


class _CheckedResolver(aiohttp.ThreadedResolver):
    """One bad answer spoils the others: whoever controls the name chose them all."""

    def __init__(self, rules: Callable[[], AddressRules]) -> None:
        super().__init__()
        self._rules = rules

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        rules = self._rules()
        for answer in found:
            _ensure_allowed(rules, answer["host"])
        return found


def _checked_socket(rules: Callable[[], AddressRules], target: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, _, address = target
    _ensure_allowed(rules(), address[0])
    return socket.socket(family, kind, protocol)


def _ensure_allowed(rules: AddressRules, address: str) -> None:
    try:
        rules.ensure_allowed(address)
    except AddressRefused as reason:
        raise ConnectionRefusedByRules(reason) from None
