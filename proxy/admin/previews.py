"""The page that says what would become of a request: a form, and below it the way that the request would take."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin.utils import quote
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from proxy.admin.operations import OPERATIONS
from proxy.admin.timeline import skipped_because, words
from proxy.core.calls import clean
from proxy.core.operations import Operation
from proxy.models import Deployment
from proxy.preview import preview_now
from proxy.prospects import Question
from proxy.runtime import Runtime, running
from teams.admin.fields import KnownAutocomplete
from teams.admin.page import Page
from teams.admin.reach import reach_of
from teams.errors import ApiError
from teams.models import RetiredToken, Team, VirtualKey
from teams.snapshot import Principal

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite

_MOST_TAGS = 64
_RETRIES = {
    "server_error": _("A server error or no connection"),
    "rate_limit": _("A rate limit"),
    "timeout": _("A time-out"),
    "authentication": _("Credentials that are refused"),
    "bad_request": _("A request that is refused"),
}
_FALLBACKS = {
    "error": _("When it fails"),
    "context_window": _("When the prompt is too long"),
    "content_policy": _("When its content policy refuses"),
}


class _Autocomplete(KnownAutocomplete):
    """What stands in an address may be no id at all: then nothing is chosen, and the field says so."""

    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        try:
            return super().optgroups(name, value, attr)
        except (ValueError, OverflowError):
            return super().optgroups(name, [], attr)


class PreviewForm(forms.Form):
    model = forms.CharField(
        label=_("Model"), max_length=255, widget=UnfoldAdminTextInputWidget, help_text=_("As a client would write it.")
    )
    operation = forms.ChoiceField(
        label=_("Operation"),
        choices=[(one.value, OPERATIONS[one]) for one in Operation],
        initial=Operation.CHAT,
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    key = forms.ModelChoiceField(VirtualKey.objects.none(), label=_("Key"), required=False)
    team = forms.ModelChoiceField(Team.objects.none(), label=_("Team"), required=False)
    tags = forms.CharField(
        label=_("Tags"),
        max_length=2000,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("With commas between them."),
    )
    prompt_tokens = forms.IntegerField(
        label=_("Prompt tokens"), min_value=0, max_value=10**9, required=False, widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("How long the prompt is, for windows and limits."),
    )  # fmt: skip
    stream = forms.BooleanField(label=_("Stream"), required=False, widget=UnfoldBooleanWidget)

    def __init__(self, *args: Any, request: HttpRequest, site: "AdminSite", **options: Any) -> None:
        super().__init__(*args, **options)
        self._sees_everything = reach_of(request).sees_everything
        for name, link in (("key", RetiredToken._meta.get_field("key")), ("team", VirtualKey._meta.get_field("team"))):
            field: Any = self.fields[name]
            field.queryset = site._registry[link.remote_field.model].get_queryset(request).order_by()
            field.widget = _Autocomplete(link, site)
            field.widget.choices = field.choices
        self.fields["key"].required = not self._sees_everything
        self.fields["key"].help_text = _("Empty: the master key.") if self._sees_everything else ""
        self.fields["team"].help_text = _("Ask as a key of this team would; of a key, it can only be its own.")

    def clean_tags(self) -> tuple[str, ...]:
        found = [clean(tag.strip()) for tag in self.cleaned_data["tags"].split(",")]
        if len(found) > _MOST_TAGS:
            raise ValidationError(gettext("At most %(most)d.") % {"most": _MOST_TAGS})
        return tuple(dict.fromkeys(filter(None, found)))

    def question(self) -> Question:
        cleaned = self.cleaned_data
        return Question(
            model=cleaned["model"],
            operation=Operation(cleaned["operation"] or Operation.CHAT),
            tags=cleaned["tags"],
            stream=cleaned["stream"],
            prompt_tokens=cleaned["prompt_tokens"] or 0,
        )

    def principal(self, runtime: Runtime) -> Principal:
        """Raises ApiError."""
        key, team = self.cleaned_data["key"], self.cleaned_data["team"]
        principal = runtime.keys.admin if key is None else runtime.keys.find(key.token_hash, now=timezone.now())
        if principal is None:
            raise ApiError(gettext("The gateway does not know this key yet. Try again in some seconds."))
        return principal if team is None else runtime.keys.in_team(principal, team.pk)


def preview_page(page: Page, request: HttpRequest) -> HttpResponse:
    if not page.has_view_permission(request):
        raise PermissionDenied
    # Nothing is changed, so that an answer has an address that can be sent to somebody.
    form = PreviewForm(request.GET if "model" in request.GET else None, request=request, site=page.admin_site)
    answer = _answer(form) if form.is_bound and form.is_valid() else None
    request.current_app = page.admin_site.name
    context = {
        **page.admin_site.each_context(request),
        "title": _("Route preview"),
        "form": form,
        "answer": answer,
        "shown": answer and _shown(page, request, answer),
    }
    return TemplateResponse(request, "admin/proxy/requesttrace/preview.html", context)


def _answer(form: PreviewForm) -> dict[str, Any] | None:
    try:
        runtime = running()
    except RuntimeError:
        form.add_error(None, gettext("No gateway runs in this process, so there is nobody who would know."))
        return None
    try:
        return preview_now(form.question(), form.principal(runtime), runtime=runtime, now=timezone.now())
    except ApiError as error:
        form.add_error(None, error.message)
        return None


def _shown(page: Page, request: HttpRequest, answer: dict[str, Any]) -> dict[str, Any]:
    """The answer in words, for the tables of the page."""
    deployments = page.admin_site._registry[Deployment]
    may_look = deployments.has_view_permission(request)
    return {
        "candidates": [
            {
                **one,
                "page": reverse("admin:proxy_deployment_change", args=[quote(one["deployment"])]) if may_look else "",
                "share": f"{one['probability']:.1%}",
                "why": skipped_because(one["skipped"]) if one["skipped"] else "",
                "cooldown": words(one["now"]["cooldown_reason"]),
            }
            for one in answer.get("candidates", ())
        ],
        "retries": [(_RETRIES[kind], number) for kind, number in answer.get("retries", {}).items()],
        "fallbacks": [
            (_FALLBACKS[kind], [{**link, "why": _reasons(link["skipped"])} for link in chain])
            for kind, chain in answer.get("fallbacks", {}).items()
        ],
    }


def _reasons(skipped: dict[str, int]) -> str:
    return ", ".join(f"{number} {skipped_because(reason)}" for reason, number in skipped.items())
