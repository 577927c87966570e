"""When a process keeps what it counts: from the first of its parts that begins until the last one ends.

A process may be several things at once: the embedded one is web server, Celery worker and beat.
"""

import atexit
import logging
import os
import threading
from typing import Any

from celery import signals
from django.conf import settings

from gateway_project.metrics.store import store

logger = logging.getLogger(__name__)

WEB, WORKER, POOL, BEAT = "web", "worker", "pool", "beat"
_holders: set[str] = set()
_holding = threading.RLock()


def hold_store(part: str) -> None:
    """Raises OSError where the folder of metrics cannot be written."""
    with _holding:
        if not _holders:
            store.start(settings.METRICS_DIR, redis_url=settings.REDIS_URL)
        _holders.add(part)


def release_store(part: str) -> None:
    with _holding:
        if part in _holders:
            _holders.discard(part)
            if not _holders:
                store.stop()


def connect() -> None:
    """For Celery's processes, which nobody else starts and ends."""
    signals.worker_init.connect(_worker_begins)
    signals.worker_shutdown.connect(_worker_ends)
    signals.worker_process_init.connect(_pool_process_begins)
    signals.worker_process_shutdown.connect(_pool_process_ends)
    signals.beat_init.connect(_beat_begins)
    os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
    global _holding  # noqa: PLW0603
    _holding = threading.RLock()
    _holders.clear()
    store.after_fork()


def _worker_begins(**_: Any) -> None:
    _hold_or_log(WORKER)


def _worker_ends(**_: Any) -> None:
    release_store(WORKER)


def _pool_process_begins(**_: Any) -> None:
    # The solo pool says so too, in the worker's own process.
    if not _holders:
        _hold_or_log(POOL)


def _pool_process_ends(**_: Any) -> None:
    release_store(POOL)


def _beat_begins(**_: Any) -> None:
    # Its end is told by nobody. In the embedded process it is a part of what is there already.
    if not _holders:
        _hold_or_log(BEAT)
        atexit.register(release_store, BEAT)


def _hold_or_log(part: str) -> None:
    try:
        hold_store(part)
    except OSError:
        logger.exception("The folder of metrics cannot be written: this process counts for nobody")
