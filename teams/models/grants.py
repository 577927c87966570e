"""How much one may use: limits, as columns of whoever has them, and as rows that several share."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from alerts.shapes import NamesField, ObjectField
from teams.ids import new_id
from teams.money import LARGEST_NANO, NANO, to_nano
from teams.periods import parse_duration


def validate_duration(text: str) -> None:
    try:
        parse_duration(text)
    except ValueError as error:
        raise ValidationError(_("Not a duration: %(why)s.") % {"why": error}) from None


def validate_windows(value: Any) -> None:
    if not isinstance(value, list) or not all(_is_window(window) for window in value):
        raise ValidationError(_('Enter a list such as [{"budget_duration": "1d", "max_budget": 5}].'))


def _is_window(value: Any) -> bool:
    try:
        parse_duration(value["budget_duration"])
        return to_nano(value["max_budget"]) >= 0
    except (KeyError, TypeError, ValueError):
        return False


def validate_model_budgets(value: Any) -> None:
    if not isinstance(value, dict) or not all(_is_model_budget(budget) for budget in value.values()):
        raise ValidationError(_('Enter an object such as {"gpt-4o": {"budget_limit": 1, "time_period": "1d"}}.'))


def _is_model_budget(value: Any) -> bool:
    try:
        limit, duration = value["budget_limit"], value.get("time_period")
        if duration is not None:
            parse_duration(duration)
        return isinstance(limit, (int, float)) and not isinstance(limit, bool) and to_nano(limit) >= 0
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


class NanoDollarsField(models.BigIntegerField):  # type: ignore[type-arg]
    """An amount as integer nano-dollars; people type and see dollars."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("validators", [MinValueValidator(0)])
        super().__init__(*args, **options)

    def formfield(self, **kwargs: Any) -> Any:
        return DollarsFormField(
            required=not self.blank,
            label=capfirst(str(self.verbose_name)),
            help_text=self.help_text or _("US dollars; empty: no limit."),
        )


class OrLeast(models.Func):
    """A number that is not negative, for an order: none is less than any, on every database and by an index."""

    template = "COALESCE(%(expressions)s, -1)"
    output_field = models.BigIntegerField()


class OrEmpty(models.Func):
    """The same for a text: none goes where the empty one does."""

    template = "COALESCE(%(expressions)s, '')"
    output_field = models.CharField()


class DollarsFormField(forms.DecimalField):
    def __init__(self, **kwargs: Any) -> None:
        limits = [MinValueValidator(0), MaxValueValidator(LARGEST_NANO // NANO)]
        super().__init__(decimal_places=9, widget=UnfoldAdminDecimalFieldWidget(), validators=limits, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return f"{Decimal(value) / NANO:f}" if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        dollars = super().clean(value)
        return None if dollars is None else to_nano(dollars)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(super().has_changed(None if initial is None else Decimal(initial) / NANO, data))


class Limits(models.Model):
    """What a period may cost and a minute may hold; empty means no limit. LiteLLM's names, amounts in nano-dollars."""

    max_budget_nano = NanoDollarsField(_("max budget"), null=True, blank=True)
    soft_budget_nano = NanoDollarsField(
        _("soft budget"), null=True, blank=True, help_text=_("US dollars; crossing it is told and refuses nothing.")
    )
    budget_duration = models.CharField(
        max_length=32, blank=True, validators=[validate_duration], help_text=_('Such as "30d"; empty: never reset.')
    )
    budget_started_at = models.DateTimeField(null=True, editable=False)
    budget_limits = models.JSONField(
        _("further budgets"),
        default=list,
        blank=True,
        validators=[validate_windows],
        help_text=_('Such as [{"budget_duration": "1h", "max_budget": 1.0}], in dollars, beside the one above.'),
    )
    model_max_budget = ObjectField(
        _("budgets by model"), blank=True, help_text=_('Such as {"gpt-4o": {"budget_limit": 1, "time_period": "1d"}}.')
    )
    temp_budget_increase_nano = NanoDollarsField(_("temporary increase"), null=True, blank=True)
    temp_budget_expiry = models.DateTimeField(_("increase ends"), null=True, blank=True)
    tpm_limit = models.PositiveBigIntegerField(_("tokens per minute"), null=True, blank=True)
    rpm_limit = models.PositiveBigIntegerField(_("requests per minute"), null=True, blank=True)
    tpd_limit = models.PositiveBigIntegerField(_("tokens per day"), null=True, blank=True)
    max_parallel_requests = models.PositiveBigIntegerField(null=True, blank=True)

    class Meta:
        abstract = True

    def clean(self) -> None:
        super().clean()
        try:
            validate_model_budgets(self.model_max_budget)
        except ValidationError as error:
            raise ValidationError({"model_max_budget": error.messages}) from None


class Stamps(models.Model):
    """Who made a row and who changed it last, and when. Set in one place, teams.signals."""

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    created_by = models.CharField(max_length=255, blank=True, editable=False)
    updated_by = models.CharField(max_length=255, blank=True, editable=False)

    class Meta:
        abstract = True


class Budget(Limits, Stamps):
    """Limits under a name, for whoever is linked to them. `id` is LiteLLM's `budget_id`."""

    id = models.CharField(_("budget id"), primary_key=True, max_length=255, default=new_id)
    allowed_models = NamesField(
        blank=True, help_text=_("Model groups a team member may call; empty: all of the team's.")
    )

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.id
