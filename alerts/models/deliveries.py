"""The outbox and the log of every telling."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from alerts.encrypted import EncryptedTextField
from alerts.models.channels import AlertChannel
from alerts.models.incidents import Incident


class DeliveryState(models.TextChoices):
    PENDING = "pending", _("Waiting")
    SENDING = "sending", _("Sending")
    DELIVERED = "delivered", _("Delivered")
    MERGED = "merged", _("In another message")
    DEAD = "dead", _("Given up")


class DeliveryKind(models.TextChoices):
    FIRING = "firing", "Firing"
    REPEAT = "repeat", "Still firing"
    ESCALATED = "escalated", "Escalated"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    RESOLVED = "resolved", "Resolved"
    NOTICE = "notice", "Notice"
    DIGEST = "digest", "Digest"


class Delivery(models.Model):
    """One telling of one incident on one channel. `message` is a `core.message.Message`.

    A digest belongs to the last incident it speaks of; what went into it points to it by `merged_into`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE, related_name="deliveries")
    kind = models.CharField(max_length=16, choices=DeliveryKind)
    message = models.JSONField()
    sealed = EncryptedTextField(
        blank=True, default="", editable=False, help_text="What of the message is a secret; empty once it is delivered."
    )
    state = models.CharField(max_length=16, choices=DeliveryState, default=DeliveryState.PENDING)
    is_digest = models.BooleanField(default=False, help_text="Waits to be told together with others of its type.")
    merged_into = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="merged")
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
            # Of all rows: SQLite never uses one of some rows for a condition with bound values.
            models.Index(fields=["state", "channel", "next_attempt_at"], name="delivery_due"),
            models.Index(fields=["channel", "finished_at"], name="delivery_finished"),
            models.Index(fields=["-created_at", "-id"], name="delivery_created"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.channel}"


class DeliveryAttempt(models.Model):
    """One call of the channel, written down before it is made: without an end, its sender died on the way."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    error = models.TextField(blank=True)
    response = models.TextField(blank=True)
    latency_ms = models.PositiveIntegerField(null=True)

    class Meta:
        ordering = ["began_at", "id"]
        indexes = [models.Index(fields=["began_at"], name="attempt_began")]

    def __str__(self) -> str:
        return f"attempt {self.number}"
