"""What processes hold of budgets while Redis is away; empty at any other time."""

from django.db import models
from django.db.models.functions import Now


class CounterHold(models.Model):
    """All that one process holds of one counter. The row of key "" says when the process was last seen."""

    process = models.CharField(max_length=64)
    key = models.CharField(max_length=1024, blank=True)
    held_nano = models.BigIntegerField("held, nano-dollars", default=0)
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["process", "key"]
        constraints = [
            models.UniqueConstraint(fields=["process", "key"], name="one_hold_per_process_and_counter"),
        ]
        indexes = [models.Index(fields=["key"], name="hold_of_counter")]

    def __str__(self) -> str:
        return f"{self.process} {self.key}: {self.held_nano}"
