"""Verbs on keys, users and teams: what is more than saving one row."""

from teams.services.keys import collect_key, give_key, issue_key, regenerate_key, rotate_due_keys
from teams.services.teams import (
    add_member,
    delete_organization,
    delete_team,
    discard_budgets,
    give_budget,
    grants_of,
    own_budget,
    remove_member,
    remove_organization_member,
)
from teams.services.users import ADMIN_USER_ID, ensure_admin, ensure_team, ensure_user

__all__ = [
    "ADMIN_USER_ID",
    "add_member",
    "collect_key",
    "delete_organization",
    "delete_team",
    "discard_budgets",
    "ensure_admin",
    "ensure_team",
    "ensure_user",
    "give_budget",
    "give_key",
    "grants_of",
    "issue_key",
    "own_budget",
    "regenerate_key",
    "remove_member",
    "remove_organization_member",
    "rotate_due_keys",
]
