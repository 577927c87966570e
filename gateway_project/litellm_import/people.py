"""Budgets, organizations, users, teams, and who belongs to which."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db.models import Model
from django.db.models.functions import Lower

from gateway_project.litellm_import.kinds import Candidate, Context, Kind, Missing, named
from gateway_project.litellm_import.source import Source
from gateway_project.litellm_import.values import LIMITS, Row, Skip, limits
from teams.models import (
    Budget,
    MemberRole,
    Membership,
    Organization,
    OrganizationMembership,
    OrganizationRole,
    Role,
    Team,
    User,
)

# LiteLLM keeps its budget for everything as if it were a user's.
_GLOBAL_BUDGET = "litellm-proxy-budget"
_LONGEST_EMAIL = 254
_STAMPS = ("created_at", "created_by")
# Who may log in, and as what, is decided here.
_LOGIN = frozenset(
    {"username", "password", "first_name", "last_name", "is_staff", "is_superuser", "is_active", "last_login",
     "date_joined"}
)  # fmt: skip


def stamps(row: Row, context: Context) -> dict[str, Any]:
    return {"created_at": row.moment("created_at") or context.now, "created_by": row.text("created_by")}


def _budget(row: Row, context: Context) -> Model:
    return Budget(
        id=row.identifier("budget_id"),
        allowed_models=row.names("allowed_models"),
        **limits(row, now=context.now),
        **stamps(row, context),
    )


def _organization(row: Row, context: Context) -> Model:
    return Organization(
        id=row.identifier("organization_id"),
        alias=row.text("organization_alias"),
        budget_id=row.link("budget_id"),
        allowed_models=row.names("models"),
        metadata=row.object("metadata"),
        **stamps(row, context),
    )


def _user(row: Row, context: Context) -> Model:
    user_id = row.identifier("user_id")
    if user_id == _GLOBAL_BUDGET:
        raise Skip("is LiteLLM's row for its budget of everything, and no user")
    return User(
        id=user_id,
        username=user_id,
        password=make_password(None),
        alias=row.text("user_alias"),
        email=_email(row),
        role=row.choice("user_role", Role.values, otherwise=Role.INTERNAL_USER),
        allowed_models=row.names("models"),
        metadata=row.object("metadata"),
        **limits(row, now=context.now),
        **stamps(row, context),
    )


def _email(row: Row) -> str:
    email = row.text("user_email")
    if len(email) <= _LONGEST_EMAIL:
        return email
    row.repair("its e-mail address is too long, and left out")
    return ""


def _settle_users(candidates: Sequence[Candidate]) -> None:
    """E-mail and login name are unique here."""
    emails = {candidate.instance.email.lower() for candidate in candidates}
    holders = _ids_by_email(emails)
    ids = [candidate.instance.pk for candidate in candidates]
    names = dict(User._base_manager.filter(username__in=ids).order_by().values_list("username", "pk"))
    for candidate in candidates:
        user = candidate.instance
        if user.email and holders.setdefault(user.email.lower(), user.pk) != user.pk:
            candidate.row.repair("its e-mail address is another user's too, and left out", user.email)
            user.email = ""
        if names.get(user.username, user.pk) != user.pk:
            user.username = f"{user.username[:240]} (LiteLLM)"


def _ids_by_email(lowered: set[str]) -> dict[str, str]:
    users = User._base_manager.order_by().annotate(low=Lower("email")).exclude(email="")
    return dict(users.filter(low__in=lowered - {""}).values_list("low", "pk"))


def _organization_member(row: Row, context: Context) -> Model:
    return OrganizationMembership(
        organization_id=row.identifier("organization_id"),
        user_id=row.identifier("user_id"),
        role=row.choice("user_role", OrganizationRole.values, otherwise=OrganizationRole.USER),
        budget_id=row.link("budget_id"),
    )


def _team(row: Row, context: Context) -> Model:
    row.lift("metadata", "team_member_budget_id")
    row.values["model_aliases"] = context.model_aliases.get(row.text("model_id"))
    return Team(
        id=row.identifier("team_id"),
        alias=row.text("team_alias"),
        organization_id=row.link("organization_id"),
        allowed_models=row.names("models"),
        model_aliases=row.object("model_aliases"),
        member_budget_id=row.link("team_member_budget_id"),
        member_permissions=row.names("team_member_permissions"),
        default_member_models=row.names("default_team_member_models"),
        metadata=row.object("metadata"),
        router_settings=row.object("router_settings"),
        blocked=row.flag("blocked"),
        **limits(row, now=context.now),
        **stamps(row, context),
    )


def _member(row: Row, context: Context) -> Model:
    team_id, user_id = row.identifier("team_id"), row.text("user_id")
    if not row.flag("listed"):
        raise Skip("is not among the members that the team itself lists")
    if not user_id and not row.text("user_email"):
        raise Skip("names no user")
    return Membership(
        team_id=team_id,
        user_id=row.identifier("user_id") if user_id else "",
        role=row.choice("role", MemberRole.values, otherwise=MemberRole.USER),
        budget_id=row.link("budget_id"),
    )


def _settle_members(candidates: Sequence[Candidate]) -> None:
    """Who was invited by e-mail is looked up by it."""
    unnamed = [candidate for candidate in candidates if not candidate.instance.user_id]
    emails = {candidate.row.text("user_email").lower() for candidate in unnamed}
    ids = _ids_by_email(emails)
    taken = {(candidate.instance.team_id, candidate.instance.user_id) for candidate in candidates}
    for candidate in unnamed:
        email, team_id = candidate.row.text("user_email"), candidate.instance.team_id
        user_id = ids.get(email.lower())
        if user_id is None:
            candidate.refuse("is known by an e-mail address only, and no user here has it", email)
        elif (team_id, user_id) in taken:
            candidate.refuse("is in the list of members twice", email)
        else:
            taken.add((team_id, user_id))
            candidate.instance.user_id = user_id


def _member_rows(source: Source) -> Iterator[dict[str, Any]]:
    """Teams list their members; a table beside has their budgets. Both are read in step, ordered by team."""
    teams = source.rows("LiteLLM_TeamTable", ("team_id", "members_with_roles", "members", "admins"), order=("team_id",))
    order = ("team_id", "user_id")
    budgets = source.rows("LiteLLM_TeamMembership", (*order, "budget_id"), order=order)
    waiting = next(budgets, None)
    for team in teams:
        while waiting is not None and waiting["team_id"] < team["team_id"]:
            yield {**waiting, "listed": False}
            waiting = next(budgets, None)
        members = _listed(team)
        while waiting is not None and waiting["team_id"] == team["team_id"]:
            member = members.setdefault(waiting["user_id"], {"listed": False})
            member |= {"user_id": waiting["user_id"], "budget_id": waiting["budget_id"]}
            waiting = next(budgets, None)
        yield from ({"team_id": team["team_id"], **member} for member in members.values())
    while waiting is not None:
        yield {**waiting, "listed": False}
        waiting = next(budgets, None)


def _listed(team: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By user id, or by e-mail for who has none. Before there were roles, members and admins were two lists."""
    listed: dict[str, dict[str, Any]] = {}
    given = team.get("members_with_roles")
    entries = [entry for entry in given if isinstance(entry, dict)] if isinstance(given, list) else []
    entries += [{"user_id": user_id, "role": "admin"} for user_id in team.get("admins") or () if user_id]
    entries += [{"user_id": user_id, "role": "user"} for user_id in team.get("members") or () if user_id]
    for entry in entries:
        user_id, email = entry.get("user_id"), entry.get("user_email")
        known = {"user_id": user_id and str(user_id), "user_email": email, "role": entry.get("role"), "listed": True}
        member = listed.setdefault(str(user_id or email or ""), known)
        if known["role"] == "admin":
            member["role"] = "admin"
    return listed


PEOPLE = (
    Kind(
        name="budgets",
        model=Budget,
        table="LiteLLM_BudgetTable",
        order=("budget_id",),
        columns=("budget_id", "allowed_models", *LIMITS, *_STAMPS),
        identity=("id",),
        build=_budget,
        label=named("budget_id"),
    ),
    Kind(
        name="organizations",
        model=Organization,
        table="LiteLLM_OrganizationTable",
        order=("organization_id",),
        columns=("organization_id", "organization_alias", "budget_id", "models", "metadata", *_STAMPS),
        identity=("id",),
        build=_organization,
        label=named("organization_id", "organization_alias"),
        references={"budget": Missing.DROPPED},
        unsupported=("object_permission_id",),
    ),
    Kind(
        name="users",
        model=User,
        table="LiteLLM_UserTable",
        order=("user_id",),
        columns=("user_id", "user_alias", "user_email", "user_role", "models", "metadata", *LIMITS, *_STAMPS),
        identity=("id",),
        build=_user,
        label=named("user_id", "user_alias"),
        settle=_settle_users,
        once=_LOGIN,
        unsupported=("object_permission_id", "policies"),
    ),
    Kind(
        name="organization members",
        model=OrganizationMembership,
        table="LiteLLM_OrganizationMembership",
        order=("organization_id", "user_id"),
        columns=("organization_id", "user_id", "user_role", "budget_id"),
        identity=("organization", "user"),
        build=_organization_member,
        label=lambda row: f"{row.text('user_id')} in {row.text('organization_id')}",
        references={"organization": Missing.BLOCKED, "user": Missing.MADE, "budget": Missing.DROPPED},
    ),
    Kind(
        name="teams",
        model=Team,
        table="LiteLLM_TeamTable",
        order=("team_id",),
        columns=(
            "team_id",
            "team_alias",
            "organization_id",
            "models",
            "model_id",
            "team_member_permissions",
            "default_team_member_models",
            "metadata",
            "router_settings",
            "blocked",
            *LIMITS,
            *_STAMPS,
        ),
        identity=("id",),
        build=_team,
        label=named("team_id", "team_alias"),
        references={"organization": Missing.BLOCKED, "member_budget": Missing.DROPPED},
        unsupported=("object_permission_id", "policies", "access_group_ids"),
    ),
    Kind(
        name="team members",
        model=Membership,
        table="LiteLLM_TeamMembership",
        order=("team_id", "user_id"),
        columns=("team_id", "user_id", "budget_id"),
        identity=("team", "user"),
        build=_member,
        label=lambda row: f"{row.text('user_id') or row.text('user_email')} in {row.text('team_id')}",
        references={"team": Missing.BLOCKED, "user": Missing.MADE, "budget": Missing.DROPPED},
        settle=_settle_members,
        read=_member_rows,
    ),
)
