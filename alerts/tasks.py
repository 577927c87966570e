"""Celery's doors to the alert engine; each makes one call."""

from celery import shared_task
from django.utils import timezone

from alerts import dispatch, incidents


@shared_task
def flush_alerts() -> None:
    dispatch.flush(now=timezone.now())


@shared_task
def deliver_to_channel(*, channel_id: int) -> None:
    dispatch.deliver_to_channel(channel_id=channel_id)


@shared_task
def resolve_quiet_incidents() -> None:
    incidents.resolve_quiet(now=timezone.now())
