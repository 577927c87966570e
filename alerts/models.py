"""Channels, routes, incidents and deliveries: what is wrong, who is told, and what became of each telling."""

import uuid

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from alerts.encrypted import EncryptedTextField
from alerts.events import ON_BY_DEFAULT, AlertType, Level
from alerts.shapes import NamesField, ObjectField


def alert_type_choices() -> list[tuple[str, str]]:
    """A callable, so that a new alert type needs no migration."""
    return [(kind.value, kind.value) for kind in AlertType]


def default_alert_types() -> list[str]:
    return [kind.value for kind in ON_BY_DEFAULT]


def validate_alert_types(value: list[str]) -> None:
    if unknown := sorted(set(value) - set(AlertType)):
        raise ValidationError(f"Not an alert type: {', '.join(unknown)}.")


class Source(models.TextChoices):
    CONFIG = "config", "config.yaml or environment"
    ADMIN = "admin", "Admin"
    API = "api", "API"


class AlertSettings(models.Model):
    """One row: LiteLLM's alerting keys of `general_settings` that are neither a channel nor a route."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    alert_types = NamesField(
        default=default_alert_types,
        blank=True,
        validators=[validate_alert_types],
        help_text="The alert types that are told.",
    )
    alerting_threshold = models.FloatField(
        default=300, help_text="Seconds after which an answer is slow or a request hangs."
    )
    alerting_args = ObjectField(blank=True)
    spend_report_frequency = models.CharField(max_length=8, default="7d", help_text='Days, such as "1d" or "7d".')

    class Meta:
        verbose_name = verbose_name_plural = "alert settings"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_row_of_alert_settings")]

    def __str__(self) -> str:
        return "Alert settings"

    @classmethod
    def load(cls) -> "AlertSettings":
        return cls.objects.filter(pk=1).first() or cls()


class ChannelKind(models.TextChoices):
    SLACK = "slack", "Slack (also Discord /slack and Teams connectors)"


class AlertChannel(models.Model):
    """Where: one destination. How to speak to it is the transport of its kind."""

    name = models.CharField(max_length=255, unique=True)
    kind = models.CharField(max_length=32, choices=ChannelKind)
    url = EncryptedTextField(help_text="The webhook's address; it is a credential and is never shown.")
    enabled = models.BooleanField(default=True)
    source = models.CharField(max_length=16, choices=Source, default=Source.ADMIN, editable=False)
    private_address_allowed = models.BooleanField(
        default=False,
        editable=False,
        help_text="Written by the operator, so it may be on this machine or network.",
    )
    not_before = models.DateTimeField(null=True, editable=False, help_text="The channel asked for quiet until then.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class AlertRoute(models.Model):
    """Which channels an alert type goes to. The route without a type serves the types that have none of their own."""

    alert_type = models.CharField(max_length=64, choices=alert_type_choices, blank=True, unique=True)
    channels = models.ManyToManyField(AlertChannel, related_name="routes")
    source = models.CharField(max_length=16, choices=Source, default=Source.ADMIN, editable=False)

    class Meta:
        ordering = ["alert_type"]

    def __str__(self) -> str:
        return self.alert_type or "every other type"


class IncidentStatus(models.TextChoices):
    OPEN = "open", "Firing"
    RESOLVED = "resolved", "Resolved"


class Incident(models.Model):
    """One thing that is wrong, for as long as it is wrong. At most one open row per fingerprint."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    fingerprint = models.CharField(max_length=64, editable=False)
    status = models.CharField(max_length=16, choices=IncidentStatus, default=IncidentStatus.OPEN)
    alert_type = models.CharField(max_length=64, choices=alert_type_choices)
    level = models.CharField(max_length=16, choices=[(level.value, level.value) for level in Level])
    title = models.TextField()
    details = models.JSONField(default=dict)
    labels = models.JSONField(default=dict)
    count = models.PositiveBigIntegerField(default=1)
    reason = models.CharField(max_length=32, help_text="Why it was told, or was not.")
    opened_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    next_notify_at = models.DateTimeField()
    quiet_seconds = models.PositiveIntegerField(help_text="Not seen for so many seconds, it counts as resolved.")
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-last_seen_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["fingerprint"], condition=models.Q(status="open"), name="one_open_incident_per_fingerprint"
            )
        ]
        indexes = [models.Index(fields=["status", "last_seen_at"], name="incident_status_seen")]

    def __str__(self) -> str:
        return f"{self.alert_type}: {self.title[:80]}"


class DeliveryState(models.TextChoices):
    PENDING = "pending", "Waiting"
    SENDING = "sending", "Sending"
    DELIVERED = "delivered", "Delivered"
    DEAD = "dead", "Given up"


class DeliveryKind(models.TextChoices):
    FIRING = "firing", "Firing"
    REPEAT = "repeat", "Still firing"
    RESOLVED = "resolved", "Resolved"
    NOTICE = "notice", "Notice"


class Delivery(models.Model):
    """One telling of one incident on one channel: outbox, retry state and log in one row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE, related_name="deliveries")
    kind = models.CharField(max_length=16, choices=DeliveryKind)
    message = models.JSONField()
    state = models.CharField(max_length=16, choices=DeliveryState, default=DeliveryState.PENDING)
    attempt = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    lease = models.UUIDField(null=True, help_text="Who is sending it now.")
    finished_at = models.DateTimeField(null=True)
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.TextField(blank=True)
    latency_ms = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(
                fields=["channel", "next_attempt_at"],
                condition=models.Q(state__in=["pending", "sending"]),
                name="delivery_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.channel}"
