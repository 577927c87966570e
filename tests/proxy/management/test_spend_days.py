"""Days and moments that somebody asks of spend routes: both ends are included, and nothing is a crash."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.management.spend_days import days_between, last_days, moments_between
from teams.errors import Invalid


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, micro: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "end", "first", "after"),
    [
        ("2026-11-23", "2026-11-23", at(2026, 11, 23), at(2026, 11, 24)),
        ("2026-11-23", "2026-12-31", at(2026, 11, 23), at(2027, 1, 1)),
        ("2026-11-23 10:00:00", "2026-11-23 10:00:00", at(2026, 11, 23, 10), at(2026, 11, 23, 10, 0, 1)),
        ("2026-11-23T10:00:00Z", "2026-11-23T12:00:00+02:00", at(2026, 11, 23, 10), at(2026, 11, 23, 10, 0, 1)),
        ("2026-11-23", "2026-11-23T10:00:00.5Z", at(2026, 11, 23), at(2026, 11, 23, 10, 0, 0, 500_001)),
        ("0001-01-01", "9999-12-31", at(1, 1, 1), datetime.max.replace(tzinfo=UTC)),
        ("2026-11-23", "9999-12-31 23:59:59", at(2026, 11, 23), datetime.max.replace(tzinfo=UTC)),
        (None, None, None, None),
        ("", "2026-11-23", None, at(2026, 11, 24)),
    ],
)
def test_moments(start: str | None, end: str | None, first: datetime | None, after: datetime | None) -> None:
    assert moments_between(start, end) == (first, after)


def test_days_are_those_of_utc() -> None:
    assert days_between("2026-11-23T23:30:00-01:00", "2026-11-24 05:00:00") == (date(2026, 11, 24), date(2026, 11, 24))
    assert days_between(None, "2026-11-24") == (None, date(2026, 11, 24))
    assert last_days(30, now=at(2026, 11, 30, 23)) == (date(2026, 11, 1), date(2026, 11, 30))


@pytest.mark.parametrize(
    ("start", "end"), [("2026-11-24", "2026-11-23"), ("2026-11-23 10:00:01", "2026-11-23 10:00:00")]
)
def test_an_end_before_its_start_is_refused(start: str, end: str) -> None:
    with pytest.raises(Invalid, match="start_date must not be after end_date"):
        moments_between(start, end)


@pytest.mark.parametrize("between", [days_between, moments_between])
def test_one_that_is_absent_is_asked_for(between: Callable[..., Any]) -> None:
    for start, end in ((None, None), ("2026-11-23", None), (None, "2026-11-23"), ("", "")):
        with pytest.raises(Invalid, match="Please"):
            between(start, end, missing="Please")


@given(
    st.text(max_size=40) | st.datetimes().map(str) | st.datetimes().map(lambda moment: f"{moment.isoformat()}-23:59")
)
def test_whatever_is_asked_is_a_time_or_refused(text: str) -> None:
    for between in (days_between, moments_between):
        try:
            first, last = between(text, text)
        except Invalid:
            continue
        assert (first is None) == (last is None) == (text == "")
