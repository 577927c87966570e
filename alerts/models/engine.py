"""What is known of the alert engine itself: when it was last seen at work, what its audit found, and its heartbeat."""

from django.db import models
from django.utils import timezone


class EngineState(models.Model):
    """One row. `next_audit_at` and `next_ping_at` are claimed by compare-and-swap: any number of beats may tick.

    `findings` are those of the last audit; `ping_withheld` says why the last heartbeat was not sent.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    ticked_at = models.DateTimeField(null=True)
    next_audit_at = models.DateTimeField(null=True)
    audited_at = models.DateTimeField(null=True)
    findings = models.JSONField(default=list)
    next_ping_at = models.DateTimeField(null=True)
    pinged_at = models.DateTimeField(null=True)
    ping_status = models.PositiveSmallIntegerField(null=True)
    ping_answer = models.TextField(blank=True)
    ping_error = models.TextField(blank=True)
    ping_failing_since = models.DateTimeField(null=True)
    ping_withheld = models.TextField(blank=True)
    stall_told_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_row_of_engine_state")]

    def __str__(self) -> str:
        return "Alert engine"

    @classmethod
    def load(cls) -> "EngineState":
        return cls.objects.filter(pk=1).first() or cls()


class AlertProcess(models.Model):
    """A process in which trouble is noticed. It says every few seconds that it is there, and goodbye when it stops."""

    id = models.CharField(primary_key=True, max_length=32)
    host = models.CharField(max_length=255)
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField()

    class Meta:
        ordering = ["-seen_at", "id"]
        verbose_name_plural = "alert processes"

    def __str__(self) -> str:
        return self.host
