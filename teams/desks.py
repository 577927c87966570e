"""Whose alerts somebody works with: everybody's, or those of the teams that one administers."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from alerts.services import Desk
from teams.access import Reach, keys_of
from teams.models import Role, Team, User

# Of somebody with more keys, the incidents of the newest are shown.
_MOST_KEYS = 500


def desk_of_user(user: Any) -> Desk:
    """At the admin's pages, where permissions say what one may do at all."""
    if not isinstance(user, User):
        return Desk(team_ids=frozenset(), may_write=False)
    reach = Reach.of_user(user)
    if reach.sees_everything:
        return Desk(is_operators=user.is_superuser)
    return replace(_of_teams(reach, user.role), user_id=user.pk, key_aliases=_aliases(user))


def _aliases(user: User) -> Mapping[str, frozenset[str]]:
    """Of the own keys, by team."""
    rows = keys_of(user.pk).exclude(alias=None).values_list("team_id", "alias")
    found: dict[str, set[str]] = {}
    for team_id, alias in rows[:_MOST_KEYS]:
        found.setdefault(team_id or "", set()).add(str(alias))
    return {team_id: frozenset(aliases) for team_id, aliases in found.items()}


def desk_of_reach(reach: Reach) -> Desk:
    """Of a caller of the API. Only the master key is the operator's."""
    if reach.sees_everything:
        return Desk(may_write=reach.is_admin, is_operators=reach.is_master)
    return _of_teams(reach, reach.role)


def _of_teams(reach: Reach, role: str) -> Desk:
    below = Team.objects.filter(organization__in=reach.administered_organizations).order_by()
    of_organizations = below.values_list("pk", flat=True) if reach.administered_organizations else ()
    team_ids = frozenset({*reach.administered_teams, *of_organizations})
    return Desk(team_ids=team_ids, may_write=role != Role.INTERNAL_USER_VIEWER)
