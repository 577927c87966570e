"""Events, channels and deliveries for tests."""

from datetime import UTC, datetime
from typing import Any

from alerts.events import LLMException
from alerts.models import AlertChannel, AlertRoute, Delivery, DeliveryKind, Incident

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def exception(**facts: Any) -> LLMException:
    """A failure of an upstream."""
    plain: dict[str, Any] = {
        "model_group": "gpt-4o",
        "deployment_id": "d1",
        "provider": "openai",
        "api_base": "https://api.example.com/v1",
        "error_class": "InternalServerError",
        "status_code": 500,
        "message": "it broke",
    }
    return LLMException(**{**plain, **facts})


def channel(
    name: str = "ops", url: str = "http://127.0.0.1:9/hidden", *, types: tuple[str, ...] = ("",), **columns: Any
) -> AlertChannel:
    """A channel of the operator with a route of each type."""
    columns = {"kind": "slack", "url": url, "private_address_allowed": True, **columns}
    made = AlertChannel.objects.create(name=name, **columns)
    for alert_type in types:
        route(alert_type or "everything else", alert_types=[alert_type] if alert_type else []).channels.add(made)
    return made


def route(name: str, *channels: AlertChannel, **columns: Any) -> AlertRoute:
    """One that is made at its first mention; without types it comes last."""
    position = 100 if columns.get("alert_types") else 1000
    made, _ = AlertRoute.objects.get_or_create(name=name, defaults={"position": position})
    AlertRoute.objects.filter(pk=made.pk).update(**{"name": name, **columns})
    made.channels.add(*channels)
    return made


def incident(**columns: Any) -> Incident:
    plain: dict[str, Any] = {
        "fingerprint": "f" * 64,
        "alert_type": "llm_exceptions",
        "level": "High",
        "title": "It broke",
        "reason": "deliver",
        "opened_at": NOW,
        "last_seen_at": NOW,
        "next_notify_at": NOW,
        "quiet_seconds": 300,
    }
    return Incident.objects.create(**{**plain, **columns})


def delivery(to: AlertChannel, of: Incident, *, title: str = "It broke", **columns: Any) -> Delivery:
    """One that is due since NOW."""
    message = {"kind": "firing", "alert_type": "llm_exceptions", "level": "High", "title": title, "at": "now"}
    plain = {"kind": DeliveryKind.FIRING, "message": message, "created_at": NOW, "next_attempt_at": NOW}
    return Delivery.objects.create(channel=to, incident=of, **{**plain, **columns})
