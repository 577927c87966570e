"""Whatever the management API reads is measured over millions of rows (`benchmarks/pages_api.py`)."""

import re

from benchmarks.pages_api import ADDRESSES
from proxy.management.urls import VIEWSETS

# One row by its id, of tables that stay small.
SMALL = {"/alerts/channels/<str:channel_id>", "/alerts/routes/<str:route_id>", "/invitation/info"}


def test_every_route_that_reads_is_measured() -> None:
    measured = {address.partition("?")[0] for address in ADDRESSES}
    unmeasured = [
        route.paths[0]
        for viewset in VIEWSETS
        for _, route in viewset.routes()
        if route.method == "GET" and not any(re.fullmatch(_pattern(route.paths[0]), path) for path in measured)
    ]

    assert set(unmeasured) == SMALL


def test_no_address_is_measured_twice() -> None:
    assert len(ADDRESSES) == len(set(ADDRESSES))


def _pattern(path: str) -> str:
    return re.sub(r"<\w+:\w+>", "[^/]+", path)
