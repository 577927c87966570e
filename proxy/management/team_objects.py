"""Teams and memberships as the API shows them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet, prefetch_related_objects

from budgets.group_spend import chunks, spend_of_memberships
from budgets.models import Scope
from budgets.spend import NOTHING, Spend, period_starts, spend_of
from proxy.management.key_objects import key_objects
from proxy.management.schemas.budgets import budget_object
from proxy.management.schemas.fields import Object
from proxy.management.schemas.limits import dollars, limits_of
from proxy.management.schemas.teams import MembershipObject, TeamObject
from teams.models import AuditEntry, Membership, Team, VirtualKey
from teams.money import to_dollars


def select_teams(rows: QuerySet[Team]) -> QuerySet[Team]:
    """With what `team_objects` shows of others."""
    return rows.select_related("member_budget").prefetch_related(_members())


def team_objects(rows: Iterable[Team], *, now: datetime) -> list[Object]:
    """With members and spend, in a number of queries that grows by hundreds of teams."""
    rows = list(rows)
    _load(rows)
    spends: dict[str, Spend] = {}
    for some in chunks(rows):
        spends |= spend_of(Scope.TEAM, period_starts(some, now=now))
    return [_team_object(row, spends.get(row.pk, NOTHING), now=now) for row in rows]


def whole_teams(rows: Iterable[Team], keys: QuerySet[VirtualKey], *, now: datetime) -> list[Object]:
    """With memberships, and with those of `keys` that are theirs."""
    rows = list(rows)
    _load(rows)
    memberships = membership_objects([member for row in rows for member in row.memberships.all()], now=now)
    by_team: dict[str, tuple[list[Object], list[Object]]] = {row.pk: ([], []) for row in rows}
    for membership in memberships:
        by_team[membership["team_id"]][0].append(membership)
    for some in chunks(by_team):
        for key in _key_objects(keys, some, now=now):
            by_team[key["team_id"]][1].append(key)
    return [
        {**shown, "team_memberships": by_team[shown["team_id"]][0], "keys": by_team[shown["team_id"]][1]}
        for shown in team_objects(rows, now=now)
    ]


def _load(rows: list[Team]) -> None:
    """What is shown of others, but for what is there already."""
    for some in chunks(rows):
        prefetch_related_objects(some, "member_budget", _members())


def _members() -> "Prefetch[str, QuerySet[Membership], str]":
    rows = Membership.objects.select_related("user", "budget").order_by("created_at", "pk")
    return Prefetch("memberships", queryset=rows)


def _key_objects(keys: QuerySet[VirtualKey], team_ids: list[str], *, now: datetime) -> list[Object]:
    found = keys.filter(team__in=team_ids).select_related("budget").order_by("-created_at", "-pk")
    return [shown for some in chunks(found) for shown in key_objects(some, now=now)]


def _team_object(row: Team, spend: Spend, *, now: datetime) -> Object:
    return TeamObject(
        **limits_of(row, now=now),
        team_id=row.pk,
        team_alias=row.alias or None,
        organization_id=row.organization_id,
        members_with_roles=[member_object(member) for member in row.memberships.all()],
        team_member_permissions=row.member_permissions,
        metadata=_metadata(row),
        soft_budget=dollars(row.soft_budget_nano),
        models=row.allowed_models,
        blocked=row.blocked,
        router_settings=row.router_settings,
        default_team_member_models=row.default_member_models,
        spend=to_dollars(spend.period_nano),
        total_spend=to_dollars(spend.total_nano),
        litellm_model_table={"model_aliases": row.model_aliases} if row.model_aliases else None,
        created_at=row.created_at,
        created_by=row.created_by or None,
        updated_at=row.updated_at,
        updated_by=row.updated_by or None,
    ).model_dump(mode="json")


def member_object(row: Membership) -> Object:
    return {"user_id": row.user_id, "user_email": row.user.email or None, "role": row.role}


def _metadata(row: Team) -> Object:
    """LiteLLM shows what has no field of its own here."""
    shown = dict(row.metadata)
    if row.member_budget_id is not None:
        shown["team_member_budget_id"] = row.member_budget_id
    if row.temp_budget_increase_nano is not None:
        ends = row.temp_budget_expiry
        shown["temp_budget_increase"] = dollars(row.temp_budget_increase_nano)
        shown["temp_budget_expiry"] = ends.isoformat() if ends else None
    return shown


def membership_objects(rows: Iterable[Membership], *, now: datetime) -> list[Object]:
    """With what each spent in the team, and the budget that binds: the member's own, else the team's default."""
    rows = list(rows)
    spends = spend_of_memberships(rows, now=now)
    return [_membership_object(row, spends[row.pk], now=now) for row in rows]


def _membership_object(row: Membership, spend: Spend, *, now: datetime) -> Object:
    budget = row.budget or row.team.member_budget
    return MembershipObject(
        user_id=row.user_id,
        team_id=row.team_id,
        budget_id=budget.pk if budget else None,
        spend=to_dollars(spend.period_nano),
        total_spend=to_dollars(spend.total_nano),
        litellm_budget_table=budget_object(budget, now=now) if budget else None,
        budget_source="custom" if row.budget else "team_default" if budget else "none",
    ).model_dump(mode="json")


def deleted_team(entry: AuditEntry) -> dict[str, Any]:
    """As it was: the columns it had, under the names that teams have here."""
    names = {"id": "team_id", "alias": "team_alias", "organization": "organization_id", "allowed_models": "models",
             "member_permissions": "team_member_permissions",
             "default_member_models": "default_team_member_models"}  # fmt: skip
    shown = {names.get(name, name): value for name, value in (entry.before or {}).items()}
    return {**shown, "deleted_at": entry.at.isoformat(), "deleted_by": entry.actor_id or None}
