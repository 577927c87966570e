"""Celery's doors to the alert engine; each makes one call."""

from celery import shared_task
from django.utils import timezone

from alerts import dispatch, guard, incidents, lifecycle, retention, schedule_runs

# A report over millions of rows takes a while, and has a lease of its own.
_REPORT_SECONDS = 3600


@shared_task
def flush_alerts() -> None:
    dispatch.flush(now=timezone.now())


@shared_task
def deliver_to_channel(*, channel_id: int) -> None:
    dispatch.deliver_to_channel(channel_id=channel_id)


@shared_task
def resolve_quiet_incidents() -> None:
    incidents.resolve_quiet(now=timezone.now())


@shared_task
def escalate_incidents() -> None:
    lifecycle.escalate_due(now=timezone.now())


@shared_task
def guard_alerts() -> None:
    guard.tick(now=timezone.now())


@shared_task
def forget_old_alerts() -> None:
    retention.forget_old(now=timezone.now())


@shared_task(time_limit=_REPORT_SECONDS)
def tick_reports() -> None:
    schedule_runs.tick_all(now=timezone.now())


@shared_task
def forget_scheduled_runs() -> None:
    schedule_runs.forget_runs(now=timezone.now())
