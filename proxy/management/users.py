"""The user routes (api.md 2.4)."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from pydantic import ValidationError

import budgets.spend
from budgets.models import Scope
from budgets.resets import set_spend
from proxy.management import key_policy
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.by_spend import paginate_by_spend
from proxy.management.key_objects import key_objects, utc_now
from proxy.management.key_verbs import make_key
from proxy.management.pages import Page, ordered, paginate
from proxy.management.schemas import users as schemas
from proxy.management.schemas.fields import Object
from proxy.management.schemas.keys import KeyObject
from proxy.management.schemas.limits import nano
from proxy.management.team_objects import select_teams, team_objects
from proxy.management.user_defaults import with_defaults
from proxy.management.user_fields import KEY_FIELDS, Belongings, apply_fields
from proxy.management.user_objects import key_counts, model_usage, user_objects
from teams import audit
from teams.errors import Envelope, Forbidden, Invalid, ManagementError, NotFound
from teams.invitations import invite, write_invitation
from teams.letters import write_key_created
from teams.models import Organization, Role, User, VirtualKey
from teams.money import to_dollars
from teams.services.users import create_user, delete_user, with_email

# One answer holds no more keys, and no more teams; /key/list and /v2/team/list have all of them, in pages.
_MOST_SHOWN = 1000
# Each is a change of its own, with its own record; more would hold the database for seconds.
_MOST_UPDATED = 1000
_SORTABLE = {"user_id": "pk", "user_email": "email", "user_alias": "alias", "user_role": "role"}
_ROLES = {
    Role.PROXY_ADMIN: ("Admin (All Permissions)", "May do everything, on the API and for everybody."),
    Role.PROXY_ADMIN_VIEWER: ("Admin (View Only)", "Sees everything, all keys and all spend, and changes nothing."),
    Role.INTERNAL_USER: (
        "Internal User (Create/Delete/View)",
        "Makes, changes and deletes own keys, and sees own spend.",
    ),
    Role.INTERNAL_USER_VIEWER: ("Internal User (View Only)", "Sees own keys and own spend, and changes nothing."),
}


class Users(ManagementViewSet):
    tag = "users"

    @route("POST", "/user/new", access=Access.ORGANIZATION_ADMIN, body=schemas.NewUser)
    def new(self, call: Call, body: schemas.NewUser) -> dict[str, Any]:
        """Make a user and, unless told otherwise, a key for them. It is shown in this answer and never again."""
        body, now = with_defaults(body), utc_now()
        belongings = Belongings.asked(body, call)
        row = User(id=body.user_id) if body.user_id else User()
        apply_fields(row, body.given(), call, now=now)
        create_user(row)
        belongings.give_to(row, now=now)
        made = _first_key(row, body, call, belongings.organizations) if body.auto_create_key else None
        if body.send_invite_email:
            write_invitation(invite(row, now=now), now=now)
            if made:
                write_key_created(*made, now=now)
        return _with_key(_shown(row), body, made, belongings.organizations)

    @route("POST", "/user/update", access=Access.SELF_SERVICE, body=schemas.UpdateUser, answer=schemas.UpdatedUser)
    def update(self, call: Call, body: schemas.UpdateUser) -> dict[str, Any]:
        """Change some fields of a user: what is left out stays, null clears. Users may change their own alias."""
        row = _update(body, call)
        return {"user_id": row.pk, "data": _shown(row)}

    @route("POST", "/user/bulk_update", access=Access.ADMIN, body=schemas.UpdateUsers, answer=schemas.UserUpdates)
    def bulk_update(self, call: Call, body: schemas.UpdateUsers) -> dict[str, Any]:
        """Change several users, or all of them alike; each succeeds or fails on its own."""
        wanted = _for_all(body.user_updates or {}) if body.all_users else body.users or []
        _lock(fields.get("user_id") for fields in wanted)
        outcomes = [_attempt(fields, call) for fields in wanted]
        shown = {user["user_id"]: user for user in user_objects([row for row, _ in outcomes if row], now=utc_now())}
        results = [
            _result(fields, shown[row.pk] if row else None, error)
            for fields, (row, error) in zip(wanted, outcomes, strict=True)
        ]
        done = sum(result["success"] for result in results)
        return {
            "results": results,
            "total_requested": len(results),
            "successful_updates": done,
            "failed_updates": len(results) - done,
        }

    @route("POST", "/user/delete", access=Access.ADMIN, body=schemas.DeleteUsers, answer=int,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def delete(self, call: Call, body: schemas.DeleteUsers) -> int:
        """Delete users with their keys and memberships, all of those that are named or none. Their spend stays."""
        ids = list(dict.fromkeys(body.user_ids))
        if call.reach.user_id in ids and not call.principal.is_master:
            raise Invalid("You cannot delete yourself.", param="user_ids")
        _lock(ids)
        rows = {row.pk: row for row in User.objects.filter(pk__in=ids).order_by("pk")}
        for user_id in ids:
            if user_id not in rows:
                raise NotFound(f"User not found, passed user_id={user_id}", param="user_ids")
        for row in rows.values():
            delete_user(row)
        return len(rows)

    @route("GET", "/user/info", access=Access.ANY, query=schemas.UserQuery, answer=schemas.UserInfo)
    def info(self, call: Call, query: schemas.UserQuery) -> dict[str, Any]:
        """One user with keys and teams; who names none is told of themselves, and admins of the newest of all."""
        row = _found(query, call)
        keys, teams = call.reach.keys(), call.reach.teams()
        if query.user_id or not call.reach.sees_everything:
            keys, teams = keys.filter(user=row), teams.filter(memberships__user=row)
        newest_keys = list(keys.select_related("budget", "team").order_by("-created_at", "-pk")[:_MOST_SHOWN])
        newest_teams = select_teams(teams).order_by("-created_at", "pk")[:_MOST_SHOWN]
        return {
            "user_id": row.pk,
            "user_info": _shown(row),
            "keys": _with_team_alias(newest_keys),
            "teams": team_objects(newest_teams, now=utc_now()),
        }

    @route("GET", "/v2/user/info", access=Access.ANY, query=schemas.UserQuery, answer=schemas.UserDetails)
    def details(self, call: Call, query: schemas.UserQuery) -> dict[str, Any]:
        """One user alone: the caller, for who names none."""
        row = _found(query, call)
        return {**_shown(row), "model_max_budget_usage": model_usage(row, now=utc_now())}

    @route("GET", "/user/list", access=Access.ANY, query=schemas.UserList, answer=schemas.UserPage,
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def list(self, call: Call, query: schemas.UserList) -> dict[str, Any]:
        """Users that the caller can see, newest first."""
        if not call.reach.sees_everything and not call.reach.administered_organizations:
            raise Forbidden("Only proxy admins and organization admins can list users.")
        page = _page_of(_filtered(call, query), query)
        counts = key_counts(page.rows)
        return {
            "users": [
                {**user, "key_count": counts.get(user["user_id"], 0)} for user in user_objects(page.rows, now=utc_now())
            ],
            "total": page.total,
            "page": page.number,
            "page_size": page.size,
            "total_pages": page.pages,
        }

    @route("GET", "/user/available_roles", access=Access.ANY)
    def available_roles(self, call: Call) -> dict[str, Any]:
        """The roles a user can have."""
        return {role.value: {"description": text, "ui_label": label} for role, (label, text) in _ROLES.items()}


def _first_key(
    user: User, body: schemas.NewUser, call: Call, organizations: Sequence[Organization]
) -> tuple[VirtualKey, str]:
    """It has no budget of its own: the user's binds it."""
    given = {name: value for name, value in body.given().items() if name in KEY_FIELDS}
    given = key_policy.prepare(given, call)
    given.pop("user_id", None)
    # What an organization grants is all that a key made in it can do.
    row = VirtualKey(user=user, organization=organizations[0] if organizations else None)
    return make_key(given, call, route="/user/new", row=row)


def _with_key(
    user: Object, body: schemas.NewUser, made: tuple[VirtualKey, str] | None, organizations: Sequence[Organization]
) -> dict[str, Any]:
    """As /key/generate answers, with what is the user's in the place of what would be the key's."""
    key = key_objects([made[0]], now=utc_now())[0] if made else dict.fromkeys(KeyObject.model_fields)
    asked = {name: getattr(body, name) for name in ("duration", "model_rpm_limit", "model_tpm_limit", "tags")}
    return {
        **key,
        **asked,
        **user,
        "team_id": key["team_id"],
        "organization_id": key["organization_id"],
        "organizations": [organization.pk for organization in organizations],
        "key": made[1] if made else "",
        "token": None,
        "token_id": None,
    }


def _shown(row: User) -> Object:
    return user_objects([row], now=utc_now())[0]


def _found(query: schemas.UserQuery, call: Call) -> User:
    user_id = query.user_id or call.reach.user_id
    if user_id is None:
        raise NotFound("No user_id is given, and none is associated with your API key.", param="user_id")
    row = call.reach.users().filter(pk=user_id).first()
    if row is None:
        raise NotFound(f"User {user_id} not found", param="user_id")
    return row


def _with_team_alias(rows: Sequence[VirtualKey]) -> list[Object]:
    shown = key_objects(rows, now=utc_now())
    return [{**key, "team_alias": row.team.alias if row.team else None} for row, key in zip(rows, shown, strict=True)]


def _named(body: schemas.UpdateUser, call: Call) -> User:
    """By id, else by e-mail. Raises NotFound."""
    # Locked, so that two changes of different fields both last.
    rows = call.reach.users().select_for_update(of=("self",))
    if body.user_id is not None:
        row, passed = rows.filter(pk=body.user_id).first(), f"user_id={body.user_id}"
    else:
        row, passed = with_email(rows, body.user_email or "").first(), f"user_email={body.user_email}"
    if row is None:
        raise NotFound(f"User not found, passed {passed}", param="user_id")
    return row


def _update(body: schemas.UpdateUser, call: Call) -> User:
    row = _named(body, call)
    given = body.given()
    if body.user_id is None:
        del given["user_email"]
    apply_fields(row, given, call, now=utc_now())
    row.save()
    if body.spend is not None:
        _set_spend(row, nano("spend", body.spend), call)
    return row


def _lock(user_ids: Iterable[Any]) -> None:
    """Users and their keys, in one order and before any is changed, so that two calls never wait for each other."""
    ids = [user_id for user_id in user_ids if isinstance(user_id, str)]
    list(User.objects.filter(pk__in=ids).order_by("pk").select_for_update().values_list("pk"))
    list(VirtualKey.objects.filter(user__in=ids).order_by("pk").select_for_update().values_list("pk"))


def _set_spend(row: User, wanted: int, call: Call) -> None:
    if not call.reach.is_admin:
        raise Forbidden("Only proxy admins can set spend.", param="spend")
    now = utc_now()
    since = budgets.spend.period_starts([row], now=now)[row.pk]
    current = set_spend((Scope.USER, row.pk), since=since, to_nano=wanted, now=now, actor_id=call.reach.user_id or "")
    audit.note("user", row, before={"spend": to_dollars(current)}, after={"spend": to_dollars(wanted)})


def _for_all(updates: Object) -> Sequence[Object]:
    if named := {"user_id", "user_email"} & updates.keys():
        raise Invalid(f"user_updates are for all users and cannot hold {sorted(named)}.", param="user_updates")
    ids = list(User.objects.order_by("pk").values_list("pk", flat=True)[: _MOST_UPDATED + 1])
    if len(ids) > _MOST_UPDATED:
        raise Invalid(
            f"There are more than {_MOST_UPDATED} users. Name them in `users`, some at a time.", param="all_users"
        )
    return [{**updates, "user_id": user_id} for user_id in ids]


def _attempt(fields: Object, call: Call) -> tuple[User | None, str | None]:
    """The changed user, or what went wrong."""
    try:
        with transaction.atomic():
            return _update(schemas.UpdateUser.model_validate(fields), call), None
    except ValidationError as error:
        return None, error.errors()[0]["msg"]
    except ManagementError as error:
        return None, error.message


def _result(fields: Object, user: Object | None, error: str | None) -> Object:
    named = user or fields
    return {
        "user_id": named.get("user_id"),
        "user_email": named.get("user_email"),
        "success": user is not None,
        "error": error,
        "updated_user": user,
    }


def _filtered(call: Call, query: schemas.UserList) -> QuerySet[User]:
    # Nobody comes here by single sign-on yet, so nobody has an id of one.
    rows = call.reach.users() if query.sso_user_ids is None else User.objects.none()
    conditions = {
        "role": query.role,
        "pk__in": query.user_ids,
        "email__icontains": query.user_email,
        "memberships__team": query.team,
    }
    return rows.filter(**{column: value for column, value in conditions.items() if value})


def _page_of(rows: QuerySet[User], query: schemas.UserList) -> Page[User]:
    if query.sort_by == "spend":
        return paginate_by_spend(rows, Scope.USER, direction=query.sort_order, number=query.page, size=query.page_size)
    return paginate(_sorted(rows, query), number=query.page, size=query.page_size)


def _sorted(rows: QuerySet[User], query: schemas.UserList) -> QuerySet[User]:
    if query.sort_by is None:
        return rows.order_by("-created_at", "pk")
    if query.sort_by == "created_at":
        return ordered(rows, "created_at", query.sort_order)
    column = F(_SORTABLE[query.sort_by])
    return rows.order_by(column.desc() if query.sort_order == "desc" else column.asc(), "pk")
