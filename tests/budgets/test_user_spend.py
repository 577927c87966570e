"""Who spends more than somebody wants to hear of: counted by the days and months of the gateway's zone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from alerts.events import AlertType, Event
from alerts.services import Span
from budgets import scheduled
from budgets.models import LedgerHorizon
from budgets.user_spend import UserLimits, check_users
from teams.models import User
from teams.money import NANO
from teams.periods import UTC_MIDNIGHT, Calendar
from tests.budgets.builders import entry
from tests.budgets.days import day_row, keep_days
from tests.budgets.entries import keep

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PARIS = Calendar(zone=ZoneInfo("Europe/Paris"))
DAILY = UserLimits(daily_nano=10 * NANO)
MONTHLY = UserLimits(monthly_nano=100 * NANO)
ANOMALIES = UserLimits(anomalies=True)


def crossings(limits: UserLimits, *, until: datetime = NOON, calendar: Calendar = UTC_MIDNIGHT) -> tuple[Event, ...]:
    span = Span(until.isoformat(), until - HOUR, until)
    return check_users(span, limits=limits, calendar=calendar).crossings


def spent(user: str, dollars: float, day: date = TODAY) -> None:
    keep_days(day_row(day, user_id=user, amount_nano=round(dollars * NANO)))


def test_whoever_reaches_the_daily_threshold_is_told_with_name_and_amounts() -> None:
    User.objects.create(pk="u1", username="ann", alias="Ann")
    spent("u1", 6)
    spent("u1", 4)
    spent("u2", 9.99)
    spent("", 500)
    spent("u2", 500, TODAY - timedelta(days=1))

    (event,) = crossings(DAILY)

    assert event.alert_type == AlertType.USER_SPEND_THRESHOLDS
    assert event.level == "High"
    assert event.title() == (
        "User Daily Spend Threshold Crossed: Ann spent $10.00 in 2026-11-23, the threshold is $10.00"
    )
    assert event.details() == {
        "User": "Ann",
        "Id": "u1",
        "Period": "2026-11-23",
        "Spend": "$10.00",
        "Daily Threshold": "$10.00",
    }


def test_the_month_is_counted_from_its_first_day() -> None:
    spent("u1", 99, date(2026, 11, 1))
    spent("u1", 1)
    spent("u2", 500, date(2026, 10, 31))

    (event,) = crossings(MONTHLY)

    assert event.details()["Period"] == "2026-11"
    assert event.details()["Spend"] == "$100.00"


def test_a_day_and_a_month_and_a_user_are_crossings_of_their_own_and_the_amount_makes_no_other() -> None:
    spent("u1", 150)
    both = replace(DAILY, monthly_nano=100 * NANO)

    first = crossings(both)
    spent("u1", 1)
    again = crossings(both)

    assert len({event.fingerprint() for event in first}) == 2
    assert {event.fingerprint() for event in first} == {event.fingerprint() for event in again}


@pytest.mark.parametrize(
    ("before", "today", "trigger"),
    [
        ({}, 10, "without any spend in the 7 days before"),
        ({}, 9.99, None),
        # Three times the average of 7 dollars in 7 days is 3 dollars, and no anomaly below 10.
        ({1: 7}, 9.99, None),
        ({1: 7}, 10, "10.0 times the daily average"),
        ({1: 35, 7: 35}, 30, None),
        ({1: 35, 7: 35}, 30.01, "3.0 times the daily average"),
        # The eighth day before counts no more.
        ({8: 700}, 10, "without any spend in the 7 days before"),
    ],
)
def test_an_anomaly_is_more_than_a_multiple_of_what_was_usual(
    before: dict[int, float], today: float, trigger: str | None
) -> None:
    for days, amount in before.items():
        spent("u1", amount, TODAY - timedelta(days=days))
    spent("u1", today)

    found = crossings(ANOMALIES)

    assert [event.details()["Trigger"] for event in found] == ([trigger] if trigger else [])


def test_multiplier_days_and_minimum_can_be_chosen() -> None:
    spent("u1", 2, TODAY - timedelta(days=2))
    spent("u1", 3)

    (event,) = crossings(replace(ANOMALIES, multiplier=2.5, baseline_days=2, minimum_nano=NANO))

    assert event.details()["Daily Average (last 2 days)"] == "$1.00"


def test_what_was_spent_before_midnight_is_of_the_day_that_ends_with_the_checked_hour() -> None:
    spent("u1", 10)

    (event,) = crossings(DAILY, until=datetime(2026, 11, 24, tzinfo=UTC))

    assert event.details()["Period"] == "2026-11-23"


def test_what_comes_in_late_is_found_by_the_first_check_of_the_following_day() -> None:
    spent("u1", 10)

    (event,) = crossings(DAILY, until=datetime(2026, 11, 24, 1, tzinfo=UTC))

    assert event.details()["Period"] == "2026-11-23"
    assert crossings(DAILY, until=datetime(2026, 11, 24, 3, tzinfo=UTC)) == ()


def test_a_day_in_paris_begins_at_its_own_midnight() -> None:
    midnight = datetime(2026, 11, 22, 23, tzinfo=UTC)
    for user, at in (("early", midnight - timedelta(microseconds=1)), ("late", midnight), ("late", NOON)):
        keep(entry(user_id=user, started_at=at, amount_nano=5 * NANO))

    found = crossings(DAILY, calendar=PARIS, until=NOON + HOUR)

    assert [(event.details()["Id"], event.details()["Spend"]) for event in found] == [("late", "$10.00")]


def test_a_month_whose_first_hours_the_ledger_has_forgotten_begins_in_utc() -> None:
    spent("u1", 100, date(2026, 11, 1))
    LedgerHorizon.objects.create(before=NOON - timedelta(days=2))

    (event,) = crossings(MONTHLY, calendar=PARIS)

    assert event.details()["Spend"] == "$100.00"


def test_without_a_threshold_nobody_is_looked_at() -> None:
    spent("u1", 10_000)
    report = check_users(Span("x", NOON - HOUR, NOON), limits=UserLimits(), calendar=UTC_MIDNIGHT)

    assert (report.crossings, report.silence) == ((), "no threshold is set")


@pytest.mark.parametrize(
    ("arguments", "types", "expected"),
    [
        ({}, ["user_spend_thresholds"], UserLimits()),
        ({"daily_spend_per_user_threshold": 2.5}, ["user_spend_thresholds"], UserLimits(daily_nano=2_500_000_000)),
        ({"daily_spend_per_user_threshold": 2.5}, ["user_spend_anomalies"], ANOMALIES),
        (
            {"monthly_spend_per_user_threshold": 9, "spend_anomaly_multiplier": 2, "spend_anomaly_baseline_days": 3,
             "spend_anomaly_min_spend": 1},
            ["user_spend_thresholds", "user_spend_anomalies"],
            UserLimits(monthly_nano=9 * NANO, multiplier=2, baseline_days=3, minimum_nano=NANO, anomalies=True),
        ),
    ],
)  # fmt: skip
def test_the_limits_are_those_of_alerting_args(
    arguments: dict[str, Any], types: list[str], expected: UserLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduled, "argument", arguments.get)
    monkeypatch.setattr(scheduled, "enabled_alert_types", lambda: types)

    assert scheduled.user_limits() == expected


def test_users_are_checked_once_an_interval() -> None:
    job = next(job for job in scheduled.JOBS if job.name == "user_spend")

    found = job.span_at(NOON + timedelta(minutes=59))

    assert found is not None
    assert (found.starts_at, found.ends_at) == (NOON, NOON + HOUR)
