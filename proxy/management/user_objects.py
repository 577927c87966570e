"""Users as the API shows them."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, Q, Sum

from budgets.group_spend import chunks
from budgets.models import LedgerEntry, Scope
from budgets.payer_entries import of_payer
from budgets.spend import NOTHING, Spend, period_starts, spend_of
from proxy.management.schemas.fields import Object
from proxy.management.schemas.limits import dollars, limits_of
from proxy.management.schemas.users import UserObject
from teams.calendars import current_calendar
from teams.models import Membership, OrganizationMembership, User, VirtualKey
from teams.money import to_dollars
from teams.periods import parse_duration, period


def user_objects(rows: Iterable[User], *, now: datetime) -> list[Object]:
    """Four queries for all of them: teams, organizations, and twice what each has spent."""
    rows = list(rows)
    ids = [row.pk for row in rows]
    teams = defaultdict(list)
    for user_id, team_id in (
        Membership.objects.filter(user__in=ids).order_by("created_at", "pk").values_list("user_id", "team_id")
    ):
        teams[user_id].append(team_id)
    organizations = defaultdict(list)
    for membership in OrganizationMembership.objects.filter(user__in=ids).order_by("created_at", "pk"):
        organizations[membership.user_id].append(membership)
    spends = spend_of(Scope.USER, period_starts(rows, now=now))
    return [
        _user_object(row, spends.get(row.pk, NOTHING), teams[row.pk], organizations[row.pk], now=now) for row in rows
    ]


def _user_object(
    row: User,
    spend: Spend,
    team_ids: list[str],
    organizations: list[OrganizationMembership],
    *,
    now: datetime,
) -> Object:
    return UserObject(
        **limits_of(row, now=now),
        user_id=row.pk,
        user_alias=row.alias or None,
        organization_id=organizations[0].organization_id if organizations else None,
        teams=team_ids,
        user_role=row.role,
        soft_budget=dollars(row.soft_budget_nano),
        spend=to_dollars(spend.period_nano),
        total_spend=to_dollars(spend.total_nano),
        user_email=row.email or None,
        models=row.allowed_models,
        metadata=row.metadata,
        created_at=row.created_at,
        updated_at=row.updated_at,
        organization_memberships=[_organization_membership(membership) for membership in organizations],
    ).model_dump(mode="json")


def _organization_membership(row: OrganizationMembership) -> Object:
    return {
        "user_id": row.user_id,
        "organization_id": row.organization_id,
        "user_role": row.role,
        "budget_id": row.budget_id,
        "created_at": row.created_at.isoformat(),
    }


def key_counts(rows: Iterable[User]) -> dict[str, int]:
    counted = VirtualKey.objects.filter(user__in=[row.pk for row in rows]).order_by().values_list("user_id")
    return dict(counted.annotate(count=Count("pk")))


def model_usage(row: User, *, now: datetime) -> Object:
    """How much of each budget by model is used."""
    usage: Object = {}
    for some in chunks(row.model_max_budget.items()):
        spent = _spent_by_model(row, some, now=now)
        for model, budget in some:
            usage[model] = {
                "current_spend": to_dollars(spent[model]),
                "budget_limit": budget["budget_limit"],
                "time_period": budget.get("time_period"),
            }
    return usage


def _spent_by_model(row: User, budgets: list[tuple[str, Object]], *, now: datetime) -> dict[str, int]:
    """In one query, each model in the period of its budget."""
    calendar = current_calendar()
    sums = {}
    for number, (model, budget) in enumerate(budgets):
        counts = Q(model_group=model)
        if duration := budget.get("time_period"):
            start = row.budget_started_at or row.created_at
            began, _ = period(parse_duration(duration), start=start, now=now, calendar=calendar)
            counts &= Q(started_at__gte=began)
        sums[f"sum_{number}"] = Sum("amount_nano", filter=counts)
    spent = of_payer(LedgerEntry.objects.all(), "user_id", row.pk).aggregate(**sums)
    return {model: spent[f"sum_{number}"] or 0 for number, (model, _) in enumerate(budgets)}
