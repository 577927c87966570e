"""Whose address a page was asked from: the audit trail and the throttle go by the same rule as `allowed_ips`."""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address, ip_network

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from proxy.policy import client_address
from proxy.runtime import running

# Some proxies write the client's port beside its address.
_WITH_PORT = re.compile(r"\[(?P<six>[^\[\]]+)\](?::\d+)?|(?P<four>[\d.]+):\d+")


def client_address_middleware(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """From here on REMOTE_ADDR is the client's, by `general_settings.use_x_forwarded_for`."""

    def respond(request: HttpRequest) -> HttpResponseBase:
        request.META["REMOTE_ADDR"] = client_address(request.META, trust_forwarded_for=_trusts_proxy())
        return get_response(request)

    return respond


def _trusts_proxy() -> bool:
    try:
        return running().policy.trust_forwarded_for
    except RuntimeError:  # no gateway has read its configuration, so nobody has said that a proxy is in front
        return False


def holder_of(address: str) -> str:
    """Who has an address: of IPv6 a network of 64 bits, which is the least that a single customer gets."""
    found = _WITH_PORT.fullmatch(address)
    text = (found["six"] or found["four"]) if found else address
    try:
        known = ip_address(text)
    except ValueError:
        return address
    if isinstance(known, IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ip_network((int(known), 64), strict=False))
