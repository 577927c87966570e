"""Searches in big tables for rows by whose they are."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Model, Q

from teams.models import Team, User

MOST_IDS = 5000
_NAMES: Mapping[str, tuple[type[Model], tuple[str, ...]]] = {
    "user": (User, ("username", "alias", "email")),
    "team": (Team, ("alias",)),
}


def owner_named(text: str) -> Q:
    """A condition on rows that have a `user` and a `team`.

    A few owners are asked for before, since rows are found by an index of their ids. Where many have that name so do
    many rows: they are read one by one, with their owners, until a page is full.
    """
    found = Q()
    for relation, (model, names) in _NAMES.items():
        rows: Any = model._default_manager.filter(_named(text, names)).order_by()
        ids = list(rows.values_list("pk", flat=True)[: MOST_IDS + 1])
        found |= Q(**{f"{relation}__in": ids}) if len(ids) <= MOST_IDS else _named(text, names, of=f"{relation}__")
    return found


def _named(text: str, names: Iterable[str], *, of: str = "") -> Q:
    found = Q(**{f"{of}pk": text})
    for name in names:
        found |= Q(**{f"{of}{name}__icontains": text})
    return found
