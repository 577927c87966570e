"""What an upstream says is left of its own rate limits, read from the headers of its answer. Pure.

OpenAI and those that follow it say `x-ratelimit-remaining-requests` with `x-ratelimit-reset-requests: 6m0s`;
Anthropic `anthropic-ratelimit-requests-remaining` with an RFC 3339 instant for `-reset`.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

_KINDS = ("requests", "tokens")
# Each kind's own header: who has none of these says nothing.
OPENAI = tuple(f"x-ratelimit-remaining-{kind}" for kind in _KINDS)
ANTHROPIC = tuple(f"anthropic-ratelimit-{kind}-remaining" for kind in _KINDS)
# It stands until its reset, but for no less and no longer than this without news.
SHORTEST_SECONDS, LONGEST_SECONDS = 60.0, 120.0
_LONGEST = 40
_MOST = 2**53
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


@dataclass(frozen=True, slots=True)
class Left:
    """None for what was not said. `seconds` is for how long it is to be believed."""

    requests: int | None
    tokens: int | None
    seconds: float = SHORTEST_SECONDS


def read_quota(headers: Mapping[str, str], *, now: datetime) -> Left | None:
    """None where nothing usable is said. Names of headers know no case."""
    for remaining, reset in (
        (OPENAI, "x-ratelimit-reset-{}"),
        (ANTHROPIC, "anthropic-ratelimit-{}-reset"),
    ):
        requests, tokens = (_number(headers.get(name)) for name in remaining)
        if requests is not None or tokens is not None:
            waits = [_seconds(headers.get(reset.format(kind)), now=now) for kind in _KINDS]
            longest = max((one for one in waits if one is not None), default=0.0)
            return Left(requests, tokens, min(max(longest, SHORTEST_SECONDS), LONGEST_SECONDS))
    return None


def _number(text: str | None) -> int | None:
    """A whole number of 0 or more; some write `59999.0`, and -1 for no limit."""
    if not text or len(text) > _LONGEST or not text.isascii():
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return int(number) if 0 <= number <= _MOST else None


def _seconds(text: str | None, *, now: datetime) -> float | None:
    if not text or len(text) > _LONGEST or not text.isascii():
        return None
    if _DURATION.fullmatch(text):
        return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        return None if math.isnan(seconds) else seconds
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
