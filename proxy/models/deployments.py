"""Deployments and the gateway's own settings, as rows."""

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from alerts.encrypted import EncryptedTextField
from alerts.shapes import ObjectField
from teams.ids import new_id
from teams.models.grants import Stamps
from teams.secrets import is_secret_name


class Source(models.TextChoices):
    CONFIG = "config", "config.yaml"
    ADMIN = "admin", _("Admin")
    API = "api", _("API")


def validate_params(value: Any) -> None:
    model = value.get("model") if isinstance(value, dict) else None
    if not isinstance(model, str) or not model:
        raise ValidationError(_('It needs a model, such as {"model": "openai/gpt-4o"}.'))


class Deployment(Stamps):
    """One upstream behind a model group: provider, model, address and credentials.

    `litellm_params` are LiteLLM's, without secrets; `os.environ/NAME` is resolved when the routing table is built.
    """

    id = models.CharField(_("deployment id"), primary_key=True, max_length=255, default=new_id)
    model_name = models.CharField(_("model group"), max_length=255, db_index=True)
    litellm_params = ObjectField(
        validators=[validate_params], help_text=_('LiteLLM\'s litellm_params, such as {"model": "openai/gpt-4o"}.')
    )
    credentials = EncryptedTextField(
        blank=True,
        help_text=_(
            "The provider's API key, or a JSON object of all secret parameters; os.environ/NAME is a variable."
        ),
    )
    model_info = ObjectField(blank=True)
    blocked = models.BooleanField(default=False, help_text=_("Takes no requests."))
    source = models.CharField(max_length=16, choices=Source, default=Source.ADMIN, editable=False)

    class Meta:
        ordering = ["model_name", "id"]

    def set_params(self, params: dict[str, Any]) -> None:
        """Split `litellm_params` into what may be shown and what is kept encrypted."""
        secret = {name: value for name, value in params.items() if is_secret_name(name)}
        self.litellm_params = {name: value for name, value in params.items() if name not in secret}
        self.credentials = json.dumps(secret, sort_keys=True, separators=(",", ":")) if secret else ""

    def secret_params(self) -> dict[str, Any]:
        """The parameters that are kept encrypted."""
        if self.credentials.startswith("{"):
            try:
                stored: dict[str, Any] = json.loads(self.credentials)
            except ValueError:
                raise ValueError("the credentials begin like a JSON object and are none") from None
            return stored
        return {"api_key": self.credentials} if self.credentials else {}

    def __str__(self) -> str:
        params = self.litellm_params
        return f"{self.model_name} ({params.get('model', self.id) if isinstance(params, dict) else self.id})"


class Section(models.TextChoices):
    GENERAL = "general_settings", "general_settings"
    LITELLM = "litellm_settings", "litellm_settings"
    ROUTER = "router_settings", "router_settings"


class ConfigField(models.Model):
    """One key of config.yaml that is not a row of its own elsewhere. Never a secret."""

    section = models.CharField(max_length=32, choices=Section)
    name = models.CharField(max_length=128)
    value = models.JSONField(null=True, blank=True)
    source = models.CharField(max_length=16, choices=Source, default=Source.ADMIN, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["section", "name"]
        constraints = [models.UniqueConstraint(fields=["section", "name"], name="one_row_per_config_field")]

    def __str__(self) -> str:
        return f"{self.section}.{self.name}"
