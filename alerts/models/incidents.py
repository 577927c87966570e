"""What is wrong, for as long as it is, and all that happened to it."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from alerts.events import Level
from alerts.models.settings import alert_type_choices


class IncidentStatus(models.TextChoices):
    OPEN = "open", _("Firing")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    RESOLVED = "resolved", _("Resolved")
    DISMISSED = "dismissed", _("Dismissed")


CLOSED = (IncidentStatus.RESOLVED, IncidentStatus.DISMISSED)
# To be asked for by name: an index leads to what is, not to what is not.
LIVE = (IncidentStatus.OPEN, IncidentStatus.ACKNOWLEDGED)


class Incident(models.Model):
    """One thing that is wrong, for as long as it is wrong. At most one row per fingerprint is not closed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    fingerprint = models.CharField(max_length=64, editable=False)
    status = models.CharField(max_length=16, choices=IncidentStatus, default=IncidentStatus.OPEN)
    alert_type = models.CharField(max_length=64, choices=alert_type_choices)
    level = models.CharField(max_length=16, choices=[(level.value, level.value) for level in Level])
    title = models.TextField()
    details = models.JSONField(default=dict)
    labels = models.JSONField(default=dict)
    team_id = models.CharField(max_length=255, blank=True, editable=False, help_text="Its label of that name.")
    body = models.JSONField(default=dict, help_text="What a channel of another format needs: compatibility and report.")
    count = models.PositiveBigIntegerField(default=1)
    reason = models.CharField(max_length=32, help_text="Why it was told last, or was not.")
    opened_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
    next_notify_at = models.DateTimeField()
    quiet_seconds = models.PositiveIntegerField(help_text="Not seen for so many seconds, it counts as resolved.")
    escalate_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=255, blank=True)
    silenced_until = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["-last_seen_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["fingerprint"],
                condition=models.Q(status__in=["open", "acknowledged"]),
                name="one_live_incident_per_fingerprint",
            )
        ]
        indexes = [
            models.Index(fields=["status", "last_seen_at"], name="incident_status_seen"),
            models.Index(fields=["-last_seen_at", "-id"], name="incident_last_seen"),
            models.Index(fields=["fingerprint", "opened_at"], name="incident_fingerprint_opened"),
            models.Index(
                fields=["team_id", "-opened_at"], condition=~models.Q(team_id=""), name="incident_team_opened"
            ),
            models.Index(
                fields=["escalate_at"], condition=models.Q(escalate_at__isnull=False), name="incident_escalation"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.alert_type}: {self.title[:80]}"


class Entry(models.TextChoices):
    OPENED = "opened", _("Opened")
    TOLD = "told", _("Told")
    WITHHELD = "withheld", _("Not told")
    ESCALATED = "escalated", _("Escalated")
    ACKNOWLEDGED = "acknowledged", _("Acknowledged")
    UNACKNOWLEDGED = "unacknowledged", _("Acknowledgement taken back")
    SILENCED = "silenced", _("Silenced")
    RESENT = "resent", _("Sent again")
    RESOLVED = "resolved", _("Resolved")
    DISMISSED = "dismissed", _("Dismissed")
    REOPENED = "reopened", _("Reopened")
    NOTE = "note", _("Note")


class IncidentEntry(models.Model):
    """One line of an incident's timeline. `actor` is empty where nobody but the gateway did it."""

    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="entries")
    at = models.DateTimeField()
    what = models.CharField(max_length=16, choices=Entry)
    actor = models.CharField(max_length=255, blank=True)
    text = models.TextField(blank=True)

    class Meta:
        ordering = ["at", "id"]
        verbose_name_plural = "incident entries"

    def __str__(self) -> str:
        return self.get_what_display()
