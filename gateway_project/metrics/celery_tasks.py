"""What becomes of Celery's tasks: how many, for how long, how late."""

import time
from collections.abc import MutableMapping
from datetime import datetime
from typing import Any

from celery import Task, signals
from celery.worker.request import Request
from prometheus_client import Counter, Histogram

SENT_AT = "tollkeeper_sent_at"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)

TASKS = Counter("tollkeeper_tasks", "Celery tasks that ended", ("task", "state"))
DURATION = Histogram("tollkeeper_task_duration_seconds", "Seconds that a task ran", ("task",), buckets=_SECONDS)
LATE = Histogram(
    "tollkeeper_task_late_seconds",
    "Seconds from when a task was to start (its eta, else when it was sent) until it started",
    ("task",),
    buckets=_SECONDS,
)
_began: dict[str, float] = {}


class CountedRequest(Request):
    """In the main process of a worker, which alone sees that the process of a task is gone."""

    _is_counted = False

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        # It may be told first that the process ends, then that it is gone.
        if not self._is_counted and _is_lost(exc_info.exception):
            self._is_counted = True
            TASKS.labels(self.name, "lost").inc()
        return super().on_failure(exc_info, send_failed_event, return_ok)

    def on_timeout(self, soft: bool, timeout: float) -> None:
        if not soft:
            TASKS.labels(self.name, "timeout").inc()
        super().on_timeout(soft, timeout)


class CountedTask(Task):  # type: ignore[type-arg]
    abstract = True
    Request = f"{__name__}:CountedRequest"


def _is_lost(error: Any) -> bool:
    # Celery may have wrapped it, to keep its traceback.
    error = getattr(error, "exc", error)
    return type(error).__name__ == "WorkerLostError" or isinstance(error, (SystemExit, KeyboardInterrupt))


@signals.before_task_publish.connect
def _sent(headers: MutableMapping[str, Any] | None = None, **_: Any) -> None:
    if headers is not None:
        headers[SENT_AT] = time.time()


@signals.task_prerun.connect
def _begins(task_id: str, task: Any, **_: Any) -> None:
    if (due_at := _due_at(task.request)) is not None:
        LATE.labels(task.name).observe(max(0.0, time.time() - due_at))
    _began[task_id] = time.perf_counter()


@signals.task_postrun.connect
def _ends(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
    if (began := _began.pop(task_id, None)) is not None:
        DURATION.labels(task.name).observe(time.perf_counter() - began)
    TASKS.labels(task.name, (state or "failure").lower()).inc()


def _due_at(request: Any) -> float | None:
    """Unix time; None for what says neither, such as a call in this process or a task that another version sent."""
    try:
        if request.eta:
            return datetime.fromisoformat(request.eta).timestamp()
        return float(getattr(request, SENT_AT, None) or "")
    except (TypeError, ValueError):
        return None
