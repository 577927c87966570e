"""Durations as text, and the rules of periods: they tile the time line, and begin where local clocks say."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teams.periods import Calendar, Duration, parse_duration, period

MONDAY = datetime(2026, 11, 23, 10, 23, 12, tzinfo=UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
ZONES = sorted(available_timezones())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30), ("5m", 300), ("24h", 86_400), ("7d", 604_800), ("1w", 604_800), ("1mo", 2_592_000),
        ("hourly", 3600), ("daily", 86_400), ("weekly", 604_800), ("monthly", 2_592_000),
    ],
)  # fmt: skip
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text).seconds == seconds


@pytest.mark.parametrize(
    "text", ["", "0d", "-1d", "1", "d", "1.5h", "1 d", "1D", "2mo", "1y", "abc", "999999999d", "1d\n", "١d", "00001d"]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"format|month|years"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("30s", "2026-11-23 10:23:30"),
        ("5m", "2026-11-23 10:25:00"),
        ("30m", "2026-11-23 10:30:00"),
        ("1h", "2026-11-23 11:00:00"),
        ("5h", "2026-11-23 15:00:00"),
        ("24h", "2026-11-24 00:00:00"),
        ("1d", "2026-11-24 00:00:00"),
        ("7d", "2026-11-30 00:00:00"),
        ("1w", "2026-11-30 00:00:00"),
        ("30d", "2026-12-01 00:00:00"),
        ("1mo", "2026-12-01 00:00:00"),
        ("2d", "2026-11-25 00:00:00"),
    ],
)
def test_a_period_ends_where_litellms_does(text: str, ends: str) -> None:
    _, found = period(parse_duration(text), start=MONDAY, now=MONDAY)

    assert found == datetime.fromisoformat(ends).replace(tzinfo=UTC)


def test_odd_days_are_counted_from_the_day_they_began() -> None:
    days = parse_duration("3d")
    ends = [period(days, start=MONDAY, now=MONDAY + timedelta(days=day))[1].day for day in range(7)]

    assert ends == [26, 26, 26, 29, 29, 29, 2]


def test_a_day_is_a_day_of_the_zone_also_when_the_clocks_change() -> None:
    berlin = Calendar(ZoneInfo("Europe/Berlin"))
    began, ends = period(
        parse_duration("1d"), start=LONG_AGO, now=datetime(2026, 10, 25, 12, tzinfo=UTC), calendar=berlin
    )

    assert (began, ends) == (datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC))
    assert ends - began == timedelta(hours=25)


def test_bounds_are_in_utc_whatever_zones_are_handed_in() -> None:
    """Two times of one zone are compared as they are read, and 02:30 comes twice."""
    zone = ZoneInfo("Europe/Berlin")
    start, now = datetime(2026, 10, 25, 2, 30, tzinfo=zone), datetime(2026, 10, 25, 2, 10, tzinfo=zone, fold=1)
    began, ends = period(parse_duration("1d"), start=start, now=now, calendar=Calendar(zone))

    assert (began.tzinfo, ends.tzinfo) == (UTC, UTC)
    assert (began, ends) == (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC))


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    berlin = Calendar(ZoneInfo("Europe/Berlin"))
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    hour = parse_duration("1h")
    ends = [period(hour, start=LONG_AGO, now=first + timedelta(hours=h), calendar=berlin)[1] for h in (0, 1)]

    assert ends == [datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 10, 25, 2, tzinfo=UTC)]


def test_before_the_start_the_first_period_is_meant() -> None:
    hour = parse_duration("1h")
    first = period(hour, start=MONDAY, now=MONDAY)

    assert first == (MONDAY, datetime(2026, 11, 23, 11, tzinfo=UTC))
    assert period(hour, start=MONDAY, now=MONDAY - timedelta(hours=5)) == first


def test_odd_days_are_counted_from_the_day_of_the_calendar_that_holds_the_start() -> None:
    """At 01:30 in Berlin the day before still runs, where days begin at 06:00."""
    start = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
    early, late = (Calendar(ZoneInfo("Europe/Berlin"), time(hour)) for hour in (0, 6))

    assert period(parse_duration("5d"), start=start, now=start, calendar=early)[1].day == 27
    assert period(parse_duration("5d"), start=start, now=start, calendar=late)[1] == datetime(
        2026, 11, 27, 5, tzinfo=UTC
    )


def test_a_length_that_is_no_number_of_days_is_counted_from_the_start_whatever_the_clocks_do() -> None:
    start = datetime(2026, 10, 24, 12, tzinfo=UTC)
    found = period(
        parse_duration("36h"),
        start=start,
        now=start + timedelta(hours=36),
        calendar=Calendar(ZoneInfo("Europe/Berlin"), time(6)),
    )

    assert found == (start + timedelta(hours=36), start + timedelta(hours=72))


_instants = st.datetimes(datetime(2024, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
_durations = st.sampled_from(["45s", "7m", "30m", "1h", "5h", "6h", "12h", "36h", "1d", "2d", "5d", "1w", "2w", "1mo"])
_calendars = st.builds(
    Calendar, st.sampled_from(ZONES).map(ZoneInfo), st.sampled_from([time(), time(0, 30), time(2, 15), time(23, 59)])
)


@settings(deadline=None, max_examples=1000)
@given(_durations.map(parse_duration), _instants, st.timedeltas(timedelta(0), timedelta(days=2000)), _calendars)
def test_now_is_inside_its_period_and_periods_meet(
    duration: Duration, now: datetime, running: timedelta, calendar: Calendar
) -> None:
    start = now - running

    def at(instant: datetime) -> tuple[datetime, datetime]:
        return period(duration, start=start, now=instant, calendar=calendar)

    began, ends = at(now)

    assert start <= began <= now < ends
    assert at(began) == at(ends - INSTANT) == (began, ends)
    assert at(ends)[0] == ends
    if began > start:
        assert at(began - INSTANT)[1] == began


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(["30m", "6h", "1d", "1w", "1mo"]),
    _instants,
    st.timedeltas(timedelta(0), timedelta(days=2000)),
    _calendars,
)
def test_the_bounds_of_calendar_periods_do_not_depend_on_the_start_but_that_none_begins_before_it(
    text: str, now: datetime, running: timedelta, calendar: Calendar
) -> None:
    start = now - running
    began, ends = period(parse_duration(text), start=LONG_AGO, now=now, calendar=calendar)

    assert period(parse_duration(text), start=start, now=now, calendar=calendar) == (max(began, start), ends)


def changes(zone: ZoneInfo, year: int) -> list[datetime]:
    """The hours of a year within which the zone's clocks change."""
    found, at = [], datetime(year, 1, 1, tzinfo=UTC)
    for _ in range(366):
        following = at + timedelta(days=1)
        if at.astimezone(zone).utcoffset() != following.astimezone(zone).utcoffset():
            hours = [at + timedelta(hours=hour) for hour in range(25)]
            offsets = [hour.astimezone(zone).utcoffset() for hour in hours]
            found += [hours[n] for n in range(24) if offsets[n] != offsets[n + 1]]
        at = following
    return found


CASES = [
    (parse_duration(text), Calendar(reset_at=reset_at), minutes)
    for text, reset_at in (("1d", time()), ("24h", time(2, 15)), ("1h", time()), ("6h", time()))
    for minutes in (-90, -1, 45, 61)
]


@pytest.mark.parametrize("year", range(2024, 2036))
def test_around_every_change_of_clocks_a_period_begins_when_they_show_it_or_have_passed_it(year: int) -> None:
    """Every zone in three of the twelve years."""
    checked = 0
    for name in ZONES[year % 4 :: 4]:
        zone = ZoneInfo(name)
        for change in changes(zone, year):
            for duration, calendar, minutes in CASES:
                began_as_clocks_say(duration, replace(calendar, zone=zone), change + timedelta(minutes=minutes))
                checked += 1
    assert checked > 1000


def began_as_clocks_say(duration: Duration, calendar: Calendar, now: datetime) -> None:
    began, ends = period(duration, start=LONG_AGO, now=now, calendar=calendar)
    step = timedelta(seconds=duration.seconds)

    def shown(at: datetime) -> datetime:
        return at.astimezone(calendar.zone).replace(tzinfo=None)

    def mark(at: datetime) -> datetime:
        """The last that clocks have shown when they show `at`."""
        whole = step == timedelta(days=1)
        origin = datetime.combine(at.date() - timedelta(days=1), calendar.reset_at if whole else time())
        return origin + (at - origin) // step * step

    for bound in (began, ends):
        assert mark(shown(bound)) == shown(bound) or mark(shown(bound)) > shown(bound - INSTANT)
    for part in range(8):
        assert mark(shown(began + (ends - began) * part // 8)) <= mark(shown(began))


def test_a_zone_without_a_name_will_do() -> None:
    calendar = Calendar(timezone(timedelta(hours=-3)))

    assert calendar.begins(MONDAY.date()) == datetime(2026, 11, 23, 3, tzinfo=UTC)
