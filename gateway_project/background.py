"""Celery's worker and beat as threads of this process.

Stop beat before the worker, so that nothing is queued for a worker that is gone. Beat keeps its schedule in the
database and ends when that is away: then it is started again.
"""

import logging
import threading
import time
from typing import Any

from celery import Celery
from celery.beat import Service
from django.db import DatabaseError, InterfaceError, connections

from gateway_project.celery import app

logger = logging.getLogger(__name__)

READY_SECONDS = 5.0
BEAT_PAUSE_SECONDS = 2.0
# Beat sleeps for as long as its loop's interval before it looks whether to stop.
BEAT_STOP_SECONDS = 10.0


class Background:
    def __init__(self) -> None:
        # Without a default app, tasks would be received and never run, and nothing would say so.
        app.set_default()
        self._worker: Any = _worker(app)
        self._worker_thread = threading.Thread(target=self._worker.start, name="celery-worker", daemon=True)
        self._beat: Any = None
        self._stopping = threading.Event()
        self._beat_thread = threading.Thread(target=self._beat_until_stopped, name="celery-beat", daemon=True)

    def start(self) -> None:
        """Returns when the worker takes tasks: its own start would otherwise be felt by the first requests."""
        self._worker_thread.start()
        deadline = time.monotonic() + READY_SECONDS
        while not self._takes_tasks():
            if time.monotonic() > deadline:
                logger.warning("The Celery worker is not ready yet; tasks wait for it")
                break
            time.sleep(0.01)
        self._beat_thread.start()

    def _takes_tasks(self) -> bool:
        return getattr(self._worker.consumer, "task_consumer", None) is not None

    def _beat_until_stopped(self) -> None:
        while not self._stopping.is_set():
            try:
                self._beat = Service(app, scheduler_cls=app.conf.beat_scheduler)
                self._beat.start()
            except (DatabaseError, InterfaceError):
                logger.warning("The database is away: periodic tasks wait for it")
            except Exception:
                logger.exception("The schedule of periodic tasks ended and is started again")
            finally:
                connections.close_all()
            self._stopping.wait(BEAT_PAUSE_SECONDS)

    def stop(self) -> None:
        self._stopping.set()
        if self._beat is not None:
            self._beat.stop()
        self._beat_thread.join(timeout=BEAT_STOP_SECONDS)
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
