"""The hours in which a route applies, on the walls of one time zone. Pure.

Hours that pass midnight belong to the day they begin on. No windows means always.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Self
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_WINDOWS = 20
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


class InvalidSchedule(ValueError):
    """Says in a sentence what is wrong with it."""


class Outside(StrEnum):
    """What becomes of an alert outside of the hours: the next route is asked, or it waits until they begin."""

    SKIP = "skip"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Window:
    """`begins` and `ends` are minutes of the day; an end at or before the beginning is on the next day."""

    days: frozenset[int]
    begins: int
    ends: int

    @property
    def minutes(self) -> int:
        return self.ends - self.begins if self.ends > self.begins else self.ends + 24 * 60 - self.begins


@dataclass(frozen=True, slots=True)
class Schedule:
    zone: ZoneInfo = ZoneInfo("UTC")  # noqa: RUF009
    windows: tuple[Window, ...] = ()
    outside: Outside = Outside.SKIP

    @classmethod
    def read(cls, value: Any) -> Self:
        """Raises InvalidSchedule."""
        if not isinstance(value, dict):
            raise InvalidSchedule("A schedule is an object with timezone, windows and outside.")
        if unknown := sorted(set(value) - {"timezone", "windows", "outside"}):
            raise InvalidSchedule(f"A schedule has no {unknown[0]!r}; it has timezone, windows and outside.")
        windows = value.get("windows", [])
        if not isinstance(windows, list) or len(windows) > MOST_WINDOWS:
            raise InvalidSchedule(f"windows is a list of at most {MOST_WINDOWS}.")
        try:
            zone = ZoneInfo(str(value.get("timezone", "UTC")))
        except (KeyError, ValueError, OSError):
            raise InvalidSchedule(f"{value.get('timezone')!r} is not a time zone, such as Europe/Paris.") from None
        try:
            outside = Outside(value.get("outside", Outside.SKIP))
        except ValueError:
            raise InvalidSchedule('outside is "skip" or "hold".') from None
        return cls(zone, tuple(_window(one) for one in windows), outside)

    def is_active(self, now: datetime) -> bool:
        return not self.windows or any(begins <= now < ends for begins, ends in self._around(now))

    def next_begin(self, now: datetime) -> datetime:
        """When the hours begin next; now, while they run."""
        if self.is_active(now):
            return now
        return min(begins for begins, _ in self._around(now) if begins > now)

    def _around(self, now: datetime) -> list[tuple[datetime, datetime]]:
        """All windows from yesterday's to those of a week on, in UTC."""
        today = now.astimezone(self.zone).date()
        found = []
        for offset in range(-1, 9):
            day = today + timedelta(days=offset)
            for window in self.windows:
                if day.weekday() in window.days:
                    midnight = datetime.combine(day, time())
                    begins = midnight + timedelta(minutes=window.begins)
                    ends = begins + timedelta(minutes=window.minutes)
                    found.append((self._instant(begins), self._instant(ends)))
        return found

    def _instant(self, wall: datetime) -> datetime:
        return wall.replace(tzinfo=self.zone).astimezone(UTC)


def _window(value: Any) -> Window:
    if not isinstance(value, dict) or set(value) - {"days", "from", "to"}:
        raise InvalidSchedule('A window is such as {"days": ["mon-fri"], "from": "08:00", "to": "18:00"}.')
    days = value.get("days", ["mon-sun"])
    if not isinstance(days, list) or not days:
        raise InvalidSchedule('days is a list, such as ["mon-fri", "sun"].')
    begins, ends = _minutes(value.get("from", "00:00")), _minutes(value.get("to", "24:00"))
    if begins == ends:
        raise InvalidSchedule("A window ends at another time than it begins; the whole day is 00:00 to 24:00.")
    return Window(frozenset(day for span in days for day in _span(span)), begins, ends)


def _span(text: Any) -> list[int]:
    first, _, last = str(text).lower().partition("-")
    try:
        begins, ends = DAYS.index(first.strip()[:3]), DAYS.index((last or first).strip()[:3])
    except ValueError:
        raise InvalidSchedule(f"{text!r} is not a day, such as mon or mon-fri.") from None
    return [(begins + n) % 7 for n in range((ends - begins) % 7 + 1)]


def _minutes(text: Any) -> int:
    if not isinstance(text, str) or not _CLOCK.fullmatch(text):
        raise InvalidSchedule(f"{text!r} is not a time of day, such as 08:00.")
    return int(text[:2]) * 60 + int(text[3:])
