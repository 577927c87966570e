"""The inbox: what is wrong, who looks after it, and buttons to do so, for one and for many."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display as labelled
from unfold.paginator import InfinitePaginator

from alerts import inbox
from alerts.admin.incident_panel import BUTTONS, DELIVER, WORK, Button, panel
from alerts.admin.page import LEVELS, ChoiceFilter, Facts, FieldFilter, Page, actor, desk, may
from alerts.admin.texts import STATUSES, in_words, minute, short
from alerts.core.routing import Reason
from alerts.dispatch import retry_now
from alerts.models import Incident, IncidentStatus

MOST_AT_ONCE = 500
_LONGEST_NOTE = 2000
# What only the page of one incident shows.
_LONG = ("details", "body")
_ABOUT = ("model", "team", "team_id", "key_alias", "channel", "name")
_MOST_ABOUT = 2


class StatusFilter(FieldFilter):
    """One status at a time, or those that live: each is a range of an index, however many incidents there were."""

    title = _("status")
    parameter_name = "status"
    all_option = ["", _("Open or acknowledged")]

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[tuple[str, str], ...]:
        labels = {status.value: str(status.label) for status in IncidentStatus}
        labels[IncidentStatus.OPEN.value] = gettext("Firing, nobody looks after it")
        return tuple(labels.items())

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        chosen = self.value()
        live = [IncidentStatus.OPEN, IncidentStatus.ACKNOWLEDGED]
        return queryset.filter(status=chosen) if chosen in IncidentStatus else queryset.filter(status__in=live)


class ReasonFilter(FieldFilter):
    title = _("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[tuple[str, str], ...]:
        return tuple((reason.value, in_words(reason).rstrip(".。")) for reason in Reason)

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        return queryset.filter(reason=self.value()) if self.value() else queryset


def _for_many(button: Button) -> Callable[..., None]:
    def selected(page: "IncidentPage", request: HttpRequest, rows: "QuerySet[Incident]") -> None:
        page.do_many(request, rows, button)

    selected.__name__ = f"{button.name}_selected".replace("-", "_")
    selected.short_description = format_lazy(_("{action} selected"), action=button.title)  # type: ignore[attr-defined]
    selected.allowed_permissions = ("work",)  # type: ignore[attr-defined]
    return selected


@admin.register(Incident)
class IncidentPage(Facts):
    team = "team_id"
    change_form_template = "admin/alerts/incident.html"
    paginator = InfinitePaginator
    list_display = (
        "status_label", "level_label", "alert_type", "shown_title", "times", "about", "opened", "last_seen", "owner",
    )  # fmt: skip
    list_display_links = ("shown_title",)
    sortable_by = ()
    list_filter = (StatusFilter, ("level", ChoiceFilter), ("alert_type", ChoiceFilter), ReasonFilter)
    search_fields = ("title",)
    search_help_text = _("Part of the title")
    actions = [_for_many(button) for button in BUTTONS if button.for_many]

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Incident]":
        if request.method in ("GET", "HEAD"):
            rows = desk(request).watched(super(Page, self).get_queryset(request))
        else:
            # Who only looks at it does nothing to it.
            rows = super().get_queryset(request)
        match = request.resolver_match
        return rows.defer(*_LONG) if match and match.url_name == self.url_name("changelist") else rows

    def _is_open(self, request: HttpRequest) -> bool:
        """Also to who looks after no team: something may be told of the own keys."""
        return True

    def has_work_permission(self, request: HttpRequest) -> bool:
        return may(request, WORK) and self._writes(request)

    def get_urls(self) -> list[URLPattern]:
        return [
            self.button("do", self._do, permission=WORK),
            self.button("retry", self._retry, permission=DELIVER),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        row = self.get_object(request, object_id)
        shown = panel(request, row, now=timezone.now()) if row and self.has_view_permission(request, row) else {}
        # The timeline is its history.
        more = {"show_history": False, "title": gettext("Incident"), "subtitle": None, **shown}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """All of it is on the panel."""
        return ()

    def _do(self, request: HttpRequest, row: Incident) -> HttpResponseBase:
        button = next((one for one in BUTTONS if one.name == request.POST.get("verb")), None)
        note = request.POST.get("note", "").replace("\x00", "").strip()[:_LONGEST_NOTE]
        if button is None or (button.needs_note and not note):
            wrong = gettext("Write the note first.") if button else gettext("There is no such button.")
            self.message_user(request, wrong, messages.ERROR)
        elif self._act(request, row, button, note=note):
            self.message_user(request, button.done, messages.SUCCESS)
        else:
            self.message_user(request, f"{button.title}: {button.too_late}", messages.WARNING)
        return self.back(row)

    def _act(self, request: HttpRequest, row: Incident, button: Button, *, note: str = "") -> bool:
        now, who = timezone.now(), actor(request)
        changed = inbox.act(
            row, verb=button.verb, actor=who, now=now, seconds=button.seconds, text=note, desk=desk(request)
        )
        if changed and note and button.verb == "silence":
            # A silence's own line says until when.
            inbox.act(row, verb="note", actor=who, now=now, text=note)
        return changed

    def do_many(self, request: HttpRequest, rows: "QuerySet[Incident]", button: Button) -> None:
        chosen = list(rows.order_by("pk")[: MOST_AT_ONCE + 1])
        if len(chosen) > MOST_AT_ONCE:
            self.message_user(
                request, gettext("Select at most %(most)s at a time.") % {"most": MOST_AT_ONCE}, messages.WARNING
            )
            return
        done = sum(self._act(request, row, button) for row in chosen)
        left = len(chosen) - done
        if left:
            words = gettext("%(action)s: %(done)s done, %(left)s left as they were.")
        else:
            words = gettext("%(action)s: %(done)s done.")
        told = words % {"action": button.title, "done": done, "left": left}
        self.message_user(request, told, messages.SUCCESS if done else messages.WARNING)

    def _retry(self, request: HttpRequest, row: Incident) -> HttpResponseBase:
        try:
            chosen = desk(request).deliveries(row).filter(pk=UUID(request.POST.get("delivery", ""))).first()
        except ValueError:
            chosen = None
        if chosen is not None and retry_now(chosen, now=timezone.now()):
            told = gettext("%(channel)s is tried again at once.") % {"channel": chosen.channel}
            self.message_user(request, told, messages.SUCCESS)
        else:
            told = gettext("There is nothing to try again: it is on its way, or has arrived.")
            self.message_user(request, told, messages.WARNING)
        return self.back(row)

    @labelled(description=_("status"), label=STATUSES)  # type: ignore[untyped-decorator]
    def status_label(self, row: Incident) -> tuple[str, str]:
        return row.status, row.get_status_display()

    @labelled(description=_("level"), label=LEVELS)  # type: ignore[untyped-decorator]
    def level_label(self, row: Incident) -> str:
        return row.level

    @display(description=_("title"))
    def shown_title(self, row: Incident) -> str:
        return short(row.title, 100) or row.alert_type

    @display(description=_("count"))
    def times(self, row: Incident) -> str:
        return f"{row.count:,}"

    @display(description=_("about"))
    def about(self, row: Incident) -> str:
        named = [str(row.labels[name]) for name in _ABOUT if row.labels.get(name)]
        return short(", ".join(list(dict.fromkeys(named))[:_MOST_ABOUT]), 60) or "-"

    @display(description=_("opened"))
    def opened(self, row: Incident) -> SafeString:
        return minute(row.opened_at)

    @display(description=_("last seen"))
    def last_seen(self, row: Incident) -> SafeString:
        return minute(row.last_seen_at)

    @display(description=_("who"))
    def owner(self, row: Incident) -> str:
        return row.acknowledged_by or row.resolved_by or "-"
