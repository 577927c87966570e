"""The table of changes that make every process build its routing table again, and of what the audit trail keeps."""

from collections.abc import Sequence

from django.db.models import Model

from alerts import events
from alerts.events import Event
from proxy import gateway_budgets
from proxy.models import ConfigField, Deployment
from teams import audit, revisions
from teams.audit import CREATED, Story, Watched
from teams.models import ActorSource
from teams.signals import management_event


def _deployments_changed(row: Model) -> None:
    gateway_budgets.follow_settings()
    revisions.bump(revisions.DEPLOYMENTS)


def _deployment_events(story: Story) -> Sequence[Event]:
    by_hand = story.action == CREATED and story.entry.source != ActorSource.CONFIG
    kinds = (events.NewModelAdded, events.DeploymentChanged) if by_hand else (events.DeploymentChanged,)
    return [management_event(kind, story) for kind in kinds]


WATCHED: dict[type[Model], Watched] = {
    Deployment: Watched("deployment", _deployment_events, changed=_deployments_changed),
    ConfigField: Watched("config_field", changed=_deployments_changed),
}


def connect() -> None:
    for model, watched in WATCHED.items():
        audit.watch(model, watched)
