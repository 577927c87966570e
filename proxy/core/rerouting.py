"""The router's lists entry by entry - a group's fallbacks, an alias - and what two states of them differ in. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxy.core.settings import KINDS

FALLBACKS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
DEFAULT = "default_fallbacks"
ALIASES = "model_group_alias"
SETTINGS = (*FALLBACKS, DEFAULT, ALIASES)
# The default is nobody's own.
EVERYBODY = ""

# Of one setting, by model group or alias: a list of fallbacks, or what the alias stands for.
Entries = Mapping[str, Any]
# By setting, then by model group or alias; None takes the entry away.
Edits = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """None: there was, or will be, no such entry."""

    setting: str
    name: str
    old: Any
    new: Any


def entries_of(setting: str, value: Any) -> dict[str, Any]:
    """Raises ValueError, with a sentence that begins with "must", for what the router, or a page, could not use."""
    if value is None:
        return {}
    read = KINDS[setting](value)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("must hold whole characters") from None
    if setting == ALIASES:
        return dict(value)
    if setting == DEFAULT:
        return {EVERYBODY: list(read)} if read else {}
    return {group: list(models) for group, models in read.items()}


def value_of(setting: str, entries: Entries) -> Any:
    """As config.yaml would have it."""
    if setting == ALIASES:
        return dict(entries)
    if setting == DEFAULT:
        return entries.get(EVERYBODY, [])
    return [{group: models} for group, models in entries.items()]


def edited(entries: Entries, edits: Mapping[str, Any]) -> dict[str, Any]:
    found = {**entries, **edits}
    return {name: entry for name, entry in found.items() if entry is not None}


def differences(setting: str, old: Entries, new: Entries) -> list[Difference]:
    names = dict.fromkeys((*old, *new))
    pairs = ((name, old.get(name), new.get(name)) for name in names)
    return [Difference(setting, name, before, after) for name, before, after in pairs if before != after]


def reversed_edits(found: Sequence[Difference]) -> dict[str, dict[str, Any]]:
    """What takes these changes back, and touches nothing else."""
    edits: dict[str, dict[str, Any]] = {}
    for one in found:
        edits.setdefault(one.setting, {})[one.name] = one.old
    return edits


def model_of(entry: Any) -> str:
    """The model group that an entry of a list, or an alias, names."""
    return str(entry["model"] if isinstance(entry, Mapping) else entry)


def is_hidden(alias: Any) -> bool:
    """Whether an alias is answered, and not listed among the models."""
    return isinstance(alias, Mapping) and str(alias.get("hidden", False)).lower() == "true"


def cycle_through(group: str, lists: Entries, aliases: Mapping[str, str]) -> list[str]:
    """The shortest way by fallbacks from a group back to itself, both ends named; empty when there is none."""
    ways: list[list[str]] = [[group]]
    seen: set[str] = set()
    for way in ways:
        for target in _targets(way[-1], lists, aliases):
            if target == group:
                return [*way, group]
            if target not in seen:
                seen.add(target)
                ways.append([*way, target])
    return []


def _targets(group: str, lists: Entries, aliases: Mapping[str, str]) -> Iterator[str]:
    """Of the group's own list: what stands for any group is not followed."""
    own = lists.get(group, lists.get(group.partition("/")[2], ()))
    for entry in own:
        name = model_of(entry)
        yield aliases.get(name, name)
