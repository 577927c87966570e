"""When an upstream wants to be asked again, read from the headers of its answer. Pure."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST = 64


def read_retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds from now, 0 or more; None when nothing usable is said. Names of headers are in lower case.

    OpenAI's `retry-after-ms` goes before `Retry-After`, which is seconds or a date (RFC 9110, 10.2.3). A date is
    measured against the answer's own `Date`, so that two clocks need not agree, and else against `now`.
    """
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    given = headers.get("retry-after")
    if (seconds := _number(given)) is not None:
        return seconds
    until = _date(given)
    since = _date(headers.get("date")) or now
    if until is None or since is None:
        return None
    return max(0.0, (until - since).total_seconds())


def _number(text: str | None) -> float | None:
    if not text or len(text) > _LONGEST or not text.isascii():
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _date(text: str | None) -> datetime | None:
    if not text or len(text) > _LONGEST or not text.isascii():
        return None
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    # "-0000" and a missing zone: HTTP knows no other than GMT.
    return date if date.tzinfo else date.replace(tzinfo=UTC)
