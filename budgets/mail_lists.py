"""Whom LiteLLM's lists name for a percentage of a budget, and which percentages they add to those that are told.

`max_budget_alert_emails` of a key or a team, `team_member_max_budget_alert_emails` of a team for its members, and
`litellm_settings.default_key_max_budget_alert_emails` for every key: who stands in both is told once.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from budgets.core.allowances import Allowance
from budgets.directory import Entity
from budgets.models import Scope
from teams.models import Membership, Team, VirtualKey

KEY_LIST = TEAM_LIST = "max_budget_alert_emails"
MEMBER_LIST = "team_member_max_budget_alert_emails"
_LARGEST_PERCENT = 1000
Lists = Mapping[int, list[str]]


def read_lists(metadata: Any, name: str) -> Lists:
    """By percentage; what is malformed is left out."""
    given = metadata.get(name) if isinstance(metadata, dict) else None
    found: dict[int, list[str]] = {}
    for percent, addresses in given.items() if isinstance(given, dict) else ():
        if (number := _percent(percent)) and (texts := read_texts(addresses)):
            found.setdefault(number, []).extend(texts)
    return found


def read_texts(value: Any) -> list[str]:
    """A list, or a text with commas."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return [part.strip() for part in parts if isinstance(part, str) and part.strip()]


def default_lists() -> Lists:
    """Those of every key."""
    return read_lists({KEY_LIST: _source()}, KEY_LIST)


def listed(lists: Lists, thresholds: Iterable[str]) -> list[str]:
    return [one for name in thresholds if name.isdigit() for one in lists.get(int(name), ())]


def own_percents(changed: Iterable[Allowance]) -> dict[Entity, frozenset[int]]:
    """Percentages that somebody's lists add, for budgets with a limit."""
    wanted: dict[str, set[str]] = {}
    for one in changed:
        if one.max_nano is not None and one.scope in _METADATA:
            wanted.setdefault(one.scope, set()).add(one.entity_id)
    found = {}
    for scope, ids in wanted.items():
        name, read = _METADATA[scope]
        every = frozenset(default_lists()) if scope == Scope.KEY else frozenset()
        for entity_id, metadata in read(ids):
            if percents := every | read_lists(metadata, name).keys():
                found[scope, str(entity_id)] = percents
    return found


def set_default_source(source: Callable[[], Any]) -> None:
    """Who knows `default_key_max_budget_alert_emails`: settings are stored by an app above this one."""
    global _source  # noqa: PLW0603
    _source = source


def _nothing() -> Any:
    return None


_source: Callable[[], Any] = _nothing


def _percent(text: Any) -> int | None:
    try:
        number = int(text)
    except (TypeError, ValueError):
        return None
    return number if 0 < number <= _LARGEST_PERCENT else None


_METADATA: Mapping[str, tuple[str, Callable[[set[str]], Iterable[tuple[Any, Any]]]]] = {
    Scope.KEY: (KEY_LIST, lambda ids: VirtualKey.objects.filter(pk__in=ids).values_list("pk", "metadata")),
    Scope.TEAM: (TEAM_LIST, lambda ids: Team.objects.filter(pk__in=ids).values_list("pk", "metadata")),
    Scope.MEMBER: (MEMBER_LIST, lambda ids: Membership.objects.filter(pk__in=ids).values_list("pk", "team__metadata")),
}
