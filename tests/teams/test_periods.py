"""Durations as text, and the calendar instants at which periods begin and end (api.md 4.2)."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teams.periods import Duration, parse_duration, period

MONDAY = datetime(2026, 11, 23, 10, 23, 12, tzinfo=UTC)


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
    berlin = ZoneInfo("Europe/Berlin")
    sunday = datetime(2026, 10, 25, 12, tzinfo=berlin)
    began, ends = period(parse_duration("1d"), start=datetime(2020, 1, 1, tzinfo=UTC), now=sunday, zone=berlin)

    assert (began.isoformat(), ends.isoformat()) == ("2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00")
    assert ends.astimezone(UTC) - began.astimezone(UTC) == timedelta(hours=25)


def test_the_hour_that_comes_twice_is_two_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    hour = parse_duration("1h")
    start = datetime(2020, 1, 1, tzinfo=UTC)
    ends = [period(hour, start=start, now=first + timedelta(hours=step), zone=berlin)[1] for step in (0, 1)]

    assert ends == [datetime(2026, 10, 25, 1, tzinfo=UTC), datetime(2026, 10, 25, 2, tzinfo=UTC)]


@given(
    count=st.integers(1, 400),
    unit=st.sampled_from(["s", "m", "h", "d", "w"]),
    start=st.integers(0, 200_000_000).map(lambda passed: MONDAY - timedelta(seconds=passed)),
    passed=st.timedeltas(timedelta(0), timedelta(days=2000)),
    zone=st.sampled_from([UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")]),
)
def test_now_is_always_inside_its_period_and_the_next_begins_where_it_ends(
    count: int, unit: str, start: datetime, passed: timedelta, zone: ZoneInfo
) -> None:
    duration, now = Duration(count, unit), start + passed
    began, ends = period(duration, start=start, now=now, zone=zone)

    assert start <= began <= now < ends
    following, _ = period(duration, start=start, now=ends, zone=zone)
    assert following == ends
