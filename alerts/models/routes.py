"""Who is told of what, and for how long nobody is."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from alerts.core.matching import InvalidMatcher, read_matchers
from alerts.core.schedule import InvalidSchedule, Schedule
from alerts.events import Level
from alerts.models.channels import AlertChannel, Source
from alerts.models.settings import validate_alert_types
from alerts.shapes import NamesField, ObjectField


def _checked(read: Callable[[Any], object], error: type[ValueError]) -> Callable[[Any], None]:
    def validate(value: Any) -> None:
        try:
            read(value)
        except error as wrong:
            raise ValidationError(str(wrong)) from None

    return validate


def validate_matchers(value: Any) -> None:
    _checked(read_matchers, InvalidMatcher)(value)


def validate_schedule(value: Any) -> None:
    _checked(Schedule.read, InvalidSchedule)(value)


def validate_levels(value: list[str]) -> None:
    if unknown := sorted(set(value) - set(Level)):
        raise ValidationError(f"Not a level: {', '.join(unknown)}. There are {', '.join(Level)}.")


MATCHERS_HELP = _('Labels an alert must have, such as {"model": "gpt-4o", "team": "research-*", "region": "!us-*"}.')


class AlertRoute(models.Model):
    """Routes are asked in order; the first that matches decides, unless it says to go on."""

    name = models.CharField(max_length=255, unique=True)
    position = models.PositiveIntegerField(default=100, help_text=_("Lower ones are asked first."))
    enabled = models.BooleanField(default=True)
    alert_types = NamesField(blank=True, validators=[validate_alert_types], help_text=_("Empty means every type."))
    levels = NamesField(blank=True, validators=[validate_levels], help_text=_("Empty means every level."))
    matchers = ObjectField(blank=True, validators=[validate_matchers], help_text=MATCHERS_HELP)
    channels = models.ManyToManyField(AlertChannel, related_name="routes", blank=True)
    goes_on = models.BooleanField(_("ask further routes too"), default=False)
    schedule = ObjectField(
        blank=True,
        validators=[validate_schedule],
        help_text=_(
            'When it applies, such as {"timezone": "Europe/Paris", "windows": [{"days": ["mon-fri"], "from": '
            '"08:00", "to": "18:00"}], "outside": "hold"}: outside of the hours "skip" asks the next route, "hold" '
            "keeps alerts until the hours begin."
        ),
    )
    level = models.CharField(
        _("tell as level"), max_length=16, blank=True, choices=[(level.value, level.value) for level in Level]
    )
    repeat_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text=_("While it is still firing, told again after so long; empty means the type's own."),
    )
    escalate_after_seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("Not acknowledged for so long, the further channels are told too.")
    )
    escalate_to = models.ManyToManyField(AlertChannel, related_name="escalations", blank=True)
    runbook_url = models.URLField(_("runbook"), blank=True)
    dashboard_url = models.URLField(_("dashboard"), blank=True)
    team_id = models.CharField(_("team"), max_length=255, blank=True, db_index=True)
    source = models.CharField(max_length=16, choices=Source, default=Source.ADMIN, editable=False)

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name


class Silence(models.Model):
    """Nobody is told of what matches, from then to then; a maintenance window begins later, or comes every week."""

    alert_types = NamesField(blank=True, validators=[validate_alert_types], help_text=_("Empty means every type."))
    matchers = ObjectField(blank=True, validators=[validate_matchers], help_text=MATCHERS_HELP)
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField()
    is_weekly = models.BooleanField(_("every week"), default=False)
    comment = models.CharField(max_length=500)
    team_id = models.CharField(
        _("team"),
        max_length=255,
        blank=True,
        db_index=True,
        help_text=_("A team's own silence keeps the team's own channels quiet, and nobody else's."),
    )
    created_by = models.CharField(max_length=255, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["-ends_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")), name="silence_ends_after_start"
            )
        ]

    def __str__(self) -> str:
        return self.comment

    def clean(self) -> None:
        super().clean()
        if not self.alert_types and not self.matchers:
            raise ValidationError(gettext("A silence of everything is none: say which types or which labels."))
