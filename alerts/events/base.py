"""The alert types, and what every event is."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar


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
    ALERT_CHANNEL_FAILING = "alert_channel_failing"
    ALERTMANAGER_ALERTS = "alertmanager_alerts"
    ALERT_CHAIN_FAILING = "alert_chain_failing"


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
# Alerts about alerting: whoever lists the types that he wants does not mean to switch these off.
ALWAYS_ON = frozenset({AlertType.ALERT_CHANNEL_FAILING, AlertType.ALERT_CHAIN_FAILING})
ON_BY_DEFAULT = tuple(kind for kind in AlertType if kind not in OFF_BY_DEFAULT)


class Level(StrEnum):
    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"


class Mail(StrEnum):
    """What people are written of by mail, by LiteLLM's names."""

    KEY_CREATED = "Virtual Key Created"
    INVITATION = "New User Invitation"
    KEY_ROTATED = "Virtual Key Rotated"
    SOFT_BUDGET = "Soft Budget Crossed"
    MAX_BUDGET = "Max Budget Alert"


@dataclass(frozen=True)
class Event:
    """Something an admin may want to know. Seconds everywhere."""

    alert_type: ClassVar[AlertType]
    level: ClassVar[Level] = Level.HIGH
    # While the incident stays open, how often it is told again.
    repeat_interval: ClassVar[int] = 4 * 3600
    # Not seen for this long, it counts as over.
    quiet_interval: ClassVar[int] = 300
    # The argument of `alerting_args` that says the first of them, where one does; the second is no less then.
    repeat_setting: ClassVar[str] = ""
    # News rather than trouble: told once, over at once, and not kept where nobody wants it.
    is_notice: ClassVar[bool] = False
    # Told even while the database is away, since it is about that.
    needs_no_database: ClassVar[bool] = False
    # "letter" for what is written to one person.
    style: ClassVar[str] = ""
    # For the catalogue: what raises it, what ends it besides its quiet interval, which settings shape it.
    raised_when: ClassVar[str] = ""
    ends_when: ClassVar[str] = ""
    shaped_by: ClassVar[tuple[str, ...]] = ()

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

    def compatibility(self) -> dict[str, Any]:
        """The body of LiteLLM's own webhook, for the types that it has one for."""
        return {}

    def avoided_channel_id(self) -> int | None:
        """The channel it is about, through which it cannot be told."""
        return None

    def sections(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Headings with lines below them: what a report has to say."""
        return ()

    def files(self) -> tuple[tuple[str, str], ...]:
        """Names and texts to attach, where a channel can."""
        return ()

    def recipients(self) -> tuple[str, ...]:
        """Mail addresses of those whom it concerns."""
        return ()

    def for_people(self) -> dict[str, Any]:
        """In words for those, who look after no gateway: `title`, `lines` and `facts`. Empty: as for everybody."""
        return {}

    def fingerprint(self) -> str:
        parts = "\x1f".join(str(part) for part in (self.alert_type, *self.identity()))
        return hashlib.sha256(parts.encode()).hexdigest()
