"""An upstream's address when it is typed: what would be refused at every request is refused at once.

The client looks again at each connection, since a name may lead elsewhere by then.
"""

import socket
from collections.abc import Mapping
from contextlib import suppress
from threading import Thread
from typing import Any

from django.conf import settings
from yarl import URL

from alerts.addresses import AddressRefused, Network
from proxy.config.environment import from_environment
from proxy.connections import AddressRules
from proxy.models import ConfigField, Section
from proxy.policy import Policy

RESOLVE_SECONDS = 1.0
_ADDRESSES = ("api_base", "base_url", "endpoint")


def ensure_addresses_allowed(params: Mapping[str, Any]) -> None:
    """Every address among a deployment's litellm_params. Raises AddressRefused."""
    for name, value in params.items():
        if name.endswith(_ADDRESSES) and isinstance(address := from_environment(value), str) and address:
            ensure_address_allowed(address)


def ensure_address_allowed(address: str, *, operators_own: bool = False) -> None:
    """Raises AddressRefused with a sentence. A name that does not resolve, or not in time, passes.

    `operators_own` addresses, those of config.yaml, may be on this machine or network. Blocks and asks the database.
    """
    try:
        url = URL(address)
        host, port = url.raw_host, url.port
    except ValueError:
        raise AddressRefused("the address is not a URL") from None
    if not host:
        raise AddressRefused("the address names no host")
    rules = AddressRules(private_allowed=operators_own, networks=_networks())
    # Numbers are given to the socket as they are, in their one canonical spelling.
    numbers = ":" in host or host.replace(".", "").isdigit()
    for found in [host] if numbers else _resolve(host, port or 443):
        rules.ensure_allowed(found)


def _networks() -> tuple[Network, ...]:
    stored = ConfigField.objects.filter(section=Section.GENERAL, name="upstream_allowed_networks")
    general = dict(stored.order_by().values_list("name", "value"))
    return (*settings.UPSTREAM_NETWORKS, *Policy.read(general).upstream_networks)


def _resolve(host: str, port: int) -> list[str]:
    """In a thread of its own, for no resolver can be told to hurry."""
    found: list[str] = []

    def ask() -> None:
        with suppress(OSError, UnicodeError):
            found.extend(str(answer[4][0]) for answer in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))

    thread = Thread(target=ask, name="resolve", daemon=True)
    thread.start()
    thread.join(RESOLVE_SECONDS)
    return list(found)
