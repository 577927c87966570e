"""Admin pages of deployments and settings."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import display

from alerts.encrypted import keep_stored_secrets
from proxy.models import ConfigField, Deployment


class DeploymentForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Deployment
        fields = ("id", "model_name", "litellm_params", "credentials", "model_info", "blocked")

    def clean(self) -> dict[str, Any] | None:
        keep_stored_secrets(self)
        return super().clean()


@admin.register(Deployment)
class DeploymentPage(ModelAdmin):
    form = DeploymentForm
    list_display = ("model_name", "upstream_model", "id", "state", "source", "updated_at")
    list_filter = ("blocked", "source")
    search_fields = ("id", "model_name")

    @display(ordering="blocked", label={"In service": "success", "Blocked": "danger"})  # type: ignore[untyped-decorator]
    def state(self, deployment: Deployment) -> str:
        return "Blocked" if deployment.blocked else "In service"

    def get_readonly_fields(self, request: HttpRequest, obj: Deployment | None = None) -> tuple[str, ...]:
        # Ledger entries refer to the id; another id would be another deployment.
        return ("id",) if obj else ()

    @admin.display(description="upstream model")
    def upstream_model(self, deployment: Deployment) -> str:
        params = deployment.litellm_params
        return str(params.get("model", "")) if isinstance(params, dict) else ""


@admin.register(ConfigField)
class ConfigFieldPage(ModelAdmin):
    list_display = ("section", "name", "value", "source", "updated_at")
    list_filter = ("section", "source")
    search_fields = ("name",)
