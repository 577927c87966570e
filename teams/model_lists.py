"""Which model groups a list of grants covers. Pure."""

from collections.abc import Collection

_EVERYTHING = frozenset({"*", "all-proxy-models"})
ALL_TEAM_MODELS = "all-team-models"
NO_DEFAULT_MODELS = "no-default-models"
# They grant what the team has, and nothing.
_HARMLESS = frozenset({ALL_TEAM_MODELS, NO_DEFAULT_MODELS})


def covers(grants: Collection[str], model_group: str, *, access_groups: Collection[str] = ()) -> bool:
    """An empty list grants everything; `provider/*` grants by prefix, an access group by the group's name."""
    if not grants or model_group in grants or not _EVERYTHING.isdisjoint(grants):
        return True
    if any(group in grants for group in access_groups):
        return True
    return any(grant.endswith("/*") and model_group.startswith(grant[:-1]) for grant in grants)


def within(wanted: Collection[str], granted: Collection[str]) -> bool:
    """Whether a list of grants gives away nothing that `granted` lacks."""
    if not granted or not _EVERYTHING.isdisjoint(granted):
        return True
    return bool(wanted) and all(name in _HARMLESS or covers(granted, name) for name in wanted)
