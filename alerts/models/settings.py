"""The one row of alert settings: LiteLLM's alerting keys that are neither a channel nor a route."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from alerts.encrypted import EncryptedTextField
from alerts.events import ON_BY_DEFAULT, AlertType
from alerts.shapes import NamesField, ObjectField

DAY_SECONDS = 86400


def alert_type_choices() -> list[tuple[str, str]]:
    """A callable, so that a new alert type needs no migration."""
    return [(kind.value, kind.value) for kind in AlertType]


def default_alert_types() -> list[str]:
    return [kind.value for kind in ON_BY_DEFAULT]


def validate_alert_types(value: list[str]) -> None:
    if unknown := sorted(set(value) - set(AlertType)):
        raise ValidationError(f"Not an alert type: {', '.join(unknown)}.")


class AlertSettings(models.Model):
    """One row: LiteLLM's alerting keys of `general_settings` that are neither a channel nor a route."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    alert_types = NamesField(
        default=default_alert_types,
        blank=True,
        validators=[validate_alert_types],
        help_text=_("The alert types that are told."),
    )
    alerting_threshold = models.FloatField(
        default=300, help_text=_("Seconds after which an answer is slow or a request hangs.")
    )
    alerting_args = ObjectField(blank=True)
    alert_type_config = ObjectField(
        blank=True, help_text=_('Digests, such as {"llm_too_slow": {"digest": true, "digest_interval": 86400}}.')
    )
    spend_report_frequency = models.CharField(max_length=8, default="7d", help_text=_('Days, such as "1d" or "7d".'))

    heartbeat_url = EncryptedTextField(
        _("heartbeat address"),
        blank=True,
        help_text=_(
            "Called again and again while alerts are truly told, so that its receiver notices when they are not. It is "
            "a credential and is never shown."
        ),
    )
    heartbeat_private_address_allowed = models.BooleanField(default=False, editable=False)
    email_settings = ObjectField(
        blank=True,
        help_text=_('Which mails people get, such as {"Virtual Key Rotated": false}; others are on.'),
    )

    configured = NamesField(
        blank=True, editable=False, help_text=_("What config.yaml says, which cannot be changed elsewhere.")
    )

    class Meta:
        verbose_name = verbose_name_plural = "alert settings"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_row_of_alert_settings")]

    def __str__(self) -> str:
        return "Alert settings"

    @classmethod
    def load(cls) -> "AlertSettings":
        return cls.objects.filter(pk=1).first() or cls()

    def digest_seconds(self) -> dict[str, int]:
        """By alert type, for those that are told together."""
        found = {}
        for alert_type, given in self.alert_type_config.items():
            if isinstance(given, dict) and given.get("digest"):
                found[alert_type] = int(given.get("digest_interval") or DAY_SECONDS)
        return found

    def argument(self, name: str, default: float) -> float:
        """A number of `alerting_args`."""
        given = self.alerting_args.get(name)
        return float(given) if isinstance(given, int | float) and not isinstance(given, bool) else default
