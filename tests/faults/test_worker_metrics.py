"""Celery workers that are killed: what their processes counted is on the page of whoever lives."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis as redis_client
from celery import Celery
from prometheus_client import CollectorRegistry

from gateway_project.metrics.cells import SUFFIX
from gateway_project.metrics.store import MetricStore
from tests.conftest import started
from tests.faults.slow_task import NAME
from tests.gateway import Gateway, Store
from tests.services import RedisService, is_running, redis

QUICK = "alerts.tasks.resolve_quiet_incidents"
TASKS = 30


@pytest.fixture
def shared(request: pytest.FixtureRequest) -> Iterator[RedisService]:
    yield from started(redis(), request)


@pytest.fixture
def gateway(shared: RedisService, tmp_path: Path) -> Gateway:
    made = Gateway(tmp_path, store=Store(redis_url=shared.url))
    # Makes the folder, its secrets and the tables.
    assert made.run("key", "--alias", "first").returncode == 0
    return made


@pytest.fixture
def worker(gateway: Gateway) -> "Iterator[subprocess.Popen[bytes]]":
    """With processes of its own for tasks, all in one group."""
    command = [sys.executable, "-m", "celery", "-A", "gateway_project", "worker", "-I", "tests.faults.slow_task"]
    with (gateway.data / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--pool", "prefork", "--concurrency", "2", "--loglevel", "WARNING"],
            env=gateway.full_environment(),
            cwd=gateway.data,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def sender(shared: RedisService) -> Celery:
    return Celery(broker=shared.url.replace("unix://", "redis+socket://", 1), set_as_current=False)


def wait_until(condition: Callable[[], bool], worker: "subprocess.Popen[bytes]", seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert worker.poll() is None, "the worker ended"
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def kill_all(worker: "subprocess.Popen[bytes]") -> None:
    """What a process has counted is settled when it is dead, which its children are a moment later."""
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    wait_until_gone([int(pid) for pid in children])


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(map(is_running, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def wait_until_settled(store: MetricStore) -> None:
    """Its own thread begins with that as well, so that what is taken here may still be on its way there."""
    assert store._folder is not None
    deadline = time.monotonic() + 30
    while any(path != store._cells.path for path in store._folder.glob(f"*{SUFFIX}")):
        assert time.monotonic() < deadline
        store._settle_the_dead()
        time.sleep(0.05)


def counted(gateway: Gateway) -> dict[str, float]:
    """As another process of the machine says it: `metric part label values`."""
    store = MetricStore(CollectorRegistry())
    store.start(gateway.data / "metrics", redis_url=gateway.store.redis_url)
    try:
        wait_until_settled(store)
        sums = store.sums()
        return {
            " ".join([sums.series[one].metric + part, *sums.series[one].values]): number
            for one, parts in sums.numbers.items()
            for part, number in parts.items()
        }
    finally:
        store.stop()


def test_what_a_killed_worker_counted_is_not_lost(
    gateway: Gateway, shared: RedisService, worker: "subprocess.Popen[bytes]"
) -> None:
    client = sender(shared)
    for _ in range(TASKS):
        client.send_task(QUICK)
    with redis_client.Redis.from_url(shared.url) as broker:
        wait_until(lambda: not broker.llen("celery") and not broker.hlen("unacked"), worker)
    kill_all(worker)

    said = counted(gateway)

    assert said[f"tollkeeper_tasks_total {QUICK} success"] == TASKS
    assert said[f"tollkeeper_task_duration_seconds_sum {QUICK}"] > 0
    assert said["django_db_execute_total default sqlite"] >= TASKS
    # Nothing is left to be settled a second time.
    assert counted(gateway) == said


def test_a_task_whose_process_is_killed_is_lost_and_runs_again(
    gateway: Gateway, shared: RedisService, worker: "subprocess.Popen[bytes]"
) -> None:
    path = gateway.data / "running"
    sender(shared).send_task(NAME, kwargs={"path": str(path)})
    wait_until(path.exists, worker)
    os.kill(int(path.read_text()), signal.SIGKILL)
    with redis_client.Redis.from_url(shared.url) as broker:
        wait_until(lambda: not broker.llen("celery") and not broker.hlen("unacked"), worker)
    worker.terminate()
    worker.wait(60)

    said = counted(gateway)

    assert (said[f"tollkeeper_tasks_total {NAME} lost"], said[f"tollkeeper_tasks_total {NAME} success"]) == (1, 1)
