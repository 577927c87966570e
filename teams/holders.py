"""Everybody who may have limits, by the names that metrics have for them: read from the snapshot, without a query."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from teams.limits import NO_LIMITS, LimitSet
from teams.principal import LONG_AGO, NOTHING
from teams.snapshot import KeySnapshot, Row, Tables

_place = Tables.place
_KEY_ID, _KEY_HASH, _KEY_ALIAS = (_place("keys", name) for name in ("id", "token_hash", "alias"))
_KEY_BUDGET, _KEY_METADATA = _place("keys", "budget_id"), _place("keys", "metadata")
_KEY_CREATED = _place("keys", "created_at")
_USER_EMAIL, _USER_ALIAS, _USER_CREATED = (_place("users", name) for name in ("email", "alias", "created_at"))
_USER_ACTIVE = _place("users", "is_active")
_TEAM_ALIAS, _TEAM_CREATED = _place("teams", "alias"), _place("teams", "created_at")
_TEAM_MEMBERS_BUDGET = _place("teams", "member_budget_id")
_ORG_ALIAS, _ORG_BUDGET = _place("organizations", "alias"), _place("organizations", "budget_id")
_ORG_CREATED = _place("organizations", "created_at")
# Of a key's metadata: limits for single models.
_RATES = ("model_rpm_limit", "model_tpm_limit")


@dataclass(frozen=True, slots=True, eq=False)
class Holder:
    """Who has limits. `kind` and `id` are the scope and the id that spend is counted by.

    `name` is what metrics call it: a key by its hash, a member by team and user. `metadata` is a key's.
    """

    kind: str
    id: str
    name: str
    alias: str
    limits: LimitSet
    created_at: datetime = LONG_AGO
    email: str = ""
    metadata: Mapping[str, Any] = field(default_factory=lambda: NOTHING)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are. `members` are by team, those without any included, `aliases` are the teams'."""

    users: int
    active_users: int
    members: Mapping[str, int]
    aliases: Mapping[str, str]


class Holders:
    """For one thread at a time. Who did not change stays the same object."""

    def __init__(self, keys: KeySnapshot) -> None:
        self._keys = keys
        self._number = -1
        self._known: dict[tuple[str, str], tuple[tuple[Any, ...], Holder]] = {}
        self._holders: list[Holder] = []

    def read(self) -> list[Holder]:
        """Whoever has a budget or a rate limit of some kind. The same list while nothing changed."""
        number = self._keys.number
        if number != self._number:
            known, self._known = self._known, {}
            self._holders = list(self._found(self._keys.tables(), known))
            self._number = number
        return self._holders

    def _found(
        self, tables: Tables, known: Mapping[tuple[str, str], tuple[tuple[Any, ...], Holder]]
    ) -> Iterator[Holder]:
        for kind, holder_id, parts in _limited(tables):
            place = (kind, holder_id)
            before = known.get(place)
            if before is not None and all(map(_is_same, before[0], parts)):
                found = before[1]
            else:
                found = _MAKERS[kind](holder_id, *parts)
            self._known[place] = (parts, found)
            yield found


def _is_same(one: object, other: object) -> bool:
    return one is other


def count(keys: KeySnapshot) -> Counts:
    tables = keys.tables()
    members = {str(row[0]): 0 for row in tables.teams}
    for row in tables.members:
        if row[0] in members:
            members[row[0]] += 1
    return Counts(
        users=len(tables.users),
        active_users=sum(1 for row in tables.users if row[_USER_ACTIVE]),
        members=members,
        aliases={row[0]: row[_TEAM_ALIAS] or "" for row in tables.teams},
    )


def _limited(tables: Tables) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
    """Kind, id and the rows that it is made of."""
    budgets = tables.budgets
    for row in tables.keys:
        shared = budgets.get(row[_KEY_BUDGET]) if row[_KEY_BUDGET] else None
        if row[-1] is not NO_LIMITS or shared is not None or _limits_models(row[_KEY_METADATA]):
            yield "key", str(row[_KEY_ID]), (row, shared)
    for kind, rows in (("team", tables.teams), ("user", tables.users)):
        for row in rows:
            if row[-1] is not NO_LIMITS:
                yield kind, row[0], (row,)
    yield from _linked(tables)


def _linked(tables: Tables) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
    """To a budget, and with no limits of their own."""
    budgets, teams = tables.budgets, {row[0]: row for row in tables.teams}
    for row in tables.members:
        team_id, _, number, own, _ = row
        team = teams.get(team_id)
        shared = budgets.get(own or (team[_TEAM_MEMBERS_BUDGET] if team else None) or "")
        if shared is not None:
            yield "member", str(number), (row, shared, team)
    for row in tables.organizations:
        if (shared := budgets.get(row[_ORG_BUDGET] or "")) is not None:
            yield "organization", row[0], (row, shared)
    for customer_id, customer in tables.customers:
        if (shared := budgets.get(customer.budget_id)) is not None:
            yield "customer", customer_id, (customer, shared)


def _limits_models(metadata: Any) -> bool:
    return isinstance(metadata, Mapping) and any(name in metadata for name in _RATES)


def _key(holder_id: str, row: Row, shared: Row | None) -> Holder:
    limits = row[-1].with_default(None if shared is None else shared[-1])
    alias, metadata = row[_KEY_ALIAS] or "", row[_KEY_METADATA]
    metadata = metadata if isinstance(metadata, Mapping) else NOTHING
    return Holder("key", holder_id, row[_KEY_HASH], alias, limits, row[_KEY_CREATED], metadata=metadata)


def _team(holder_id: str, row: Row) -> Holder:
    return Holder("team", holder_id, holder_id, row[_TEAM_ALIAS] or "", row[-1], row[_TEAM_CREATED])


def _user(holder_id: str, row: Row) -> Holder:
    alias, email = row[_USER_ALIAS] or "", row[_USER_EMAIL] or ""
    return Holder("user", holder_id, holder_id, alias, row[-1], row[_USER_CREATED], email=email)


def _member(holder_id: str, row: Row, shared: Row, team: Row | None) -> Holder:
    team_id, user_id, _, _, created_at = row
    alias = team[_TEAM_ALIAS] if team else ""
    return Holder("member", holder_id, f"{team_id}/{user_id}", alias or "", shared[-1], created_at)


def _organization(holder_id: str, row: Row, shared: Row) -> Holder:
    return Holder("organization", holder_id, holder_id, row[_ORG_ALIAS] or "", shared[-1], row[_ORG_CREATED])


def _customer(holder_id: str, customer: Any, shared: Row) -> Holder:
    return Holder("customer", holder_id, holder_id, "", shared[-1], customer.created_at)


_MAKERS: Mapping[str, Any] = {
    "key": _key,
    "team": _team,
    "user": _user,
    "member": _member,
    "organization": _organization,
    "customer": _customer,
}
