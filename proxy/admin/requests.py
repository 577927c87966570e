"""The page of requests: what became of each, step by step. Nobody adds to it, changes it or takes from it here."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import DateFieldListFilter, display
from django.contrib.admin.utils import quote
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.paginator import InfinitePaginator

from budgets.models import LedgerEntry
from proxy.admin.operations import OPERATIONS
from proxy.admin.previews import preview_page
from proxy.admin.timeline import timeline
from proxy.core.operations import Operation
from proxy.explain import named, visible
from proxy.models import Deployment, RequestTrace
from teams.admin.filters import FieldFilter
from teams.admin.page import TECHNICAL, Page
from teams.admin.reach import reach_of
from teams.admin.texts import dollars, unbroken

_STATUSES = {2: "success", 3: "info", 4: "warning", 5: "danger"}
# What only the page of one request shows.
_LONG = ("steps", "message", "tags")


class OutcomeFilter(FieldFilter):
    """What an index knows: whatever is not a plain success is marked when it is written."""

    title = _("outcome")
    parameter_name = "outcome"
    options = (
        ("failed", _("Failed")),
        ("4xx", _("Failed with 4xx")),
        ("5xx", _("Failed with 5xx")),
        ("mended", _("Answered after a retry or a fallback")),
        ("plain", _("Answered at once")),
    )

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        conditions = {
            "failed": Q(eventful=True) & ~Q(status=200),
            "4xx": Q(eventful=True, status__gte=400, status__lt=500),
            "5xx": Q(eventful=True, status__gte=500),
            "mended": Q(eventful=True, status=200),
            "plain": Q(eventful=False),
        }
        return queryset.filter(conditions[self.value()]) if self.value() in conditions else queryset


class OperationFilter(FieldFilter):
    title = _("operation")
    parameter_name = "operation_is"
    options = tuple((operation.value, OPERATIONS[operation]) for operation in Operation)

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(operation=self.value()) if self.value() else queryset


@admin.register(RequestTrace)
class RequestTracePage(Page):
    paginator = InfinitePaginator
    list_display = ("time", "outcome", "way", "attempts", "took", "cost", "caller", "team_id")
    list_display_links = ("time",)
    sortable_by = ()
    list_filter = (OutcomeFilter, OperationFilter, ("at", DateFieldListFilter))
    list_filter_submit = True
    search_fields = ("call_id",)
    search_help_text = _("A call id or request id, the alias of a key, or the model that was asked for: all of it")
    facts = ("time", "outcome", "way", "took", "cost", "what_happened", "ledger")
    fieldsets = (
        (_("What happened"), {"fields": ("time", "outcome", "message", "what_happened")}),
        (
            _("What was asked"),
            {"fields": (("model", "operation"), ("model_group", "deployment"), ("stream", "route"), "tags")},
        ),
        (_("Who asked"), {"fields": (("key_alias", "user_id"), ("team_id", "end_user"))}),
        (_("What it cost"), {"fields": (("cost", "price"), "ledger")}),
        (TECHNICAL, {"classes": ["collapse"], "fields": (("call_id", "id"), "key_hash")}),
    )

    def get_queryset(self, request: HttpRequest) -> "QuerySet[RequestTrace]":
        rows = visible(reach_of(request))
        match = request.resolver_match
        return rows.defer(*_LONG) if match is not None and match.url_name == "proxy_requesttrace_changelist" else rows

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        own = path("preview/", self.admin_site.admin_view(self.preview), name="proxy_requesttrace_preview")
        return [own, *super().get_urls()]

    def preview(self, request: HttpRequest) -> HttpResponse:
        """What would become of a request."""
        return preview_page(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """What is history itself has none."""
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "show_history": False})

    def get_search_results(
        self, request: HttpRequest, queryset: "QuerySet[Any]", search_term: str
    ) -> tuple["QuerySet[Any]", bool]:
        """Each of the ways has an index, which a search for parts of words would not, nor all of them at once."""
        text = search_term.strip().replace("\x00", "")
        if not text:
            return queryset, False
        ways = (named(queryset, text), queryset.filter(key_alias=text), queryset.filter(model=text))
        return next((found for found in ways if found.order_by().exists()), queryset.none()), False

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> RequestTrace | None:
        row: RequestTrace | None = super().get_object(request, object_id, from_field)
        if row is not None:
            self._look_up(request, row)
        return row

    def _look_up(self, request: HttpRequest, row: Any) -> None:
        """What stands around the row on its page, and where that has pages of its own."""
        row.moments = timeline(row.steps)
        row.entries = list(LedgerEntry.objects.filter(request_id=row.pk).order_by("attempt"))
        mentioned = {moment.deployment for moment in row.moments} | {entry.deployment_id for entry in row.entries}
        row.deployment_pages = self._pages(request, Deployment, {*mentioned, row.deployment} - {""})
        row.entry_pages = self._pages(request, LedgerEntry, {str(entry.pk) for entry in row.entries})

    def _pages(self, request: HttpRequest, model: Any, ids: set[str]) -> dict[str, str]:
        page = self.admin_site._registry.get(model)
        if page is None or not ids or not page.has_view_permission(request):
            return {}
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        found = page.get_queryset(request).filter(pk__in=ids).order_by().values_list("pk", flat=True)
        return {str(pk): reverse(name, args=[quote(pk)]) for pk in found}

    @display(description=_("time"))
    def time(self, row: RequestTrace) -> SafeString:
        return unbroken(timezone.localtime(row.at).strftime("%Y-%m-%d %H:%M:%S"))

    @display(description=_("status"))
    def outcome(self, row: RequestTrace) -> SafeString:
        shown = {"type": _STATUSES.get(row.status // 100), "text": f"{row.status} {row.error_class}".strip()}
        return render_to_string("unfold/helpers/label.html", shown)

    @display(description=_("model, deployment"))
    def way(self, row: RequestTrace) -> SafeString | str:
        asked = row.model or "-"
        if not row.deployment:
            return asked
        return format_html('{} <span class="text-subtle">→ {}</span>', asked, shortened(row.deployment))

    @display(description=_("took"))
    def took(self, row: RequestTrace) -> SafeString:
        return unbroken(f"{row.seconds:.2f} s" if row.seconds >= 1 else f"{row.seconds * 1000:.1f} ms")

    @display(description=_("cost"))
    def cost(self, row: RequestTrace) -> str:
        return dollars(row.amount_nano) if row.amount_nano else "-"

    @display(description=_("key"))
    def caller(self, row: RequestTrace) -> str:
        return row.key_alias or (f"{row.key_hash[:8]}…" if len(row.key_hash) == 64 else row.key_hash)

    @display(description=_("steps"))
    def what_happened(self, row: Any) -> SafeString:
        moments = [(moment, row.deployment_pages.get(moment.deployment)) for moment in row.moments]
        return render_to_string("admin/proxy/requesttrace/timeline.html", {"moments": moments})

    @display(description=_("ledger"))
    def ledger(self, row: Any) -> SafeString:
        entries = [
            {
                "entry": entry,
                "page": row.entry_pages.get(str(entry.pk)),
                "deployment_page": row.deployment_pages.get(entry.deployment_id),
                "amount": dollars(entry.amount_nano),
            }
            for entry in row.entries
        ]
        return render_to_string("admin/proxy/requesttrace/ledger.html", {"entries": entries})


def shortened(deployment_id: str) -> str:
    """Ids that were made up of digests say enough with their beginning."""
    return deployment_id if len(deployment_id) <= _LONGEST_ID else f"{deployment_id[:12]}…"


_LONGEST_ID = 32
