"""What members have spent within their teams and organizations, and what organizations have."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db.models import Sum

from budgets.balances import chunks
from budgets.models import DailySpend, Facet, Scope
from budgets.spend import Spend, spend_of, start_of
from budgets.waiting import waiting_entries
from teams.calendars import current_calendar
from teams.models import Membership, Organization, OrganizationMembership, Team

__all__ = ["chunks", "spend_in_organizations", "spend_of_memberships", "spend_of_organizations"]


def spend_of_memberships(memberships: Iterable[Membership], *, now: datetime) -> dict[int, Spend]:
    """By the membership's number: what the user spent with keys of the team.

    The period is that of the budget which binds the member: `budget`, else the team's `member_budget`; both are
    selected with the rows, or cost a query each.
    """
    calendar = current_calendar()
    starts = {
        str(row.pk): start_of(row.budget or row.team.member_budget, now=now, calendar=calendar) for row in memberships
    }
    return {int(number): spend for number, spend in spend_of(Scope.MEMBER, starts).items()}


def spend_of_organizations(organizations: Iterable[Organization], *, now: datetime) -> dict[str, Spend]:
    """By id: what was spent with keys that belonged to it when they were used. `budget` is selected with the rows."""
    calendar = current_calendar()
    starts = {row.pk: start_of(row.budget, now=now, calendar=calendar) for row in organizations}
    return spend_of(Scope.ORGANIZATION, starts)


def spend_in_organizations(memberships: Iterable[OrganizationMembership]) -> dict[int, int]:
    """By the membership's number: what the user spent with keys of the organization's teams, ever, nano-dollars."""
    found: dict[int, int] = {}
    for some in chunks(memberships):
        numbers = {(row.organization_id, row.user_id): row.pk for row in some}
        found |= dict.fromkeys(numbers.values(), 0)
        teams = Team.objects.filter(organization__in={row.organization_id for row in some}).order_by()
        owners = dict(teams.values_list("pk", "organization_id"))
        for (team_id, user_id), total in _by_pair(set(owners), {row.user_id for row in some}).items():
            if (number := numbers.get((str(owners.get(team_id)), user_id))) is not None:
                found[number] += total
    return found


def _by_pair(teams: set[str], users: set[str]) -> Mapping[tuple[str, str], int]:
    """By team and user."""
    found: dict[tuple[str, str], int] = {}
    for some in chunks(teams):
        rows: Any = DailySpend.objects.filter(facet=Facet.CALLS, team_id__in=some, user_id__in=users).order_by()
        for team_id, user_id, total in rows.values_list("team_id", "user_id").annotate(total=Sum("amount_nano")):
            found[team_id, user_id] = total
    for entry in waiting_entries():
        pair = (entry["team_id"], entry["user_id"])
        if pair[0] in teams and pair[1] in users:
            found[pair] = found.get(pair, 0) + entry["amount_nano"]
    return found
