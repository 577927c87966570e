"""How the models and their columns are called on pages."""

from django.utils.translation import gettext_lazy as _

from alerts.labels import label_columns, label_models
from alerts.models.channels import AlertChannel
from alerts.models.deliveries import Delivery
from alerts.models.incidents import Incident
from alerts.models.routes import AlertRoute, Silence
from alerts.models.runs import ScheduledRun
from alerts.models.settings import AlertSettings

_MODELS = {
    AlertChannel: (_("alert channel"), _("alert channels")),
    AlertRoute: (_("alert route"), _("alert routes")),
    AlertSettings: (_("alert settings"), _("alert settings")),
    Delivery: (_("delivery"), _("deliveries")),
    Incident: (_("incident"), _("incidents")),
    ScheduledRun: (_("scheduled run"), _("scheduled runs")),
    Silence: (_("silence"), _("silences")),
}
_COLUMNS = {
    "alert_type": _("alert type"),
    "alert_type_config": _("alert type config"),
    "alert_types": _("alert types"),
    "alerting_args": _("alerting args"),
    "alerting_threshold": _("alerting threshold"),
    "attempt": _("attempt"),
    "attempts": _("attempts"),
    "channel": _("channel"),
    "channels": _("channels"),
    "comment": _("comment"),
    "created_by": _("created by"),
    "enabled": _("enabled"),
    "ends_at": _("ends at"),
    "escalate_after_seconds": _("escalate after seconds"),
    "escalate_to": _("escalate to"),
    "job": _("job"),
    "kind": _("kind"),
    "last_error": _("last error"),
    "last_status": _("last status"),
    "level": _("level"),
    "levels": _("levels"),
    "made_at": _("made at"),
    "matchers": _("matchers"),
    "most_per_minute": _("most per minute"),
    "name": _("name"),
    "options": _("options"),
    "outcome": _("outcome"),
    "period_key": _("period key"),
    "position": _("position"),
    "repeat_seconds": _("repeat seconds"),
    "schedule": _("schedule"),
    "secret": _("secret"),
    "source": _("source"),
    "spend_report_frequency": _("spend report frequency"),
    "starts_at": _("starts at"),
    "state": _("state"),
    "status": _("status"),
    "title": _("title"),
    "url": _("address"),
}

label_models(_MODELS)
label_columns(_MODELS, _COLUMNS)
