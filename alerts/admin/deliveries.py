"""The log of every telling: what waits, what arrived, what was given up."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import action, display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display as labelled
from unfold.paginator import InfinitePaginator

from alerts.admin.incident_panel import DELIVER
from alerts.admin.page import ChoiceFilter, Facts, may
from alerts.admin.texts import KINDS, STATES, second, short
from alerts.dispatch import retry_now
from alerts.models import Delivery

MOST_AT_ONCE = 500
_MOST_ATTEMPTS = 50
_SHOWN = (
    "created",
    "incident_link",
    "channel_link",
    "kind_label",
    "state_label",
    "next_attempt",
    "attempts_made",
    "told",
)


@admin.register(Delivery)
class DeliveryPage(Facts):
    team = "channel__team_id"
    paginator = InfinitePaginator
    list_display = ("created", "channel", "kind_label", "state_label", "attempt", "last_status", "error", "took")
    list_display_links = ("created",)
    sortable_by = ()
    list_filter = (("state", ChoiceFilter), ("kind", ChoiceFilter))
    list_select_related = ("channel",)
    fields = readonly_fields = _SHOWN
    actions = ["retry_selected"]

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Delivery]":
        rows: QuerySet[Delivery] = super().get_queryset(request)
        match = request.resolver_match
        if match and match.url_name == self.url_name("changelist"):
            return rows.defer("message")
        return rows.select_related("channel", "incident")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return may(request, DELIVER) and self._writes(request)

    @action(description=_("Retry selected now"), permissions=["retry"])
    def retry_selected(self, request: HttpRequest, rows: "QuerySet[Delivery]") -> None:
        chosen = list(rows.order_by("pk")[: MOST_AT_ONCE + 1])
        if len(chosen) > MOST_AT_ONCE:
            words = gettext("Select at most %(most)s at a time.") % {"most": MOST_AT_ONCE}
            self.message_user(request, words, messages.WARNING)
            return
        now = timezone.now()
        done = sum(retry_now(row, now=now) for row in chosen)
        words = gettext("%(done)s of %(all)s are tried again; the others are on their way, or have arrived.")
        level = messages.SUCCESS if done else messages.WARNING
        self.message_user(request, words % {"done": done, "all": len(chosen)}, level)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        """What is a log itself has no history."""
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "show_history": False})

    @display(description=_("made"))
    def created(self, row: Delivery) -> SafeString:
        return second(row.created_at)

    @display(description=_("kind"))
    def kind_label(self, row: Delivery) -> str:
        return str(KINDS.get(row.kind, row.kind))

    @labelled(description=_("state"), label=STATES)  # type: ignore[untyped-decorator]
    def state_label(self, row: Delivery) -> tuple[str, str]:
        return row.state, row.get_state_display()

    @display(description=_("error"))
    def error(self, row: Delivery) -> str:
        return short(row.last_error, 80) or "-"

    @display(description=_("took"))
    def took(self, row: Delivery) -> str:
        return "-" if row.latency_ms is None else f"{row.latency_ms:,} ms"

    @display(description=_("next attempt"))
    def next_attempt(self, row: Delivery) -> SafeString:
        return second(row.next_attempt_at if row.finished_at is None else None)

    @display(description=_("incident"))
    def incident_link(self, row: Delivery) -> SafeString:
        address = reverse("admin:alerts_incident_change", args=[row.incident_id])
        return format_html('<a href="{}" class="text-link">{}</a>', address, short(row.incident.title))

    @display(description=_("channel"))
    def channel_link(self, row: Delivery) -> SafeString:
        address = reverse("admin:alerts_alertchannel_change", args=[row.channel_id])
        return format_html('<a href="{}" class="text-link">{}</a>', address, row.channel.name)

    @display(description=_("attempts"))
    def attempts_made(self, row: Delivery) -> SafeString | str:
        lines = [
            (
                f"{one.number}.",
                second(one.began_at),
                one.status or "",
                "" if one.latency_ms is None else f"{one.latency_ms:,} ms",
                one.error or one.response or ("" if one.ended_at else gettext("has no end")),
            )
            for one in row.attempts.order_by("-began_at", "-id")[:_MOST_ATTEMPTS]
        ]
        return format_html_join("", '<span class="block">{} {} {} {} {}</span>', lines) or "-"

    @display(description=_("told"))
    def told(self, row: Delivery) -> SafeString:
        title = row.message.get("title", "") if isinstance(row.message, dict) else ""
        return format_html('<span class="tk-breaks">{}</span>', str(title))
