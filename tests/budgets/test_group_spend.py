"""What members spent within their teams, and organizations through theirs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from budgets import spend
from budgets.entries import insert
from budgets.group_spend import spend_in_organizations, spend_of_memberships, spend_of_organizations
from budgets.models import Scope
from budgets.spend import Spend
from teams.models import Budget, Membership, Organization, OrganizationMembership, Team, User, VirtualKey
from teams.services import issue_key, regenerate_key
from teams.services.users import new_user
from tests.budgets.builders import entry

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LONG_AGO, TODAY = NOW - timedelta(days=40), NOW - timedelta(hours=1)


def spent(amount_nano: int, *, at: datetime = TODAY, **columns: Any) -> None:
    insert([entry(amount_nano=amount_nano, started_at=at, ended_at=at, **columns).encode()])


def budget(name: str, duration: str = "30d") -> Budget:
    return Budget.objects.create(id=name, budget_duration=duration, budget_started_at=LONG_AGO)


def member(team: Team, user: User, **columns: Any) -> Membership:
    return Membership.objects.create(team=team, user=user, **columns)


def rows() -> list[Membership]:
    return list(Membership.objects.select_related("budget", "team__member_budget").order_by("pk"))


def test_a_members_period_is_that_of_the_own_budget_else_of_the_teams_default() -> None:
    team = Team.objects.create(id="t", member_budget=budget("default"))
    other = Team.objects.create(id="other")
    ann, ben = new_user(id="ann"), new_user(id="ben")
    by_default, own = member(team, ann), member(team, ben, budget=budget("own", duration=""))
    elsewhere = member(other, ann)
    for user in ("ann", "ben"):
        spent(100, at=LONG_AGO, team_id="t", user_id=user)
        spent(7, team_id="t", user_id=user)
    spent(1, team_id="other", user_id="ann")
    spent(50, user_id="ann")

    found = spend_of_memberships(rows(), now=NOW)

    assert found[by_default.pk] == Spend(7, 107, TODAY)
    assert found[own.pk] == Spend(107, 107, TODAY)
    assert found[elsewhere.pk] == Spend(1, 1, TODAY)


def test_a_reset_counts_in_its_period_only_and_leaves_what_was_ever_spent() -> None:
    row = member(Team.objects.create(id="t", member_budget=budget("default")), new_user(id="ann"))
    spent(100, team_id="t", user_id="ann")
    spend.adjust(Scope.MEMBER, str(row.pk), by_nano=-60, at=NOW, actor_id="")
    spend.adjust(Scope.MEMBER, str(row.pk), by_nano=-5, at=LONG_AGO, actor_id="")

    assert spend_of_memberships(rows(), now=NOW)[row.pk] == Spend(40, 100, TODAY)
    assert spend_of_memberships(rows(), now=NOW + timedelta(days=30))[row.pk].period_nano == 0


def test_many_members_with_periods_of_their_own_are_counted(django_assert_num_queries: Any) -> None:
    team = Team.objects.create(id="t")
    count = 401
    users = User.objects.bulk_create(User(id=f"u{n}", username=f"u{n}") for n in range(count))
    budgets = Budget.objects.bulk_create(
        Budget(id=f"b{n}", budget_duration="7h", budget_started_at=TODAY - timedelta(minutes=n)) for n in range(count)
    )
    Membership.objects.bulk_create(
        Membership(team=team, user=user, budget=own) for user, own in zip(users, budgets, strict=True)
    )
    spent(9, team_id="t", user_id=f"u{count - 1}")
    members = rows()

    with django_assert_num_queries(17):
        found = spend_of_memberships(members, now=NOW)

    assert len(found) == count
    assert sum(one.period_nano for one in found.values()) == 9


def test_an_organization_spends_what_its_teams_and_its_own_keys_spend() -> None:
    organization = Organization.objects.create(id="o", alias="o", budget=budget("monthly"))
    Organization.objects.create(id="empty", alias="empty")
    Team.objects.create(id="t", organization=organization)
    key = VirtualKey(organization=organization)
    issue_key(key)
    former = key.token_hash
    regenerate_key(key, now=NOW)
    spent(1, team_id="t", organization_id="o")
    spent(10, at=LONG_AGO, team_id="t", organization_id="o")
    spent(100, key_hash=key.token_hash, organization_id="o")
    spent(1000, key_hash=former, organization_id="o")
    spent(10_000, team_id="foreign")

    found = spend_of_organizations(Organization.objects.select_related("budget").order_by("pk"), now=NOW)

    assert found["o"] == Spend(1101, 1111, TODAY)
    assert found["empty"] == Spend()


def test_members_of_an_organization_spend_in_its_teams() -> None:
    north, south = (Organization.objects.create(id=name, alias=name) for name in ("north", "south"))
    Team.objects.create(id="red", organization=north)
    Team.objects.create(id="blue", organization=north)
    Team.objects.create(id="green", organization=south)
    ann = new_user(id="ann")
    in_north, in_south = (OrganizationMembership.objects.create(organization=one, user=ann) for one in (north, south))
    for amount, team_id in ((1, "red"), (2, "blue"), (4, "green"), (8, "")):
        spent(amount, team_id=team_id, user_id="ann")

    found = spend_in_organizations(OrganizationMembership.objects.order_by("pk"))

    assert found == {in_north.pk: 3, in_south.pk: 4}
