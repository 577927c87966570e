"""How long things last: `30d` as text, and the calendar instants at which a budget's period begins and ends. Pure.

The rules are LiteLLM's (api.md 4.2): a period ends on the clock, at midnight, on a Monday or on the first of a month.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

_SHAPE = re.compile(r"([1-9]\d{0,8})(s|m|h|d|w|mo)")
_WORDS = {"hourly": "1h", "daily": "24h", "weekly": "7d", "monthly": "30d"}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 30 * 86_400}
# A hundred years: what is longer is a mistake, and some of it no date can hold.
_LONGEST_SECONDS = 100 * 365 * 86_400


@dataclass(frozen=True, slots=True)
class Duration:
    count: int
    unit: str

    @property
    def seconds(self) -> int:
        """A month counts as 30 days."""
        return self.count * _SECONDS[self.unit]

    def after(self, start: datetime) -> datetime:
        return start + timedelta(seconds=self.seconds)


def parse_duration(text: str) -> Duration:
    """`30s`, `5m`, `24h`, `7d`, `1w`, `1mo` or hourly, daily, weekly, monthly. Raises ValueError."""
    found = _SHAPE.fullmatch(_WORDS.get(text, text))
    if found is None:
        raise ValueError("use a format like '1h', '24h', '7d', or '30d'")
    duration = Duration(int(found[1]), found[2])
    if duration.unit == "mo" and duration.count != 1:
        raise ValueError("of months, only '1mo' can be counted")
    if duration.seconds > _LONGEST_SECONDS:
        raise ValueError("longer than a hundred years")
    return duration


def period(duration: Duration, *, start: datetime, now: datetime, zone: tzinfo = UTC) -> tuple[datetime, datetime]:
    """When the period that holds `now` began and when it ends.

    `start` is when counting began: no period begins before it, and periods of odd lengths are counted from it.
    """
    days = _days(duration)
    began, ends = _of_days(days, start, now, zone) if days else _of_seconds(duration.seconds, start, now, zone)
    return max(began, start), ends


def _days(duration: Duration) -> int | None:
    """Whole days, for the units that follow the calendar."""
    if duration.unit == "mo":
        return 30
    if duration.unit == "w":
        return 7 * duration.count
    if duration.unit == "d":
        return duration.count
    return 1 if duration.seconds == 86_400 else None


def _of_days(days: int, start: datetime, now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    today = now.astimezone(zone).date()
    if days == 7:
        began = today - timedelta(days=today.weekday())
    elif days == 30:
        began = today.replace(day=1)
        following = (began + timedelta(days=32)).replace(day=1)
        return _midnight(began, zone), _midnight(following, zone)
    else:
        first = start.astimezone(zone).date()
        began = first + timedelta(days=(today - first).days // days * days)
    return _midnight(began, zone), _midnight(began + timedelta(days=days), zone)


def _of_seconds(step: int, start: datetime, now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Counted from midnight, as clocks do; what does not divide a day begins anew with it."""
    today = now.astimezone(zone).date()
    origin, limit = _midnight(today, zone), _midnight(today + timedelta(days=1), zone)
    if step > 86_400:
        origin, limit = start, datetime.max.replace(tzinfo=UTC)
    # In UTC, so that the hour that a change of clocks repeats or skips is counted as it passes.
    origin = origin.astimezone(UTC)
    began = origin + timedelta(seconds=(now - origin).total_seconds() // step * step)
    return began, min(began + timedelta(seconds=step), limit.astimezone(UTC))


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)
