"""The one way in which the API makes a key, for whichever route asks."""

from collections.abc import Mapping
from typing import Any

from proxy.management.base import Call
from proxy.management.key_fields import apply_fields
from proxy.management.key_objects import utc_now
from teams.models import VirtualKey
from teams.services import issue_key


def make_key(
    given: Mapping[str, Any], call: Call, *, route: str, row: VirtualKey | None = None
) -> tuple[VirtualKey, str]:
    """A saved row and its key, which can be seen here and never again. Raises ManagementError.

    What the route itself decides, whatever the caller may set, stands in `row` already.
    """
    now = utc_now()
    row = row or VirtualKey()
    row.created_at = now
    apply_fields(row, {name: value for name, value in given.items() if name != "key"}, call, route=route, now=now)
    return row, issue_key(row, key=given.get("key"))
