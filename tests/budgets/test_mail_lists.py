"""Percentages that lists of addresses add, and who is told of them."""

from collections.abc import Iterator
from typing import Any

import pytest

from alerts.models import AlertChannel, AlertSettings, Delivery, Incident
from budgets.mail_lists import read_lists, set_default_source
from proxy.calendar import stored_mail_lists
from proxy.models import ConfigField, Section
from teams.models import Budget, Membership, Team, User
from tests.budgets.test_rollup import DOLLAR, key, rolled, spent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _stored() -> Iterator[None]:
    set_default_source(stored_mail_lists)
    yield
    set_default_source(stored_mail_lists)


def mails_to_owners() -> None:
    AlertChannel.objects.create(name="email", kind="email", options={"owners": True})


def listed_key(lists: Any, **columns: Any) -> Any:
    user = User.objects.create(id="u", username="u", email="owner@example.com")
    return key(user=user, max_budget_nano=100 * DOLLAR, metadata={"max_budget_alert_emails": lists}, **columns)


def spend(row: Any, dollars: float) -> None:
    spent(int(dollars * DOLLAR), key_hash=row.token_hash)
    rolled()


def mailed() -> list[tuple[str, tuple[str, ...]]]:
    """Threshold and addresses of each mail that goes beside the routes, oldest first."""
    rows = Delivery.objects.filter(channel__name="mail to people").order_by("created_at", "id")
    return sorted((row.message["labels"]["threshold"], tuple(row.message["recipients"])) for row in rows)


def told() -> list[tuple[str, list[str]]]:
    rows = Incident.objects.filter(labels__budget_of="Key", deliveries=None)
    return sorted((row.labels["threshold"], row.body.get("recipients", [])) for row in rows)


def test_a_percentage_of_a_list_is_told_to_those_in_it_and_the_owner_once() -> None:
    row = listed_key({"30": ["a@example.com"], "60": ["b@example.com"]})
    spend(row, 31)
    spend(row, 1)

    assert mailed() == [("30", ("owner@example.com", "a@example.com"))]
    assert told() == []

    spend(row, 30)
    assert mailed()[1:] == [("60", ("owner@example.com", "b@example.com"))]
    assert told() == [("50", [])]


def test_a_leap_over_several_is_one_mail_to_those_of_all_of_them() -> None:
    row = listed_key({"50": ["a@example.com"], "75": ["b@example.com"]})
    spend(row, 78)

    assert mailed() == [("75", ("owner@example.com", "a@example.com", "b@example.com"))]
    assert told() == [("50", [])]


def test_the_defaults_of_every_key_are_added_to_its_own() -> None:
    ConfigField.objects.create(
        section=Section.LITELLM,
        name="default_key_max_budget_alert_emails",
        value={"50": ["all@example.com", "a@example.com"], "25": ["all@example.com"]},
    )
    mails_to_owners()
    row = listed_key({"50": ["a@example.com"]})
    spend(row, 26)
    assert mailed() == [("25", ("owner@example.com", "all@example.com"))]

    spend(row, 25)
    assert told() == [("50", ["owner@example.com", "a@example.com", "all@example.com"])]
    assert len(mailed()) == 1


def test_whom_a_list_names_is_written_to_also_where_no_channel_writes_to_owners() -> None:
    row = listed_key({"80": ["a@example.com"]})
    spend(row, 81)

    assert mailed() == [("80", ("a@example.com",))]


def test_a_switch_keeps_those_mails_from_being_written() -> None:
    AlertSettings(email_settings={"Max Budget Alert": False}).save()
    row = listed_key({"30": ["a@example.com"], "80": ["a@example.com"]})
    spend(row, 81)

    assert mailed() == []
    assert told() == [("80", [])]


def test_the_switch_of_soft_budgets_is_its_own() -> None:
    AlertSettings(email_settings={"Max Budget Alert": False}).save()
    Team.objects.create(id="t", soft_budget_nano=DOLLAR, metadata={"soft_budget_alerting_emails": ["a@example.com"]})
    spent(2 * DOLLAR, team_id="t")
    rolled()
    assert mailed() == [("soft", ("a@example.com",))]

    AlertSettings.objects.update(email_settings={"Soft Budget Crossed": False})
    Team.objects.create(id="s", soft_budget_nano=DOLLAR, metadata={"soft_budget_alerting_emails": ["b@example.com"]})
    spent(2 * DOLLAR, team_id="s")
    rolled()
    assert len(mailed()) == 1


def test_a_members_percentage_is_told_to_the_member_and_the_teams_list() -> None:
    lists = {"team_member_max_budget_alert_emails": {"40": ["boss@example.com"]}}
    team = Team.objects.create(id="t", metadata=lists)
    user = User.objects.create(id="u", username="u", email="u@example.com")
    Membership.objects.create(team=team, user=user, budget=Budget.objects.create(max_budget_nano=10 * DOLLAR))
    spent(4 * DOLLAR, team_id="t", user_id="u")
    rolled()

    assert mailed() == [("40", ("u@example.com", "boss@example.com"))]


@pytest.mark.parametrize(
    "lists",
    [
        None,
        [],
        "x",
        {"x": ["a@b.c"]},
        {"-1": ["a@b.c"]},
        {"1e9": ["a@b.c"]},
        {"1001": ["a@b.c"]},
        {"50": {}},
        {"50": []},
    ],
)
def test_lists_that_are_none_add_nothing(lists: Any) -> None:
    assert read_lists({"max_budget_alert_emails": lists}, "max_budget_alert_emails") == {}
