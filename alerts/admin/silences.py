"""Silences: what nobody is told of, since when and for how long, and how much they keep quiet now."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import display
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display as labelled

from alerts.admin.page import FieldFilter, Page, actor, desk
from alerts.admin.texts import clock, minute, short
from alerts.core.routing import Subject, covers
from alerts.models import LIVE, Silence
from alerts.setup import mute_of
from alerts.silencing import ACTIVE, EXPIRED, UPCOMING, end, state_of

CHANGE = "change_silence"
_STATES = {ACTIVE: "warning", UPCOMING: "info", EXPIRED: None}
_STATE_WORDS = {ACTIVE: _("Active"), UPCOMING: _("Upcoming"), EXPIRED: _("Expired")}
# Of those that live, the newest so many are looked through.
MOST_INCIDENTS = 1000


class SilenceForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Silence
        fields = ("comment", "team_id", "alert_types", "matchers", "starts_at", "ends_at", "is_weekly")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        begins, ends = self.cleaned_data.get("starts_at"), self.cleaned_data.get("ends_at")
        if begins and ends and ends <= begins:
            self.add_error("ends_at", gettext("It ends after it has begun."))
        if begins and ends and self.cleaned_data.get("is_weekly") and ends - begins > timedelta(days=7):
            self.add_error("ends_at", gettext("What comes again every week lasts no longer than a week."))
        return cleaned


class StateFilter(FieldFilter):
    title = _("state")
    parameter_name = "state"
    options = (("current", _("Active or upcoming")), ("expired", _("Expired")))

    def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
        over = Q(ends_at__lte=timezone.now(), is_weekly=False)
        conditions = {"current": ~over, "expired": over}
        return queryset.filter(conditions[self.value()]) if self.value() in conditions else queryset


@admin.register(Silence)
class SilencePage(Page):
    team = "team_id"
    form = SilenceForm
    change_form_outer_before_template = "admin/alerts/silence_state.html"
    list_display = ("state_label", "shown_comment", "meant_for", "covered", "begins", "ends", "is_weekly", "created_by")
    list_display_links = ("shown_comment",)
    sortable_by = ()
    list_filter = (StateFilter,)
    search_fields = ("comment", "created_by")
    search_help_text = _("Part of the comment, or who made it")
    fieldsets = (
        (_("What"), {"fields": ("comment", "team_id", "alert_types", "matchers")}),
        (_("When"), {"fields": ("starts_at", "ends_at", "is_weekly")}),
    )

    def get_urls(self) -> list[URLPattern]:
        return [self.button("end", self._end, permission=CHANGE), *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Silence, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = actor(request)
        super().save_model(request, obj, form, change)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        row: Any = self.get_object(request, object_id)
        shown: dict[str, Any] = {}
        if row is not None and self.has_view_permission(request, row):
            self.prepare(request, [row])
            shown = {
                "state": {"text": _STATE_WORDS[row.state], "type": _STATES[row.state]},
                "sentence": _sentence(row),
                "end_page": self.url("end", row),
                "may_end": row.state != EXPIRED and self.has_change_permission(request, row),
            }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def _end(self, request: HttpRequest, row: Silence) -> HttpResponseBase:
        if end(row, now=timezone.now()):
            self.log_change(request, row, "Ended.")
            self.message_user(request, gettext("It holds no longer; what goes on is told again."), messages.SUCCESS)
        else:
            self.message_user(request, gettext("It had ended already."), messages.WARNING)
        return self.back(row)

    def prepare(self, request: HttpRequest, rows: list[Any]) -> None:
        now = timezone.now()
        live = desk(request).incidents().filter(status__in=LIVE).order_by("-last_seen_at", "-id")
        found = live.values_list("alert_type", "level", "labels")[:MOST_INCIDENTS] if rows else []
        subjects = [Subject(*facts) for facts in found]
        for row in rows:
            row.state = state_of(row, now=now)
            row.covers = _number_covered(row, subjects)

    @labelled(description=_("state"), label=_STATES)  # type: ignore[untyped-decorator]
    def state_label(self, row: Any) -> tuple[str, Any]:
        return row.state, _STATE_WORDS[row.state]

    @display(description=_("comment"))
    def shown_comment(self, row: Silence) -> str:
        return short(row.comment, 80) or gettext("Silence %(number)s") % {"number": row.pk}

    @display(description=_("of what"))
    def meant_for(self, row: Silence) -> str:
        labels = [f"{name} = {gettext(' or ').join(_many(wanted))}" for name, wanted in row.matchers.items()]
        return short(", ".join([*row.alert_types, *labels]), 100)

    @display(description=_("open incidents"))
    def covered(self, row: Any) -> str:
        return str(row.covers)

    @display(description=_("begins"))
    def begins(self, row: Silence) -> SafeString:
        return minute(row.starts_at)

    @display(description=_("ends"))
    def ends(self, row: Silence) -> SafeString:
        return minute(row.ends_at)


def _number_covered(row: Silence, subjects: list[Subject]) -> str:
    mute = mute_of(row)
    number = sum(covers(mute, one) for one in subjects)
    return gettext("at least %(number)s") % {"number": number} if len(subjects) == MOST_INCIDENTS else str(number)


def _sentence(row: Any) -> str:
    until = mute_of(row).until(timezone.now()) if row.state != EXPIRED else None
    found = [gettext("It holds until %(at)s.") % {"at": clock(until)}] if until else []
    is_one = row.covers == "1"
    meant = (
        gettext("It is meant for 1 open incident.") if is_one else gettext("It is meant for %(covers)s open incidents.")
    )
    found.append(meant % {"covers": row.covers})
    if row.created_by:
        found.append(gettext("Made by %(who)s.") % {"who": row.created_by})
    return " ".join(found)


def _many(wanted: Any) -> list[str]:
    return [str(one) for one in wanted] if isinstance(wanted, list) else [str(wanted)]
