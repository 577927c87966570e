"""Celery's worker and beat as threads of this process.

Stop beat before the worker, so that nothing is queued for a worker that is gone.
"""

import logging
import threading
import time
from typing import Any

from celery import Celery
from celery.beat import EmbeddedService

from gateway_project.celery import app

logger = logging.getLogger(__name__)

READY_SECONDS = 5.0


class Background:
    def __init__(self) -> None:
        # Without a default app, tasks would be received and never run, and nothing would say so.
        app.set_default()
        self._worker: Any = _worker(app)
        self._worker_thread = threading.Thread(target=self._worker.start, name="celery-worker", daemon=True)
        self._beat: Any = EmbeddedService(app, thread=True, scheduler_cls=app.conf.beat_scheduler)

    def start(self) -> None:
        """Returns when the worker takes tasks: its own start would otherwise be felt by the first requests."""
        self._worker_thread.start()
        deadline = time.monotonic() + READY_SECONDS
        while not self._takes_tasks():
            if time.monotonic() > deadline:
                logger.warning("The Celery worker is not ready yet; tasks wait for it")
                break
            time.sleep(0.01)
        self._beat.start()

    def _takes_tasks(self) -> bool:
        return getattr(self._worker.consumer, "task_consumer", None) is not None

    def stop(self) -> None:
        self._beat.stop()
        self._worker.stop()
        self._worker_thread.join(timeout=30)


def _worker(app: Celery) -> Any:
    return app.WorkController(
        pool_cls="threads",
        concurrency=app.conf.worker_concurrency,
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
