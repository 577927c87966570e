"""Bodies and answers of the routes about alerts."""

from typing import Annotated, Literal

from pydantic import Field

from proxy.management.base import Body
from proxy.management.schemas.fields import Answer, Name, Object, Time


class InboxQuery(Body):
    """`type` is one of LiteLLM's groups, or the name of an alert type."""

    status: Literal["open", "acknowledged", "resolved", "dismissed"] = "open"
    type: Name | None = None
    limit: int = Field(25, ge=1, le=100)
    cursor: Name | None = None


class AlertObject(Answer):
    id: str
    type: str
    status: str
    acknowledged: bool
    acknowledged_by: str | None
    severity: str
    title: str
    labels: Object
    count: int
    reason: str
    opened_at: Time
    last_seen_at: Time
    silenced_until: Time | None
    resolved_at: Time | None
    resolved_by: str | None
    url: str | None


class InboxAnswer(Answer):
    alerts: list[AlertObject]
    next_cursor: str | None


class TimelineObject(Answer):
    at: Time
    what: str
    actor: str | None
    text: str


class DeliveryObject(Answer):
    id: str
    channel: str
    kind: str
    state: str
    attempts: int
    status: int | None
    error: str | None
    created_at: Time
    finished_at: Time | None


class WholeAlert(AlertObject):
    details: Object
    timeline: list[TimelineObject]
    deliveries: list[DeliveryObject]


class AlertPatch(Body):
    """LiteLLM's way: the status it shall have."""

    status: Literal["open", "acknowledged", "resolved", "dismissed"]
    note: str = Field("", max_length=2000)


class AlertAction(Body):
    note: str = Field("", max_length=2000)
    seconds: int = Field(3600, ge=60, le=90 * 86400, description="How long a silence lasts.")


Texts = dict[Annotated[str, Field(max_length=255)], Annotated[str, Field(max_length=10_000)]]


class PassedAlert(Body):
    """Of Alertmanager's webhook, version 4."""

    status: Literal["firing", "resolved"]
    fingerprint: Annotated[str, Field(min_length=1, max_length=255)]
    labels: Annotated[Texts, Field(max_length=200)] = {}
    annotations: Annotated[Texts, Field(max_length=200)] = {}


class PassedAlerts(Body):
    version: Literal["4"] = "4"
    alerts: Annotated[list[PassedAlert], Field(max_length=1000)]


class Received(Answer):
    firing: int
    resolved: int
    left_out: int


class DayObject(Answer):
    delivered: int
    merged: int
    dead: int


class ChannelState(Answer):
    """`oldest_due_seconds`: for how long the oldest that is due has been so."""

    channel: str
    kind: str
    team_id: str | None
    enabled: bool
    failing_since: Time | None
    oldest_due_seconds: float
    pending: int
    sending: int
    last_day: DayObject


class HeartbeatObject(Answer):
    is_set: bool
    set_by: str | None
    interval_seconds: float | None
    last_ping_at: Time | None
    status: int | None
    answer: str | None
    error: str | None
    failing_since: Time | None
    withheld: str | None


class FindingObject(Answer):
    """`withholds`: while it stands, the heartbeat is not sent."""

    trouble: str
    subject: str
    said: str
    withholds: bool


class AuditObject(Answer):
    at: Time | None
    findings: list[FindingObject]


class ProcessObject(Answer):
    host: str
    started_at: Time
    seen_at: Time


class Monitoring(Answer):
    is_well: bool
    last_tick_at: Time | None
    oldest_due_seconds: float
    channels: list[ChannelState]
    incidents: dict[str, int]
    heartbeat: HeartbeatObject
    audit: AuditObject
    processes: list[ProcessObject]
