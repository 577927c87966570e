"""What hours and days say of calls: every one of them is there, and days before hours were counted count too."""

from datetime import UTC, date, datetime, timedelta

import pytest

from budgets.core.percentiles import bucket_of
from budgets.models import CallDay, CallHour
from budgets.reports import By, Question
from budgets.traffic import (
    NO_TRAFFIC,
    Traffic,
    days_asked,
    everybodys_days,
    everybodys_hours,
    last_hours,
    midnight,
    seconds_within,
)
from tests.budgets.days import day_row, keep_days

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)
TODAY = NOW.date()


SUMS = {"amount_nano": 10**9, "calls": 1, "seconds": {str(bucket_of(2)): 1}}


def hour(at: datetime, **columns: object) -> None:
    """One call for a dollar that took two seconds."""
    CallHour.objects.create(begins_at=at, **{**SUMS, **columns})


def test_every_hour_stands_there() -> None:
    hour(midnight(TODAY), failures=1)
    hour(midnight(TODAY) + timedelta(hours=12))
    hour(midnight(TODAY) - timedelta(hours=36))
    found = everybodys_hours(NOW - timedelta(hours=24))

    assert [(at.day, at.hour) for at in found] == [(27, 0), (27, 12)]
    assert [seconds_within(one.seconds, 0.5) for one in found.values()] == pytest.approx([2, 2], rel=0.01)
    shown = last_hours(found, number=24, now=NOW)
    assert next(iter(shown)) == datetime(2026, 11, 26, 13, tzinfo=UTC)
    assert list(shown)[-1] == datetime(2026, 11, 27, 12, tzinfo=UTC)
    assert [one.calls for one in shown.values()] == [0] * 11 + [1] + [0] * 11 + [1]
    assert shown[midnight(TODAY)].error_rate == 1


def test_of_no_calls_there_is_no_error_rate() -> None:
    assert NO_TRAFFIC.error_rate is None


def test_days_are_what_was_counted_and_before_that_the_days_of_the_roll_up() -> None:
    first = date(2026, 11, 20)
    keep_days(day_row(date(2026, 11, 21), requests=10), day_row(date(2026, 11, 25), requests=5, failures=2))
    for day in (date(2026, 11, 19), date(2026, 11, 25), date(2026, 11, 26)):
        CallDay.objects.create(day=day, **SUMS)
    days = everybodys_days(first=first, last=TODAY)

    assert list(days) == [first + timedelta(days=n) for n in range(8)]
    assert {
        day.day: (one.calls, one.failures, sum(one.seconds.values())) for day, one in days.items() if one.calls
    } == {
        21: (10, 0, 0),
        25: (5, 2, 1),
        26: (1, 0, 1),
    }


def test_somebodys_days_are_those_of_the_question() -> None:
    keep_days(day_row(TODAY, team_id="a", requests=3), day_row(TODAY, team_id="b", requests=4))
    question = Question(first=TODAY - timedelta(days=1), last=TODAY, any_of=({By.TEAM: ["a"]},))

    found = days_asked(question, first=TODAY - timedelta(days=1), last=TODAY)
    assert found == {TODAY - timedelta(days=1): NO_TRAFFIC, TODAY: Traffic(10**9, 3, 0)}
