"""Celery's worker and beat as threads of this process: both beside the gateway, or each as a role of its own.

Stop beat before the worker, so that nothing is queued for a worker that is gone. Beat keeps its schedule in the
database and ends when that is away; a worker ends by what it did not expect. Both are started again then.
"""

import logging
import threading
import time
from typing import Any

from celery import Celery
from celery.beat import Service
from celery.signals import beat_init
from django.db import DatabaseError, InterfaceError, connections

from gateway_project.celery import app

logger = logging.getLogger(__name__)

READY_SECONDS = 5.0
BEAT_PAUSE_SECONDS = 2.0
WORKER_PAUSE_SECONDS = 1.0
# A tick may wait for a database that does not answer.
BEAT_STOP_SECONDS = 10.0
WORKER_STOP_SECONDS = 30.0


class Background:
    def __init__(self, *, has_worker: bool = True, has_beat: bool = True) -> None:
        # Without a default app, tasks would be received and never run, and nothing would say so.
        app.set_default()
        self._has_worker, self._has_beat = has_worker, has_beat
        self._worker: Any = _worker(app) if has_worker else None
        self._worker_thread = threading.Thread(target=self._work, name="celery-worker", daemon=True)
        self._stopping = threading.Event()
        self._beat_thread = threading.Thread(target=self._beat_until_stopped, name="celery-beat", daemon=True)

    def start(self) -> None:
        """Returns when the worker takes tasks: its own start would otherwise be felt by the first requests."""
        if self._has_worker:
            self._worker_thread.start()
            self._wait_for_worker()
        if self._has_beat:
            self._beat_thread.start()

    def is_alive(self) -> bool:
        """Whether what was started still runs; with its broker away, a worker waits for it and is alive."""
        return (self._worker_thread.is_alive() or not self._has_worker) and (
            self._beat_thread.is_alive() or not self._has_beat
        )

    def _work(self) -> None:
        """Kombu's polling of Redis has ended a worker before, and then nobody would send alerts any more."""
        while True:
            self._worker.start()
            if self._stopping.wait(WORKER_PAUSE_SECONDS):
                return
            logger.error("The Celery worker ended by itself and is started again")
            self._worker = _worker(app)
            if self._stopping.is_set():
                return

    def _wait_for_worker(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._takes_tasks():
            if time.monotonic() > deadline:
                logger.warning("The Celery worker is not ready yet; tasks wait for it")
                break
            time.sleep(0.01)

    def _takes_tasks(self) -> bool:
        return getattr(self._worker.consumer, "task_consumer", None) is not None

    def _beat_until_stopped(self) -> None:
        while not self._stopping.is_set():
            try:
                self._beat()
            except (DatabaseError, InterfaceError):
                logger.warning("The database is away: periodic tasks wait for it")
            except Exception:
                logger.exception("The schedule of periodic tasks ended and is started again")
            finally:
                connections.close_all()
            self._stopping.wait(BEAT_PAUSE_SECONDS)

    def _beat(self) -> None:
        """Celery's own loop sleeps for as long as its interval before it looks whether to stop."""
        service = Service(app, scheduler_cls=app.conf.beat_scheduler)
        beat_init.send(sender=service)
        try:
            while not self._stopping.is_set():
                self._stopping.wait(service.scheduler.tick())
                if service.scheduler.should_sync():
                    service.scheduler._do_sync()  # type: ignore[attr-defined]
        finally:
            service.sync()

    def stop(self) -> None:
        self._stopping.set()
        if self._has_beat:
            self._beat_thread.join(timeout=BEAT_STOP_SECONDS)
        if self._has_worker:
            self._worker.stop()
            self._worker_thread.join(timeout=WORKER_STOP_SECONDS)


def _worker(app: Celery) -> Any:
    return app.WorkController(
        pool_cls="threads",
        concurrency=app.conf.worker_concurrency,
        loglevel="WARNING",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
