"""Budgets of what is nobody's own: everybody together, tags, model groups, providers, deployments."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from budgets.models.balances import Scope
from teams.models.grants import NanoDollarsField, Stamps, validate_duration

_SCOPES = (Scope.PROXY, Scope.TAG, Scope.MODEL, Scope.PROVIDER, Scope.DEPLOYMENT)


class BudgetSource(models.TextChoices):
    CONFIG = "config", "config.yaml"
    ADMIN = "admin", _("Admin")
    API = "api", _("API")


class GatewayBudget(Stamps):
    scope = models.CharField(max_length=16, choices=[(scope.value, scope.label) for scope in _SCOPES])
    entity_id = models.CharField(
        _("name"),
        max_length=255,
        blank=True,
        help_text=_("Of the tag, model group, provider or deployment; empty: everybody."),
    )
    window = models.CharField(
        _("duration"),
        max_length=32,
        blank=True,
        validators=[validate_duration],
        help_text=_('Such as "30d"; empty: ever.'),
    )
    max_budget_nano = NanoDollarsField(_("max budget"), null=True, blank=True)
    soft_budget_nano = NanoDollarsField(
        _("soft budget"),
        null=True,
        blank=True,
        help_text=_("US dollars; crossing it is told and refuses nothing."),
    )
    started_at = models.DateTimeField(editable=False, help_text=_("No period begins before."))
    source = models.CharField(max_length=16, choices=BudgetSource, default=BudgetSource.ADMIN, editable=False)

    class Meta:
        ordering = ["scope", "entity_id", "window"]
        constraints = [
            models.UniqueConstraint(fields=["scope", "entity_id", "window"], name="one_gateway_budget_per_window"),
            models.CheckConstraint(
                condition=models.Q(max_budget_nano__isnull=False) | models.Q(soft_budget_nano__isnull=False),
                name="gateway_budget_limits_something",
            ),
            models.CheckConstraint(
                condition=models.Q(scope=Scope.PROXY, entity_id="")
                | ~(models.Q(scope=Scope.PROXY) | models.Q(entity_id="")),
                name="gateway_budget_names_its_entity",
            ),
        ]

    def __str__(self) -> str:
        return " ".join(filter(None, (self.scope, self.entity_id, self.window)))
