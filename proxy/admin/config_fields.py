"""Settings of config.yaml that are rows, judged as the API judges them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from proxy.config import fields, update
from proxy.models import ConfigField, Section, Source
from teams.errors import Invalid


class ConfigFieldForm(forms.ModelForm):  # type: ignore[type-arg] # the class takes none at run time
    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        section, name = data.get("section", self.instance.section), data.get("name", self.instance.name)
        if section and name and not self.errors:
            try:
                if section == Section.GENERAL:
                    data["value"] = fields.storable(name, data["value"])
                else:
                    data["value"] = update.checked(Section(section), name, data["value"])
            except Invalid as error:
                self.add_error("value", error.message)
        return data


@admin.register(ConfigField)
class ConfigFieldPage(ModelAdmin):
    form = ConfigFieldForm
    list_display = ("section", "name", "value", "source", "updated_at")
    list_filter = ("section", "source")
    search_fields = ("name",)

    def get_readonly_fields(self, request: HttpRequest, obj: ConfigField | None = None) -> tuple[str, ...]:
        return ("section", "name") if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: ConfigField | None = None) -> bool:
        return _is_ours(obj) and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: ConfigField | None = None) -> bool:
        return _is_ours(obj) and bool(super().has_delete_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: ConfigField, form: Any, change: Any) -> None:
        obj.source = Source.ADMIN
        super().save_model(request, obj, form, change)


def _is_ours(row: ConfigField | None) -> bool:
    """What config.yaml says, the next start would bring back."""
    return row is None or row.source != Source.CONFIG
