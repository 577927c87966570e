"""Where alerts go: one row a destination. How to speak to it is the transport of its kind."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from alerts.encrypted import EncryptedTextField
from alerts.shapes import ObjectField


class Source(models.TextChoices):
    CONFIG = "config", _("config.yaml or environment")
    ADMIN = "admin", _("Admin")
    API = "api", _("API")


class ChannelKind(models.TextChoices):
    SLACK = "slack", _("Slack (also Mattermost, and Discord by /slack)")
    DISCORD = "discord", "Discord"
    MS_TEAMS = "ms_teams", "Microsoft Teams (Workflows)"
    PAGERDUTY = "pagerduty", "PagerDuty Events v2"
    EMAIL = "email", _("E-mail")
    WEBHOOK = "webhook", _("Webhook (JSON)")
    ALERTMANAGER = "alertmanager", "Prometheus Alertmanager"
    APPRISE = "apprise", "Apprise"


class AlertChannel(models.Model):
    """`team_id` is the team whose admins look after it; empty means the gateway's own."""

    name = models.CharField(max_length=255, unique=True)
    kind = models.CharField(max_length=32, choices=ChannelKind)
    url = EncryptedTextField(
        _("address"), blank=True, help_text=_("The webhook's address. It is a credential and is never shown.")
    )
    secret = EncryptedTextField(
        blank=True,
        help_text=_("PagerDuty's integration key, a webhook's signing secret or a bearer token; never shown."),
    )
    options = ObjectField(
        blank=True, help_text=_("What the kind of channel knows beside its address; see docs/alerts.md.")
    )
    most_per_minute = models.PositiveSmallIntegerField(
        default=60,
        help_text=_("More than so many messages in a minute are merged into one. 0 means no bound."),
    )
    enabled = models.BooleanField(default=True)
    team_id = models.CharField(_("team"), max_length=255, blank=True, db_index=True)
    source = models.CharField(max_length=16, choices=Source, default=Source.ADMIN, editable=False)
    private_address_allowed = models.BooleanField(
        default=False,
        editable=False,
        help_text="Written by the operator, so it may be on this machine or network.",
    )
    not_before = models.DateTimeField(null=True, editable=False, help_text="The channel asked for quiet until then.")
    delivered_at = models.DateTimeField(_("last delivery"), null=True, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
