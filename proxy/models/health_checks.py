"""What health checks of deployments found, and whose turn the next round is."""

from django.db import models
from django.utils import timezone

LONGEST_ERROR = 500


class HealthCheck(models.Model):
    """One look at one deployment. Names are kept as they were; the error is redacted."""

    deployment_id = models.CharField(max_length=255)
    model_name = models.CharField("model group", max_length=255)
    healthy = models.BooleanField()
    status = models.PositiveSmallIntegerField(help_text="The upstream's HTTP status; 0: it was not asked.")
    error = models.CharField(max_length=LONGEST_ERROR, blank=True)
    response_ms = models.PositiveIntegerField()
    checked_by = models.CharField(max_length=255)
    checked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-checked_at", "-id"]
        indexes = [
            models.Index(fields=["deployment_id", "-checked_at"], name="health_of_deployment"),
            models.Index(fields=["checked_at"], name="health_checked_at"),
        ]

    def __str__(self) -> str:
        return f"{self.deployment_id} {'healthy' if self.healthy else 'unhealthy'}"


class HealthRun(models.Model):
    """The round of background checks, one row for all processes: who moves `began_at` on, does the round.

    `leased_until` is moved on while a round goes on, so that a long one is not begun again beside itself, and one
    whose process died is.
    """

    name = models.CharField(primary_key=True, max_length=32)
    began_at = models.DateTimeField()
    leased_until = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
