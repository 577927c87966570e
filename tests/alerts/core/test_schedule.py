"""The hours of a route: on the walls of its zone, over midnight and over the change of the clocks."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.core.schedule import InvalidSchedule, Outside, Schedule

PARIS = ZoneInfo("Europe/Paris")
# The 23rd of November 2026 is a Monday.
OFFICE = {"timezone": "Europe/Paris", "windows": [{"days": ["mon-fri"], "from": "08:00", "to": "18:00"}]}
NIGHT = {"timezone": "Europe/Paris", "windows": [{"days": ["fri"], "from": "22:00", "to": "06:00"}]}


def paris(day: int, hour: int, minute: int = 0, *, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=PARIS).astimezone(UTC)


@pytest.mark.parametrize(
    ("schedule", "at", "active"),
    [
        ({}, paris(23, 3), True),
        (OFFICE, paris(23, 8), True),
        (OFFICE, paris(23, 7, 59), False),
        (OFFICE, paris(23, 18), False),
        (OFFICE, paris(22, 12), False),
        (NIGHT, paris(27, 23), True),
        (NIGHT, paris(28, 5, 59), True),
        (NIGHT, paris(28, 6), False),
        (NIGHT, paris(28, 23), False),
        ({"windows": [{"days": ["sat-mon"]}]}, datetime(2026, 11, 23, 23, 59, tzinfo=UTC), True),
        ({"windows": [{"days": ["sat-mon"]}]}, datetime(2026, 11, 24, tzinfo=UTC), False),
        # On the last Sunday of March the clocks of Paris leave out the hour from two.
        ({**OFFICE, "windows": [{"from": "01:30", "to": "03:30"}]}, datetime(2026, 3, 29, 1, 15, tzinfo=UTC), True),
        ({**OFFICE, "windows": [{"from": "01:30", "to": "03:30"}]}, datetime(2026, 3, 29, 1, 30, tzinfo=UTC), False),
    ],
)
def test_when_it_holds(schedule: dict[str, Any], at: datetime, active: bool) -> None:
    assert Schedule.read(schedule).is_active(at) is active


@pytest.mark.parametrize(
    ("schedule", "at", "begins"),
    [
        (OFFICE, paris(23, 9), paris(23, 9)),
        (OFFICE, paris(23, 19), paris(24, 8)),
        (OFFICE, paris(27, 19), paris(30, 8)),
        (NIGHT, paris(28, 7), paris(4, 22, month=12)),
        ({}, paris(1, 0), paris(1, 0)),
    ],
)
def test_when_it_begins_next(schedule: dict[str, Any], at: datetime, begins: datetime) -> None:
    assert Schedule.read(schedule).next_begin(at) == begins


@given(
    st.integers(0, 11 * 366 * 24 * 60),
    st.sampled_from(["Europe/Paris", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "America/Sao_Paulo"]),
    st.integers(0, 23),
    st.integers(1, 23),
    st.sampled_from(["mon", "sat-sun", "mon-fri", "mon-sun"]),
)
def test_the_next_beginning_is_within_the_hours(minutes: int, zone: str, begins: int, hours: int, days: str) -> None:
    window = {"days": [days], "from": f"{begins:02}:00", "to": f"{(begins + hours) % 24:02}:00"}
    schedule = Schedule.read({"timezone": zone, "windows": [window]})
    now = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    begin = schedule.next_begin(now)

    assert begin >= now
    assert begin - now <= timedelta(days=8)
    # A day whose hours fall wholly into the hour that the clocks leave out has none.
    assert schedule.is_active(begin) or hours == 1


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        {"zone": "UTC"},
        {"timezone": "Mars/Olympus"},
        {"timezone": "../../etc/passwd"},
        {"windows": {}},
        {"windows": [{}] * 21},
        {"windows": [{"days": []}]},
        {"windows": [{"days": ["someday"]}]},
        {"windows": [{"from": "8:00"}]},
        {"windows": [{"from": "25:00"}]},
        {"windows": [{"from": "08:00", "to": "08:00"}]},
        {"windows": [{"until": "08:00"}]},
        {"outside": "drop"},
    ],
)
def test_what_is_no_schedule_is_refused_with_a_sentence(wrong: Any) -> None:
    with pytest.raises(InvalidSchedule, match=r"\.$"):
        Schedule.read(wrong)


def test_outside_of_the_hours_the_next_route_is_asked_unless_it_says_otherwise() -> None:
    assert Schedule.read({}).outside == Outside.SKIP
    assert Schedule.read({"outside": "hold"}).outside == Outside.HOLD
