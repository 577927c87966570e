"""What the ledger adds up to: balances that budgets are judged by, and days that reports are made of.

Nothing here is a fact of its own: each number is a sum over ledger entries (and adjustments) and can be made again.
"""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Scope(models.TextChoices):
    """Whom an amount is counted for, and what `entity_id` holds."""

    PROXY = "proxy", _("Everybody")  # ""
    ORGANIZATION = "organization", _("Organization")
    TEAM = "team", _("Team")
    USER = "user", _("User")
    MEMBER = "member", _("Team member")  # the membership's number
    KEY = "key", _("Virtual key")  # its number, which regeneration keeps
    KEY_MODEL = "key_model", _("Virtual key and model")  # number:model group
    TEAM_MODEL = "team_model", _("Team and model")  # team id:model group
    CUSTOMER = "customer", _("Customer")
    TAG = "tag", _("Tag")
    MODEL = "model", _("Model group")
    PROVIDER = "provider", _("Provider")
    DEPLOYMENT = "deployment", _("Deployment")


class SpendAdjustment(models.Model):
    """A correction of what somebody counts as having spent, such as a reset. The ledger itself stays as it is."""

    scope = models.CharField(max_length=16, choices=Scope)
    entity_id = models.CharField(max_length=512, help_text=_("A key's is its number, which regeneration keeps."))
    amount_nano = models.BigIntegerField(_("amount, nano-dollars"))
    at = models.DateTimeField()
    actor_id = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["scope", "entity_id", "at"], name="adjustment_of")]

    def __str__(self) -> str:
        return f"{self.scope} {self.entity_id}: {self.amount_nano}"


class UnrolledBatch(models.Model):
    """Ledger entries of one commit that no balance holds yet: the roll-up adds them and deletes this row, at once."""

    entry_ids = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"batch {self.pk}"


class Balance(models.Model):
    """What one entity has spent in the running period of one of its budget windows; `window` "" is never reset.

    `spent_nano` is the ledger's sum since `period_start`, `adjusted_nano` that of the adjustments; what counts is
    both. `told` are the thresholds that were told in this period.
    """

    scope = models.CharField(max_length=16, choices=Scope)
    entity_id = models.CharField(max_length=512)
    window = models.CharField(max_length=32, blank=True, help_text='A duration such as "30d".')
    period_start = models.DateTimeField()
    spent_nano = models.BigIntegerField("spent, nano-dollars", default=0)
    adjusted_nano = models.BigIntegerField("adjusted, nano-dollars", default=0)
    last_at = models.DateTimeField(null=True, help_text="When the last call began.")
    told = models.JSONField(default=list)

    class Meta:
        ordering = ["scope", "entity_id", "window"]
        constraints = [
            models.UniqueConstraint(fields=["scope", "entity_id", "window"], name="one_balance_per_window"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.entity_id} {self.window}"

    @property
    def counted_nano(self) -> int:
        return self.spent_nano + self.adjusted_nano


class Facet(models.TextChoices):
    """Why a row of DailySpend is there: once for every call, and again by whom the main rows do not tell apart."""

    CALLS = "", "Calls"
    CUSTOMER = "customer", "Customer"
    TAG = "tag", "Tag"


class DailySpend(models.Model):
    """What the calls of one UTC day (by their beginning) add up to that agree in every column above the sums.

    Rows of the facet CALLS hold each call once; those of another facet again, by `facet_value` (a customer, a tag).
    The gateway's own health checks are not counted.
    """

    id = models.UUIDField(primary_key=True, editable=False, help_text="Made from the columns that must agree.")
    day = models.DateField()
    facet = models.CharField(max_length=16, choices=Facet, blank=True)
    facet_value = models.CharField(max_length=255, blank=True)
    key_hash = models.CharField(max_length=64)
    user_id = models.CharField(max_length=255, blank=True)
    team_id = models.CharField(max_length=255, blank=True)
    organization_id = models.CharField(max_length=255, blank=True)
    call_type = models.CharField(max_length=32)
    model_group = models.CharField(max_length=255)
    model = models.CharField(max_length=255)
    provider = models.CharField(max_length=64)
    deployment_id = models.CharField(max_length=255)

    amount_nano = models.BigIntegerField("amount, nano-dollars", default=0)
    requests = models.PositiveBigIntegerField(default=0)
    failures = models.PositiveBigIntegerField(default=0)
    prompt_tokens = models.PositiveBigIntegerField(default=0)
    completion_tokens = models.PositiveBigIntegerField(default=0)
    cached_tokens = models.PositiveBigIntegerField(default=0)
    cache_creation_tokens = models.PositiveBigIntegerField(default=0)
    milliseconds = models.PositiveBigIntegerField(default=0, help_text="From asking to the answer's end, of successes.")

    class Meta:
        ordering = ["-day", "id"]
        verbose_name_plural = "daily spend"
        indexes = [
            models.Index(fields=["facet", "day"], name="daily_facet"),
            models.Index(fields=["facet", "facet_value", "day"], name="daily_facet_value"),
            models.Index(fields=["team_id", "day"], name="daily_team"),
            models.Index(fields=["key_hash", "day"], name="daily_key"),
            models.Index(fields=["user_id", "day"], name="daily_user"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.model_group}"


class SpendTotal(models.Model):
    """What rows of DailySpend come to by one thing alone, kept with them: see budgets.totals.

    By the values of a dimension, of the day or the month that `begins`; everything where the dimension is empty.
    """

    pk = models.CompositePrimaryKey("dimension", "begins", "value")
    dimension = models.CharField(max_length=16, blank=True)
    begins = models.DateField()
    value = models.CharField(max_length=255, blank=True)

    amount_nano = models.BigIntegerField("amount, nano-dollars", default=0)
    requests = models.BigIntegerField(default=0)
    failures = models.BigIntegerField(default=0)
    prompt_tokens = models.BigIntegerField(default=0)
    completion_tokens = models.BigIntegerField(default=0)
    cached_tokens = models.BigIntegerField(default=0)
    cache_creation_tokens = models.BigIntegerField(default=0)
    milliseconds = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["dimension", "begins", "value"]
        # The dearest of a day or a month, in the order in which they are shown.
        indexes = [
            models.Index(fields=["dimension", "begins", "-amount_nano", "value"], name="spend_total_dearest"),
        ]

    def __str__(self) -> str:
        return f"{self.dimension} {self.value} {self.begins}"


class LedgerHorizon(models.Model):
    """The one row that says before which instant the ledger may be deleted; the database refuses it otherwise."""

    before = models.DateTimeField()

    def __str__(self) -> str:
        return f"before {self.before}"
