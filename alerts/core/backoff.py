"""When to try a delivery again, and when to stop. Pure; `jitter` is a number from 0 to 1."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 900.0
HORIZON = timedelta(hours=24)
LONGEST_PAUSE = 30.0

LONGEST_RETRY_AFTER = 3600.0
NONSENSE_RETRY_AFTER = 60.0


@dataclass(frozen=True, slots=True)
class Retry:
    """None as `at` means: give up."""

    at: datetime | None


def next_retry(
    *, attempt: int, first_due_at: datetime, now: datetime, retry_after: float | None, jitter: float
) -> Retry:
    """After attempt number `attempt` (from 1) failed: doubling from a second, at most a quarter of an hour.

    A channel's own Retry-After (seconds) is a floor.
    """
    ceiling = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(attempt - 1, 20))
    delay = max(ceiling * (0.5 + jitter / 2), retry_after or 0.0)
    at = now + timedelta(seconds=delay)
    return Retry(at=None if at - first_due_at > HORIZON else at)


def pause_seconds(failing_seconds: float) -> float:
    """How long a channel is left alone that has failed for so long: a quarter of that, from a second to half a minute.

    Each of what waits for it has its own time to be tried again; all of them together are no more than this.
    """
    return min(LONGEST_PAUSE, max(FIRST_SECONDS, failing_seconds / 4))


def parse_retry_after(value: str | None, *, now: datetime) -> float | None:
    """Seconds from an HTTP Retry-After (seconds or a date); None without one. RFC 9110, 10.2.3.

    Nonsense (negative, not a number, more than a day) counts as a minute; an hour is the most we wait.
    """
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return NONSENSE_RETRY_AFTER
        seconds = ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds()
        return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
    if not 0 <= seconds <= 86_400:
        return NONSENSE_RETRY_AFTER
    return min(seconds, LONGEST_RETRY_AFTER)
