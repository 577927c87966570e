"""Whom a budget's alert concerns, and LiteLLM's body for it."""

from typing import Any

import pytest

from alerts.models import Incident
from budgets.concerned import concerned_by
from budgets.models import Scope
from teams.models import Membership, Organization, Team, User
from tests.budgets.test_rollup import DOLLAR, key, rolled, spent

pytestmark = pytest.mark.django_db


def owner(**columns: Any) -> User:
    return User.objects.create(id="u", username="u", email="u@example.com", **columns)


def test_a_keys_alert_concerns_its_owner_and_those_listed_for_the_percentage() -> None:
    lists = {"50": ["a@example.com", "not an address", "a@example.com"], "80": ["b@example.com"]}
    own = key(alias="ci", user=owner(), metadata={"max_budget_alert_emails": lists})
    found = concerned_by(Scope.KEY, str(own.pk), thresholds=["50"])

    assert found.ids == {"token": own.token_hash, "key_alias": "ci", "user_id": "u", "user_email": "u@example.com"}
    assert found.emails == ("u@example.com", "a@example.com")


def test_a_teams_soft_budget_concerns_those_whom_its_metadata_lists() -> None:
    Team.objects.create(id="t", alias="red", metadata={"soft_budget_alerting_emails": "a@example.com, b@example.com"})

    assert concerned_by(Scope.TEAM, "t", thresholds=["soft"]).emails == ("a@example.com", "b@example.com")
    assert concerned_by(Scope.TEAM, "t", thresholds=["100"]).emails == ()
    assert concerned_by(Scope.TEAM, "t", thresholds=["100"]).ids == {"team_id": "t", "team_alias": "red"}


def test_a_members_budget_concerns_the_member_and_those_of_the_team() -> None:
    lists = {"team_member_max_budget_alert_emails": {"100": ["boss@example.com"]}}
    member = Membership.objects.create(team=Team.objects.create(id="t", metadata=lists), user=owner())

    assert concerned_by(Scope.MEMBER, str(member.pk), thresholds=["100"]).emails == (
        "u@example.com",
        "boss@example.com",
    )


@pytest.mark.parametrize("scope", list(Scope))
def test_who_is_gone_is_told_by_his_id(scope: Scope) -> None:
    found = concerned_by(scope, "4711", thresholds=["50"])

    assert (found.name, found.emails) == ("4711", ())


@pytest.mark.parametrize(
    "metadata",
    [
        {"max_budget_alert_emails": ["a@example.com"]},
        {"max_budget_alert_emails": {"50": {"a": 1}}},
        {"max_budget_alert_emails": {"50": [1, None, ["a@example.com"]]}},
        {"max_budget_alert_emails": {"50": ["a@example.com\nBcc: b@example.com"]}},
    ],
)
def test_lists_that_are_none_tell_nobody(metadata: dict[str, Any]) -> None:
    own = key(metadata=metadata)

    assert concerned_by(Scope.KEY, str(own.pk), thresholds=["50"]).emails == ()


def test_the_alert_carries_litellms_eighteen_fields_and_labels_to_route_by() -> None:
    Organization.objects.create(id="o", alias="north")
    Team.objects.create(id="t", alias="red", organization_id="o", max_budget_nano=10 * DOLLAR)
    spent(8 * DOLLAR, team_id="t")
    rolled()
    raised = Incident.objects.get(alert_type="budget_alerts")

    body = raised.body["compatibility"]
    assert len(body) == 18
    assert (body["spend"], body["max_budget"], body["soft_budget"]) == (8.0, 10.0, None)
    assert (body["event_group"], body["event"]) == ("team", "threshold_crossed")
    assert (body["team_id"], body["team_alias"], body["organization_id"]) == ("t", "red", "o")
    assert (body["token"], body["user_id"]) == (None, None)
    assert (raised.labels["team_id"], raised.labels["team_alias"], raised.labels["threshold"]) == ("t", "red", "80")
    assert "token" not in raised.labels
