"""Budgets that will be used up too soon are told of while that is so, and those that last are not."""

from datetime import timedelta
from typing import Any

import pytest

from alerts import incidents
from alerts.models import Incident
from budgets.projected import tell_projected
from tests.budgets.test_rollup import DOLLAR, NOW, key, rolled, spent
from tests.budgets.test_standing import daily, team

pytestmark = pytest.mark.django_db


def spending(amount_nano: int, **columns: Any) -> None:
    """So much a day for four weeks, and a little today."""
    daily(amount_nano, **columns)
    spent(1, **columns)
    rolled()


def told() -> list[Incident]:
    return list(Incident.objects.filter(alert_type="budget_alerts", labels__threshold="projected"))


def test_a_budget_that_will_not_last_is_told_with_its_day() -> None:
    team(max_budget_nano=25 * DOLLAR, budget_duration="30d")
    spending(DOLLAR, team_id="t")

    assert tell_projected(now=NOW) == 1
    (one,) = told()
    assert "Projected Limit Exceeded" in one.title
    assert one.labels["team_id"] == "t"
    assert (one.status, one.level) == ("open", "Medium")
    body = one.body["compatibility"]
    assert (len(body), body["event"]) == (18, "projected_limit_exceeded")
    assert body["projected_exceeded_date"].startswith("2026-11-")
    assert 29 < body["projected_spend"] < 30


def test_a_budget_that_lasts_is_not_told() -> None:
    team(max_budget_nano=50 * DOLLAR, budget_duration="30d")
    spending(DOLLAR, team_id="t")

    assert tell_projected(now=NOW) == 0
    assert told() == []


def test_a_budget_that_is_used_up_is_told_by_its_threshold_alone() -> None:
    team(max_budget_nano=1, budget_duration="30d")
    spending(DOLLAR, team_id="t")

    assert tell_projected(now=NOW) == 0


def test_one_that_spent_nothing_lately_is_not_looked_at() -> None:
    team(max_budget_nano=25 * DOLLAR, budget_duration="30d")
    daily(DOLLAR, team_id="t")

    assert tell_projected(now=NOW) == 0


def test_it_is_one_incident_however_often_it_is_seen_and_over_when_it_lasts_again() -> None:
    row = team(max_budget_nano=25 * DOLLAR, budget_duration="30d")
    spending(DOLLAR, team_id="t")
    for _ in range(3):
        tell_projected(now=NOW)
    assert [one.count for one in told()] == [3]

    row.max_budget_nano = 500 * DOLLAR
    row.save()
    assert tell_projected(now=NOW) == 0
    incidents.resolve_quiet(now=told()[0].last_seen_at + timedelta(hours=3))
    assert [one.status for one in told()] == ["resolved"]


def test_the_budget_of_a_keys_model_is_told_as_the_keys() -> None:
    own = key(alias="ci", model_max_budget={"gpt-4o": {"budget_limit": 25, "time_period": "30d"}})
    spending(DOLLAR, key_hash=own.token_hash, model_group="gpt-4o")
    assert tell_projected(now=NOW) == 1

    (one,) = told()
    assert (one.labels["budget_of"], one.labels["key_alias"]) == ("Key Model", "ci")
    assert "gpt-4o" in one.title


def test_thousands_are_looked_at_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("budgets.projected.BATCH", 2)
    owners = [key(max_budget_nano=25 * DOLLAR, budget_duration="30d") for _ in range(5)]
    for own in owners:
        spending(DOLLAR, key_hash=own.token_hash)

    assert tell_projected(now=NOW) == 5
