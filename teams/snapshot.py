"""What the request path knows of keys, in memory, so that no request asks the database; changes are followed by row."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import models

from teams import revisions
from teams.errors import Envelope, NotFound
from teams.limits import COLUMNS, NO_LIMITS, LimitSet, limit_set
from teams.models import (
    Budget,
    Change,
    Customer,
    Membership,
    Organization,
    RetiredToken,
    Role,
    Tag,
    Team,
    User,
    VirtualKey,
)
from teams.principal import MASTER_KEY_NAME, NOTHING, KnownCustomer, OwnersLimits, Principal

__all__ = ["MASTER_KEY_NAME", "KeySnapshot", "KnownCustomer", "OwnersLimits", "Principal", "load_keys"]

logger = logging.getLogger(__name__)

# Beyond this, loading everything is cheaper than following row by row.
_MOST_CHANGES = 5000
_MOST_PRINCIPALS = 50_000


Row = tuple[Any, ...]

_KEY = (
    "token_hash", "id", "name", "alias", "user_id", "team_id", "organization_id", "allowed_models", "allowed_routes",
    "aliases", "blocked", "expires_at", "metadata", "router_settings", "budget_id", "budget_fallbacks", "created_at",
)  # fmt: skip
_USER = ("id", "email", "role", "is_active", "allowed_models", "created_at", "alias")
_TEAM = ("id", "alias", "allowed_models", "blocked", "metadata", "organization_id", "model_aliases",
         "default_member_models", "router_settings", "member_budget_id", "created_at")  # fmt: skip
_MEMBER = ("team_id", "user_id", "id", "budget_id", "created_at")
_ORGANIZATION = ("id", "alias", "allowed_models", "budget_id", "created_at")
_CUSTOMER = ("id", "blocked", "allowed_models", "budget_id", "created_at")
_BUDGET = ("id", "allowed_models")
_RETIRED = ("token_hash", "key_id", "valid_until")


@dataclass(frozen=True, slots=True)
class Tables:
    """All rows of one moment, by the names of their columns; `limits` comes last where a row has some."""

    keys: list[Row]
    users: list[Row]
    teams: list[Row]
    members: list[Row]
    organizations: list[Row]
    customers: list[tuple[str, KnownCustomer]]
    budgets: Mapping[str, Row]

    @staticmethod
    def place(table: str, column: str) -> int:
        return _COLUMNS[table].index(column)


_COLUMNS = {"keys": _KEY, "users": _USER, "teams": _TEAM, "members": _MEMBER, "organizations": _ORGANIZATION}


class KeySnapshot:
    """Keys by the SHA-256 of their text, and their owners. Read by requests, written by one thread: `load`, `follow`.

    Rows are kept as they come from the database, so that a hundred thousand keys fit; a Principal is put together
    when a key is first used.
    """

    def __init__(self, *, admin_id: str) -> None:
        self._admin_id = admin_id
        self._number = -1
        self._keys: dict[str, Row] = {}
        self._hash_by_id: dict[int, str] = {}
        self._retired: dict[str, tuple[int, datetime]] = {}
        self._users: dict[str, Row] = {}
        self._teams: dict[str, Row] = {}
        self._members: dict[tuple[str, str], Row] = {}
        self._organizations: dict[str, Row] = {}
        self._customers: dict[str, KnownCustomer] = {}
        self._budgets: dict[str, Row] = {}
        self._tags: dict[str, tuple[str, datetime]] = {}
        self._principals: dict[str, Principal] = {}
        self.admin = Principal(key_hash=MASTER_KEY_NAME, user_id=admin_id, role=Role.PROXY_ADMIN)

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, key_hash: str, *, now: datetime) -> Principal | None:
        """None for a key that does not exist, and for one that was regenerated longer ago than its grace period."""
        if (known := self._principals.get(key_hash)) is not None:
            return known
        if (row := self._keys.get(key_hash)) is not None:
            return self._remember(key_hash, row)
        if (retired := self._retired.get(key_hash)) is not None and retired[1] > now:
            current = self._hash_by_id.get(retired[0])
            return self.find(current, now=now) if current else None
        return None

    def in_team(self, principal: Principal, team_id: str) -> Principal:
        """The caller as a key of a team would be. Raises NotFound for a team that is not the caller's."""
        if (row := self._teams.get(team_id)) is None or not (principal.sees_everything or principal.team_id == team_id):
            unknown = NotFound(f"Team not found, passed team_id={team_id[:255]}")
            unknown.style = Envelope.DETAIL_ERROR
            raise unknown
        team = dict(zip((*_TEAM, "limits"), row, strict=True))
        return replace(
            principal,
            team_id=team_id,
            team_models=frozenset(team["allowed_models"]),
            aliases={**team["model_aliases"], **principal.aliases},
        )

    def customer(self, customer_id: str) -> KnownCustomer | None:
        return self._customers.get(customer_id)

    def budget(self, budget_id: str) -> LimitSet:
        """Of a shared budget; no limits for one that is not there."""
        return self._budgets[budget_id][-1] if budget_id in self._budgets else NO_LIMITS

    def tag_budgets(self) -> Mapping[str, tuple[LimitSet, datetime]]:
        """Of tags that have one, with when they were made."""
        return {name: (self.budget(budget_id), made_at) for name, (budget_id, made_at) in self._tags.items()}

    @property
    def number(self) -> int:
        """The revision that it holds at least."""
        return self._number

    def tables(self) -> Tables:
        """For whoever looks at everybody, in any thread. Rows that did not change stay the same objects."""
        return Tables(
            keys=list(self._keys.values()),
            users=list(self._users.values()),
            teams=list(self._teams.values()),
            members=list(self._members.values()),
            organizations=list(self._organizations.values()),
            customers=list(self._customers.items()),
            budgets=self._budgets.copy(),
        )

    def load(self, number: int) -> None:
        """Read everything. `number` is the revision seen before: what changes meanwhile is followed afterwards."""
        self._users = {row[0]: row for row in _limited_rows(User.objects, _USER)}
        self._teams = {row[0]: row for row in _limited_rows(Team.objects, _TEAM)}
        self._budgets = {row[0]: row for row in _limited_rows(Budget.objects, _BUDGET)}
        self._tags = {row[0]: (row[1], row[2]) for row in _rows(_budgeted_tags(), _TAG)}
        self._members = {(row[0], row[1]): row for row in _rows(Membership.objects, _MEMBER)}
        self._organizations = {row[0]: row for row in _rows(Organization.objects, _ORGANIZATION)}
        self._customers = {row[0]: _customer(row) for row in _rows(_restricted_customers(), _CUSTOMER)}
        self._retired = {row[0]: (row[1], row[2]) for row in _rows(RetiredToken.objects, _RETIRED)}
        keys = {row[0]: row for row in _limited_rows(VirtualKey.objects, _KEY)}
        self._hash_by_id = {row[1]: row[0] for row in keys.values()}
        self._keys = keys
        self._forget()
        self._number = number

    def follow(self, number: int) -> None:
        """Load the rows that changed between the revision this holds and `number`."""
        if number == self._number:
            return
        changes = list(
            Change.objects.filter(number__gt=self._number, number__lte=number).order_by("number")[: _MOST_CHANGES + 1]
        )
        whole = len(changes) == number - self._number and all(change.object_id for change in changes)
        if self._number < 0 or not whole or len(changes) > _MOST_CHANGES:
            self.load(number)
            return
        by_kind: dict[str, set[str]] = {}
        for change in changes:
            by_kind.setdefault(change.kind, set()).add(change.object_id)
        for kind, ids in by_kind.items():
            _FOLLOWERS[kind](self, ids)
        if by_kind.keys() - {"key"}:
            self._forget()
        self._number = number

    def _forget(self) -> None:
        self._principals = {}
        email = self._users.get(self._admin_id, ("", ""))[1]
        self.admin = Principal(
            key_hash=MASTER_KEY_NAME, user_id=self._admin_id, user_email=email or None, role=Role.PROXY_ADMIN
        )

    def _remember(self, key_hash: str, row: Row) -> Principal | None:
        try:
            principal = self._principal(row)
        except (TypeError, ValueError):
            logger.exception("A virtual key cannot be used: its lists or metadata are malformed", extra={"key": row[3]})
            return None
        if len(self._principals) >= _MOST_PRINCIPALS:
            self._principals.clear()
        self._principals[key_hash] = principal
        return principal

    def _principal(self, row: Row) -> Principal:
        key = dict(zip((*_KEY, "limits"), row, strict=True))
        user = dict(zip((*_USER, "limits"), self._users.get(key["user_id"] or "", ()), strict=False))
        team = dict(zip((*_TEAM, "limits"), self._teams.get(key["team_id"] or "", ()), strict=False))
        organization_id = key["organization_id"] or team.get("organization_id")
        organization = dict(zip(_ORGANIZATION, self._organizations.get(organization_id or "", ()), strict=False))
        member = dict(zip(_MEMBER, self._members.get((key["team_id"], key["user_id"]), ()), strict=False))
        own_list = self._budgets[member["budget_id"]][1] if member.get("budget_id") in self._budgets else ()
        own_list = own_list or (team.get("default_member_models") if key["user_id"] else ())
        return Principal(
            key_hash=key["token_hash"],
            key_alias=key["alias"],
            key_name=key["name"],
            user_id=key["user_id"],
            user_email=user.get("email") or None,
            team_id=key["team_id"],
            team_alias=team.get("alias") or None,
            organization_id=organization_id,
            organization_alias=organization.get("alias") or None,
            role=user.get("role") or Role.INTERNAL_USER,
            key_models=frozenset(key["allowed_models"]),
            team_models=frozenset(team.get("allowed_models") or ()),
            member_models=frozenset(own_list or ()),
            user_models=frozenset(user.get("allowed_models") or ()),
            organization_models=frozenset(organization.get("allowed_models") or ()),
            # What is written on the key is nearer to the caller.
            aliases={**(team.get("model_aliases") or {}), **key["aliases"]},
            allowed_routes=tuple(key["allowed_routes"]),
            blocked=key["blocked"] or user.get("is_active") is False,
            team_blocked=bool(team.get("blocked")),
            expires_at=key["expires_at"],
            key_id=key["id"],
            member_id=member.get("id", 0),
            created_at=key["created_at"],
            # Each by its own beginning: those who share one must not count it apart.
            limits=OwnersLimits(
                key=key["limits"].with_default(self.budget(key["budget_id"] or "")).counted_from(key["created_at"]),
                team=team.get("limits", NO_LIMITS).counted_from(team.get("created_at")),
                member=self.budget(member.get("budget_id") or team.get("member_budget_id") or "").counted_from(
                    member["created_at"]
                )
                if member
                else NO_LIMITS,
                user=user.get("limits", NO_LIMITS).counted_from(user.get("created_at")),
                organization=self.budget(organization.get("budget_id") or "").counted_from(
                    organization.get("created_at")
                ),
            ),
            budget_fallbacks=key["budget_fallbacks"],
            # What an admin wrote for the team wins over what is on the key.
            metadata={**key["metadata"], **(team.get("metadata") or {})},
            key_metadata=key["metadata"],
            team_metadata=team.get("metadata") or NOTHING,
            tags=_tags(key["metadata"], team.get("metadata") or NOTHING),
            router_settings=key["router_settings"] or team.get("router_settings") or NOTHING,
        )

    def _follow_keys(self, ids: set[str]) -> None:
        numbers = {int(key_id) for key_id in ids}
        found = {row[1]: row for row in _limited_rows(VirtualKey.objects.filter(pk__in=numbers), _KEY)}
        for number in numbers:
            row = found.get(number)
            old = self._hash_by_id.pop(number, None)
            if row is not None:
                self._keys[row[0]] = row
                self._hash_by_id[number] = row[0]
                self._principals.pop(row[0], None)
            if old is not None and (row is None or old != row[0]):
                self._keys.pop(old, None)
                self._principals.pop(old, None)

    def _follow_retired(self, ids: set[str]) -> None:
        found = {row[0]: row for row in _rows(RetiredToken.objects.filter(pk__in=ids), _RETIRED)}
        _replace(self._retired, ids, {token: (row[1], row[2]) for token, row in found.items()})

    def _follow_users(self, ids: set[str]) -> None:
        _replace(self._users, ids, {row[0]: row for row in _limited_rows(User.objects.filter(pk__in=ids), _USER)})

    def _follow_teams(self, ids: set[str]) -> None:
        _replace(self._teams, ids, {row[0]: row for row in _limited_rows(Team.objects.filter(pk__in=ids), _TEAM)})

    def _follow_organizations(self, ids: set[str]) -> None:
        rows = _rows(Organization.objects.filter(pk__in=ids), _ORGANIZATION)
        _replace(self._organizations, ids, {row[0]: row for row in rows})

    def _follow_customers(self, ids: set[str]) -> None:
        rows = _rows(_restricted_customers().filter(pk__in=ids), _CUSTOMER)
        _replace(self._customers, ids, {row[0]: _customer(row) for row in rows})

    def _follow_members(self, ids: set[str]) -> None:
        """Ids are those of team and user, cut off where they are very long: then all are read."""
        pairs = {(team, user) for team, _, user in (one.partition("\x1f") for one in ids)}
        if any(len(one) >= 255 for one in ids):
            self._members = {(row[0], row[1]): row for row in _rows(Membership.objects, _MEMBER)}
            return
        rows = Membership.objects.filter(team__in={team for team, _ in pairs}, user__in={user for _, user in pairs})
        found = {(row[0], row[1]): row for row in _rows(rows, _MEMBER)}
        for pair in pairs:
            if pair in found:
                self._members[pair] = found[pair]
            else:
                self._members.pop(pair, None)

    def _follow_budgets(self, ids: set[str]) -> None:
        found = {row[0]: row for row in _limited_rows(Budget.objects.filter(pk__in=ids), _BUDGET)}
        _replace(self._budgets, ids, found)

    def _follow_tags(self, ids: set[str]) -> None:
        """Few have a budget."""
        self._tags = {row[0]: (row[1], row[2]) for row in _rows(_budgeted_tags(), _TAG)}


_FOLLOWERS: Mapping[str, Callable[[KeySnapshot, set[str]], None]] = {
    "key": KeySnapshot._follow_keys,
    "retired_token": KeySnapshot._follow_retired,
    "user": KeySnapshot._follow_users,
    "team": KeySnapshot._follow_teams,
    "organization": KeySnapshot._follow_organizations,
    "customer": KeySnapshot._follow_customers,
    "membership": KeySnapshot._follow_members,
    "budget": KeySnapshot._follow_budgets,
    "tag": KeySnapshot._follow_tags,
}


def load_keys(*, admin_id: str) -> KeySnapshot:
    """Everything as it is now."""
    snapshot = KeySnapshot(admin_id=admin_id)
    snapshot.load(revisions.current().get(revisions.KEYS, 0))
    return snapshot


def _restricted_customers() -> "models.QuerySet[Customer]":
    return Customer.objects.exclude(blocked=False, allowed_models=[], budget=None)


_TAG = ("name", "budget_id", "created_at")


def _budgeted_tags() -> "models.QuerySet[Tag]":
    return Tag.objects.filter(budget__isnull=False)


def _customer(row: Row) -> KnownCustomer:
    names = row[2] if isinstance(row[2], (list, tuple)) else ("",)
    return KnownCustomer(
        blocked=row[1],
        allowed_models=frozenset(name for name in names if isinstance(name, str)),
        budget_id=row[3] or "",
        created_at=row[4],
    )


def _tags(*metadata: Mapping[str, Any]) -> tuple[str, ...]:
    found = [tag for one in metadata if isinstance(tags := one.get("tags"), (list, tuple)) for tag in tags]
    return tuple(dict.fromkeys(tag for tag in found if isinstance(tag, str)))


def _rows(source: Any, columns: Sequence[str]) -> Iterable[Row]:
    """Empty lists and objects, which most columns hold, become one and the same."""
    for row in source.order_by().values_list(*columns).iterator(chunk_size=2000):
        yield tuple(value or _EMPTY.get(type(value), value) for value in row)


def _limited_rows(source: Any, columns: Sequence[str]) -> Iterable[Row]:
    """With what the row limits, as a LimitSet, after its columns."""
    for row in _rows(source, (*columns, *COLUMNS)):
        yield (*row[: len(columns)], limit_set(row[len(columns) :]))


_EMPTY: Mapping[type, Any] = {list: (), dict: NOTHING}


def _replace(known: dict[str, Any], ids: set[str], found: Mapping[str, Any]) -> None:
    for object_id in ids:
        if object_id in found:
            known[object_id] = found[object_id]
        else:
            known.pop(object_id, None)
