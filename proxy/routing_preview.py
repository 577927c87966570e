"""What a change of fallbacks and aliases would do: what differs, whom it may touch, and what of it looks wrong."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from proxy.callers import Callers, callers_of
from proxy.config import routing
from proxy.config.routing import Stored
from proxy.core.rerouting import (
    ALIASES,
    DEFAULT,
    EVERYBODY,
    Difference,
    Edits,
    Entries,
    cycle_through,
    edited,
    model_of,
)
from proxy.group_board import Board, board
from proxy.registry import RoutingTable
from proxy.runtime import running
from teams.services import ADMIN_USER_ID
from teams.snapshot import KeySnapshot, load_keys

ANY = "*"
# Looking at more would keep a web process from its requests.
MOST_KEYS = 20_000


@dataclass(frozen=True, slots=True)
class Preview:
    """`seen` is the fingerprint of the state that it was made from; `groups` are those whose way changes."""

    seen: str
    differences: Sequence[Difference]
    groups: Sequence[str]
    callers: Callers
    warnings: Sequence[str]


def preview(edits: Edits, *, now: datetime) -> Preview:
    """Nothing is changed. Raises Invalid for edits that could not be applied."""
    seen, settings = routing.fingerprint(), routing.stored()
    found = routing.changes(edits, settings)
    entries = {name: edited(one.entries, edits.get(name, {})) for name, one in settings.items()}
    after = board(entries, now=now)
    groups = sorted(_groups(found, entries, after))
    return Preview(
        seen=seen,
        differences=found,
        groups=groups,
        callers=callers_of(set(groups), table=after.table, keys=_keys(), now=now, most=MOST_KEYS),
        warnings=list(dict.fromkeys(_warnings(found, settings, entries, after))),
    )


def _keys() -> KeySnapshot:
    try:
        return running().keys
    except RuntimeError:
        return load_keys(admin_id=ADMIN_USER_ID)


def _groups(found: Sequence[Difference], entries: Mapping[str, Entries], after: Board) -> set[str]:
    """What stands for any group is used by those without a list of their own."""
    groups: set[str] = set()
    for one in found:
        if one.setting == ALIASES:
            groups |= {model_of(entry) for entry in (one.old, one.new) if entry is not None}
        elif one.name in (EVERYBODY, ANY):
            own = entries["fallbacks" if one.setting == DEFAULT else one.setting]
            groups |= {name for name in _names(after.table) if name not in own} | {one.name} - {EVERYBODY, ANY}
        else:
            groups.add(one.name)
    return groups


def _names(table: RoutingTable) -> set[str]:
    return {*table.groups, *(name for _team, name in table.team_groups)}


def _warnings(
    found: Sequence[Difference], settings: Mapping[str, Stored], entries: Mapping[str, Entries], after: Board
) -> Iterator[str]:
    for name in dict.fromkeys(one.setting for one in found):
        if settings[name].problem:
            yield f"{settings[name].title}: {settings[name].problem}"
    for one in found:
        yield from _of_alias(one, after) if one.setting == ALIASES else _of_list(one, entries[one.setting], after)


def _of_alias(one: Difference, after: Board) -> Iterator[str]:
    if one.new is None:
        if not after.exists(one.name):
            yield _("Requests for “%(alias)s” find no model group any more.") % {"alias": one.name}
        return
    target = model_of(one.new)
    facts = {"alias": one.name, "group": target}
    if target == one.name:
        yield _("“%(alias)s” stands for itself.") % facts
    elif not after.exists(target):
        yield _("“%(alias)s” stands for “%(group)s”, and there is no such model group.") % facts
    if target != one.name and one.name in _names(after.table):
        yield _("There is a model group “%(alias)s”: its requests go to “%(group)s” instead.") % facts


def _of_list(one: Difference, lists: Entries, after: Board) -> Iterator[str]:
    if one.name not in (EVERYBODY, ANY) and not after.exists(one.name):
        yield _("There is no model group “%(group)s”.") % {"group": one.name}
    entries: Sequence[Any] = one.new or ()
    for entry in entries:
        yield from _of_target(one.name, model_of(entry), after)
    way = cycle_through(one.name, lists, after.router.model_group_alias) if entries else []
    # One that names itself is told already.
    if len(way) > 2:
        yield _("A cycle: %(way)s. A request asks each group once at most.") % {"way": " → ".join(way)}
    if len(entries) > after.router.max_fallbacks:
        yield _("Of %(number)d fallbacks only the first %(most)d are asked (max_fallbacks).") % {
            "number": len(entries),
            "most": after.router.max_fallbacks,
        }


def _of_target(group: str, named: str, after: Board) -> Iterator[str]:
    target = after.table.resolve(named)
    facts = {"group": group, "fallback": named}
    if target == group:
        yield _("“%(group)s” names itself as a fallback, which is passed over.") % facts
    elif not after.exists(target):
        yield _("The fallback “%(fallback)s” is no model group.") % facts
    else:
        found = after.group(target)
        if found.deployments and not found.selection.eligible:
            yield _("The fallback “%(fallback)s” has no deployment that may be asked at the moment.") % facts
