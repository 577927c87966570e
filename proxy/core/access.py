"""Which model groups a list of grants covers. Pure."""

from collections.abc import Collection

_EVERYTHING = frozenset({"*", "all-proxy-models"})
ALL_TEAM_MODELS = "all-team-models"


def covers(grants: Collection[str], model_group: str) -> bool:
    """An empty list grants everything; `provider/*` grants by prefix."""
    if not grants or model_group in grants or not _EVERYTHING.isdisjoint(grants):
        return True
    return any(grant.endswith("/*") and model_group.startswith(grant[:-1]) for grant in grants)
