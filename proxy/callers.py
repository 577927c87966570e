"""Which virtual keys may call some model groups, and of which teams they are."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from typing import Any

from proxy import auth
from proxy.registry import RoutingTable
from teams.snapshot import KeySnapshot, Principal, Row, Tables

NAMES = 5


@dataclass(frozen=True, slots=True)
class Callers:
    """Keys that are blocked or expired call nothing. The names are the first by the alphabet.

    Where not `all_keys` were looked at, there may be more of everything.
    """

    keys: int
    key_names: tuple[str, ...]
    teams: int
    team_names: tuple[str, ...]
    looked_at: int
    all_keys: int


def callers_of(groups: Collection[str], *, table: RoutingTable, keys: KeySnapshot, now: datetime, most: int) -> Callers:
    """Keys that may call one of the groups at least, by its name or by whichever alias; at most `most` are looked at.

    Keys with the same rights are judged once, so that many take no longer than their rows.
    """
    tables, judged = keys.tables(), dict[Any, bool]()
    columns = {name: tables.place("keys", name) for name in ("token_hash", "alias", "name", "team_id")}
    names: list[str] = []
    teams: set[str] = set()
    rows = tables.keys[:most]
    same = _Rights(tables, rows, table)
    for row in rows:
        if not same.is_alive(row, now=now):
            continue
        rights = same.of(row)
        if rights not in judged:
            principal = keys.find(row[columns["token_hash"]], now=now)
            judged[rights] = principal is not None and _may_call_any(principal, groups, table)
        if judged[rights]:
            names.append(row[columns["alias"]] or row[columns["name"]])
            if row[columns["team_id"]]:
                teams.add(row[columns["team_id"]])
    aliases = {row[tables.place("teams", "id")]: row[tables.place("teams", "alias")] for row in tables.teams}
    team_names = sorted(aliases.get(team) or team for team in teams)
    return Callers(
        keys=len(names),
        key_names=tuple(nsmallest(NAMES, names)),
        teams=len(teams),
        team_names=tuple(team_names[:NAMES]),
        looked_at=len(rows),
        all_keys=len(tables.keys),
    )


def _may_call_any(principal: Principal, groups: Collection[str], table: RoutingTable) -> bool:
    if principal.blocked or principal.team_blocked:
        return False
    for name in (*groups, *table.router.model_group_alias, *principal.aliases):
        target = auth.target_model(principal, name)
        group = table.resolve(target)
        if (
            group in groups
            and _finds(principal, group, table)
            and auth.is_allowed(principal, name, access_groups=table.grants(target))
        ):
            return True
    return False


def _finds(principal: Principal, group: str, table: RoutingTable) -> bool:
    """Whether the group is there for it: one of a team is for nobody else."""
    return bool(table.deployments(group, team_id=principal.team_id) or table.pattern_of(group))


class _Rights:
    """What of a key's row, and of its owners', decides which models it may call: the same for many keys."""

    def __init__(self, tables: Tables, rows: Sequence[Row], table: RoutingTable) -> None:
        self._key = {
            name: tables.place("keys", name)
            for name in ("allowed_models", "aliases", "team_id", "user_id", "organization_id", "blocked", "expires_at")
        }
        users = {row[self._key["user_id"]] for row in rows}
        models, active = tables.place("users", "allowed_models"), tables.place("users", "is_active")
        self._users = {row[0]: (repr(row[models]), row[active]) for row in tables.users if row[0] in users}
        budget = tables.place("members", "budget_id")
        self._members = {(row[0], row[1]): row[budget] for row in tables.members if row[1] in users}
        self._teams = _teams_rights(tables, table)

    def is_alive(self, row: Row, *, now: datetime) -> bool:
        expires_at = row[self._key["expires_at"]]
        return not row[self._key["blocked"]] and (expires_at is None or expires_at > now)

    def of(self, row: Row) -> tuple[Any, ...]:
        team, user = row[self._key["team_id"]], row[self._key["user_id"]]
        models, is_active = self._users.get(user, ("", True))
        return (
            repr(row[self._key["allowed_models"]]),
            repr(row[self._key["aliases"]]),
            self._teams.get(team, team),
            row[self._key["organization_id"]],
            bool(user),
            is_active,
            models if team is None else self._members.get((team, user)),
        )


def _teams_rights(tables: Tables, table: RoutingTable) -> dict[str, tuple[Any, ...]]:
    """The same for teams that are alike, so that not each is judged; one with a group of its own is like no other."""
    with_own = {team_id for team_id, _name in table.team_groups}
    places = [
        tables.place("teams", name)
        for name in ("allowed_models", "blocked", "organization_id", "model_aliases", "default_member_models")
    ]
    return {row[0]: (row[0] in with_own and row[0], *(repr(row[place]) for place in places)) for row in tables.teams}
