"""Celery's worker and beat as threads of this process.

Stop beat before the worker, so that nothing is queued for a worker that is gone.
"""

import logging
import threading
from typing import Any

from celery import Celery
from celery.beat import EmbeddedService
from celery.worker import WorkController

from gateway_project.celery import app

logger = logging.getLogger(__name__)


class Background:
    def __init__(self) -> None:
        # Without a default app, tasks would be received and never run, and nothing would say so.
        app.set_default()
        self._worker = _worker(app)
        self._worker_thread = threading.Thread(target=self._worker.start, name="celery-worker", daemon=True)
        self._beat: Any = EmbeddedService(app, thread=True, scheduler_cls=app.conf.beat_scheduler)

    def start(self) -> None:
        self._worker_thread.start()
        self._beat.start()

    def stop(self) -> None:
        self._beat.stop()
        self._worker.stop()
        self._worker_thread.join(timeout=30)


def _worker(app: Celery) -> WorkController:
    worker: WorkController = app.WorkController(
        pool_cls="threads",
        concurrency=app.conf.worker_concurrency,
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    return worker
