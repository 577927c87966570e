"""Which budgets are nearly used up, and how the report says it."""

from datetime import timedelta

import pytest

from budgets.near_limits import near_limits
from budgets.report_spans import span_before, span_of
from budgets.spend_report import spend_report
from teams.models import Team, User
from teams.periods import UTC_MIDNIGHT, parse_duration
from tests.budgets.test_rollup import DOLLAR, NOW, key, rolled, spent

pytestmark = pytest.mark.django_db


def test_those_above_four_fifths_are_found_the_fullest_first() -> None:
    full = key(alias="full", max_budget_nano=10 * DOLLAR, budget_duration="1d")
    half = key(alias="half", max_budget_nano=20 * DOLLAR, budget_duration="1d")
    exact = key(alias="exact", max_budget_nano=125 * DOLLAR // 10, budget_duration="1d")
    Team.objects.create(id="t", alias="red", max_budget_nano=11 * DOLLAR)
    User.objects.create(id="u", username="ann", max_budget_nano=0)
    for row in (full, half, exact):
        spent(10 * DOLLAR, key_hash=row.token_hash, team_id="t" if row is full else "")
    spent(1, user_id="u")
    rolled()

    found = [(one.budget_of, one.name, round(one.percent, 1)) for one in near_limits(now=NOW)]
    assert sorted(found) == [("Key", "full", 100.0), ("Team", "red", 90.9), ("User", "ann", 100.0)]
    assert found[-1] == ("Team", "red", 90.9)


def test_a_period_that_is_over_is_near_nothing() -> None:
    own = key(max_budget_nano=10, budget_duration="1d")
    spent(10, key_hash=own.token_hash)
    rolled()

    assert len(near_limits(now=NOW)) == 1
    assert near_limits(now=NOW + timedelta(days=1)) == []


def test_a_models_budget_is_named_by_both() -> None:
    own = key(alias="ci", model_max_budget={"gpt-4o": {"budget_limit": 1e-9, "time_period": "1d"}})
    spent(1, key_hash=own.token_hash)
    rolled()

    (one,) = near_limits(now=NOW)
    assert (one.budget_of, one.name, one.window) == ("Key Model", "ci, gpt-4o", "1d")


def test_the_report_lists_the_fullest_with_what_is_left_to_know() -> None:
    for number in range(12):
        own = key(alias=f"k{number:02}", max_budget_nano=(100 + number) * DOLLAR, budget_duration="30d")
        spent(99 * DOLLAR, key_hash=own.token_hash)
    rolled()
    duration = parse_duration("1d")
    span = span_of(duration, now=NOW, calendar=UTC_MIDNIGHT)
    report = spend_report(
        job="spend_report",
        title="Spend report for {said}",
        span=span,
        before=span_before(span, duration, calendar=UTC_MIDNIGHT),
        calendar=UTC_MIDNIGHT,
        near=near_limits(now=NOW),
    )

    heading, lines = report.events[0].sections()[-1]
    assert heading == "Budgets above 80 % now (10 of 12)"
    assert lines[0] == "Key k00: $99.00 of $100.00 (99.0 %), until 2026-12-01 00:00"
    assert len(lines) == 10
    assert len(report.content["near_limits"]) == 12
    assert report.content["near_limits"][0]["percent"] == 99.0
