"""Celery's threads of the one-process mode."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from celery.beat import Scheduler
from django.db import OperationalError

from gateway_project import background
from gateway_project.background import Background
from gateway_project.celery import app


class Failing(Scheduler):
    """Its first tick meets a database that is away."""

    ticks = 0

    def tick(self, *_: Any, **__: Any) -> float:
        type(self).ticks += 1
        if type(self).ticks == 1:
            raise OperationalError("the connection is closed")
        return 0.02


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_schedule_that_ended_is_started_again_and_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "BEAT_PAUSE_SECONDS", 0.01)
    monkeypatch.setitem(app.conf, "beat_scheduler", Failing)
    threads = Background()
    threads.start()
    wait_until(lambda: Failing.ticks > 3)
    began = time.monotonic()
    threads.stop()

    assert time.monotonic() - began < 5
    assert not threads._beat_thread.is_alive()


class Slow(Scheduler):
    """Nothing is due for long; what it was asked to write is written at its end."""

    ticks, closed = 0, 0

    def tick(self, *_: Any, **__: Any) -> float:
        type(self).ticks += 1
        return 60.0

    def close(self) -> None:
        type(self).closed += 1


def test_a_stop_does_not_wait_for_what_is_due_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.conf, "beat_scheduler", Slow)
    threads = Background(has_worker=False)
    threads.start()
    wait_until(lambda: Slow.ticks > 0)
    began = time.monotonic()
    threads.stop()

    assert time.monotonic() - began < 1
    assert (Slow.ticks, Slow.closed) == (1, 1)


def test_a_worker_that_ended_by_itself_is_started_again_and_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "WORKER_PAUSE_SECONDS", 0.01)
    threads = Background(has_beat=False)
    threads.start()
    first = threads._worker
    first.stop()
    wait_until(lambda: threads._worker is not first and threads._takes_tasks())
    assert threads.is_alive()
    began = time.monotonic()
    threads.stop()

    assert time.monotonic() - began < 5
    assert not threads._worker_thread.is_alive()
