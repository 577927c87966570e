"""From the fields of a body to the columns of a user, and what a caller may not grant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from proxy.management.base import Call
from proxy.management.members import add_members, team_to_change
from proxy.management.schemas.limits import LIMIT_FIELDS, set_limits
from proxy.management.schemas.teams import Member
from proxy.management.schemas.users import FirstKey, NewUser, UserTeam
from teams.errors import Forbidden, Invalid, NotFound
from teams.models import Organization, OrganizationMembership, OrganizationRole, Role, Team, User
from teams.services import ADMIN_USER_ID
from teams.services.users import ensure_email_free

KEY_FIELDS = tuple(FirstKey.model_fields)
_PLAIN = {"user_alias": ("alias", str), "user_email": ("email", str), "models": ("allowed_models", list),
          "metadata": ("metadata", dict)}  # fmt: skip
_ADMINISTRATIVE = (Role.PROXY_ADMIN, Role.PROXY_ADMIN_VIEWER)
# What users may change of themselves: nothing that grants, that others count on, or by which they are known. When
# counting began is no wish of anybody's.
_OWN_COLUMNS = frozenset({"alias", "budget_started_at"})
_NAMES = {column: name for name, (column, _) in _PLAIN.items()}


def apply_fields(row: User, given: Mapping[str, Any], call: Call, *, now: datetime) -> None:
    """Put a body's fields into a row that is saved afterwards. Raises ManagementError."""
    former = _columns(row)
    if (role := given.get("user_role")) is not None and role != row.role:
        _set_role(row, role, call)
    set_limits(row, {name: given[name] for name in given if name in LIMIT_FIELDS}, now=now)
    for name, (column, empty) in _PLAIN.items():
        if name in given:
            setattr(row, column, empty() if given[name] is None else given[name])
    if not row._state.adding:
        _ensure_may_change(row, call, former)
        ensure_email_free(row)


def _set_role(row: User, role: str, call: Call) -> None:
    if not call.reach.is_admin and (role in _ADMINISTRATIVE or row.role in _ADMINISTRATIVE):
        raise Forbidden(f"Only proxy admins can give the role {role}. Your role={call.reach.role}", param="user_role")
    if not row._state.adding and row.pk in (ADMIN_USER_ID, call.reach.user_id):
        whose = "your own role" if row.pk == call.reach.user_id else f"the role of {ADMIN_USER_ID}"
        raise Invalid(f"You cannot change {whose}: somebody has to be left who can change it back.", param="user_role")
    row.role = role
    if role != Role.PROXY_ADMIN:
        row.is_superuser = False


def _ensure_may_change(row: User, call: Call, former: Mapping[str, Any]) -> None:
    """Raises Forbidden. What is sent as it is already changes nothing, and is fine."""
    reach = call.reach
    changed = [name for name, value in _columns(row).items() if value != former[name]]
    if reach.is_admin:
        return
    if row.pk == reach.user_id:
        if more := [_NAMES.get(name, name.removesuffix("_nano")) for name in changed if name not in _OWN_COLUMNS]:
            raise Forbidden(f"Users can change nothing but their own user_alias, not {', '.join(more)}.", param=more[0])
    elif not reach.governs_user(row):
        raise Forbidden(f"You are not allowed to change this user. Your role={reach.role}", param="user_id")


def _columns(row: User) -> dict[str, Any]:
    return {column.attname: column.value_from_object(row) for column in row._meta.concrete_fields}


@dataclass(frozen=True)
class Belongings:
    """What a new user joins, all of it looked up and allowed."""

    teams: list[tuple[Team, UserTeam]] = field(default_factory=list)
    organizations: list[Organization] = field(default_factory=list)

    @classmethod
    def asked(cls, body: NewUser, call: Call) -> "Belongings":
        """Raises NotFound or Forbidden."""
        wanted = {one.team_id: one for one in (_as_object(team) for team in body.teams or ())}
        if body.team_id is not None:
            wanted.setdefault(body.team_id, UserTeam(team_id=body.team_id))
        organization_ids = list(dict.fromkeys(body.organizations or ()))
        if not organization_ids and not call.reach.is_admin:
            raise Forbidden(
                "Admins of an organization make users in it: name it in `organizations`.", param="organizations"
            )
        return cls(
            # Locked, so in one order.
            teams=[(team_to_change(call, team_id), wanted[team_id]) for team_id in sorted(wanted)],
            organizations=[_organization(organization_id, call) for organization_id in organization_ids],
        )

    def give_to(self, user: User, *, now: datetime) -> None:
        """Raises Invalid for a budget that nobody can be granted."""
        role = OrganizationRole.VIEWER if user.role == Role.INTERNAL_USER_VIEWER else OrganizationRole.USER
        for organization in self.organizations:
            OrganizationMembership.objects.create(organization=organization, user=user, role=role)
        for team, wanted in self.teams:
            limits = {} if wanted.max_budget_in_team is None else {"max_budget": wanted.max_budget_in_team}
            add_members(team, [Member(user_id=user.pk, role=wanted.user_role)], limits, now=now)


def _as_object(team: str | UserTeam) -> UserTeam:
    return team if isinstance(team, UserTeam) else UserTeam(team_id=team)


def _organization(organization_id: str, call: Call) -> Organization:
    found = call.reach.organizations().filter(pk=organization_id).first()
    if found is None:
        raise NotFound(f"Organization not found, passed organization_id={organization_id}", param="organizations")
    if not call.reach.administers_organization(found.pk):
        raise Forbidden("You do not have access to this organization", param="organizations")
    return found
