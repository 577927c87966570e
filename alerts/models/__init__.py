"""Channels, routes, silences, incidents and deliveries: what is wrong, who is told, and what became of each telling.

And what the calendar brought, and how the engine itself is.
"""

from alerts.models import labels
from alerts.models.channels import AlertChannel, ChannelKind, Source
from alerts.models.deliveries import Delivery, DeliveryAttempt, DeliveryKind, DeliveryState
from alerts.models.engine import AlertProcess, EngineState
from alerts.models.incidents import CLOSED, LIVE, Entry, Incident, IncidentEntry, IncidentStatus
from alerts.models.routes import AlertRoute, Silence
from alerts.models.runs import RunState, ScheduledRun
from alerts.models.settings import AlertSettings, alert_type_choices, default_alert_types, validate_alert_types

__all__ = [
    "CLOSED",
    "LIVE",
    "AlertChannel",
    "AlertProcess",
    "AlertRoute",
    "AlertSettings",
    "ChannelKind",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryKind",
    "DeliveryState",
    "EngineState",
    "Entry",
    "Incident",
    "IncidentEntry",
    "IncidentStatus",
    "RunState",
    "ScheduledRun",
    "Silence",
    "Source",
    "alert_type_choices",
    "default_alert_types",
    "labels",
    "validate_alert_types",
]
