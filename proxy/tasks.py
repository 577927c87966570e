"""Celery's doors to deployments and to the gateway's records; each makes one call."""

from celery import shared_task
from django.utils import timezone

from proxy import health_checks, spend_retention, trace_retention

# A round of a thousand deployments that do not answer takes that long.
_ROUND_SECONDS = 3 * 3600


@shared_task(time_limit=_ROUND_SECONDS)
def check_deployments() -> None:
    health_checks.check_deployments()


@shared_task
def forget_health_checks() -> None:
    health_checks.forget_old(at=timezone.now())


@shared_task
def forget_request_traces() -> None:
    trace_retention.forget_traces(now=timezone.now())


@shared_task
def forget_spend_logs() -> None:
    spend_retention.forget_spend_logs(now=timezone.now())
