"""Verbs on teams and organizations: what goes with whom, and which budgets are whose."""

from typing import Any

import pytest

from teams.models import AuditEntry, Budget, Membership, Organization, OrganizationMembership, Team, VirtualKey
from teams.services import (
    add_member,
    delete_organization,
    delete_team,
    give_budget,
    grants_of,
    issue_key,
    own_budget,
    remove_member,
    remove_organization_member,
)
from teams.services.users import new_user

pytestmark = pytest.mark.django_db


def team(**columns: Any) -> Team:
    return Team.objects.create(**columns)


def budget_for(owner: str, nano: int = 5) -> Budget:
    row = own_budget(None, owner=owner)
    row.max_budget_nano = nano
    return row


def budget_ids() -> list[str]:
    return list(Budget.objects.values_list("pk", flat=True))


def test_a_row_made_for_one_is_changed_in_place() -> None:
    member = add_member(team(id="t"), new_user(id="ann"), budget=budget_for("member"))
    mine = own_budget(member.budget, owner="member")
    mine.max_budget_nano = 6
    give_budget(member, mine)

    assert budget_ids() == [member.budget_id]
    assert Budget.objects.get().max_budget_nano == 6


def test_a_shared_row_is_copied_before_it_is_changed() -> None:
    shared = Budget.objects.create(id="gold", max_budget_nano=5, rpm_limit=3)
    members = [Membership.objects.create(team=team(), user=new_user(id=name), budget=shared) for name in ("ann", "ben")]

    mine = own_budget(members[0].budget, owner="member")
    mine.max_budget_nano = 6
    give_budget(members[0], mine)

    shared.refresh_from_db()
    assert (shared.max_budget_nano, mine.rpm_limit) == (5, 3)
    assert members[1].budget_id == "gold"
    assert mine.pk.startswith("member-budget-")


def test_a_row_of_somebodys_own_that_another_was_given_counts_as_shared() -> None:
    first = add_member(team(id="t"), new_user(id="ann"), budget=budget_for("member"))
    second = Membership.objects.create(team=first.team, user=new_user(id="ben"), budget=first.budget)

    assert own_budget(first.budget, owner="member").pk != first.budget_id
    remove_member(first)
    assert budget_ids() == [second.budget_id]
    remove_member(second)
    assert budget_ids() == []


def test_budgets_with_names_that_people_chose_stay() -> None:
    for name in ("gold", "team-x-budget-of-ours", "member-budget-0123456789abcdef"):
        row = Budget.objects.create(id=name)
        member = Membership.objects.create(team=team(), user=new_user(id=name), budget=row)
        remove_member(member)
    assert len(budget_ids()) == 3


def test_taking_a_budget_away_deletes_the_own_row() -> None:
    row = team(id="t")
    give_budget(row, budget_for("team-t"), link="member_budget")
    assert len(budget_ids()) == 1
    give_budget(row, None, link="member_budget")
    assert budget_ids() == []
    assert Team.objects.get().member_budget_id is None


def test_a_copy_begins_with_the_limits_of_what_it_is_like() -> None:
    default = Budget.objects.create(id="default", max_budget_nano=7, allowed_models=["a"], budget_duration="1d")
    assert grants_of(own_budget(None, owner="member", like=default)) == grants_of(default)
    assert grants_of(None) == grants_of(Budget()) == {}


def test_a_team_goes_with_all_that_is_its_own_each_with_its_record() -> None:
    row = team(id="t", alias="T")
    give_budget(row, budget_for("team-t"), link="member_budget")
    add_member(row, new_user(id="ann"), budget=budget_for("member"))
    issue_key(VirtualKey(team=row))

    delete_team(row)

    deleted = AuditEntry.objects.filter(action="deleted").order_by("object_type").values_list("object_type", flat=True)
    assert list(deleted) == ["budget", "budget", "key", "team", "team_member"]
    assert budget_ids() == []


def test_an_organization_goes_with_its_teams_and_members() -> None:
    organization = Organization.objects.create(id="o", alias="o")
    give_budget(organization, budget_for("organization-o"))
    membership = OrganizationMembership.objects.create(organization=organization, user=new_user(id="ann"))
    give_budget(membership, budget_for("organization-member"))
    row = team(id="t", organization=organization)
    add_member(row, new_user(id="ben"), budget=budget_for("member"))
    issue_key(VirtualKey(organization=organization))

    delete_organization(organization)

    assert (Team.objects.count(), VirtualKey.objects.count(), OrganizationMembership.objects.count()) == (0, 0, 0)
    assert budget_ids() == []


def test_who_leaves_an_organization_leaves_no_budget() -> None:
    organization = Organization.objects.create(id="o", alias="o")
    membership = OrganizationMembership.objects.create(organization=organization, user=new_user(id="ann"))
    give_budget(membership, budget_for("organization-member"))

    remove_organization_member(membership)

    assert budget_ids() == []


def test_a_member_who_leaves_loses_the_keys_of_this_team_only() -> None:
    row, ann = team(id="t"), new_user(id="ann")
    member = add_member(row, ann)
    for columns in ({"team": row, "user": ann}, {"user": ann}, {"team": row}, {"team": team(id="u"), "user": ann}):
        issue_key(VirtualKey(**columns))

    remove_member(member)

    assert VirtualKey.objects.filter(user=ann, team=row).count() == 0
    assert VirtualKey.objects.count() == 3
