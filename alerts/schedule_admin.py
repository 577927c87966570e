"""The admin page of scheduled runs: what each said, and buttons to see one before its time or to send one again."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone, translation
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from alerts.admin.page import desk
from alerts.events import Event
from alerts.events.stored import from_json
from alerts.models import ScheduledRun
from alerts.models.runs import RunState
from alerts.schedule_runs import Outcome, file_name, last_span, preview, send_again, send_last
from alerts.scheduled import Job, Span, scheduled_job, scheduled_jobs

_TEMPLATES = "admin/alerts/scheduledrun"
_LIST = "admin:alerts_scheduledrun_changelist"
_SENTENCES = {
    Outcome.TOLD: (messages.SUCCESS, _("It is on its way to the channels.")),
    Outcome.SILENT: (messages.WARNING, _("There is nothing to tell of that period.")),
    Outcome.NOT_YET: (messages.WARNING, _("No period of it is over.")),
    Outcome.TAKEN: (messages.WARNING, _("It is being made at this moment, or a later one was told already.")),
    Outcome.LOST: (messages.WARNING, _("Somebody else has told it meanwhile.")),
    Outcome.FAILED: (messages.ERROR, _("It could not be made; the log says why.")),
}


@admin.register(ScheduledRun)
class ScheduledRunPage(ModelAdmin):
    list_display = ("job_title", "period_label", "state_label", "outcome", "made_at", "attempts")
    list_filter = ("job", "state", "outcome")
    search_fields = ("job", "period_key")
    date_hierarchy = "ends_at"
    list_before_template = f"{_TEMPLATES}/jobs.html"
    fields = readonly_fields = (
        "job_title", "period_key", "starts_at", "ends_at", "state_label", "outcome", "made_at", "attempts",
        "last_error", "report", "incident",
    )  # fmt: skip
    actions = ("send_selected_again",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(super().has_module_permission(request)) and desk(request).is_whole

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return bool(super().has_view_permission(request, obj)) and desk(request).is_whole

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_send_permission(self, request: HttpRequest) -> bool:
        """A run is never changed by hand; whoever might may have it told."""
        return request.user.has_perm("alerts.change_scheduledrun") and desk(request).is_whole

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScheduledRun]:
        """A list needs nothing of what is big."""
        queryset: QuerySet[ScheduledRun] = super().get_queryset(request)
        return queryset.defer("content", "csv", "told")

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("preview/<str:name>/", wrap(self.preview_view), name="alerts_scheduledrun_preview"),
            path("send/<str:name>/", wrap(self.send_view), name="alerts_scheduledrun_send"),
            path("<uuid:pk>/csv/", wrap(self.csv_view), name="alerts_scheduledrun_csv"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        jobs = scheduled_jobs() if self.has_send_permission(request) else ()
        return super().changelist_view(request, {**(extra_context or {}), "jobs": jobs})

    def preview_view(self, request: HttpRequest, name: str) -> HttpResponse:
        job = self._job(request, name)
        found = preview(job, now=timezone.now())
        span, report = found or (None, None)
        events = [*report.events, *report.crossings] if report else []
        shown = {"events": _shown(events), "silence": report.silence if report else ""}
        return self._page(
            request,
            "preview",
            gettext("%(job)s: the running period") % {"job": translation.gettext(job.title)},
            period=_period(span),
            **shown,
        )

    def send_view(self, request: HttpRequest, name: str) -> HttpResponse:
        """Asks with GET and acts with POST."""
        job = self._job(request, name)
        if request.method != "POST":
            period = _period(last_span(job, now=timezone.now()))
            return self._page(
                request,
                "send",
                gettext("Send the last report: %(job)s") % {"job": translation.gettext(job.title)},
                period=period,
            )
        try:
            level, said = _SENTENCES[send_last(job, now=timezone.now())]
            sentence = str(said)
        except ValueError as error:
            level, sentence = messages.ERROR, str(error)
        self.message_user(request, f"{translation.gettext(job.title)}: {sentence}", level)
        return HttpResponseRedirect(reverse(_LIST))

    def csv_view(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = ScheduledRun.objects.filter(pk=pk).exclude(csv="").first()
        if run is None:
            raise Http404
        headers = {
            "Content-Disposition": f'attachment; filename="{file_name(run)}"',
            "X-Content-Type-Options": "nosniff",
        }
        return HttpResponse(run.csv, content_type="text/csv; charset=utf-8", headers=headers)

    @admin.action(description=_("Send again, as it was told"), permissions=["send"])
    def send_selected_again(self, request: HttpRequest, runs: QuerySet[ScheduledRun]) -> None:
        count = 0
        for run in runs.order_by("ends_at", "id"):
            try:
                count += send_again(run, now=timezone.now())
            except ValueError as error:
                self.message_user(request, f"{run}: {error}", messages.ERROR)
        level = messages.SUCCESS if count else messages.WARNING
        words = gettext("%(count)s on the way to the channels.") if count else gettext("Nothing was told then.")
        self.message_user(request, words % {"count": count}, level)

    @admin.display(description=_("job"), ordering="job")
    def job_title(self, run: ScheduledRun) -> str:
        job = scheduled_job(run.job)
        return translation.gettext(job.title) if job else run.job

    @admin.display(description=_("period"), ordering="ends_at")
    def period_label(self, run: ScheduledRun) -> str:
        return _period(Span(run.period_key, run.starts_at, run.ends_at))

    @display(  # type: ignore[untyped-decorator]
        description=_("state"), ordering="state", label={RunState.DONE: "success", RunState.CLAIMED: "info"}
    )
    def state_label(self, run: ScheduledRun) -> tuple[str, str]:
        return run.state, run.get_state_display()

    @admin.display(description=_("report"))
    def report(self, run: ScheduledRun) -> SafeString:
        try:
            events = [from_json(stored) for stored in run.told]
        except ValueError as error:
            return SafeString(render_to_string(f"{_TEMPLATES}/report.html", {"silence": str(error)}))
        csv = reverse("admin:alerts_scheduledrun_csv", args=[run.pk]) if run.csv else ""
        shown = {"events": _shown(events), "silence": run.outcome, "csv": csv}
        return SafeString(render_to_string(f"{_TEMPLATES}/report.html", shown))

    @admin.display(description=_("incident"))
    def incident(self, run: ScheduledRun) -> str:
        return str(run.incident_id or "-")

    def _job(self, request: HttpRequest, name: str) -> Job:
        if not self.has_send_permission(request):
            raise PermissionDenied
        if (job := scheduled_job(name)) is None:
            raise Http404
        return job

    def _page(self, request: HttpRequest, template: str, title: str, **shown: Any) -> TemplateResponse:
        request.current_app = self.admin_site.name
        context = {**self.admin_site.each_context(request), "title": title, "back": reverse(_LIST), **shown}
        return TemplateResponse(request, f"{_TEMPLATES}/{template}.html", context)


def _shown(events: Sequence[Event]) -> list[dict[str, Any]]:
    return [
        {
            "title": event.title(),
            "facts": [(name, value) for name, value in event.details().items() if value],
            "sections": event.sections(),
        }
        for event in events
    ]


def _period(span: Span | None) -> str:
    if span is None:
        return ""
    starts, ends = (at.strftime("%Y-%m-%d %H:%M") for at in (span.starts_at, span.ends_at))
    return gettext("%(starts)s to %(ends)s (UTC)") % {"starts": starts, "ends": ends}
