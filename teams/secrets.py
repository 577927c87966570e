"""Which parameters and settings may hold a credential, by their name or their form. Pure."""

import functools
import re
from typing import Any

_NAME = re.compile(
    r"(^|_)api_key$|secret|password|credentials?$|(^|_)token$|^(extra_)?headers$|access_key|private_key|^authorization$",
    re.IGNORECASE,
)
# What a token costs is none.
_PRICE = "cost_per_"
MASK = "***"
_URL_WITH_LOGIN = re.compile(r"://[^/\s]*@")


@functools.lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    return _NAME.search(name) is not None and _PRICE not in name


def without_secrets(value: Any) -> Any:
    """A copy, at any depth, that a page may show."""
    if isinstance(value, dict):
        return {name: without_secrets(inner) for name, inner in value.items() if not _hides(name, inner)}
    if isinstance(value, list):
        return [without_secrets(inner) for inner in value if not _hides("", inner)]
    return value


def _hides(name: str, value: Any) -> bool:
    return is_secret_name(name) or (isinstance(value, str) and _URL_WITH_LOGIN.search(value) is not None)


def masked(value: Any) -> Any:
    """A copy, at any depth, that still shows where a secret stands, and not what it is."""
    if isinstance(value, dict):
        return {name: MASK if inner and _hides(name, inner) else masked(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [MASK if _hides("", inner) else masked(inner) for inner in value]
    return value
