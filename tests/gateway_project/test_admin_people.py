"""The pages of users, teams, organizations and budgets, as a superuser uses them."""

import re
from typing import Any

import pytest
from django.test import Client

from teams.models import (
    Budget,
    Customer,
    Membership,
    Organization,
    OrganizationMembership,
    Tag,
    Team,
    User,
    VirtualKey,
)
from teams.services import ADMIN_USER_ID, issue_key, own_budget
from teams.services.users import new_user
from tests.gateway_project import rows
from tests.gateway_project.pages import KEYS, TEAMS, USERS, change, url, wrong

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-enough-pass-phrase"


def test_a_user_of_the_api_can_log_in_once_a_password_and_staff_are_given(page: Client, client: Client) -> None:
    new_user(id="api")
    assert not User.objects.get(pk="api").has_usable_password()
    assert not User.objects.get(pk="api").is_staff

    sent = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD, "set-password": "Set password"}
    assert page.post("/admin/teams/user/api/password/", sent).status_code == 302
    change(page, USERS, "api", is_staff="on")

    assert Client().login(username="api", password=PASSWORD)
    assert User.objects.get(pk="api").is_staff


def test_somebody_changes_the_own_password(page: Client) -> None:
    user = User.objects.get(pk="root")
    user.set_password("the-former-pass-phrase")
    user.save()
    page.force_login(user)
    sent = {"old_password": "the-former-pass-phrase", "new_password1": PASSWORD, "new_password2": PASSWORD}

    assert page.post("/admin/password_change/", sent).status_code == 302
    assert User.objects.get(pk="root").check_password(PASSWORD)


def test_a_user_is_made_with_or_without_a_password(page: Client) -> None:
    with_password = {"username": "ada", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    assert page.post(url(USERS, "add"), with_password).status_code == 302
    assert page.post(url(USERS, "add"), {"username": "bot", "usable_password": "false"}).status_code == 302

    assert User.objects.get(username="ada").check_password(PASSWORD)
    assert not User.objects.get(username="bot").has_usable_password()
    assert not User.objects.filter(username__in=["ada", "bot"], is_staff=True).exists()


def test_two_users_of_one_address_are_refused_whatever_its_case(page: Client) -> None:
    rows.user(1)
    sent = {"username": "second", "usable_password": "false", "email": "U1@Example.com"}
    assert list(wrong(page.post(url(USERS, "add"), sent))) == ["email"]
    other = User.objects.create(username="other")

    assert list(wrong(change(page, USERS, other.pk, email="U1@example.com"))) == ["email"]


def test_nobody_shuts_oneself_out(page: Client) -> None:
    address = url(USERS, "change", "root")
    sent = {"username": "root", "role": "internal_user"}
    counts = {
        f"{prefix}-{name}_FORMS": "0"
        for prefix in ("memberships", "organization_memberships")
        for name in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")
    }
    page.post(address, {**sent, **counts, "is_superuser": "on"})
    user = User.objects.get(pk="root")
    assert (user.is_active, user.is_staff) == (True, True)

    page.post(url(USERS, "delete", "root"), {"post": "yes"})
    assert User.objects.filter(pk="root").exists()


def test_whom_the_master_key_acts_for_is_not_deleted(page: Client) -> None:
    User.objects.create(id=ADMIN_USER_ID, username="admin")
    assert page.post(url(USERS, "delete", ADMIN_USER_ID), {"post": "yes"}).status_code == 403
    sent = {"action": "delete_selected", "_selected_action": ADMIN_USER_ID, "post": "yes"}
    assert page.post(url(USERS, "changelist"), sent).status_code == 403

    assert User.objects.filter(pk=ADMIN_USER_ID).exists()


def counts(page: Client, name: str, pk: object) -> dict[str, int]:
    """What a page that asks says will go."""
    response = page.get(url(name, "delete", pk))
    return dict(response.context["model_count"])


def test_a_team_goes_with_its_keys_and_what_was_made_for_its_members(page: Client) -> None:
    team = rows.team(1)
    shared = rows.budget(77)
    for number, budget in ((1, own_budget(None, owner="member")), (2, shared)):
        budget.save()
        Membership.objects.create(team=team, user=rows.user(number), budget=budget)
    issue_key(VirtualKey(alias="k", team=team))
    asked = counts(page, TEAMS, team.pk)
    assert {asked["teams"], asked["virtual keys"], asked["memberships"]} == {1, 3}
    page.post(url(TEAMS, "delete", team.pk), {"post": "yes"})

    assert not VirtualKey.objects.exists()
    assert not Membership.objects.exists()
    assert Budget.objects.filter(pk=shared.pk).exists()
    assert not Budget.objects.filter(pk__startswith="member").exists()


def test_a_confirmation_of_many_does_not_list_what_goes_along(page: Client) -> None:
    team = rows.team(1)
    VirtualKey.objects.bulk_create(
        VirtualKey(alias=f"bulk-{one}", token_hash=f"{one:064d}", name="sk-...0000", team=team) for one in range(3000)
    )
    response = page.get(url(TEAMS, "delete", team.pk))

    assert response.context["model_count"]
    assert "3000" in response.content.decode()
    assert "bulk-17" not in response.content.decode()


def test_more_than_can_be_deleted_at_once_are_not_deleted(page: Client) -> None:
    VirtualKey.objects.bulk_create(VirtualKey(token_hash=f"{one:064d}", name="sk-...0000") for one in range(501))
    sent = {"action": "delete_selected", "select_across": "1", "_selected_action": "0", "post": "yes"}
    page.post(url(KEYS, "changelist"), sent)

    assert VirtualKey.objects.count() == 501


def member_form(index: int, **fields: Any) -> dict[str, str]:
    return {f"memberships-{index}-{name}": value for name, value in fields.items()}


def test_a_member_who_is_taken_out_of_a_team_loses_the_keys_in_it(page: Client) -> None:
    team = rows.team(1)
    (member,) = team.memberships.all()
    issue_key(VirtualKey(alias="theirs", team=team, user=member.user))
    issue_key(VirtualKey(alias="the team's", team=team))
    issue_key(VirtualKey(alias="their own", user=member.user))
    assert change(page, TEAMS, team.pk, **member_form(0, DELETE="on")).status_code == 302

    assert not team.memberships.exists()
    assert set(VirtualKey.objects.values_list("alias", flat=True)) == {"the team's", "their own"}


def test_members_are_added_and_changed_on_the_teams_page(page: Client) -> None:
    team = rows.team(1)
    rows.budget(5)
    new = rows.user(9)
    sent = {
        "memberships-TOTAL_FORMS": "2",
        **member_form(0, role="admin", budget="budget-5"),
        **member_form(1, user=new.pk, role="user", team=team.pk),
    }
    assert change(page, TEAMS, team.pk, **sent).status_code == 302
    members = Membership.objects.order_by("pk").values_list("user__username", "role", "budget")

    assert list(members) == [("member-1", "admin", "budget-5"), ("user-9", "user", None)]


def test_members_are_added_on_the_organizations_page(page: Client) -> None:
    organization = rows.organization(1)
    new = rows.user(9)
    sent = {
        "memberships-TOTAL_FORMS": "2",
        **member_form(0, role="org_admin"),
        **member_form(1, user=new.pk, role="internal_user", organization=organization.pk),
    }
    assert change(page, "teams_organization", organization.pk, **sent).status_code == 302

    assert list(OrganizationMembership.objects.order_by("pk").values_list("role", flat=True)) == [
        "org_admin",
        "internal_user",
    ]


def test_a_budget_that_was_made_for_one_goes_when_another_is_chosen(page: Client) -> None:
    mine = own_budget(None, owner="customer-c")
    mine.save()
    rows.budget(1)
    Customer.objects.create(id="c", budget=mine)
    change(page, "teams_customer", "c", budget="budget-1")

    assert Customer.objects.get(pk="c").budget_id == "budget-1"
    assert not Budget.objects.filter(pk=mine.pk).exists()
    assert Budget.objects.filter(pk="budget-1").exists()


def test_a_team_stays_within_its_organization(page: Client) -> None:
    organization = rows.organization(1)
    Organization.objects.filter(pk=organization.pk).update(allowed_models=["gpt-4o"])
    team = Team.objects.create(id="t", organization=organization)
    assert list(wrong(change(page, TEAMS, "t", max_budget_nano="2.51"))) == ["max_budget_nano"]
    assert list(wrong(change(page, TEAMS, "t", allowed_models="claude"))) == ["allowed_models"]
    change(page, TEAMS, "t", max_budget_nano="2.5", allowed_models="gpt-4o", default_member_models="gpt-4o")
    team.refresh_from_db()

    assert (team.max_budget_nano, team.allowed_models) == (2_500_000_000, ["gpt-4o"])
    assert list(wrong(change(page, TEAMS, "t", default_member_models="claude"))) == ["default_member_models"]


def test_a_team_is_blocked_by_its_button(page: Client) -> None:
    team = rows.team(1)
    page.post(url(TEAMS, "block", team.pk))
    team.refresh_from_db()

    assert team.blocked


def links(response: Any) -> set[str]:
    return {
        link.replace("&amp;", "&")
        for link in re.findall(r'href="(/admin/[^"]*__exact=[^"]*)"', response.content.decode())
    }


def test_numbers_lead_to_the_rows_they_count(page: Client) -> None:
    key = rows.virtual_key(1)
    assert key.team is not None
    organization = key.team.organization
    assert organization is not None
    budget = rows.budget(99)
    key.budget = key.team.member_budget = organization.budget = budget
    for row in (key, key.team, organization):
        row.save()
    Customer.objects.create(id="c", budget=budget)
    Tag.objects.create(name="t", budget=budget)
    sources = [
        url(TEAMS, "changelist"), url(TEAMS, "change", key.team_id), url(USERS, "changelist"),
        url(USERS, "change", key.user_id), url("teams_organization", "changelist"),
        url("teams_organization", "change", organization.pk), url("teams_budget", "change", budget.pk),
    ]  # fmt: skip
    found = {source: links(page.get(source)) for source in sources}

    assert all(found.values()), found
    assert len(found[url("teams_budget", "change", budget.pk)]) == 5
    for link in set().union(*found.values()):
        assert page.get(link).status_code == 200, link
