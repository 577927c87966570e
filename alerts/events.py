"""The facts that can be told. Pure: an event is a frozen value that carries everything its message needs.

Adding an alert type: a member of AlertType (unless LiteLLM has it already) and one class here, then raise it with
`alerts.services.emit(events.YourEvent(...))`. Admin, routing and docs learn of it by themselves.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class AlertType(StrEnum):
    """LiteLLM's names, in its groups; `alert_types` and `alert_to_webhook_url` are checked against them."""

    LLM_EXCEPTIONS = "llm_exceptions"
    LLM_TOO_SLOW = "llm_too_slow"
    LLM_REQUESTS_HANGING = "llm_requests_hanging"
    COOLDOWN_DEPLOYMENT = "cooldown_deployment"
    NEW_MODEL_ADDED = "new_model_added"
    MODEL_DEPRECATION_WARNINGS = "model_deprecation_warnings"
    OUTAGE_ALERTS = "outage_alerts"
    REGION_OUTAGE_ALERTS = "region_outage_alerts"

    BUDGET_ALERTS = "budget_alerts"
    SPEND_REPORTS = "spend_reports"
    FAILED_TRACKING_SPEND = "failed_tracking_spend"
    DAILY_REPORTS = "daily_reports"
    FALLBACK_REPORTS = "fallback_reports"
    USER_SPEND_THRESHOLDS = "user_spend_thresholds"
    USER_SPEND_ANOMALIES = "user_spend_anomalies"

    DB_EXCEPTIONS = "db_exceptions"

    NEW_VIRTUAL_KEY_CREATED = "new_virtual_key_created"
    VIRTUAL_KEY_UPDATED = "virtual_key_updated"
    VIRTUAL_KEY_DELETED = "virtual_key_deleted"
    NEW_TEAM_CREATED = "new_team_created"
    TEAM_UPDATED = "team_updated"
    TEAM_DELETED = "team_deleted"
    NEW_INTERNAL_USER_CREATED = "new_internal_user_created"
    INTERNAL_USER_UPDATED = "internal_user_updated"
    INTERNAL_USER_DELETED = "internal_user_deleted"

    # Ours, beside LiteLLM's.
    VIRTUAL_KEY_REGENERATED = "virtual_key_regenerated"
    VIRTUAL_KEY_BLOCKED = "virtual_key_blocked"
    TEAM_MEMBER_ADDED = "team_member_added"
    TEAM_MEMBER_REMOVED = "team_member_removed"
    DEPLOYMENT_CHANGED = "deployment_changed"
    BUDGET_CHANGED = "budget_changed"


OFF_BY_DEFAULT = frozenset(
    {
        AlertType.USER_SPEND_ANOMALIES,
        AlertType.NEW_VIRTUAL_KEY_CREATED,
        AlertType.VIRTUAL_KEY_UPDATED,
        AlertType.VIRTUAL_KEY_DELETED,
        AlertType.NEW_TEAM_CREATED,
        AlertType.TEAM_UPDATED,
        AlertType.TEAM_DELETED,
        AlertType.NEW_INTERNAL_USER_CREATED,
        AlertType.INTERNAL_USER_UPDATED,
        AlertType.INTERNAL_USER_DELETED,
        AlertType.VIRTUAL_KEY_REGENERATED,
        AlertType.VIRTUAL_KEY_BLOCKED,
        AlertType.TEAM_MEMBER_ADDED,
        AlertType.TEAM_MEMBER_REMOVED,
        AlertType.DEPLOYMENT_CHANGED,
        AlertType.BUDGET_CHANGED,
    }
)
ON_BY_DEFAULT = tuple(kind for kind in AlertType if kind not in OFF_BY_DEFAULT)


class Level(StrEnum):
    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"


@dataclass(frozen=True)
class Event:
    """Something an admin may want to know. Seconds everywhere."""

    alert_type: ClassVar[AlertType]
    level: ClassVar[Level] = Level.HIGH
    # While the incident stays open, how often it is told again.
    repeat_interval: ClassVar[int] = 4 * 3600
    # Not seen for this long, it counts as over.
    quiet_interval: ClassVar[int] = 300
    # News rather than trouble: told once, over at once, and not kept where nobody wants it.
    is_notice: ClassVar[bool] = False

    def identity(self) -> tuple[object, ...]:
        """What makes two events the same incident: never free text, times or request ids."""
        raise NotImplementedError

    def title(self) -> str:
        raise NotImplementedError

    def details(self) -> dict[str, str]:
        """Facts below the title, in order."""
        return {}

    def labels(self) -> dict[str, str]:
        """What routes and silences match on."""
        return {}

    def fingerprint(self) -> str:
        parts = "\x1f".join(str(part) for part in (self.alert_type, *self.identity()))
        return hashlib.sha256(parts.encode()).hexdigest()


@dataclass(frozen=True)
class LLMException(Event):
    """An upstream failed to answer: its fault or the network's, never the client's."""

    alert_type = AlertType.LLM_EXCEPTIONS

    model_group: str
    deployment_id: str
    provider: str
    api_base: str
    error_class: str
    status_code: int
    message: str
    key_alias: str = ""
    team: str = ""
    call_id: str = ""

    def identity(self) -> tuple[object, ...]:
        return self.model_group, self.deployment_id, self.error_class, self.status_code

    def title(self) -> str:
        return f"LLM API call failed: {self.message}"

    def details(self) -> dict[str, str]:
        return {
            "Model": self.model_group,
            "Provider": self.provider,
            "API Base": self.api_base,
            "Deployment": self.deployment_id,
            "Error": f"{self.error_class} ({self.status_code})",
            "Key Name": self.key_alias,
            "Team": self.team,
            "Call ID": self.call_id,
        }

    def labels(self) -> dict[str, str]:
        return {"model": self.model_group, "provider": self.provider, "key_alias": self.key_alias, "team": self.team}


@dataclass(frozen=True)
class DeploymentCooledDown(Event):
    """A deployment gets no requests for a while: it failed, and its siblings or the fallbacks serve instead."""

    alert_type = AlertType.COOLDOWN_DEPLOYMENT

    model_group: str
    deployment_id: str
    provider: str
    api_base: str
    seconds: float
    reason: str
    error_class: str
    status_code: int
    region: str = ""

    def identity(self) -> tuple[object, ...]:
        return (self.deployment_id,)

    def title(self) -> str:
        return f"Deployment of {self.model_group} cools down for {self.seconds:g} s after {self.error_class}"

    def details(self) -> dict[str, str]:
        return {
            "Model": self.model_group,
            "Provider": self.provider,
            "API Base": self.api_base,
            "Deployment": self.deployment_id,
            "Region": self.region,
            "Reason": self.reason.replace("_", " "),
            "Status": str(self.status_code),
        }

    def labels(self) -> dict[str, str]:
        return {"model": self.model_group, "provider": self.provider, "deployment": self.deployment_id}


@dataclass(frozen=True)
class SpendNotTracked(Event):
    """A request was served for which nobody knows a price: its entry stands in the ledger with amount 0."""

    alert_type = AlertType.FAILED_TRACKING_SPEND
    repeat_interval = quiet_interval = 24 * 3600

    model_group: str
    provider: str
    model: str

    def identity(self) -> tuple[object, ...]:
        return self.provider, self.model

    def title(self) -> str:
        return (
            f"No price is known for {self.provider}/{self.model}: its requests are recorded with amount 0. "
            "Set input_cost_per_token and output_cost_per_token on the deployment."
        )

    def details(self) -> dict[str, str]:
        return {"Model": self.model_group}

    def labels(self) -> dict[str, str]:
        return {"model": self.model_group, "provider": self.provider}


@dataclass(frozen=True)
class BudgetThreshold(Event):
    """Spend reached part of a budget, or all of it, or the soft budget: told once a period by who counts the spend.

    `budget_of` is words such as "Key" or "Team member", `name` whose budget it is, for people; `threshold` is a number
    of percent or "soft". Times are ISO 8601, amounts dollars as text.
    """

    budget_of: str
    entity_id: str
    name: str
    threshold: str
    spent: str
    max_budget: str = ""
    soft_budget: str = ""
    duration: str = ""
    period_start: str = ""
    resets_at: str = ""

    alert_type = AlertType.BUDGET_ALERTS
    is_notice = True

    def identity(self) -> tuple[object, ...]:
        return (self.budget_of, self.entity_id, self.duration, self.period_start, self.threshold, self.max_budget)

    def title(self) -> str:
        if self.threshold == "soft":
            return f"Soft Budget Crossed: {self.budget_of} {self.name} spent ${self.spent} of ${self.soft_budget}"
        if self.threshold == "100":
            return f"{self.budget_of} Budget: Budget Crossed. {self.name} spent ${self.spent} of ${self.max_budget}"
        return f"{self.budget_of} Budget: {self.threshold}% used. {self.name} spent ${self.spent} of ${self.max_budget}"

    def details(self) -> dict[str, str]:
        return {
            "Budget of": f"{self.budget_of} {self.name}",
            "Id": self.entity_id,
            "Spend": self.spent,
            "Max budget": self.max_budget,
            "Soft budget": self.soft_budget,
            "Duration": self.duration,
            "Resets at": self.resets_at,
        }

    def labels(self) -> dict[str, str]:
        return {"budget_of": self.budget_of, "name": self.name, "threshold": self.threshold}


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
    headline = "New Virtual Key Created"


class KeyUpdated(ManagementEvent):
    alert_type = AlertType.VIRTUAL_KEY_UPDATED
    headline = "Virtual Key Updated"


class KeyDeleted(ManagementEvent):
    alert_type = AlertType.VIRTUAL_KEY_DELETED
    headline = "Virtual Key Deleted"


class KeyRegenerated(ManagementEvent):
    alert_type = AlertType.VIRTUAL_KEY_REGENERATED
    headline = "Virtual Key Regenerated"


class KeyBlocked(ManagementEvent):
    """Also when it is let in again: the changed field says which."""

    alert_type = AlertType.VIRTUAL_KEY_BLOCKED
    headline = "Virtual Key Blocked or Unblocked"


class TeamCreated(ManagementEvent):
    alert_type = AlertType.NEW_TEAM_CREATED
    headline = "New Team Created"


class TeamUpdated(ManagementEvent):
    alert_type = AlertType.TEAM_UPDATED
    headline = "Team Updated"


class TeamDeleted(ManagementEvent):
    alert_type = AlertType.TEAM_DELETED
    headline = "Team Deleted"


class TeamMemberAdded(ManagementEvent):
    alert_type = AlertType.TEAM_MEMBER_ADDED
    headline = "Team Member Added"


class TeamMemberRemoved(ManagementEvent):
    alert_type = AlertType.TEAM_MEMBER_REMOVED
    headline = "Team Member Removed"


class InternalUserCreated(ManagementEvent):
    alert_type = AlertType.NEW_INTERNAL_USER_CREATED
    headline = "New Internal User Created"


class InternalUserUpdated(ManagementEvent):
    alert_type = AlertType.INTERNAL_USER_UPDATED
    headline = "Internal User Updated"


class InternalUserDeleted(ManagementEvent):
    alert_type = AlertType.INTERNAL_USER_DELETED
    headline = "Internal User Deleted"


class DeploymentChanged(ManagementEvent):
    alert_type = AlertType.DEPLOYMENT_CHANGED
    headline = "Deployment Changed"


class NewModelAdded(ManagementEvent):
    alert_type = AlertType.NEW_MODEL_ADDED
    headline = "New Model Added"


class BudgetChanged(ManagementEvent):
    alert_type = AlertType.BUDGET_CHANGED
    headline = "Budget Changed"
