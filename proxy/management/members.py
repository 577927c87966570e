"""The routes of a team's members (api.md 2.3)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from pydantic import ValidationError

import budgets.spend
from budgets.group_spend import chunks, spend_of_memberships
from budgets.models import Scope
from budgets.resets import set_spend
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.key_objects import utc_now
from proxy.management.schemas import teams as schemas
from proxy.management.schemas.fields import Object
from proxy.management.schemas.keys import ResetSpend
from proxy.management.schemas.limits import LIMIT_FIELDS, dollars, nano, set_limits
from proxy.management.schemas.users import NewUser
from proxy.management.team_fields import NOT_YOURS, available_team_ids, ensure_models_of_team
from proxy.management.team_objects import membership_objects, team_objects
from proxy.management.user_defaults import with_defaults
from proxy.management.user_objects import user_objects
from teams import audit
from teams.errors import ApiError, Envelope, Forbidden, Invalid, ManagementError, NotFound
from teams.ids import new_id
from teams.models import Budget, MemberRole, Membership, Role, Team, User
from teams.money import to_dollars
from teams.services import add_member, give_budget, grants_of, own_budget, remove_member
from teams.services.users import create_user, with_email

_MOST_USERS = 5000
_LIMITS = frozenset({*LIMIT_FIELDS, "max_budget_in_team", "allowed_models"})


class AlreadyInTeam(Invalid):
    """The one refusal of these routes that LiteLLM puts into its other envelope."""

    type = "team_member_already_in_team"
    param = "member"

    def envelope(self) -> dict[str, Any]:
        return ApiError.envelope(self)


class TeamMembers(ManagementViewSet):
    tag = "teams"

    @route("POST", "/team/member_add", access=Access.MEMBER, body=schemas.AddMembers,
           answer=schemas.MemberAdditions, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def add(self, call: Call, body: schemas.AddMembers) -> Object:
        """Add members to a team, all of those that are named or none. Who is no user yet becomes one."""
        row = _team_to_join(call, body) or team_to_change(
            call,
            body.team_id,
            unknown=f"Team doesn't exist in db. Team={body.team_id}. Create team via `/team/new` call.",
        )
        now = utc_now()
        added = add_members(row, body.member, _limits(body), now=now)
        return {
            **_shown(row),
            "updated_users": user_objects([membership.user for membership in added], now=now),
            "updated_team_memberships": membership_objects(added, now=now),
        }

    @route("POST", "/team/bulk_member_add", access=Access.MEMBER, body=schemas.BulkAddMembers,
           answer=schemas.MemberResults, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def add_many(self, call: Call, body: schemas.BulkAddMembers) -> Object:
        """Add many members; each succeeds or fails on its own."""
        row = team_to_change(call, body.team_id)
        if body.all_users and not call.reach.is_admin:
            raise Forbidden("Only proxy admins can add all users to a team.", param="all_users")
        named = _everybody_else(row) if body.all_users else body.members or []
        now = utc_now()
        tried = [_try_to_add(row, fields, _limits(body), now=now) for fields in named]
        added = [membership for membership, _ in tried if membership is not None]
        memberships = {one["user_id"]: one for one in membership_objects(added, now=now)}
        users = {
            user["user_id"]: user for some in chunks(added) for user in user_objects([m.user for m in some], now=now)
        }
        results = [_result(fields, *outcome, users, memberships) for fields, outcome in zip(named, tried, strict=True)]
        return {
            "team_id": row.pk,
            "results": results,
            "total_requested": len(named),
            "successful_additions": len(added),
            "failed_additions": len(named) - len(added),
            "updated_team": _shown(row),
        }

    @route("POST", "/team/member_update", access=Access.MEMBER, body=schemas.UpdateMember,
           answer=schemas.MemberObject, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def update(self, call: Call, body: schemas.UpdateMember) -> Object:
        """Change a member's role and what the member may use: what is left out stays, null is the team's default."""
        membership = _membership(team_to_change(call, body.team_id), body)
        if body.role is not None:
            membership.role = MemberRole(body.role)
        if limits := _limits(body):
            give_budget(membership, _own_budget(membership.team, membership.budget, limits, now=utc_now()))
        else:
            membership.save()
        return _member(membership)

    @route("POST", "/team/member_delete", access=Access.MEMBER, body=schemas.DeleteMember,
           answer=schemas.TeamObject, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def delete(self, call: Call, body: schemas.DeleteMember) -> Object:
        """Take a member out of a team, with the member's keys in it."""
        row = team_to_change(call, body.team_id)
        remove_member(_membership(row, body))
        return _shown(row)

    @route("POST", "/team/<str:team_id>/member/<str:user_id>/reset_spend", access=Access.MEMBER, body=ResetSpend,
           answer=schemas.MemberSpendReset, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def reset_spend(self, call: Call, body: ResetSpend, team_id: str, user_id: str) -> Object:
        """Count what a member spent in the current period as less; the ledger stays."""
        membership = _membership(team_to_change(call, team_id), schemas.NamedUser.model_construct(user_id=user_id))
        now = utc_now()
        previous = spend_of_memberships([membership], now=now)[membership.pk].period_nano
        wanted = nano("reset_to", body.reset_to)
        if wanted > previous:
            raise Invalid(f"reset_to ({body.reset_to}) must be from 0 to the current spend ({to_dollars(previous)})")
        budget = membership.budget or membership.team.member_budget
        current = budgets.spend.current_period(budget, now=now) if budget else None
        set_spend(
            (Scope.MEMBER, str(membership.pk)),
            since=current[0] if current else None,
            to_nano=wanted,
            now=now,
            actor_id=call.reach.user_id or "",
        )
        audit.note(
            "team_member", membership, before={"spend": to_dollars(previous)}, after={"spend": to_dollars(wanted)}
        )
        return {
            "team_id": team_id,
            "user_id": user_id,
            "spend": to_dollars(wanted),
            "previous_spend": to_dollars(previous),
            "max_budget": dollars(budget.max_budget_nano) if budget else None,
            "budget_reset_at": current[1] if current else None,
        }


def team_to_change(call: Call, team_id: str, *, unknown: str = "") -> Team:
    """Locked, so that two changes of different fields both last. Raises NotFound or Forbidden."""
    reach = call.reach
    rows = reach.teams().select_related("organization__budget", "member_budget")
    row = rows.filter(pk=team_id).select_for_update(of=("self",)).first()
    if row is None:
        raise NotFound(unknown or f"Team not found, passed team_id={team_id}", param="team_id")
    only_reads = reach.role == Role.INTERNAL_USER_VIEWER and not reach.administers_organization(row.organization_id)
    if only_reads or not reach.administers_team(row):
        raise Forbidden(NOT_YOURS)
    return row


def add_members(
    row: Team, members: Sequence[schemas.Member], limits: Mapping[str, Any], *, now: datetime
) -> list[Membership]:
    """All of them or none. Raises AlreadyInTeam or Invalid."""
    users = users_named(members, now=now)
    inside = set(row.memberships.filter(user__in=users).values_list("user_id", flat=True))
    added = []
    for member, user in zip(members, users, strict=True):
        if user.pk in inside:
            raise AlreadyInTeam(f"User={user.pk} already in team={row.pk}, or named twice.")
        inside.add(user.pk)
        budget = _own_budget(row, None, limits, now=now) if limits else None
        added.append(add_member(row, user, role=member.role, budget=budget))
    return added


def users_named(members: Iterable[schemas.NamedUser], *, now: datetime) -> list[User]:
    """In the order they are named. Users that nobody made before are plain ones. Raises Invalid or AlreadyExists."""
    members = list(members)
    by_id = dict(User.objects.in_bulk([member.user_id for member in members if member.user_id]))
    by_email: dict[str, User] = {}
    # In the order of their names, so that two requests that make the same users wait for each other, not in a circle.
    for member in sorted(members, key=lambda member: (member.user_id or "", member.user_email or "")):
        email = member.user_email or ""
        if member.user_id and member.user_id not in by_id:
            by_id[member.user_id] = _plain_user(member.user_id, email, now=now)
        elif not member.user_id and email.lower() not in by_email:
            known = with_email(User.objects.all(), email).first()
            by_email[email.lower()] = known or _plain_user(new_id(), email, now=now)
    return [
        by_id[member.user_id] if member.user_id else by_email[(member.user_email or "").lower()] for member in members
    ]


def _plain_user(user_id: str, email: str, *, now: datetime) -> User:
    """Limited as the settings say of new users, and never more than an internal user. Raises AlreadyExists."""
    given = with_defaults(NewUser.model_validate({"user_id": user_id})).given()
    row = User(id=user_id, email=email, allowed_models=given.get("models") or [], created_at=now)
    if given.get("user_role") == Role.INTERNAL_USER_VIEWER:
        row.role = Role.INTERNAL_USER_VIEWER
    set_limits(row, {name: value for name, value in given.items() if name in LIMIT_FIELDS}, now=now)
    return create_user(row)


def _team_to_join(call: Call, body: schemas.AddMembers) -> Team | None:
    """One that is open to every user, for a user who adds nobody but themself, as a plain member."""
    own = schemas.Member(user_id=call.reach.user_id, role="user") if call.reach.user_id else None
    plain = call.reach.role == Role.INTERNAL_USER and body.member == [own] and not _limits(body)
    if not plain or body.team_id not in available_team_ids():
        return None
    return Team.objects.select_for_update(of=("self",)).select_related("member_budget").filter(pk=body.team_id).first()


def _limits(body: schemas.MemberLimits) -> dict[str, Any]:
    """As columns of budgets are called in bodies."""
    given = {name: value for name, value in body.given().items() if name in _LIMITS}
    if "max_budget_in_team" in given:
        given["max_budget"] = given.pop("max_budget_in_team")
    return given


def _own_budget(row: Team, present: Budget | None, limits: Mapping[str, Any], *, now: datetime) -> Budget | None:
    """A member's budget with these limits; None for one that says no more than the team's default. Raises Invalid.

    A budget of one's own replaces the default whole, so it begins as a copy of it.
    """
    default = row.member_budget
    budget = own_budget(present, owner="member", like=default)
    ensure_models_of_team(row, limits.get("allowed_models") or [], param="allowed_models")
    set_limits(budget, {name: value for name, value in limits.items() if name in LIMIT_FIELDS}, now=now)
    if limits.get("allowed_models") is not None:
        budget.allowed_models = limits["allowed_models"]
    for name, value in limits.items():
        if value is None:
            _copy(name, default or Budget(), budget)
    return budget if grants_of(budget) != grants_of(default) else None


def _copy(name: str, source: Budget, target: Budget) -> None:
    column = f"{name}_nano" if hasattr(source, f"{name}_nano") else name
    setattr(target, column, getattr(source, column))
    if name == "budget_duration":
        target.budget_started_at = source.budget_started_at


def _membership(row: Team, named: schemas.NamedUser) -> Membership:
    """Locked. Raises Invalid."""
    rows = row.memberships.select_related("user", "budget", "team__member_budget")
    wanted = {"user": named.user_id} if named.user_id else {"user__email__iexact": named.user_email}
    if (found := rows.filter(**wanted).select_for_update(of=("self",)).first()) is None:
        raise Invalid("User not found in team", param="user_id")
    return found


def _everybody_else(row: Team) -> list[Object]:
    ids = list(
        User.objects.exclude(memberships__team=row).order_by("pk").values_list("pk", flat=True)[: _MOST_USERS + 1]
    )
    if len(ids) > _MOST_USERS:
        raise Invalid(f"More than {_MOST_USERS} users are not in the team. Name them, 500 at a time.")
    return [{"user_id": user_id} for user_id in ids]


def _try_to_add(
    row: Team, fields: Object, limits: Mapping[str, Any], *, now: datetime
) -> tuple[Membership | None, str | None]:
    """The membership, or why there is none."""
    try:
        member = schemas.Member.model_validate(fields)
        with transaction.atomic():
            return add_members(row, [member], limits, now=now)[0], None
    except ValidationError as error:
        return None, error.errors()[0]["msg"]
    except ManagementError as error:
        return None, error.message
    except IntegrityError:
        return None, "Another user with this id or e-mail exists, or was just made."


def _result(
    fields: Object,
    membership: Membership | None,
    error: str | None,
    users: Mapping[str, Object],
    memberships: Mapping[str, Object],
) -> Object:
    if membership is None:
        named = {name: str(fields[name])[:255] if fields.get(name) else None for name in ("user_id", "user_email")}
        return {**named, "success": False, "error": error, "updated_user": None, "updated_team_membership": None}
    return {
        "user_id": membership.user_id,
        "user_email": membership.user.email or None,
        "success": True,
        "error": None,
        "updated_user": users[membership.user_id],
        "updated_team_membership": memberships[membership.user_id],
    }


def _member(row: Membership) -> Object:
    """What binds the member now."""
    budget = row.budget or row.team.member_budget or Budget()
    return schemas.MemberObject(
        team_id=row.team_id,
        user_id=row.user_id,
        user_email=row.user.email or None,
        role=row.role,
        max_budget_in_team=dollars(budget.max_budget_nano),
        budget_duration=budget.budget_duration or None,
        tpm_limit=budget.tpm_limit,
        rpm_limit=budget.rpm_limit,
        allowed_models=budget.allowed_models,
        temp_budget_increase=dollars(budget.temp_budget_increase_nano),
        temp_budget_expiry=budget.temp_budget_expiry,
    ).model_dump(mode="json")


def _shown(row: Team) -> Object:
    """As it is now, read again: what was prefetched may be old."""
    (shown,) = team_objects(Team.objects.filter(pk=row.pk), now=utc_now())
    return shown
