"""Price snapshots and the ledger. Amounts are integer nano-dollars (1e-9 USD)."""

from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from budgets.core.pricing import Unit

# The key of the gateway's own health checks: their provider bills them, and nobody's spend includes them.
HEALTH_CHECK_KEY = "litellm-internal-health-check"


class PriceSnapshot(models.Model):
    """A price as it was when it was used. Never changed: a new price is a new row with another digest."""

    digest = models.CharField(max_length=64, unique=True, editable=False)
    provider = models.CharField(max_length=64)
    model = models.CharField(max_length=255)
    source = models.CharField(
        max_length=32, help_text=_("Where the price comes from: deployment, table or genai-prices.")
    )
    rates = models.JSONField(help_text=_("Nano-dollars per million tokens, images, milliseconds, characters, queries."))
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model} ({self.source})"


class Basis(models.TextChoices):
    USAGE = "usage", _("Reported")
    ESTIMATED = "estimated", _("Estimated")
    CORRECTION = "correction", _("Correction")
    NONE = "none", _("Nothing served")


# A failure and a correction.
NEEDS_NO_PRICE = (Basis.NONE, Basis.CORRECTION)


class LedgerEntries(models.QuerySet["LedgerEntry"]):
    def of_clients(self) -> Self:
        """Without the gateway's own health checks: what a sum over everybody's spend is made of."""
        return self.exclude(key_hash=HEALTH_CHECK_KEY)


class LedgerEntry(models.Model):
    """One call of one upstream: what it served, what it cost, who pays. Append-only, written by budgets.ledger.

    Names are kept as they were at the time, without foreign keys: an entry outlives what it names.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    request_id = models.UUIDField(help_text=_("Our own id of the client's request; attempts of one request share it."))
    attempt = models.PositiveSmallIntegerField(default=0)
    call_id = models.CharField(max_length=128, help_text=_("x-litellm-call-id; the client may choose it."))
    upstream_id = models.CharField(max_length=255, blank=True, help_text=_("The provider's id of the answer."))
    call_type = models.CharField(max_length=32)
    status = models.CharField(max_length=16, choices=[("success", _("Success")), ("failure", _("Failure"))])
    status_code = models.PositiveSmallIntegerField()
    error_class = models.CharField(max_length=64, blank=True)

    started_at = models.DateTimeField()
    first_token_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField()

    key_hash = models.CharField(max_length=64)
    key_alias = models.CharField(max_length=255, blank=True)
    user_id = models.CharField(max_length=255, blank=True)
    team_id = models.CharField(max_length=255, blank=True)
    organization_id = models.CharField(max_length=255, blank=True, default="", db_default="")
    end_user = models.CharField(max_length=255, blank=True)
    tags = models.JSONField(default=list)
    labels = models.JSONField(null=True, help_text=_("Of metrics: what the settings make labels of. Empty: nothing."))

    requested_model = models.CharField(max_length=255)
    model_group = models.CharField(max_length=255)
    deployment_id = models.CharField(max_length=255)
    provider = models.CharField(max_length=64)
    model = models.CharField(max_length=255, help_text=_("The model asked of the provider."))
    stream = models.BooleanField()

    prompt_tokens = models.PositiveBigIntegerField()
    completion_tokens = models.PositiveBigIntegerField()
    cached_tokens = models.PositiveBigIntegerField()
    cache_creation_tokens = models.PositiveBigIntegerField()
    reasoning_tokens = models.PositiveBigIntegerField()
    # With defaults in the database: an older process may still write while a newer one has changed the table.
    units = models.PositiveBigIntegerField(
        default=0, db_default=0, help_text=_("What was counted beside tokens, or instead of them.")
    )
    unit = models.CharField(
        max_length=16, blank=True, default="", db_default="", choices=[(unit.value, unit.title()) for unit in Unit]
    )
    service_tier = models.CharField(max_length=16, blank=True, default="", db_default="")
    amount_nano = models.BigIntegerField(_("amount, nano-dollars"))
    original_nano = models.BigIntegerField(
        _("before discount and margin, nano-dollars"), null=True, help_text=_("Empty: the same as the amount.")
    )
    corrects = models.UUIDField(
        null=True,
        help_text=_("Of a correction: the entry whose amount it adds to; such an entry is no call of its own."),
    )
    basis = models.CharField(max_length=16, choices=Basis, help_text=_("Where the token counts come from."))
    price = models.ForeignKey(
        PriceSnapshot, null=True, on_delete=models.PROTECT, db_index=False, help_text=_("Empty: no price was known.")
    )

    objects = LedgerEntries.as_manager()

    class Meta:
        ordering = ["-started_at", "-id"]
        verbose_name_plural = "ledger entries"
        constraints = [models.UniqueConstraint(fields=["request_id", "attempt"], name="one_entry_per_attempt")]
        # Named here: an indexed CharField would bring a second index for LIKE, which every entry pays for.
        indexes = [
            models.Index(fields=["call_id"], name="ledger_call_id"),
            models.Index(fields=["upstream_id"], condition=models.Q(upstream_id__gt=""), name="ledger_upstream_id"),
            models.Index(fields=["key_hash", "started_at"], name="ledger_key"),
            models.Index(fields=["started_at"], name="ledger_started_at"),
            # What hardly any entry is costs the others nothing, and is not looked for among all of them.
            models.Index(fields=["started_at"], condition=models.Q(basis="correction"), name="ledger_corrections"),
            models.Index(fields=["started_at"], condition=models.Q(key_hash=HEALTH_CHECK_KEY), name="ledger_health"),
            models.Index(
                fields=["started_at"],
                condition=models.Q(price=None) & ~models.Q(basis__in=NEEDS_NO_PRICE),
                name="ledger_unpriced",
            ),
            models.Index(fields=["unit", "started_at"], condition=models.Q(unit__gt=""), name="ledger_units"),
            models.Index(
                fields=["organization_id", "started_at"],
                condition=models.Q(organization_id__gt=""),
                name="ledger_organizations",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.model_group}"
