"""The page that tries limits on what was asked for lately, reached from the pages of keys, teams and users."""

from typing import Any

from django import forms
from django.contrib.admin.utils import quote, unquote
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from budgets.admin.money import MoneyPage
from budgets.core.allowances import EVER, Allowance
from budgets.core.dry_run import Limit, Trial
from budgets.directory import Entity
from budgets.dry_run import MOST_ENTRIES, Replay, replay
from budgets.standing_panel import cents, instant
from teams.calendars import current_calendar
from teams.models.grants import DollarsFormField, validate_duration

_DAYS = (("7", gettext_lazy("Last 7 days")), ("30", gettext_lazy("Last 30 days")))
_WORDS = {
    Limit.BUDGET: gettext_lazy("the budget"),
    Limit.REQUESTS: gettext_lazy("requests per minute"),
    Limit.TOKENS: gettext_lazy("tokens per minute"),
}
_MOST = 2**63 - 1


class TrialForm(forms.Form):
    max_budget = DollarsFormField(
        label=gettext_lazy("Max budget"), required=False, help_text=gettext_lazy("US dollars; empty: no limit.")
    )
    duration = forms.CharField(
        label=gettext_lazy("Duration"), required=False, max_length=32, widget=UnfoldAdminTextInputWidget,
        validators=[validate_duration],
        help_text=gettext_lazy('Such as "1d"; empty: one budget for all the days.'),
    )  # fmt: skip
    rpm = forms.IntegerField(
        label=gettext_lazy("Requests per minute"),
        required=False,
        min_value=0,
        max_value=_MOST,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    tpm = forms.IntegerField(
        label=gettext_lazy("Tokens per minute"),
        required=False,
        min_value=0,
        max_value=_MOST,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    days = forms.ChoiceField(label=gettext_lazy("Tried on"), choices=_DAYS, initial="7", widget=UnfoldAdminSelectWidget)

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if not self.errors and all(self.cleaned_data[name] is None for name in ("max_budget", "rpm", "tpm")):
            self.add_error(None, _("Enter a limit to try."))
        return cleaned

    def trial(self, entity: Entity) -> Trial:
        given = self.cleaned_data
        budget = None
        if given["max_budget"] is not None:
            budget = Allowance(*entity, given["duration"], given["max_budget"], counted_from=EVER)
        return Trial(budget=budget, rpm=given["rpm"], tpm=given["tpm"])


class TriesLimits(MoneyPage):
    """Whoever sees the row may ask; nothing is changed, so that an answer has an address."""

    def get_urls(self) -> list[URLPattern]:
        own = path("<path:object_id>/try-limits/", self.admin_site.admin_view(self.try_limits), name=self._try_name())
        return [own, *super().get_urls()]

    def try_out_link(self, row: Any) -> str:
        return reverse(f"admin:{self._try_name()}", args=[quote(row.pk)])

    def try_limits(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        row = self.get_object(request, unquote(object_id))
        if row is None or not self.has_view_permission(request, row):
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        form = TrialForm(request.GET if "days" in request.GET else None)
        found = None
        if form.is_bound and form.is_valid():
            entity = self.entity(row)
            days = int(form.cleaned_data["days"])
            found = _shown(replay(entity, form.trial(entity), days=days, now=timezone.now()))
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "original": row, "form": form, "found": found,
            "title": _("What would limits have blocked of %(row)s?") % {"row": row}, "back": self.page_of(row),
        }  # fmt: skip
        return TemplateResponse(request, "admin/budgets/try_limits.html", context)

    def _try_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_try_limits"


def _shown(found: Replay) -> dict[str, Any]:
    outcome, zone = found.outcome, current_calendar().zone
    return {
        "requests": f"{outcome.requests:,}",
        "refused": f"{outcome.refused:,}",
        "share": f"{outcome.refused / outcome.requests:.1%}" if outcome.requests else "",
        "by_limit": [(_WORDS[limit], f"{number:,}") for limit, number in sorted(outcome.by_limit.items())],
        "first_at": instant(outcome.first_at, zone) if outcome.first_at else "",
        "saved": cents(outcome.saved_nano),
        "spent": cents(outcome.spent_nano),
        "cut": f"{MOST_ENTRIES:,}" if found.was_cut else "",
        "since": instant(found.since, zone),
        "days": [
            (str(one.day), f"{one.requests:,}", f"{one.refused:,}", cents(one.saved_nano))
            for one in reversed(outcome.days)
        ],
    }
