"""The operator's own table of prices, with its history."""

from datetime import datetime
from typing import Any, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from alerts.shapes import ObjectField
from budgets.core.price_fields import problems
from teams.models.grants import Stamps


def validate_prices(value: Any) -> None:
    if isinstance(value, dict) and value and (sentences := problems(value)):
        raise ValidationError(sentences)


class PriceSource(models.TextChoices):
    ADMIN = "admin", _("Admin")
    IMPORT = "import", _("Import")


class ModelPrices(models.QuerySet["ModelPrice"]):
    def current(self, *, now: datetime) -> Self:
        """Those in force: of each model the last that has begun."""
        newer = ModelPrice.objects.filter(
            provider=models.OuterRef("provider"),
            model=models.OuterRef("model"),
            effective_from__gt=models.OuterRef("effective_from"),
            effective_from__lte=now,
        )
        return self.filter(effective_from__lte=now).exclude(models.Exists(newer))

    def future(self, *, now: datetime) -> Self:
        return self.filter(effective_from__gt=now)

    def former(self, *, now: datetime) -> Self:
        return self.filter(effective_from__lte=now).exclude(pk__in=self.model.objects.current(now=now).values("pk"))


class ModelPrice(Stamps):
    """What a model costs from an instant on, until a later row of the same provider and model.

    A row that has begun is history and is not changed: another price is another row. One without any price says that
    from then on the table has none for the model.
    """

    provider = models.CharField(max_length=64, help_text=_("As in litellm_params.model: openai, azure, bedrock, ...."))
    model = models.CharField(
        max_length=255,
        help_text=_("As the provider calls it; * stands for anything, as in gpt-4o*. The exact name wins."),
    )
    prices = ObjectField(
        blank=True,
        validators=[validate_prices],
        help_text=_(
            "LiteLLM's price fields, in dollars for one token, image, second, ..., such as "
            '{"input_cost_per_token": 2.5e-6, "output_cost_per_token": 1e-5}. Empty: from then on, as published.'
        ),
    )
    effective_from = models.DateTimeField(default=timezone.now)
    max_tokens = models.PositiveBigIntegerField(null=True, blank=True)
    max_input_tokens = models.PositiveBigIntegerField(null=True, blank=True)
    max_output_tokens = models.PositiveBigIntegerField(null=True, blank=True)
    deprecation_date = models.DateField(
        null=True,
        blank=True,
        help_text=_("When the provider takes the model out of service: warned of in time."),
    )
    note = models.CharField(max_length=255, blank=True)
    source = models.CharField(max_length=16, choices=PriceSource, default=PriceSource.ADMIN, editable=False)

    objects = ModelPrices.as_manager()

    class Meta:
        ordering = ["provider", "model", "-effective_from"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "model", "effective_from"], name="one_price_at_a_time")
        ]
        # When the next price begins is asked each time the routing table is built.
        indexes = [models.Index(fields=["effective_from"], name="price_effective_from")]

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"

    def has_begun(self, *, now: datetime) -> bool:
        return self.effective_from <= now
