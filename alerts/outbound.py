"""Where a webhook may lead: the address is resolved once, every answer is checked, and the checked one is used.

What the operator wrote may be on this machine or network; what anyone else typed may not. The metadata services
of clouds are never reached, whoever wrote the address.
"""

import ipaddress
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(ValueError):
    """The address may not be called. Its text names the reason, never the URL."""


@dataclass(frozen=True, slots=True)
class Target:
    """`ip` is what to connect to; `host` is what to ask for (Host header, TLS name)."""

    ip: str
    host: str


def resolve(url: str, *, private_allowed: bool) -> Target:
    """Check a URL's host and pin its address. Raises AddressRefused; OSError when the name does not resolve."""
    try:
        parts = urlsplit(url)
        explicit_port = parts.port
    except ValueError:
        raise AddressRefused("the address is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise AddressRefused("the address must begin with http:// or https://")
    if parts.username or parts.password:
        raise AddressRefused("the address must not hold a user name or password")
    port = explicit_port or (443 if parts.scheme == "https" else 80)
    answers = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers]
    for address in addresses:
        _check(address, private_allowed=private_allowed)
    return Target(ip=str(addresses[0]), host=parts.hostname)


def _check(address: IPAddress, *, private_allowed: bool) -> None:
    for form in _meanings(address):
        if _in(form, _NEVER):
            raise AddressRefused("the address leads to a metadata service, to everyone, or nowhere")
        if not private_allowed and _in(form, _PRIVATE):
            raise AddressRefused("the address leads to this machine or a private network")


def _meanings(address: IPAddress) -> Iterator[IPAddress]:
    """The address itself and any IPv4 address carried inside an IPv6 one."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        number = int(address)
        for network, shift in _CARRIERS:
            if address in network:
                yield ipaddress.IPv4Address(number >> shift & 0xFFFFFFFF)


def _in(address: IPAddress, networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _networks(*names: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(name) for name in names)


# IPv4-mapped, IPv4-compatible, NAT64 (two prefixes) and 6to4: RFC 4291, 6052, 8215, 3056.
_CARRIERS = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),
    (ipaddress.IPv6Network("::/96"), 0),
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),
    (ipaddress.IPv6Network("64:ff9b:1::/48"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),
)
# 168.63.129.16 is Azure's own; the rest of the list is IANA's special-purpose registries (RFC 6890 and later).
_NEVER = _networks(
    "0.0.0.0/8",
    "169.254.0.0/16",
    "168.63.129.16/32",
    "100.100.100.200/32",
    "192.0.0.192/32",
    "224.0.0.0/3",
    "fe80::/10",
    "ff00::/8",
    "fd00:ec2::254/128",
)
_PRIVATE = _networks(
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "::/128",
    "::1/128",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fec0::/10",
)
