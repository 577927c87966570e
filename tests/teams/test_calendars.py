"""The calendar of the settings: what may be said, and what is told when it is wrong."""

import logging
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from teams.calendars import read_calendar, usable_calendar
from teams.periods import UTC_MIDNIGHT, Calendar

NEPAL = Calendar(ZoneInfo("Asia/Kathmandu"), time(6, 30))


def test_without_a_word_days_begin_at_midnight_in_utc() -> None:
    assert read_calendar({}) == read_calendar({"timezone": None, "budget_reset_time": None}) == UTC_MIDNIGHT
    assert read_calendar({"timezone": "UTC", "budget_reset_time": "00:00"}) == UTC_MIDNIGHT


def test_zone_and_time_of_day_are_read() -> None:
    assert read_calendar({"timezone": "Asia/Kathmandu", "budget_reset_time": "06:30", "num_retries": 3}) == NEPAL


@pytest.mark.parametrize(
    "name",
    ["", "Europe/Berlni", "Europe", "../UTC", "/etc/passwd", "a\0b", "é", "x" * 5000, "+02:00", 5, ["UTC"], True],
)
def test_what_is_no_time_zone(name: Any) -> None:
    with pytest.raises(ValueError, match="no time zone; use a name such as Europe/Berlin"):
        read_calendar({"timezone": name})


@pytest.mark.parametrize(
    "text", ["", "6:30", "24:00", "12:60", "06:30:00", "06:30\n", "٠٦:٣٠", "noon", 390, True, ["06:30"]]
)
def test_what_is_no_time_of_day(text: Any) -> None:
    with pytest.raises(ValueError, match='hours and minutes in quotes, such as "06:30"'):
        read_calendar({"budget_reset_time": text})


def test_a_stored_setting_that_is_wrong_is_told_and_days_begin_at_midnight_in_utc(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, "teams.calendars"):
        found = usable_calendar({"timezone": "Mars/Base", "budget_reset_time": "06:30"})

    assert found == UTC_MIDNIGHT
    (record,) = caplog.records
    assert "no time zone" in vars(record)["problem"]
