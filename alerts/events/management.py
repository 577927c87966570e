"""Events of what people change."""

from dataclasses import dataclass
from typing import ClassVar

from alerts.events.base import AlertType, Event


@dataclass(frozen=True)
class ManagementEvent(Event):
    """Somebody changed something. `changes` are field, old and new value as text; no value is ever a secret."""

    is_notice = True
    headline: ClassVar[str]

    change_id: str
    object_id: str
    name: str
    done_by: str
    facts: tuple[tuple[str, str], ...] = ()
    changes: tuple[tuple[str, str, str], ...] = ()
    routing: tuple[tuple[str, str], ...] = ()

    def identity(self) -> tuple[object, ...]:
        return self.change_id, self.object_id

    def title(self) -> str:
        return f"{self.headline}: {self.name}"

    def details(self) -> dict[str, str]:
        changes = {name: f"{old or '(none)'} -> {new or '(none)'}" for name, old, new in self.changes}
        return {"Action Done by": self.done_by, **dict(self.facts), **changes}

    def labels(self) -> dict[str, str]:
        return dict(self.routing)


class KeyCreated(ManagementEvent):
    alert_type = AlertType.NEW_VIRTUAL_KEY_CREATED
    raised_when = "a virtual key is made"
    headline = "New Virtual Key Created"


class KeyUpdated(ManagementEvent):
    alert_type = AlertType.VIRTUAL_KEY_UPDATED
    raised_when = "a virtual key is changed"
    headline = "Virtual Key Updated"


class KeyDeleted(ManagementEvent):
    alert_type = AlertType.VIRTUAL_KEY_DELETED
    raised_when = "a virtual key is deleted"
    headline = "Virtual Key Deleted"


class KeyRegenerated(ManagementEvent):
    alert_type = AlertType.VIRTUAL_KEY_REGENERATED
    raised_when = "a virtual key gets a successor"
    headline = "Virtual Key Regenerated"


class KeyBlocked(ManagementEvent):
    """Also when it is let in again: the changed field says which."""

    alert_type = AlertType.VIRTUAL_KEY_BLOCKED
    raised_when = "a virtual key is blocked or let in again"
    headline = "Virtual Key Blocked or Unblocked"


class TeamCreated(ManagementEvent):
    alert_type = AlertType.NEW_TEAM_CREATED
    raised_when = "a team is made"
    headline = "New Team Created"


class TeamUpdated(ManagementEvent):
    alert_type = AlertType.TEAM_UPDATED
    raised_when = "a team is changed"
    headline = "Team Updated"


class TeamDeleted(ManagementEvent):
    alert_type = AlertType.TEAM_DELETED
    raised_when = "a team is deleted"
    headline = "Team Deleted"


class TeamMemberAdded(ManagementEvent):
    alert_type = AlertType.TEAM_MEMBER_ADDED
    raised_when = "somebody joins a team"
    headline = "Team Member Added"


class TeamMemberRemoved(ManagementEvent):
    alert_type = AlertType.TEAM_MEMBER_REMOVED
    raised_when = "somebody leaves a team"
    headline = "Team Member Removed"


class InternalUserCreated(ManagementEvent):
    alert_type = AlertType.NEW_INTERNAL_USER_CREATED
    raised_when = "a user is made"
    headline = "New Internal User Created"


class InternalUserUpdated(ManagementEvent):
    alert_type = AlertType.INTERNAL_USER_UPDATED
    raised_when = "a user is changed"
    headline = "Internal User Updated"


class InternalUserDeleted(ManagementEvent):
    alert_type = AlertType.INTERNAL_USER_DELETED
    raised_when = "a user is deleted"
    headline = "Internal User Deleted"


class DeploymentChanged(ManagementEvent):
    alert_type = AlertType.DEPLOYMENT_CHANGED
    raised_when = "a deployment is made, changed or deleted"
    headline = "Deployment Changed"


class NewModelAdded(ManagementEvent):
    alert_type = AlertType.NEW_MODEL_ADDED
    raised_when = "a deployment is made, other than by config.yaml"
    headline = "New Model Added"


class BudgetChanged(ManagementEvent):
    alert_type = AlertType.BUDGET_CHANGED
    raised_when = "a budget row is made, changed or deleted"
    headline = "Budget Changed"
