"""The table of what is watched here: how it is called in the audit trail, which alerts it raises, who must know."""

import json
from collections.abc import Sequence
from typing import Any, cast

from django.apps import apps
from django.db.models import Model
from django.utils import translation

from alerts import events
from alerts.events import Event, ManagementEvent
from teams import audit, revisions
from teams.audit import CREATED, DELETED, UPDATED, Story, Watched
from teams.models import (
    Budget,
    Customer,
    Membership,
    Organization,
    OrganizationMembership,
    RetiredToken,
    Tag,
    Team,
    User,
    VirtualKey,
)

_LONGEST_VALUE = 200
_FACTS = {"name": "Key", "team": "Team", "user": "User", "organization": "Organization", "role": "Role"}


def _in_snapshot(kind: str) -> Any:
    return lambda row: revisions.bump(revisions.KEYS, kind=kind, object_id=str(row.pk))


def _membership_changed(row: Model) -> None:
    membership = cast("Membership", row)
    revisions.bump(revisions.KEYS, kind="membership", object_id=f"{membership.team_id}\x1f{membership.user_id}"[:255])


def management_event(kind: type[ManagementEvent], story: Story) -> ManagementEvent:
    """Names, who did it from where, and each changed field; values are cut, secrets are masked already."""
    entry, known = story.entry, {**story.before, **story.after}
    with translation.override("en"):
        source = entry.get_source_display()
    by = f"{entry.actor_id or 'somebody'} ({entry.actor_role})" if entry.actor_role else entry.actor_id or "somebody"
    with_key = f", key {entry.actor_key}" if entry.actor_key else ""
    facts = tuple((title, _text(known[name])) for name, title in _FACTS.items() if known.get(name))
    changes = audit.changed_fields(story) if story.action == UPDATED else {}
    return kind(
        change_id=str(story.change_id),
        object_id=story.object_id,
        name=story.label,
        done_by=f"{by} via {source}{with_key}",
        facts=() if story.action == UPDATED else facts,
        changes=tuple((name, _text(old), _text(new)) for name, (old, new) in changes.items()),
        routing=tuple((name, str(known[field])) for name, field in _ROUTING if known.get(field)),
    )


_ROUTING = (("team_id", "team"), ("user_id", "user"), ("key_alias", "alias"))


def _text(value: Any) -> str:
    text = "" if value in (None, [], {}) else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def by_action(created: type[ManagementEvent], updated: type[ManagementEvent], deleted: type[ManagementEvent]) -> Any:
    kinds = {CREATED: created, UPDATED: updated, DELETED: deleted}
    return lambda story: [management_event(kinds[story.action], story)]


def _key_events(story: Story) -> Sequence[Event]:
    kinds: list[type[ManagementEvent]] = []
    if story.action == UPDATED:
        changed = set(audit.changed_fields(story))
        if "token_hash" in changed:
            kinds.append(events.KeyRegenerated)
        elif changed == {"blocked"}:
            kinds.append(events.KeyBlocked)
        kinds.append(events.KeyUpdated)
    else:
        kinds.append(events.KeyCreated if story.action == CREATED else events.KeyDeleted)
    return [management_event(kind, story) for kind in kinds]


def _member_events(story: Story) -> Sequence[Event]:
    if story.action == UPDATED:
        return [management_event(events.TeamUpdated, story)]
    kind = events.TeamMemberAdded if story.action == CREATED else events.TeamMemberRemoved
    return [management_event(kind, story)]


_budget_events = by_action(events.BudgetChanged, events.BudgetChanged, events.BudgetChanged)

WATCHED: dict[type[Model], Watched] = {
    VirtualKey: Watched("key", _key_events, changed=_in_snapshot("key")),
    RetiredToken: Watched("retired_token", changed=_in_snapshot("retired_token")),
    Team: Watched(
        "team",
        by_action(events.TeamCreated, events.TeamUpdated, events.TeamDeleted),
        changed=_in_snapshot("team"),
    ),
    User: Watched(
        "user",
        by_action(events.InternalUserCreated, events.InternalUserUpdated, events.InternalUserDeleted),
        changed=_in_snapshot("user"),
        many=("groups", "user_permissions"),
    ),
    Membership: Watched("team_member", _member_events, changed=_membership_changed, part_of={"team": "team"}),
    Organization: Watched("organization", changed=_in_snapshot("organization")),
    OrganizationMembership: Watched("organization_member"),
    Budget: Watched("budget", _budget_events, changed=_in_snapshot("budget")),
    Customer: Watched("customer", changed=_in_snapshot("customer")),
    Tag: Watched("tag", changed=_in_snapshot("tag")),
}
# What the alert engine keeps for itself as it works is no change by anybody.
_CHANNEL_STATE = frozenset({"not_before", "delivered_at", "failing_since", "last_error"})


def connect() -> None:
    for model, watched in WATCHED.items():
        audit.watch(model, watched)
    audit.watch(apps.get_model("alerts", "AlertRoute"), Watched("alert_route", many=("channels", "escalate_to")))
    audit.watch(apps.get_model("alerts", "AlertChannel"), Watched("alert_channel", ignored=_CHANNEL_STATE))
    audit.watch(apps.get_model("alerts", "Silence"), Watched("alert_silence"))
    audit.watch(apps.get_model("alerts", "AlertSettings"), Watched("alert_settings"))
