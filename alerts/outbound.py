"""Where a webhook may lead: the address is resolved once, every answer is checked, and the checked one is used.

What the operator wrote may be on this machine or network; what anyone else typed may not. The metadata services
of clouds are never reached, whoever wrote the address.
"""

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from alerts.addresses import AddressRefused, ensure_callable


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
    addresses = [str(answer[4][0]).partition("%")[0] for answer in answers]
    for address in addresses:
        ensure_callable(address, private_allowed=private_allowed)
    return Target(ip=addresses[0], host=parts.hostname)
