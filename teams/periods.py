"""How long things last: `30d` as text, and the calendar instants at which a budget's period begins and ends. Pure.

The rules are LiteLLM's (api.md 4.2): a period ends on the clock, at midnight, on a Monday or on the first of a month,
by the clocks of one time zone.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

_SHAPE = re.compile(r"([1-9]\d{0,8})(s|m|h|d|w|mo)")
_WORDS = {"hourly": "1h", "daily": "24h", "weekly": "7d", "monthly": "30d"}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 30 * 86_400}
# A hundred years: what is longer is a mistake, and some of it no date can hold.
_LONGEST_SECONDS = 100 * 365 * 86_400
_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)


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


@dataclass(frozen=True, slots=True)
class Calendar:
    """Where a day begins: when the clocks of `zone` show `reset_at`. Shorter periods follow the same clocks.

    A time that is skipped when the clocks change is the first instant after it, one that comes twice is its first.
    """

    zone: tzinfo = UTC
    reset_at: time = time()

    def begins(self, day: date) -> datetime:
        local = datetime.combine(day, self.reset_at)
        at = local.replace(tzinfo=self.zone).astimezone(UTC)
        if _shown(at, self.zone) == local:
            return at
        # It is skipped: Python answers with an instant after the change, and for fold=1 with one before it.
        before = local.replace(tzinfo=self.zone, fold=1).astimezone(UTC)
        return _change(self.zone, before, at) or at

    def day_of(self, now: datetime) -> date:
        """The last day that has begun. A clock that is put back over midnight brings none back."""
        day = now.astimezone(self.zone).date() + timedelta(days=1)
        while self.begins(day) > now:
            day -= timedelta(days=1)
        return day


UTC_MIDNIGHT = Calendar()


def is_everybodys(duration: Duration) -> bool:
    """Whether its periods begin and end for all at once, but for who began to be counted within one."""
    days = _days(duration)
    return duration.seconds <= _DAY.total_seconds() if days is None else days in (1, 7, 30)


def period(
    duration: Duration, *, start: datetime, now: datetime, calendar: Calendar = UTC_MIDNIGHT
) -> tuple[datetime, datetime]:
    """When the period that holds `now` began and when it ends, in UTC. Each instant is in exactly one.

    `start` is when counting began: no period begins before it, and before it the first one is meant. Days, Monday
    weeks and months (30d) begin where the calendar's do, hours and less where its clocks show a multiple of them,
    counted from midnight. Other numbers of days (2d, 14d) are counted from the day of `start`, and other lengths
    above a day (36h) from `start` itself: LiteLLM counts these from the last reset, which comes to the same.
    """
    start = start.astimezone(UTC)
    now = max(now.astimezone(UTC), start)
    if days := _days(duration):
        began, ends = _of_days(days, start, now, calendar)
    elif duration.seconds > _DAY.total_seconds():
        began, ends = _of_length(timedelta(seconds=duration.seconds), start, now)
    else:
        step = timedelta(seconds=duration.seconds)
        began, ends = _last_mark(now, step, calendar.zone), _next_mark(now, step, calendar.zone)
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


def _of_days(days: int, start: datetime, now: datetime, calendar: Calendar) -> tuple[datetime, datetime]:
    today = calendar.day_of(now)
    if days == 30:
        first = today.replace(day=1)
        following = (first + timedelta(days=32)).replace(day=1)
    elif days == 7:
        first = today - timedelta(days=today.weekday())
        following = first + timedelta(days=7)
    else:
        first = today - timedelta(days=(today - calendar.day_of(start)).days % days)
        following = first + timedelta(days=days)
    return calendar.begins(first), calendar.begins(following)


def _of_length(step: timedelta, start: datetime, now: datetime) -> tuple[datetime, datetime]:
    began = start + (now - start) // step * step
    return began, began + step


def _last_mark(now: datetime, step: timedelta, zone: tzinfo) -> datetime:
    """When the clocks last showed a multiple of `step`, or jumped over one."""
    mark = now - _past_mark(_shown(now, zone), step)
    change = _change(zone, mark, now)
    if change is None:
        return mark
    return change if _is_mark(change, step, zone) else _last_mark(change - _INSTANT, step, zone)


def _next_mark(now: datetime, step: timedelta, zone: tzinfo) -> datetime:
    shown = _shown(now, zone)
    # What does not divide a day begins anew with it.
    mark = now + min(step - _past_mark(shown, step), _DAY - _past_mark(shown, _DAY))
    change = _change(zone, now, mark)
    if change is None:
        return mark
    return change if _is_mark(change, step, zone) else _next_mark(change, step, zone)


def _is_mark(change: datetime, step: timedelta, zone: tzinfo) -> bool:
    """Whether the clocks, when they change, come to show a multiple of `step` or leave one out."""
    shown = _shown(change, zone)
    past = _past_mark(shown, step)
    return not past or shown - past > _shown(change - _INSTANT, zone)


def _past_mark(shown: datetime, step: timedelta) -> timedelta:
    return (shown - datetime.combine(shown, time())) % step


def _change(zone: tzinfo, after: datetime, until: datetime) -> datetime | None:
    """The instant at which the clocks change; None when they do not. Of a day or less, in which they change once."""
    offset = after.astimezone(zone).utcoffset()
    if until.astimezone(zone).utcoffset() == offset:
        return None
    while until - after > _INSTANT:
        middle = after + (until - after) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            until = middle
    return until


def _shown(at: datetime, zone: tzinfo) -> datetime:
    """What the clocks show, without a zone, so that it is compared as it is read."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)
