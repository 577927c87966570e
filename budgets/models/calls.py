"""What metrics and charts count of calls of upstreams: no fact of its own, but what ledger entries add up to."""

from django.db import models


class CallTotal(models.Model):
    """All calls since counting began that agree in `labels`: see budgets.call_totals. The numbers only ever grow."""

    id = models.UUIDField(primary_key=True, editable=False, help_text="Made from the labels.")
    labels = models.JSONField()
    version = models.BigIntegerField(help_text="Of the roll-up that added to it last; later ones are higher.")

    calls = models.PositiveBigIntegerField(default=0)
    amount_nano = models.BigIntegerField("amount, nano-dollars", default=0)
    prompt_tokens = models.PositiveBigIntegerField(default=0)
    completion_tokens = models.PositiveBigIntegerField(default=0)
    cached_tokens = models.PositiveBigIntegerField(default=0)
    cache_creation_tokens = models.PositiveBigIntegerField(default=0)
    reasoning_tokens = models.PositiveBigIntegerField(default=0)
    images = models.PositiveBigIntegerField(default=0)
    unpriced = models.PositiveBigIntegerField(default=0, help_text="Calls that were served at no known price.")

    class Meta:
        ordering = ["version", "id"]
        indexes = [models.Index(fields=["version"], name="call_total_version")]

    def __str__(self) -> str:
        return f"{self.id}"


class CallSums(models.Model):
    """Everybody's calls that began in some time: see budgets.call_times.

    `seconds` and `first_token` say how many answers took how long, by the bucket of budgets.core.percentiles; JSON
    makes texts of the buckets.
    """

    amount_nano = models.BigIntegerField("amount, nano-dollars", default=0)
    calls = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveBigIntegerField(default=0)
    seconds = models.JSONField(default=dict, help_text="From asking to the answer's end, of successes.")
    first_token = models.JSONField(default=dict, help_text="From asking to the first token, of streams.")

    class Meta:
        abstract = True


class CallHour(CallSums):
    begins_at = models.DateTimeField(primary_key=True, editable=False)

    class Meta:
        ordering = ["begins_at"]

    def __str__(self) -> str:
        return f"{self.begins_at:%Y-%m-%d %H}"


class CallDay(CallSums):
    """Of a UTC day, as DailySpend has it."""

    day = models.DateField(primary_key=True, editable=False)

    class Meta:
        ordering = ["day"]

    def __str__(self) -> str:
        return f"{self.day}"
