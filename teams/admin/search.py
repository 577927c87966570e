"""Searches in big tables for rows by whose they are."""

from typing import Any

from django.db.models import Q, QuerySet

from teams.models import Team, User

MOST_IDS = 1000


def users_named(text: str) -> Any:
    """What `__in` takes."""
    found = Q(pk=text) | Q(username__icontains=text) | Q(alias__icontains=text) | Q(email__icontains=text)
    return _ids(User.objects.filter(found))


def teams_named(text: str) -> Any:
    return _ids(Team.objects.filter(Q(pk=text) | Q(alias__icontains=text)))


def _ids(found: "QuerySet[Any]") -> Any:
    """Asked before, since a search among many rows goes by an index for a few ids, and not for whatever is found."""
    ids = list(found.order_by().values_list("pk", flat=True)[: MOST_IDS + 1])
    return ids if len(ids) <= MOST_IDS else found.order_by().values("pk")
