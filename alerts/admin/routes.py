"""Routes: who is told of what, in the order in which they are asked; and a page that tries them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display as labelled

from alerts.admin.page import ChoiceFilter, Page, desk
from alerts.admin.route_preview import preview_context
from alerts.admin.route_words import escalates, hours, matched
from alerts.admin.texts import short
from alerts.core.schedule import InvalidSchedule, Schedule
from alerts.desk import Desk, route_problems
from alerts.models import AlertRoute


class RouteForm(forms.ModelForm):  # type: ignore[type-arg]
    # Of whoever fills it in; set by the page.
    desk = Desk()

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        given = self.cleaned_data
        typed = AlertRoute(team_id=given.get("team_id", ""), escalate_after_seconds=given.get("escalate_after_seconds"))
        channels, escalate_to = (list(given.get(name, ())) for name in ("channels", "escalate_to"))
        for column, problem in route_problems(typed, self.desk, channels=channels, escalate_to=escalate_to).items():
            if column not in self.errors and (column != "escalate_to" or column in given):
                self.add_error(column, problem)
        return cleaned


@admin.register(AlertRoute)
class AlertRoutePage(Page):
    team = "team_id"
    form = RouteForm
    list_before_template = "admin/alerts/routes_head.html"
    list_display = ("position", "name", "state_label", "matches", "tells", "when", "then", "escalation", "source")
    list_display_links = ("name",)
    sortable_by = ()
    list_filter = ("enabled", ("source", ChoiceFilter))
    search_fields = ("name",)
    search_help_text = _("Part of the name")
    autocomplete_fields = ("channels", "escalate_to")
    readonly_fields = ("source",)
    fieldsets = (
        (None, {"fields": ("name", ("position", "enabled"), "source")}),
        (
            _("What it matches"),
            {
                "fields": ("alert_types", "levels", "matchers", "team_id"),
                "description": _("All of it has to fit. A route of a team is for alerts with the team's label alone."),
            },
        ),
        (_("Whom it tells"), {"fields": ("channels", "goes_on", "level", "repeat_seconds")}),
        (_("When"), {"fields": ("schedule",)}),
        (_("If nobody acknowledges it"), {"fields": ("escalate_after_seconds", "escalate_to")}),
        (_("What it links to"), {"fields": ("runbook_url", "dashboard_url")}),
    )

    def get_queryset(self, request: HttpRequest) -> "QuerySet[AlertRoute]":
        rows: QuerySet[AlertRoute] = super().get_queryset(request)
        match = request.resolver_match
        if match and match.url_name == self.url_name("changelist"):
            return rows.prefetch_related("channels", "escalate_to")
        return rows

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {**(extra_context or {}), "may_preview": self._may_preview(request)})

    def get_urls(self) -> list[URLPattern]:
        return [self.extra_page("preview", self._preview), *super().get_urls()]

    def _preview(self, request: HttpRequest) -> HttpResponse:
        """Nothing is changed, so that an answer has an address that can be sent to somebody."""
        if not self._may_preview(request):
            raise PermissionDenied
        request.current_app = self.admin_site.name
        known = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("What becomes of an alert"),
        }
        return TemplateResponse(request, "admin/alerts/route_preview.html", {**known, **preview_context(request)})

    def _may_preview(self, request: HttpRequest) -> bool:
        """It answers with everybody's routes."""
        return self.has_view_permission(request) and desk(request).is_whole

    @labelled(description=_("state"), label={"on": "success", "off": None})  # type: ignore[untyped-decorator]
    def state_label(self, row: AlertRoute) -> tuple[str, str]:
        return ("on", gettext("On")) if row.enabled else ("off", gettext("Off"))

    @display(description=_("what it matches"))
    def matches(self, row: AlertRoute) -> str:
        return matched(row)

    @display(description=_("whom it tells"))
    def tells(self, row: AlertRoute) -> str:
        return _names(row.channels.all()) or gettext("nobody")

    @display(description=_("hours"))
    def when(self, row: AlertRoute) -> str:
        try:
            return hours(Schedule.read(row.schedule))
        except InvalidSchedule as wrong:
            return str(wrong)

    @display(description=_("then"))
    def then(self, row: AlertRoute) -> str:
        return gettext("asks the next") if row.goes_on or row.team_id else gettext("ends")

    @display(description=_("escalates"))
    def escalation(self, row: AlertRoute) -> str:
        names = _names(row.escalate_to.all())
        return f"{escalates(row)}: {names}" if names and row.escalate_after_seconds else "-"


def _names(channels: Any) -> str:
    return short(", ".join(f"{channel.name}{'' if channel.enabled else gettext(' (off)')}" for channel in channels))
