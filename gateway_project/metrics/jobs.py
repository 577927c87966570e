"""Whether what runs by itself still does: each job's end is a row, and the broker says what waits for workers."""

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import redis
from celery import current_app, signals
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django_celery_beat.models import PeriodicTask
from kombu.transport.memory import Channel
from prometheus_client.core import GaugeMetricFamily

from gateway_project.models import JobRun
from proxy.metrics.errors import note_error

logger = logging.getLogger(__name__)

BEAT = ""
# Some jobs run every other second; writing down each of their ends would cost more than it tells.
NOTED_EVERY_SECONDS = 10.0
_TIMEOUT_SECONDS = 1.0
_noted: dict[str, float] = {}


def connect() -> None:
    signals.task_success.connect(_task_succeeded)


def _task_succeeded(sender: Any, **_: Any) -> None:
    if name := _job_of(sender):
        note_success(name)


def _job_of(task: Any) -> str:
    """The row of the beat table that sent it, or that would send this task; "" for other tasks."""
    sent_by = getattr(task.request, "periodic_task_name", None)
    return str(sent_by) if sent_by else _jobs().get(task.name, "")


def _jobs() -> dict[str, str]:
    return {row["task"]: name for name, row in current_app.conf.beat_schedule.items()}


def note_success(name: str) -> None:
    """Once in ten seconds of a process. A database that is away is told of elsewhere, and is no reason to fail."""
    now = time.monotonic()
    if now - _noted.get(name, -NOTED_EVERY_SECONDS) < NOTED_EVERY_SECONDS:
        return
    _noted[name] = now
    at = datetime.now(UTC)
    try:
        if not JobRun.objects.filter(pk=name).update(succeeded_at=at):
            JobRun.objects.bulk_create([JobRun(name=name, succeeded_at=at)], ignore_conflicts=True)
    except (DatabaseError, InterfaceError):
        connection.close_if_unusable_or_obsolete()
        note_error("job")
        logger.warning("It could not be noted that a job ended well", extra={"job": name or "beat"})


class JobMetrics:
    """A collector. Raises django.db.Error when the database does not answer."""

    label = "jobs"

    def describe(self) -> list[Any]:
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        ended = dict(JobRun.objects.order_by("pk").values_list("name", "succeeded_at"))
        yield from _job_families(ended, intervals())


def intervals() -> dict[str, float | None]:
    """Of jobs that are switched on, by name; None for one that goes by the calendar.

    Before beat has begun for the first time, the table as it is written.
    """
    rows = list(PeriodicTask.objects.select_related("interval").order_by("pk"))
    if not rows:
        return {name: float(row["schedule"]) for name, row in current_app.conf.beat_schedule.items()}
    return {row.name: seconds_between(row) for row in rows if row.enabled}


def seconds_between(row: PeriodicTask) -> float | None:
    return row.interval.schedule.run_every.total_seconds() if row.interval else None


def _job_families(ended: dict[str, datetime], intervals: dict[str, float | None]) -> Iterator[GaugeMetricFamily]:
    last = GaugeMetricFamily(
        "tollkeeper_job_last_success_timestamp_seconds", "When a job last ended well", labels=["periodic_job"]
    )
    interval = GaugeMetricFamily("tollkeeper_job_interval_seconds", "How often a job runs", labels=["periodic_job"])
    for name, seconds in sorted(intervals.items()):
        if (at := ended.get(name)) is not None:
            last.add_metric([name], at.timestamp())
        if seconds is not None:
            interval.add_metric([name], seconds)
    yield last
    yield interval
    if (ticked := ended.get(BEAT)) is not None:
        yield GaugeMetricFamily(
            "tollkeeper_beat_last_tick_timestamp_seconds",
            "When beat last looked at its schedule",
            value=ticked.timestamp(),
        )


class QueueMetrics:
    """A collector. Raises redis.RedisError when Redis does not answer within a second."""

    label = "queues"

    def __init__(self) -> None:
        self._redis: redis.Redis | None = None
        if settings.REDIS_URL:
            self._redis = redis.Redis.from_url(
                settings.REDIS_URL,
                socket_timeout=_TIMEOUT_SECONDS,
                socket_connect_timeout=_TIMEOUT_SECONDS,
                retry=None,
            )

    def describe(self) -> list[Any]:
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        queue = current_app.conf.task_default_queue
        if self._redis is None:
            waiting = Channel.queues.get(queue)
            yield _length(queue, waiting.qsize() if waiting is not None else 0)
            return
        pipe = self._redis.pipeline(transaction=False)
        pipe.llen(queue)
        pipe.hlen("unacked")
        length, unacknowledged = pipe.execute()
        yield _length(queue, length)
        yield GaugeMetricFamily(
            "tollkeeper_celery_unacknowledged", "Tasks that a worker has taken and not ended", value=unacknowledged
        )


def _length(queue: str, length: int) -> GaugeMetricFamily:
    family = GaugeMetricFamily("tollkeeper_celery_queue_length", "Tasks that wait for a worker", labels=["queue"])
    family.add_metric([queue], length)
    return family
