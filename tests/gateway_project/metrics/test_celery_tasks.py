"""What becomes of tasks is counted by the task and by how it ended."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from billiard.exceptions import WorkerLostError
from celery import Celery, signals

from alerts.tasks import flush_alerts
from gateway_project.celery import app
from gateway_project.metrics.celery_tasks import SENT_AT, CountedRequest, CountedTask, _due_at, _is_lost
from tests.metric_values import value


@pytest.fixture(scope="module")
def tasks() -> Iterator[Celery]:
    """An app of its own whose tasks run here, at once."""
    own = Celery("tests", broker="memory://", task_cls=f"{CountedTask.__module__}:CountedTask", set_as_current=False)

    @own.task(name="tests.well")
    def well() -> None:
        pass

    @own.task(name="tests.fails")
    def fails() -> None:
        raise RuntimeError("on purpose")

    @own.task(name="tests.tries_again", bind=True, max_retries=1)
    def tries_again(self: Any) -> None:
        raise self.retry(countdown=0)

    yield own
    app.set_current()


@pytest.mark.parametrize(("name", "state"), [("tests.well", "success"), ("tests.fails", "failure")])
def test_a_task_is_counted_by_how_it_ended(tasks: Celery, name: str, state: str) -> None:
    before = value("tollkeeper_tasks_total", task=name, state=state)
    runs = value("tollkeeper_task_duration_seconds_count", task=name)

    tasks.tasks[name].apply()

    assert value("tollkeeper_tasks_total", task=name, state=state) == before + 1
    assert value("tollkeeper_task_duration_seconds_count", task=name) == runs + 1


def test_a_task_that_asks_to_be_tried_again_is_neither_success_nor_failure(tasks: Celery) -> None:
    name = "tests.tries_again"
    before = value("tollkeeper_tasks_total", task=name, state="retry")

    tasks.tasks[name].apply()

    assert value("tollkeeper_tasks_total", task=name, state="retry") > before
    assert value("tollkeeper_tasks_total", task=name, state="success") == 0


def test_a_sent_task_carries_when_it_was_sent() -> None:
    headers: dict[str, object] = {}
    signals.before_task_publish.send(sender="tests.well", headers=headers)
    assert headers[SENT_AT] == pytest.approx(time.time(), abs=5)


def test_lateness_is_from_the_eta_else_from_the_sending() -> None:
    eta = datetime.now(UTC) + timedelta(seconds=60)
    sent = {SENT_AT: 5.0}
    assert _due_at(SimpleNamespace(eta=eta.isoformat(), **sent)) == pytest.approx(eta.timestamp())
    assert _due_at(SimpleNamespace(eta=None, **sent)) == 5.0
    assert _due_at(SimpleNamespace(eta=None)) is None


def test_every_task_of_the_gateway_has_requests_that_see_lost_processes() -> None:
    assert app.tasks[flush_alerts.name].Request == f"{CountedRequest.__module__}:CountedRequest"


@pytest.mark.parametrize(
    ("error", "is_lost"), [(WorkerLostError("gone"), True), (SystemExit(1), True), (RuntimeError("no"), False)]
)
def test_only_the_end_of_its_process_makes_a_task_lost(error: BaseException, is_lost: bool) -> None:
    assert _is_lost(error) is is_lost
    assert _is_lost(SimpleNamespace(exc=error)) is is_lost
