"""How the models and their columns are called on pages."""

from django.utils.translation import gettext_lazy as _

from alerts.labels import label_columns, label_models
from proxy.models.deployments import ConfigField, Deployment
from proxy.models.traces import RequestTrace

_MODELS = {
    Deployment: (_("deployment"), _("deployments")),
    ConfigField: (_("config field"), _("config fields")),
    RequestTrace: (_("request"), _("requests")),
}
_COLUMNS = {
    "attempts": _("attempts"),
    "blocked": _("blocked"),
    "call_id": _("call id"),
    "created_at": _("created at"),
    "created_by": _("created by"),
    "credentials": _("credentials"),
    "deployment": _("deployment"),
    "end_user": _("end user"),
    "error_class": _("error class"),
    "eventful": _("eventful"),
    "key_alias": _("key alias"),
    "key_hash": _("key hash"),
    "message": _("message"),
    "model_group": _("model group"),
    "model_info": _("model info"),
    "name": _("name"),
    "operation": _("operation"),
    "price": _("price"),
    "route": _("route"),
    "seconds": _("seconds"),
    "section": _("section"),
    "source": _("source"),
    "status": _("status"),
    "steps": _("steps"),
    "stream": _("stream"),
    "tags": _("tags"),
    "team_id": _("team id"),
    "updated_at": _("updated at"),
    "updated_by": _("updated by"),
    "user_id": _("user id"),
    "value": _("value"),
}

label_models(_MODELS)
label_columns(_MODELS, _COLUMNS)
