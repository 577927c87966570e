"""The team routes (api.md 2.3); those of members are in members.py."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Count, F, QuerySet

from proxy.core.access import NO_DEFAULT_MODELS
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.key_objects import utc_now
from proxy.management.members import add_members, team_to_change
from proxy.management.pages import Page, ensure_few, paginate
from proxy.management.schemas import teams as schemas
from proxy.management.schemas.budgets import budget_object
from proxy.management.schemas.fields import Object
from proxy.management.team_fields import (
    DEFAULT_PERMISSIONS,
    NOT_YOURS,
    PERMISSIONS,
    TEAM_ADMIN_FIELDS,
    apply_fields,
    available_team_ids,
    ensure_permissions_known,
    organization_for_team,
    set_member_default,
    with_defaults,
)
from proxy.management.team_objects import deleted_team, team_objects, whole_teams
from proxy.runtime import running
from teams import audit
from teams.errors import Envelope, Forbidden, Invalid, ManagementError, NotFound
from teams.models import AuditEntry, Team
from teams.services import delete_team

_SORTABLE = {
    "team_id": "pk",
    "team_alias": "alias",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "max_budget": "max_budget_nano",
}
# How LiteLLM asks for teams outside of any organization.
_NO_ORGANIZATION = "default_organization"


class OthersTeams(ManagementError):
    status_code = 401
    type = "auth_error"


class Teams(ManagementViewSet):
    tag = "teams"

    @route("POST", "/team/new", access=Access.ORGANIZATION_ADMIN, body=schemas.NewTeam, answer=schemas.TeamObject)
    def new(self, call: Call, body: schemas.NewTeam) -> Object:
        """Make a team. Whoever makes it is its first admin."""
        given = with_defaults(body.given())
        members = given.pop("members_with_roles", None) or []
        if body.team_id is not None and Team.objects.filter(pk=body.team_id).exists():
            raise Invalid(f"Team id = {body.team_id} already exists. Please use a different team id.", param="team_id")
        now = utc_now()
        row = Team(id=given.pop("team_id", None) or Team().pk, created_at=now)
        if "organization_id" not in given:
            organization_for_team(None, call)
        given.setdefault("team_member_permissions", list(DEFAULT_PERMISSIONS))
        apply_fields(row, given, call, now=now)
        row.save(force_insert=True)
        set_member_default(row, given, now=now)
        inside = {membership.user_id for membership in add_members(row, members, {}, now=now)}
        add_members(row, [one for one in _maker(call) if one.user_id not in inside], {}, now=now)
        return _shown(row.pk)

    @route("POST", "/team/update", access=Access.MEMBER, body=schemas.UpdateTeam, answer=schemas.UpdatedTeam)
    def update(self, call: Call, body: schemas.UpdateTeam) -> Object:
        """Change some fields of a team: what is left out stays, null clears. A team's own admins may change some."""
        given = body.given()
        row = team_to_change(call, given.pop("team_id"))
        now = utc_now()
        apply_fields(row, given, call, now=now)
        row.save()
        set_member_default(row, given, now=now)
        return {"team_id": row.pk, "data": _shown(row.pk)}

    @route("POST", "/team/delete", access=Access.ORGANIZATION_ADMIN, body=schemas.DeleteTeams,
           answer=schemas.DeletedTeams, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def delete(self, call: Call, body: schemas.DeleteTeams) -> Object:
        """Delete teams with their keys, all of those that are named or none."""
        rows = [_team_of_organization(call, team_id) for team_id in sorted(set(body.team_ids))]
        for row in rows:
            delete_team(row)
        return {"deleted_teams": list(dict.fromkeys(body.team_ids))}

    @route("GET", "/team/info", access=Access.ANY, query=schemas.NamedTeam, answer=schemas.TeamInfo)
    def info(self, call: Call, query: schemas.NamedTeam) -> Object:
        """A team with its keys and its members' spend."""
        row = call.reach.teams().select_related("organization").filter(pk=query.team_id).first()
        if row is None:
            raise NotFound(f"Team not found, passed team id: {query.team_id}.", param="team_id")
        now = utc_now()
        (shown,) = whole_teams([row], call.reach.keys(), now=now)
        keys, memberships = shown.pop("keys"), shown.pop("team_memberships")
        for member, membership in zip(shown["members_with_roles"], row.memberships.all(), strict=True):
            member["user_alias"] = membership.user.alias or None
        default = row.member_budget
        more = {
            "team_member_budget_table": budget_object(default, now=now) if default else None,
            "organization_models": row.organization.allowed_models if row.organization else [],
            "access_group_models": [],
            "caller_edit_access": _edit_access(call, row),
        }
        return {"team_id": row.pk, "team_info": {**shown, **more}, "keys": keys, "team_memberships": memberships}

    @route("GET", "/team/list", access=Access.ANY, query=schemas.TeamList, answer=list[schemas.WholeTeam],
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def listed(self, call: Call, query: schemas.TeamList) -> list[Object]:
        """Teams with their keys and members, by alias. Who is no admin names the own user_id."""
        rows = _asked_for(call, query).order_by("alias", "pk")
        page, keys = paginate(rows, number=query.page, size=query.page_size), call.reach.keys()
        ensure_few(keys.filter(team__in=[row.pk for row in page.rows]), what="keys")
        return whole_teams(page.rows, keys, now=utc_now())

    @route("GET", "/v2/team/list", access=Access.ANY, query=schemas.TeamPages, answer=schemas.TeamPage,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def pages(self, call: Call, query: schemas.TeamPages) -> Object:
        """Teams by page, with how many members and keys each has."""
        rows = _asked_for(call, query)
        if query.status == "deleted":
            return _deleted(call, query)
        conditions = {
            "pk": query.team_id,
            "alias__icontains": query.team_alias,
            "blocked": None if query.status is None else query.status == "blocked",
        }
        rows = rows.filter(**{name: value for name, value in conditions.items() if value not in (None, "")})
        page = paginate(_sorted(rows, query), number=query.page, size=query.page_size)
        counts = _key_counts(page.rows)
        teams = [
            {**shown, "members_count": len(shown["members_with_roles"]), "keys_count": counts.get(row.pk, 0)}
            for row, shown in zip(page.rows, team_objects(page.rows, now=utc_now()), strict=True)
        ]
        return {"teams": teams, **_numbers(page)}

    @route("GET", "/team/available", access=Access.MEMBER, answer=list[schemas.TeamObject],
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def available(self, call: Call) -> list[Object]:
        """Teams that the caller may join: `available_teams` of litellm_settings.default_internal_user_params."""
        rows = Team.objects.filter(pk__in=available_team_ids()).exclude(pk__in=call.reach.team_ids)
        return team_objects(rows.order_by("alias", "pk"), now=utc_now())

    @route("POST", "/team/block", access=Access.ORGANIZATION_ADMIN, body=schemas.NamedTeam,
           answer=schemas.TeamObject, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def block(self, call: Call, body: schemas.NamedTeam) -> Object:
        """Refuse every key of a team from its next request on, on every process."""
        return _set_blocked(call, body.team_id, blocked=True)

    @route("POST", "/team/unblock", access=Access.ORGANIZATION_ADMIN, body=schemas.NamedTeam,
           answer=schemas.TeamObject, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def unblock(self, call: Call, body: schemas.NamedTeam) -> Object:
        """Let the keys of a blocked team in again."""
        return _set_blocked(call, body.team_id, blocked=False)

    @route("GET", "/team/permissions_list", access=Access.MEMBER, query=schemas.NamedTeam,
           answer=schemas.PermissionList, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def permissions(self, call: Call, query: schemas.NamedTeam) -> Object:
        """What members may do with the team's keys."""
        row = call.reach.teams().filter(pk=query.team_id).first()
        if row is None:
            raise NotFound(f"Team not found, passed team_id={query.team_id}", param="team_id")
        if not (call.reach.sees_everything or call.reach.administers_team(row)):
            raise Forbidden(NOT_YOURS)
        return _permissions(row)

    @route("POST", "/team/permissions_update", access=Access.MEMBER, body=schemas.Permissions,
           answer=schemas.PermissionList, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def update_permissions(self, call: Call, body: schemas.Permissions) -> Object:
        """Say what members may do with the team's keys."""
        row = team_to_change(call, body.team_id)
        ensure_permissions_known(body.team_member_permissions, but=row.member_permissions)
        row.member_permissions = list(dict.fromkeys(body.team_member_permissions))
        row.save(update_fields=["member_permissions", "updated_at", "updated_by"])
        return _permissions(row)

    @route("POST", "/team/model/add", access=Access.MEMBER, body=schemas.TeamModels, answer=schemas.TeamObject,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def add_models(self, call: Call, body: schemas.TeamModels) -> Object:
        """Let a team call more models."""
        row = team_to_change(call, body.team_id)
        present = [name for name in row.allowed_models if name != NO_DEFAULT_MODELS]
        return _set_models(row, [*dict.fromkeys([*present, *body.models])], call)

    @route("POST", "/team/model/delete", access=Access.MEMBER, body=schemas.TeamModels, answer=schemas.TeamObject,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def delete_models(self, call: Call, body: schemas.TeamModels) -> Object:
        """Take models from a team. One that loses its last may call none."""
        row = team_to_change(call, body.team_id)
        if not row.allowed_models:
            raise Invalid("The team may call every model. Say which it may call with /team/update.", param="models")
        left = [name for name in row.allowed_models if name not in body.models]
        # An empty list would be every model.
        return _set_models(row, left or [NO_DEFAULT_MODELS], call)


def _maker(call: Call) -> list[schemas.Member]:
    """Whoever makes a team is in it, but for proxy admins where the operator wants it otherwise."""
    user_id = call.reach.user_id
    general = running().table.settings["general_settings"]
    left_out = call.reach.is_admin and general.get("disable_auto_add_proxy_admin_to_teams") is True
    return [] if user_id is None or left_out else [schemas.Member(user_id=user_id, role="admin")]


def _shown(team_id: str) -> Object:
    """As it is now, read again: what was prefetched may be old."""
    (shown,) = team_objects(Team.objects.filter(pk=team_id), now=utc_now())
    return shown


def _team_of_organization(call: Call, team_id: str) -> Team:
    """Locked, for what a team's own admins may not do. Raises NotFound or Forbidden."""
    row = call.reach.teams().filter(pk=team_id).select_for_update(of=("self",)).first()
    if row is None:
        raise NotFound(f"Team not found, passed team_id={team_id}", param="team_id")
    if not call.reach.administers_organization(row.organization_id):
        raise Forbidden(NOT_YOURS)
    return row


def _edit_access(call: Call, row: Team) -> Object:
    if call.reach.administers_organization(row.organization_id):
        return {"kind": "unrestricted"}
    if call.reach.administers_team(row):
        return {"kind": "limited", "fields": list(TEAM_ADMIN_FIELDS)}
    return {"kind": "none"}


def _asked_for(call: Call, query: schemas.TeamFilter) -> QuerySet[Team]:
    """Raises OthersTeams for somebody who asks for more than the own teams and is no admin of them."""
    reach = call.reach
    if not (
        reach.sees_everything
        or (query.user_id is not None and query.user_id == reach.user_id)
        or (query.organization_id is not None and reach.administers_organization(query.organization_id))
    ):
        raise OthersTeams(
            f"Only admin users can query all teams/other teams. Your user role={reach.role}. Pass your own user_id."
        )
    rows = reach.teams()
    if query.user_id:
        rows = rows.filter(memberships__user=query.user_id)
    if query.organization_id == _NO_ORGANIZATION:
        return rows.filter(organization=None)
    return rows.filter(organization=query.organization_id) if query.organization_id else rows


def _sorted(rows: QuerySet[Team], query: schemas.TeamPages) -> QuerySet[Team]:
    column = F(_SORTABLE[query.sort_by or "team_alias"])
    by = column.desc(nulls_last=True) if query.sort_order == "desc" else column.asc(nulls_first=True)
    return rows.order_by(by, "pk")


def _key_counts(rows: Iterable[Team]) -> Mapping[str, int]:
    counted = Team.objects.filter(pk__in=[row.pk for row in rows]).annotate(number=Count("keys")).order_by()
    return dict(counted.values_list("pk", "number"))


def _numbers(page: "Page[Any]") -> dict[str, int]:
    return {"total": page.total, "page": page.number, "page_size": page.size, "total_pages": page.pages}


def _deleted(call: Call, query: schemas.TeamPages) -> Object:
    """Deleted teams live on in the audit trail."""
    if not call.reach.sees_everything:
        raise Forbidden("Only proxy admins can list deleted teams.")
    entries = AuditEntry.objects.filter(object_type="team", action=audit.DELETED).order_by("-id")
    conditions = {
        "object_id": query.team_id,
        "before__alias__icontains": query.team_alias,
        "before__organization": query.organization_id,
    }
    page = paginate(
        entries.filter(**{column: value for column, value in conditions.items() if value}),
        number=query.page,
        size=query.page_size,
    )
    return {"teams": [deleted_team(entry) for entry in page.rows], **_numbers(page)}


def _set_blocked(call: Call, team_id: str, *, blocked: bool) -> Object:
    row = _team_of_organization(call, team_id)
    row.blocked = blocked
    row.save(update_fields=["blocked", "updated_at", "updated_by"])
    return _shown(row.pk)


def _permissions(row: Team) -> Object:
    return {
        "team_id": row.pk,
        "team_member_permissions": row.member_permissions,
        "all_available_permissions": list(PERMISSIONS),
    }


def _set_models(row: Team, models: list[str], call: Call) -> Object:
    """By the same rules as any other change of the team's models."""
    apply_fields(row, {"models": models}, call, now=utc_now())
    row.save(update_fields=["allowed_models", "updated_at", "updated_by"])
    return _shown(row.pk)
