"""The one page of alert settings: which types are told, and how."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from alerts.admin.page import Page
from alerts.models import AlertSettings

_ARGUMENTS = """
As LiteLLM's <code>alerting_args</code>, for example:
<code>budget_thresholds</code> (percentages at which a budget is told, such as [50, 80, 100]),
<code>labels</code> (labels that every alert carries, such as {"env": "prod"}),
<code>minor_outage_alert_threshold</code> and <code>major_outage_alert_threshold</code> (errors within
<code>outage_alert_ttl</code> seconds), <code>daily_report_frequency</code> (seconds),
<code>daily_spend_per_user_threshold</code> and <code>monthly_spend_per_user_threshold</code> (dollars),
<code>spend_anomaly_multiplier</code>. What is not known is ignored.
"""


@admin.register(AlertSettings)
class AlertSettingsPage(Page):
    fieldsets = (
        (
            "What is told",
            {"fields": ("alert_types",), "description": "What is not ticked raises no alert. Names are LiteLLM's."},
        ),
        (
            "Slow answers",
            {
                "fields": ("alerting_threshold",),
                "description": "For llm_too_slow and llm_requests_hanging, whatever the model.",
            },
        ),
        ("Arguments", {"fields": ("alerting_args",), "description": _ARGUMENTS}),
        (
            "Digests",
            {
                "fields": ("alert_type_config",),
                "description": "Types that are collected and told together once in a while. What has the level High "
                "is told at once nevertheless.",
            },
        ),
        (
            "Spend report",
            {"fields": ("spend_report_frequency",), "description": "How often spend_reports tell what was spent."},
        ),
    )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """There is one row, so that its page takes the place of the list."""
        row = AlertSettings.objects.filter(pk=1).first()
        if row is None and not self.has_add_permission(request):
            return super().changelist_view(request, extra_context)
        return self.changeform_view(request, None if row is None else "1", "", extra_context)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not AlertSettings.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
