"""How a silence stands, and its end."""

from datetime import datetime, timedelta

from alerts.models import Silence
from alerts.setup import mute_of

ACTIVE, UPCOMING, EXPIRED = "Active", "Upcoming", "Expired"


def state_of(row: Silence, *, now: datetime) -> str:
    """A weekly one that does not hold now comes again."""
    begun = row.starts_at <= now
    if begun and mute_of(row).until(now):
        return ACTIVE
    return UPCOMING if not begun or row.is_weekly else EXPIRED


def end(row: Silence, *, now: datetime) -> bool:
    """From now on it never holds again. False when it had ended; one that has not begun never begins."""
    if state_of(row, now=now) == EXPIRED:
        return False
    begins = min(row.starts_at, now - timedelta(seconds=1))
    row.starts_at, row.ends_at, row.is_weekly = begins, max(begins + timedelta(seconds=1), min(row.ends_at, now)), False
    row.save(update_fields=["starts_at", "ends_at", "is_weekly"])
    return True
