"""What a client wants to read in the alerts about its request: `metadata.alerting_metadata`, bounded. Pure."""

from collections.abc import Mapping
from typing import Any

from proxy.core.error_bodies import redact
from teams.secrets import is_secret_name

MOST_ENTRIES = 20
LONGEST = 200


def alerting_metadata(metadata: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Names and values as text; what is nested is left out, and so is whatever may be a credential."""
    given = metadata.get("alerting_metadata")
    if not isinstance(given, Mapping):
        return ()
    found = [
        (_plain(name), _plain(str(value)))
        for name, value in given.items()
        if isinstance(value, (str, int, float)) and not is_secret_name(name)
    ]
    return tuple(found[:MOST_ENTRIES])


def _plain(text: str) -> str:
    return redact(text[: 2 * LONGEST])[:LONGEST]
