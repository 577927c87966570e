"""The page that says what would become of an alert: which routes it meets, and whom they tell."""

from typing import Any

from django import forms
from django.contrib.admin.utils import quote
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from alerts.admin.fields import read_labels
from alerts.admin.page import LEVELS
from alerts.admin.route_words import ANSWERS, TONES, answered, held
from alerts.admin.texts import clock, in_words, short, span
from alerts.core.explain import Explanation, explain
from alerts.core.routing import Destination, Reason, Subject
from alerts.events import Level
from alerts.events.kinds import grouped
from alerts.incidents import open_inhibitors
from alerts.models import AlertChannel, Silence
from alerts.samples import NoSample, sample_of
from alerts.setup import load_routing

_LONGEST = 10_000
_TOLD = (Reason.DELIVER, Reason.DIGEST)


class PreviewForm(forms.Form):
    alert_type = forms.ChoiceField(label=_("Alert type"), widget=UnfoldAdminSelectWidget)
    level = forms.ChoiceField(
        label=_("Level"), choices=[(one.value, one.value) for one in Level], widget=UnfoldAdminSelectWidget
    )
    labels = forms.CharField(
        required=False,
        max_length=_LONGEST,
        widget=UnfoldAdminTextareaWidget({"rows": 4, "spellcheck": "false"}),
        label=_("Labels"),
        help_text=_("One in each line, such as model = gpt-4o; or a JSON object."),
    )
    at = forms.DateTimeField(
        label=_("Time"),
        required=False,
        widget=UnfoldAdminTextInputWidget({"placeholder": _("now")}),
        help_text=_("Such as 2026-12-24 23:00. Empty: now."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        choices = [(translation.gettext(title), [(name, name) for name, _ in types]) for title, types in grouped()]
        self.fields["alert_type"].choices = choices  # type: ignore[attr-defined]

    def clean_labels(self) -> dict[str, str]:
        return read_labels(self.cleaned_data["labels"].replace("\x00", ""))

    def subject(self) -> Subject:
        return Subject(self.cleaned_data["alert_type"], self.cleaned_data["level"], self.cleaned_data["labels"])


def preview_context(request: HttpRequest) -> dict[str, Any]:
    """The form, and what it was answered. A type alone is one to begin with: its sample says the rest."""
    asked = "level" in request.GET
    form = PreviewForm(request.GET) if asked else PreviewForm(initial=_first(request.GET.get("alert_type", "")))
    shown = None
    if asked and form.is_valid():
        now = form.cleaned_data["at"] or timezone.now()
        subject = form.subject()
        found = explain(subject, load_routing(now=now), open_incidents=open_inhibitors(), now=now)
        shown = _shown(found, subject) | {"at": clock(now)}
    return {"form": form, "shown": shown}


def _first(alert_type: str) -> dict[str, Any]:
    try:
        event = sample_of(alert_type or "llm_exceptions")
    except NoSample:
        return {"alert_type": alert_type, "level": Level.HIGH.value}
    labels = "\n".join(f"{name} = {value}" for name, value in event.labels().items() if value)
    return {"alert_type": str(event.alert_type), "level": str(event.level), "labels": labels}


def _shown(found: Explanation, subject: Subject) -> dict[str, Any]:
    decision = found.decision
    names = dict(AlertChannel.objects.filter(pk__in=_channel_ids(found)).values_list("pk", "name"))
    return {
        "told": decision.reason in _TOLD,
        "reason": gettext("It is told.") if decision.reason == Reason.DELIVER else in_words(decision.reason),
        "level": {"text": decision.level, "type": LEVELS.get(decision.level)},
        "facts": _facts(found),
        "silences": _silences(found),
        "destinations": [_destination(one, names, held(one.hold_until)) for one in decision.destinations],
        "escalation": [_destination(one, names, "") for one in found.escalation],
        "asked": [
            {
                "name": one.route.name,
                "page": _page("alertroute", one.route.id),
                "answer": ANSWERS[one.answer],
                "tone": TONES.get(one.answer, "warning"),
                "why": answered(one, subject),
                "channels": ", ".join(names.get(pk, str(pk)) for pk in one.route.channel_ids),
            }
            for one in found.asked
        ],
    }


def _facts(found: Explanation) -> list[str]:
    decision, facts = found.decision, []
    if decision.until:
        facts.append(
            gettext("It may be told from %(at)s on, if it still goes on then.") % {"at": clock(decision.until)}
        )
    if found.inhibitor:
        facts.append(gettext("An open incident of type %(type)s speaks for it.") % {"type": found.inhibitor.alert_type})
    if decision.digest_seconds:
        words = gettext("It is collected for %(span)s with others of its type.")
        facts.append(words % {"span": span(decision.digest_seconds)})
    if decision.repeat_seconds:
        words = gettext("While it goes on, it is told again every %(span)s.")
        facts.append(words % {"span": span(decision.repeat_seconds)})
    if decision.escalate_after_seconds:
        words = gettext("Not acknowledged within %(span)s, it is escalated.")
        facts.append(words % {"span": span(decision.escalate_after_seconds)})
    return facts


def _silences(found: Explanation) -> list[tuple[str, str]]:
    rows = Silence.objects.filter(pk__in=[mute.id for mute in found.silences]).order_by("-ends_at", "-id")
    return [
        (short(row.comment) or gettext("Silence %(number)s") % {"number": row.pk}, _page("silence", row.pk))
        for row in rows
    ]


def _channel_ids(found: Explanation) -> set[int]:
    destinations = {one.channel_id for one in (*found.decision.destinations, *found.escalation)}
    return destinations | {pk for one in found.asked for pk in one.route.channel_ids}


def _destination(one: Destination, names: dict[int, str], when: str) -> tuple[str, str, str, str]:
    return names.get(one.channel_id, str(one.channel_id)), _page("alertchannel", one.channel_id), when, one.route.name


def _page(model: str, pk: int) -> str:
    return reverse(f"admin:alerts_{model}_change", args=[quote(pk)])
