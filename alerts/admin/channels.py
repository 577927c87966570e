"""Channels: where alerts go, whether they arrive, and ways to try it."""

from collections.abc import Sequence
from typing import Any

from csp.decorators import csp_update
from django import forms
from django.contrib import admin, messages
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display as labelled

from alerts.admin.channel_form import WANTS, ChannelForm
from alerts.admin.page import ChoiceFilter, Page, actor, desk
from alerts.admin.texts import clock, in_words, minute, short
from alerts.core.routing import Reason
from alerts.models import AlertChannel, Delivery, DeliveryState
from alerts.preview import preview
from alerts.samples import NoSample, fire, sample_of, sampled_types
from alerts.services import test_channel
from alerts.transports import TRANSPORTS

CHANGE = "change_alertchannel"
_STATES = {"well": "success", "failing": "danger", "quiet": "warning", "off": None, "not tried": "info"}
_STATE_WORDS = {
    "well": _("Well"), "failing": _("Failing"), "quiet": _("Quiet"), "off": _("Off"), "not tried": _("Not tried")
}  # fmt: skip
_WAITING = (DeliveryState.PENDING, DeliveryState.SENDING)


@admin.register(AlertChannel)
class AlertChannelPage(Page):
    team = "team_id"
    form = ChannelForm
    change_form_outer_before_template = "admin/alerts/channel_state.html"
    change_form_outer_after_template = "admin/alerts/channel_tools.html"
    list_display = ("name", "kind", "state_label", "last_delivery", "waits", "shown_error", "source")
    sortable_by = ("name", "kind", "source")
    list_filter = (("kind", ChoiceFilter), "enabled", ("source", ChoiceFilter))
    search_fields = ("name",)
    search_help_text = _("Part of the name")
    conditional_fields = {f"wants_{kind}": f"kind == '{kind}'" for kind in WANTS}

    def get_fieldsets(self, request: HttpRequest, obj: AlertChannel | None = None) -> Any:
        """What only a form hides, and what helps to fill it in, is left out where there is no form."""
        if not self._is_form(request, obj):
            shown = ["name", "kind", "enabled", "most_per_minute", "team_id", "source"]
            return [(None, {"fields": shown})]
        return [
            (_("Where"), {"fields": ["name", "kind", *self.conditional_fields, "url", "secret", "options"]}),
            (_("How"), {"fields": ["enabled", "most_per_minute", "team_id", *(["source"] if obj else [])]}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.conditional_fields, "source"]

    def _is_form(self, request: HttpRequest, obj: Any) -> bool:
        return bool(self.has_add_permission(request) if obj is None else self.has_change_permission(request, obj))

    def save_model(self, request: HttpRequest, obj: AlertChannel, form: "forms.ModelForm[Any]", change: bool) -> None:
        if "url" in form.changed_data:
            # What a superuser types is the operator's word; anyone else's address is checked.
            obj.private_address_allowed = _is_operator(request)
        super().save_model(request, obj, form, change)

    def get_urls(self) -> list[URLPattern]:
        return [
            self.button("test", self._test, permission=CHANGE),
            self.button("sample", self._fire, permission=CHANGE),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> Any:
        row = self.get_object(request, object_id)
        shown = self._shown(request, row) if row and self.has_view_permission(request, row) else {}
        view = super().change_view
        if (previewed := shown.get("previewed")) and previewed.html:
            # A mail is styled within its elements, and its frame, which runs nothing, inherits this page's policy.
            view = csp_update({"style-src-attr": "'unsafe-inline'", "img-src": ["https:", "http:"]})(view)
        return view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def _shown(self, request: HttpRequest, row: AlertChannel) -> dict[str, Any]:
        now = timezone.now()
        chosen = request.GET.get("preview", "")
        state, types = _state(row), sampled_types()
        waiting = _waiting([row]).get(row.pk, 0)
        quiet = row.not_before is not None and row.not_before > now
        return {
            "state": {"text": _STATE_WORDS[state], "type": _STATES[state]},
            "channel_facts": [
                (gettext("Last delivery"), clock(row.delivered_at) if row.delivered_at else gettext("none yet")),
                (gettext("Failing since"), clock(row.failing_since)),
                (gettext("Quiet until"), clock(row.not_before) if quiet else "-"),
                (gettext("Waiting"), f"{waiting:,}"),
                (
                    gettext("Private address"),
                    gettext("allowed") if row.private_address_allowed else gettext("refused"),
                ),
            ],
            "last_error": row.last_error,
            "channel_page": self.url("change", row),
            "may_try": self.has_change_permission(request, row) and row.kind in TRANSPORTS,
            "test_page": self.url("test", row),
            "sample_page": self.url("sample", row),
            "sample_types": types,
            "may_fire": desk(request).is_whole,
            "chosen": chosen if chosen in types else (types[0] if types else ""),
            "previewed": preview(row, sample_of(chosen), now=now)
            if chosen in types and row.kind in TRANSPORTS
            else None,
            "deliveries_page": reverse("admin:alerts_delivery_changelist", query={"channel__id__exact": row.pk}),
        }

    def _test(self, request: HttpRequest, row: AlertChannel) -> HttpResponseBase:
        if row.kind not in TRANSPORTS:
            words = gettext("Nobody here can speak to a channel of kind %(kind)s.") % {"kind": row.kind}
            self.message_user(request, words, messages.ERROR)
            return self.back(row)
        found = test_channel(row)
        if found.error:
            words = gettext("The test message did not arrive. %(error)s") % {"error": found.error}
            self.message_user(request, words, messages.ERROR)
        else:
            words = gettext("The test message arrived. %(channel)s answered %(status)s, and said nothing more.")
            if found.answer:
                words = gettext('The test message arrived. %(channel)s answered %(status)s: "%(answer)s"')
            facts = {"channel": row, "status": found.status, "answer": found.answer}
            self.message_user(request, words % facts, messages.SUCCESS)
        return self.back(row)

    def _fire(self, request: HttpRequest, row: AlertChannel) -> HttpResponseBase:
        if not desk(request).is_whole:
            # It would be told by everybody's routes.
            raise PermissionDenied
        try:
            reason, incident = fire(request.POST.get("type", ""), fired_by=actor(request), now=timezone.now())
        except NoSample:
            self.message_user(request, gettext("There is no sample of this alert type."), messages.ERROR)
            return self.back(row)
        told = (
            list(incident.deliveries.order_by("channel__name").values_list("channel__name", flat=True))
            if incident
            else []
        )
        whom = gettext("To %(channels)s.") % {"channels": ", ".join(told)} if told else gettext("Nobody is told.")
        others = gettext("%(channel)s is not among them: its routes are not meant for this.") % {"channel": row}
        missing = "" if row.name in told else f" {others}"
        good = row.name in told and reason in (Reason.DELIVER, Reason.DIGEST)
        words = f"{gettext('The sample went its way.')} {in_words(reason)} {whom}{missing if told else ''}"
        self.message_user(request, words, messages.SUCCESS if good else messages.WARNING)
        if incident is None:
            return self.back(row)
        return HttpResponseRedirect(reverse("admin:alerts_incident_change", args=[incident.pk]))

    def prepare(self, request: HttpRequest, rows: list[Any]) -> None:
        waiting = _waiting(rows)
        for row in rows:
            row.waiting = waiting.get(row.pk, 0)

    @labelled(description=_("state"), label=_STATES)  # type: ignore[untyped-decorator]
    def state_label(self, row: AlertChannel) -> tuple[str, Any]:
        return _state(row), _STATE_WORDS[_state(row)]

    @display(description=_("last delivery"))
    def last_delivery(self, row: AlertChannel) -> SafeString:
        return minute(row.delivered_at)

    @display(description=_("waiting"))
    def waits(self, row: Any) -> str:
        return f"{row.waiting:,}"

    @display(description=_("last error"))
    def shown_error(self, row: AlertChannel) -> str:
        return short(row.last_error, 80) or "-"


def _is_operator(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def _state(row: AlertChannel) -> str:
    if not row.enabled:
        return "off"
    if row.failing_since:
        return "failing"
    if row.not_before and row.not_before > timezone.now():
        return "quiet"
    return "well" if row.delivered_at else "not tried"


def _waiting(rows: Sequence[AlertChannel]) -> dict[int, int]:
    """How many deliveries of each channel wait. What has no end yet is found by an index."""
    found = Delivery.objects.filter(channel__in=[row.pk for row in rows], finished_at=None, state__in=_WAITING)
    return dict(found.order_by().values("channel_id").annotate(n=Count("pk")).values_list("channel_id", "n"))


def _want(words: Any) -> Any:
    def wants(page: AlertChannelPage, row: AlertChannel) -> Any:
        return words

    wants.short_description = _("What it wants")  # type: ignore[attr-defined]
    return wants


for _kind, _words in WANTS.items():
    setattr(AlertChannelPage, f"wants_{_kind}", _want(_words))
