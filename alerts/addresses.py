"""Which IP addresses may be called: one answer for webhooks and for upstreams. Pure.

Metadata services of clouds, link-local addresses, multicast and addresses of nothing are never called, whoever wrote
them. This machine and private networks are called for the operator, and for others where the operator allows it.
"""

import ipaddress
from collections.abc import Iterable, Iterator

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class AddressRefused(ValueError):
    """The address may not be called. Its text names the reason, never the address."""


class PrivateAddressRefused(AddressRefused):
    """The operator could allow this one."""


def ensure_callable(address: str, *, private_allowed: bool, allowed: Iterable[Network] = ()) -> None:
    """Check an address as a resolver or a socket writes it, a zone behind it or not.

    `allowed` are private networks that may be called all the same. Raises AddressRefused.
    """
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        raise AddressRefused("the address is no IP address") from None
    for form in _meanings(known):
        if _in(form, _NEVER):
            raise AddressRefused("the address leads to a metadata service, to everyone, or nowhere")
        if not private_allowed and _in(form, _PRIVATE) and not _in(form, allowed):
            raise PrivateAddressRefused("the address leads to this machine or a private network")


def read_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks in CIDR notation, or single addresses. Raises ValueError with a sentence that names a bad one."""
    return tuple(_network(text) for text in texts)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError(f"{text[:100]!r} is no network such as 10.0.0.0/8 or fd00::/8") from None


def _meanings(address: IPAddress) -> Iterator[IPAddress]:
    """The address itself and any IPv4 address carried inside an IPv6 one."""
    yield address
    # ::1 is this machine (RFC 4291 2.5.3), though it looks like 0.0.0.1 in the clothes of IPv6.
    if isinstance(address, ipaddress.IPv6Address) and not address.is_loopback:
        number = int(address)
        for network, shift in _CARRIERS:
            if address in network:
                yield ipaddress.IPv4Address(number >> shift & 0xFFFFFFFF)


def _in(address: IPAddress, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


# IPv4-mapped, IPv4-compatible, IPv4-translated, NAT64 (two prefixes) and 6to4: RFC 4291, 2765, 6052, 8215, 3056.
_CARRIERS = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),
    (ipaddress.IPv6Network("::/96"), 0),
    (ipaddress.IPv6Network("::ffff:0:0:0/96"), 0),
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),
    (ipaddress.IPv6Network("64:ff9b:1::/48"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),
)
# 168.63.129.16 is Azure's own; the rest of the list is IANA's special-purpose registries (RFC 6890 and later).
_NEVER = read_networks(
    (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "168.63.129.16/32",
        "100.100.100.200/32",
        "192.0.0.192/32",
        "224.0.0.0/3",
        "::/128",
        "fe80::/10",
        "ff00::/8",
        "fd00:ec2::254/128",
    )
)
_PRIVATE = read_networks(
    (
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
        "::1/128",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fec0::/10",
    )
)
