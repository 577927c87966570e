"""Organizations as the API shows them."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Prefetch, prefetch_related_objects

from budgets.group_spend import chunks, spend_in_organizations, spend_of_organizations
from budgets.spend import Spend
from proxy.management.schemas.budgets import budget_object
from proxy.management.schemas.fields import Object
from proxy.management.schemas.organizations import OrganizationMembershipObject, OrganizationObject
from proxy.management.team_objects import team_objects
from teams.access import Reach
from teams.models import Organization, OrganizationMembership
from teams.money import to_dollars


def organization_objects(rows: Iterable[Organization], *, now: datetime) -> list[Object]:
    """A constant number of queries for all of them, but for `budget` where it was not selected with them."""
    rows = list(rows)
    spends = spend_of_organizations(rows, now=now)
    return [_organization_object(row, spends[row.pk], now=now) for row in rows]


def whole_organizations(rows: Iterable[Organization], reach: Reach, *, now: datetime) -> list[Object]:
    """With those of their members and teams whom the caller can see."""
    members = OrganizationMembership.objects.select_related("user", "budget").order_by("created_at", "pk")
    if not reach.sees_everything:
        members = members.filter(user__in=reach.users())
    found = list(rows)
    for some in chunks(found):
        teams = Prefetch("teams", queryset=reach.teams().order_by("alias", "pk"))
        prefetch_related_objects(some, "budget", Prefetch("memberships", queryset=members), teams)
    shown_teams: dict[str, list[Object]] = {row.pk: [] for row in found}
    for team in team_objects([team for row in found for team in row.teams.all()], now=now):
        shown_teams[team["organization_id"]].append(team)
    shown_members: dict[str, list[Object]] = {row.pk: [] for row in found}
    for membership in membership_objects([one for row in found for one in row.memberships.all()], now=now):
        shown_members[membership["organization_id"]].append(membership)
    return [
        {
            **shown,
            "members": shown_members[shown["organization_id"]],
            "teams": shown_teams[shown["organization_id"]],
        }
        for shown in organization_objects(found, now=now)
    ]


def _organization_object(row: Organization, spend: Spend, *, now: datetime) -> Object:
    return OrganizationObject(
        organization_id=row.pk,
        organization_alias=row.alias,
        budget_id=row.budget_id,
        spend=to_dollars(spend.period_nano),
        total_spend=to_dollars(spend.total_nano),
        metadata=row.metadata,
        models=row.allowed_models,
        litellm_budget_table=budget_object(row.budget, now=now) if row.budget else None,
        created_at=row.created_at,
        created_by=row.created_by or None,
        updated_at=row.updated_at,
        updated_by=row.updated_by or None,
    ).model_dump(mode="json")


def membership_objects(rows: Iterable[OrganizationMembership], *, now: datetime) -> list[Object]:
    """With what each has spent; two queries for all of them, when `user` and `budget` are selected with the rows."""
    rows = list(rows)
    spends = spend_in_organizations(rows)
    return [
        OrganizationMembershipObject(
            user_id=row.user_id,
            user_email=row.user.email or None,
            organization_id=row.organization_id,
            user_role=row.role,
            budget_id=row.budget_id,
            spend=to_dollars(spends[row.pk]),
            litellm_budget_table=budget_object(row.budget, now=now) if row.budget else None,
            created_at=row.created_at,
        ).model_dump(mode="json")
        for row in rows
    ]
