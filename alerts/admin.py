"""Admin pages of channels, routes, incidents and deliveries."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

from alerts.encrypted import keep_stored_secrets
from alerts.models import AlertChannel, AlertRoute, AlertSettings, Delivery, Incident


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = AlertChannel
        fields = ("name", "kind", "url", "enabled")

    def clean(self) -> dict[str, Any] | None:
        keep_stored_secrets(self)
        return super().clean()


@admin.register(AlertChannel)
class AlertChannelPage(ModelAdmin):
    form = ChannelForm
    list_display = ("name", "kind", "enabled", "source", "not_before")
    list_filter = ("kind", "enabled", "source")
    search_fields = ("name",)

    def get_fields(self, request: HttpRequest, obj: AlertChannel | None = None) -> list[str]:
        """What only a form hides is left out where there is no form."""
        fields = list(super().get_fields(request, obj))
        return fields if self.has_change_permission(request, obj) else [name for name in fields if name != "url"]

    def save_model(self, request: HttpRequest, obj: AlertChannel, form: "forms.ModelForm[Any]", change: bool) -> None:
        if "url" in form.changed_data:
            # What a superuser types is the operator's word; anyone else's address is checked.
            obj.private_address_allowed = bool(getattr(request.user, "is_superuser", False))
        super().save_model(request, obj, form, change)


@admin.register(AlertRoute)
class AlertRoutePage(ModelAdmin):
    list_display = ("__str__", "source")
    filter_horizontal = ("channels",)


@admin.register(AlertSettings)
class AlertSettingsPage(ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return not AlertSettings.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class _Facts:
    """Written by the alert engine and only looked at here."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class DeliveryInline(_Facts, TabularInline):
    model = Delivery
    fields = ("created_at", "channel", "kind", "state", "attempt", "last_status", "last_error", "latency_ms")
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        queryset: QuerySet[Delivery] = super().get_queryset(request)
        return queryset.select_related("channel", "incident")


@admin.register(Incident)
class IncidentPage(_Facts, ModelAdmin):
    list_display = ("last_seen_at", "status_label", "alert_type", "level", "title", "count", "reason")
    list_filter = ("status", "alert_type", "level", "reason")
    search_fields = ("title", "alert_type")
    date_hierarchy = "opened_at"
    inlines = (DeliveryInline,)

    @display(  # type: ignore[untyped-decorator]
        description="status", ordering="status", label={"Firing": "danger", "Resolved": "success"}
    )
    def status_label(self, incident: Incident) -> str:
        return incident.get_status_display()


@admin.register(Delivery)
class DeliveryPage(_Facts, ModelAdmin):
    list_display = ("created_at", "channel", "kind", "state_label", "attempt", "last_status", "last_error")
    list_filter = ("state", "kind", "channel")
    list_select_related = ("channel", "incident")
    date_hierarchy = "created_at"

    @display(  # type: ignore[untyped-decorator]
        description="state",
        ordering="state",
        label={"Delivered": "success", "Given up": "danger", "Waiting": "warning", "Sending": "info"},
    )
    def state_label(self, delivery: Delivery) -> str:
        return delivery.get_state_display()
