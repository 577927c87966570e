"""Lists of teams and organizations ask the database no more often for many than for few."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from proxy.management.organization_objects import whole_organizations
from proxy.management.team_objects import team_objects, whole_teams
from teams.access import Reach
from teams.models import Budget, Organization, OrganizationMembership, Role, Team, VirtualKey
from teams.services import add_member, issue_key
from teams.services.users import new_user

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def make(number: int) -> None:
    budget = Budget.objects.create(id=f"b{number}", max_budget_nano=5, budget_duration="1d", budget_started_at=NOW)
    organization = Organization.objects.create(id=f"o{number}", alias=f"o{number}", budget=budget)
    OrganizationMembership.objects.create(organization=organization, user=new_user(id=f"x{number}"), budget=budget)
    team = Team.objects.create(id=f"t{number}", organization=organization, member_budget=budget, budget_duration="1d")
    for name in ("ann", "ben"):
        add_member(team, new_user(id=f"{name}{number}"), budget=budget if name == "ann" else None)
    issue_key(VirtualKey(team=team, budget=budget, budget_duration="1d"))


def admin() -> Reach:
    return Reach(role=Role.PROXY_ADMIN, user_id=None)


@pytest.mark.parametrize(
    "show",
    [
        lambda: team_objects(Team.objects.order_by("pk"), now=NOW),
        lambda: whole_teams(Team.objects.order_by("pk"), VirtualKey.objects.all(), now=NOW),
        lambda: whole_organizations(Organization.objects.order_by("pk"), admin(), now=NOW),
    ],
    ids=["teams", "teams with members and keys", "organizations"],
)
def test_the_number_of_queries_does_not_grow_with_the_list(show: Callable[[], list[Any]]) -> None:
    counts = []
    for size in (1, 8):
        for number in range(Team.objects.count(), size):
            make(number)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert len(show()) == size
        counts.append(len(asked))

    assert counts[0] == counts[1]
