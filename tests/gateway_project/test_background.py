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
