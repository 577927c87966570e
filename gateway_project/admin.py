"""The page of jobs: what beat starts by itself, how often, and when each last ended well."""

from typing import Any

import django_celery_beat.admin  # noqa: F401 - its pages must be there to be taken out
from django.contrib import admin
from django.contrib.admin import display
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

from gateway_project.home.health import is_late
from gateway_project.metrics.jobs import seconds_between
from gateway_project.models import Job, JobRun
from proxy.standing import ago
from teams import audit
from teams.admin.reach import reach_of
from teams.admin.scope import GlobalPage
from teams.admin.texts import badge

admin.site.unregister((ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule))


@admin.register(Job)
class JobPage(GlobalPage):
    """Which jobs there are is decided by the code; a person may switch one off."""

    list_display = ("title", "state", "when", "ended")
    list_display_links = ("title",)
    sortable_by = ()
    ordering = ("name",)
    search_fields = ("name", "task")
    search_help_text = _("Name or task")
    list_filter = ("enabled",)
    facts = ("title", "what", "state", "when", "ended")
    fields = ("title", "what", "state", "when", "ended", "enabled")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_authenticated and reach_of(request).sees_everything

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **options: Any) -> Any:
        if db_field.name == "enabled":
            options |= {
                "label": _("Enabled"),
                "help_text": _("What is switched off stays so, and nobody else does it."),
            }
        return super().formfield_for_dbfield(db_field, request, **options)

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Any]":
        return super().get_queryset(request).select_related("interval", "crontab", "solar", "clocked")

    def save_model(self, request: HttpRequest, obj: Job, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.changed_data:
            audit.note("job", obj, before={"enabled": not obj.enabled}, after={"enabled": obj.enabled})

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        job = super().get_object(request, object_id, from_field)
        if job is not None:
            self.prepare(request, [job])
        return job

    def prepare(self, request: HttpRequest, rows: list[Any]) -> None:
        names = [job.name for job in rows]
        ended = dict(JobRun.objects.filter(pk__in=names).order_by().values_list("name", "succeeded_at"))
        for job in rows:
            job.ended_at = ended.get(job.name)

    @display(description=_("name"), ordering="name")
    def title(self, job: Job) -> str:
        words = translation.gettext(job.name)
        return words[:1].upper() + words[1:]

    @display(description=_("task"))
    def what(self, job: Job) -> str:
        return str(job.task)

    @display(description=_("state"))
    def state(self, job: Any) -> SafeString:
        if not job.enabled:
            return badge(_("Off"), "warning")
        if job.ended_at is None:
            return badge(_("Not seen"))
        is_behind = is_late(job.ended_at, seconds_between(job), now=timezone.now())
        return badge(_("Late"), "danger") if is_behind else badge(_("Well"), "success")

    @display(description=_("how often"))
    def when(self, job: Job) -> str:
        seconds = seconds_between(job)
        if seconds is None or seconds % 1:
            return str(job.scheduler)
        number, unit = next((seconds // size, name) for size, name in _UNITS if seconds % size == 0)
        return _every(int(number), unit)

    @display(description=_("last ended well"))
    def ended(self, job: Any) -> str:
        return gettext("never") if job.ended_at is None else ago(job.ended_at, now=timezone.now())


_UNITS = ((3600, "hour"), (60, "minute"), (1, "second"))


def _every(number: int, unit: str) -> str:
    texts = {
        "hour": ngettext("every hour", "every %(number)d hours", number),
        "minute": ngettext("every minute", "every %(number)d minutes", number),
        "second": ngettext("every second", "every %(number)d seconds", number),
    }
    return texts[unit] % {"number": number}
