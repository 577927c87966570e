"""What the calendar brought: one row a job and period."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class RunState(models.TextChoices):
    CLAIMED = "claimed", _("Being made")
    DONE = "done", _("Done")


class ScheduledRun(models.Model):
    """One period of one job: whoever inserts the row, or takes over a lease that ran out, makes its report.

    It is done in the transaction that puts the report into the outbox. `told` are the events, so that they can be told
    again. A crossing (somebody spent too much) is a row of its own, by what makes it the same one.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job = models.CharField(max_length=64)
    period_key = models.CharField(max_length=128)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=RunState, default=RunState.CLAIMED)
    lease = models.UUIDField(null=True, help_text="Who is making it now.")
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=1)
    last_error = models.TextField(blank=True)
    made_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=255, blank=True, help_text=_("Why it was told, or was not."))
    content = models.JSONField(default=dict)
    csv = models.TextField(blank=True)
    told = models.JSONField(default=list)
    incident_id = models.UUIDField(null=True, help_text="Of the first event that was told.")

    class Meta:
        ordering = ["-ends_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["job", "period_key"], name="one_run_per_job_and_period")]
        indexes = [models.Index(fields=["job", "ends_at"], name="run_job_ends")]

    def __str__(self) -> str:
        return f"{self.job} {self.period_key}"
