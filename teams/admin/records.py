"""The page of the audit trail. Nobody adds to it, changes it or takes from it here."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.admin import DateFieldListFilter, SimpleListFilter
from django.contrib.admin import display as plain_display
from django.contrib.admin.utils import quote
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from teams.admin.page import TECHNICAL, as_text
from teams.admin.scope import GlobalPage
from teams.admin.texts import Text, badge
from teams.audit import CREATED, DELETED, UPDATED
from teams.models import AuditEntry

# What the trail calls a thing, and the model whose page shows it; None where there is no page of its own.
OBJECTS: Mapping[str, str | None] = {
    "key": "teams.VirtualKey",
    "team": "teams.Team",
    "user": "teams.User",
    "organization": "teams.Organization",
    "team_member": None,
    "organization_member": None,
    "retired_token": None,
    "budget": "teams.Budget",
    "customer": "teams.Customer",
    "tag": "teams.Tag",
    "deployment": "proxy.Deployment",
    "config_field": "proxy.ConfigField",
    "gateway_budget": "budgets.GatewayBudget",
    "ledger_entry": "budgets.LedgerEntry",
    "model_price": "budgets.ModelPrice",
    "alert_channel": "alerts.AlertChannel",
    "alert_route": "alerts.AlertRoute",
    "alert_silence": "alerts.Silence",
    "alert_settings": "alerts.AlertSettings",
    "job": "gateway_project.Job",
}
_WORDS: Mapping[str, Text] = {
    "key": _("Key"),
    "team": _("Team"),
    "user": _("User"),
    "organization": _("Organization"),
    "team_member": _("Team member"),
    "organization_member": _("Organization member"),
    "retired_token": _("Retired token"),
    "budget": _("Budget"),
    "customer": _("Customer"),
    "tag": _("Tag"),
    "deployment": _("Deployment"),
    "config_field": _("Config field"),
    "gateway_budget": _("Gateway budget"),
    "ledger_entry": _("Ledger entry"),
    "model_price": _("Model price"),
    "alert_channel": _("Alert channel"),
    "alert_route": _("Alert route"),
    "alert_silence": _("Alert silence"),
    "alert_settings": _("Alert settings"),
    "job": _("Job"),
}
_ACTIONS = ((CREATED, _("Created")), (UPDATED, _("Updated")), (DELETED, _("Deleted")))
_SHOWN = {action: (word, tone) for (action, word), tone in zip(_ACTIONS, ("success", "info", "danger"), strict=True)}


class ObjectFilter(SimpleListFilter):
    title = _("object")
    parameter_name = "object_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Text]]:
        return [(name, _words(name)) for name in OBJECTS]

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(object_type=self.value()) if self.value() else queryset


class ActionFilter(SimpleListFilter):
    title = _("action")
    parameter_name = "action_is"

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[tuple[str, Text], ...]:
        return _ACTIONS

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditPage(GlobalPage):
    list_display = ("at", "action_label", "object_shown", "who", "source", "actor_key", "address")
    list_display_links = ("at",)
    sortable_by = ()
    list_filter = (ObjectFilter, ActionFilter, "source", ("at", DateFieldListFilter))
    search_fields = ("=object_id", "object_label", "=actor_id")
    search_help_text = _("Id or name of the object, or id of who did it")
    facts = ("action_label", "object_shown", "who", "changes")
    fieldsets = (
        (_("What happened"), {"fields": ("at", "action_label", "object_shown", "object_id")}),
        (_("Who did it"), {"fields": ("who", "actor_role", "source", "actor_key", "address", "changed_by")}),
        (_("What changed"), {"fields": ("changes",)}),
        (TECHNICAL, {"classes": ["collapse"], "fields": ("change_id", "actor_key_hash")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """What is history itself has none."""
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "show_history": False})

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> AuditEntry | None:
        entry: AuditEntry | None = super().get_object(request, object_id, from_field)
        if entry is not None:
            self.prepare(request, [entry])
        return entry

    def prepare(self, request: HttpRequest, rows: list[Any]) -> None:
        """Which of the objects and of those who acted exist still, and where their pages are."""
        wanted: dict[str, set[str]] = {"user": {row.actor_id for row in rows if row.actor_id}}
        for row in rows:
            wanted.setdefault(row.object_type, set()).add(row.object_id)
        pages = {(kind, pk): url for kind, ids in wanted.items() for pk, url in self._pages(request, kind, ids)}
        for row in rows:
            row.page, row.actor_page = pages.get((row.object_type, row.object_id)), pages.get(("user", row.actor_id))

    def _pages(self, request: HttpRequest, kind: str, ids: set[str]) -> Iterator[tuple[str, str]]:
        if (label := OBJECTS.get(kind)) is None:
            return
        model: type[Model] = apps.get_model(label)
        page = self.admin_site._registry.get(model)
        if page is None or not page.has_view_permission(request):
            return
        is_number = model._meta.pk.get_internal_type() == "BigAutoField"
        known = [pk for pk in ids if not is_number or pk.isdecimal()]
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        for pk in page.get_queryset(request).filter(pk__in=known).order_by().values_list("pk", flat=True):
            yield str(pk), reverse(name, args=[quote(pk)])

    @plain_display(description=_("action"))
    def action_label(self, entry: AuditEntry) -> SafeString:
        return badge(*_SHOWN.get(entry.action, (entry.action.capitalize(), None)))

    @plain_display(description=_("object"))
    def object_shown(self, entry: Any) -> SafeString:
        return format_html("{} {}", _words(entry.object_type), _link(entry.page, entry.object_label or entry.object_id))

    @plain_display(description=_("who"))
    def who(self, entry: Any) -> SafeString | str:
        return _link(entry.actor_page, entry.actor_id) if entry.actor_id else "-"

    @plain_display(description=_("changes"))
    def changes(self, entry: AuditEntry) -> SafeString | str:
        before, after = entry.before or {}, entry.after or {}
        rows = [(name, as_text(before.get(name)), as_text(after.get(name))) for name in sorted({**before, **after})]
        if not rows:
            return "-"
        head = format_html_join(
            "", '<th class="p-2 text-left text-important">{}</th>', ((t,) for t in (_("Field"), _("Old"), _("New")))
        )
        body = format_html_join(
            "",
            '<tr class="align-top border-t border-base-200 dark:border-base-800">'
            '<td class="p-2">{}</td><td class="p-2">{}</td><td class="p-2">{}</td></tr>',
            rows,
        )
        return format_html(
            '<div class="overflow-x-auto"><table class="w-full">'
            "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>",
            head,
            body,
        )


def _words(name: str) -> Text:
    return _WORDS.get(name) or name.replace("_", " ").capitalize()


def _link(url: str | None, text: str) -> SafeString | str:
    return format_html('<a href="{}" class="text-link">{}</a>', url, text) if url else text
