"""The one page of alert settings: which types are told, and how."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldBooleanWidget

from alerts.admin.engine_panel import engine_context
from alerts.admin.page import Page
from alerts.encrypted import keep_stored_secrets
from alerts.models import AlertSettings
from alerts.operator import ARGS, HEARTBEAT_URL
from alerts.setting_checks import problem
from alerts.transports.base import address_problem

_ARGUMENTS = _(
    """As LiteLLM's <code>alerting_args</code>, for example:
<code>budget_thresholds</code> (percentages at which a budget is told, such as [50, 80, 100]),
<code>labels</code> (labels that every alert carries, such as {"env": "prod"}),
<code>minor_outage_alert_threshold</code> and <code>major_outage_alert_threshold</code> (errors within
<code>outage_alert_ttl</code> seconds), <code>daily_report_frequency</code> (seconds),
<code>daily_spend_per_user_threshold</code> and <code>monthly_spend_per_user_threshold</code> (dollars),
<code>spend_anomaly_multiplier</code>, <code>heartbeat_interval</code> (seconds),
<code>heartbeat_tells_failure</code> (true for receivers that take a reason at the address with /fail). What
config.yaml sets is changed there."""
)
_CHECKED = ("alerting_threshold", "alerting_args", "alert_type_config", "spend_report_frequency")


class AlertSettingsForm(forms.ModelForm):  # type: ignore[type-arg]
    """As strict as config.yaml and the API, and by the same rules."""

    instance: AlertSettings
    forget_heartbeat = forms.BooleanField(
        required=False, label=_("Forget the heartbeat's address"), widget=UnfoldBooleanWidget()
    )

    def clean(self) -> dict[str, Any] | None:
        keep_stored_secrets(self)
        cleaned = super().clean()
        if self.cleaned_data.get("forget_heartbeat"):
            self.cleaned_data[HEARTBEAT_URL] = ""
        for name in self.changed_data:
            if name in self.cleaned_data and (wrong := self._wrong(name, self.cleaned_data[name])):
                self.add_error(name, wrong)
        return cleaned

    def _wrong(self, name: str, value: Any) -> str:
        if (HEARTBEAT_URL if name == "forget_heartbeat" else name) in self.instance.configured:
            return gettext("config.yaml sets this: it is changed there.")
        if name == ARGS and (fixed := self._changed_argument(value)):
            return gettext("config.yaml sets %(name)s: it is changed there.") % {"name": fixed}
        if name == HEARTBEAT_URL:
            return address_problem(value) if value else ""
        return problem(name, value) if name in _CHECKED else ""

    def _changed_argument(self, value: dict[str, Any]) -> str:
        """The first argument of config.yaml that would be another one."""
        stored = AlertSettings.load().alerting_args
        own = (name.partition(".")[2] for name in self.instance.configured if name.startswith(f"{ARGS}."))
        return next((name for name in own if value.get(name) != stored.get(name)), "")


@admin.register(AlertSettings)
class AlertSettingsPage(Page):
    form = AlertSettingsForm
    change_form_outer_before_template = "admin/alerts/engine_state.html"
    fieldsets = (
        (
            _("What is told"),
            {"fields": ("alert_types",), "description": _("What is not ticked raises no alert. Names are LiteLLM's.")},
        ),
        (
            _("Slow answers"),
            {
                "fields": ("alerting_threshold",),
                "description": _("For llm_too_slow and llm_requests_hanging, whatever the model."),
            },
        ),
        (_("Arguments"), {"fields": ("alerting_args",), "description": _ARGUMENTS}),
        (
            _("Digests"),
            {
                "fields": ("alert_type_config",),
                "description": _(
                    "Types that are collected and told together once in a while. What has the level High is told at "
                    "once nevertheless."
                ),
            },
        ),
        (
            _("Spend report"),
            {"fields": ("spend_report_frequency",), "description": _("How often spend_reports tell what was spent.")},
        ),
        (
            _("Heartbeat"),
            {
                "fields": (HEARTBEAT_URL, "forget_heartbeat"),
                "description": _(
                    "A service that misses these calls tells you that alerts are no longer told, when nothing here "
                    "could. They are made only while beat, workers and database do their work and nothing that is "
                    "due is stuck."
                ),
            },
        ),
    )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """There is one row, so that its page takes the place of the list."""
        row = AlertSettings.objects.filter(pk=1).first()
        if row is None and not self.has_add_permission(request):
            return super().changelist_view(request, extra_context)
        return self.changeform_view(request, None if row is None else "1", "", extra_context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        shown = engine_context(now=timezone.now()) if self.has_view_permission(request) else {}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def get_fieldsets(self, request: HttpRequest, obj: AlertSettings | None = None) -> Any:
        """Who only looks has no use for the fields of a credential."""
        found = super().get_fieldsets(request, obj)
        if self.has_change_permission(request, obj) or self.has_add_permission(request):
            return found
        return [(title, options) for title, options in found if HEARTBEAT_URL not in options["fields"]]

    def save_model(self, request: HttpRequest, obj: AlertSettings, form: Any, change: bool) -> None:
        if HEARTBEAT_URL in form.changed_data:
            # What a superuser types is the operator's word; anyone else's address is checked.
            obj.heartbeat_private_address_allowed = bool(getattr(request.user, "is_superuser", False))
        super().save_model(request, obj, form, change)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not AlertSettings.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
