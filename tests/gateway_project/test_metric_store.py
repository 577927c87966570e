"""Sums over several processes: exact, complete, and the same whoever is asked."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as redis_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import values as prometheus_values
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway_project import metric_store
from gateway_project.metric_store import REDIS_KEY, MetricStore, Value
from tests.conftest import started
from tests.services import RedisService, redis


@pytest.fixture
def shared(request: pytest.FixtureRequest) -> Iterator[RedisService]:
    yield from started(redis(durable=True), request)


class Process:
    """What one process of the fleet would hold: a store and its own metrics."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.store = MetricStore()
        self.registry = CollectorRegistry()
        # prometheus_client makes values on its own, and they find the store of their module.
        self._patch = patch
        with self.at_home():
            self.plain = Counter("plain", "Without labels", registry=self.registry)
            self.calls = Counter("calls", "With a label", ("who",), registry=self.registry)
            self.seconds = Histogram("seconds", "Times", ("who",), buckets=(1, 5), registry=self.registry)
            self.open = Gauge("open", "Of this process alone", registry=self.registry)

    def at_home(self) -> Any:
        return _as_store(self._patch, self.store)

    def count(self, who: str, amount: float = 1) -> None:
        with self.at_home():
            self.calls.labels(who).inc(amount)

    def page(self) -> dict[str, float]:
        with self.at_home():
            text = self.store.render(self.registry, generate_latest).decode()
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        return {" ".join([sample.name, *sorted(sample.labels.values())]): sample.value for sample in samples}


class _as_store:
    def __init__(self, patch: pytest.MonkeyPatch, store: MetricStore) -> None:
        self._patch, self._store = patch, store

    def __enter__(self) -> None:
        self._before = metric_store.store
        self._patch.setattr(metric_store, "store", self._store)

    def __exit__(self, *_: object) -> None:
        self._patch.setattr(metric_store, "store", self._before)


@pytest.fixture
def fleet(shared: RedisService, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Process, Process]]:
    """Two processes that share a Redis and flush all the time."""
    monkeypatch.setattr(metric_store, "FLUSH_SECONDS", 0.01)
    processes = Process(monkeypatch), Process(monkeypatch)
    for process in processes:
        # The process's own collectors are none of these tests' business.
        monkeypatch.setattr(metric_store, "REGISTRY", process.registry)
        process.store.start(shared.url)
    yield processes
    for process in processes:
        process.store.stop()


def flushed(*processes: Process) -> None:
    """A scrape of each: what they counted is in Redis."""
    for process in processes:
        process.page()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within ten seconds"
        time.sleep(0.01)


def test_prometheus_client_uses_our_values() -> None:
    assert prometheus_values.ValueClass is Value


def test_each_process_shows_the_sum_of_all(fleet: tuple[Process, Process]) -> None:
    one, other = fleet
    one.count("a", 2)
    other.count("a", 3)
    one.plain.inc(5)
    other.plain.inc(7)

    flushed(one, other)

    for process in (one, other):
        assert (process.page()["calls_total a"], process.page()["plain_total"]) == (5, 12)


def test_a_series_that_only_another_process_counted_is_shown(fleet: tuple[Process, Process]) -> None:
    one, other = fleet
    other.count("elsewhere")
    with other.at_home():
        other.seconds.labels("elsewhere").observe(3)
    flushed(other)

    page = one.page()
    assert page["calls_total elsewhere"] == 1
    assert (page["seconds_bucket 1.0 elsewhere"], page["seconds_bucket 5.0 elsewhere"]) == (0, 1)
    assert (page["seconds_count elsewhere"], page["seconds_sum elsewhere"]) == (1, 3)


def test_a_gauge_is_of_its_own_process(fleet: tuple[Process, Process]) -> None:
    one, other = fleet
    one.open.set(5)

    assert (one.page()["open"], other.page()["open"]) == (5, 0)


@pytest.mark.parametrize("amount", [1, 13_200, 2**40 + 1])
def test_nano_dollars_keep_every_digit(fleet: tuple[Process, Process], amount: int) -> None:
    one, other = fleet
    for _ in range(50):
        one.count("a", amount)
        other.count("a", amount)
    flushed(one, other)

    assert one.page()["calls_total a"] == 100 * amount


def test_nothing_is_lost_or_counted_twice_while_flushes_and_scrapes_run_beside_the_counting(
    fleet: tuple[Process, Process],
) -> None:
    rounds = 3000
    children = []
    for process in fleet:
        with process.at_home():
            children.append((process, process.calls.labels("a")))

    def count(child: Any) -> None:
        for _ in range(rounds):
            child.inc()

    threads = [threading.Thread(target=count, args=(child,)) for _, child in children for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for process, _ in children:
            process.page()
    for thread in threads:
        thread.join()

    one, other = fleet
    flushed(one, other)
    assert other.page()["calls_total a"] == 4 * rounds
    assert one.page()["calls_total a"] == 4 * rounds


def test_what_was_counted_while_redis_was_away_is_there_when_it_is_back(
    fleet: tuple[Process, Process], shared: RedisService
) -> None:
    one, other = fleet
    one.count("a", 1)
    one.page()
    shared.restart()
    shared.kill()
    one.count("a", 10)
    other.count("a", 100)
    alone = one.page()["calls_total a"]
    shared.restart()

    wait_until(lambda: one.page()["calls_total a"] == other.page()["calls_total a"] == 111)
    assert alone == 11


def test_what_was_counted_at_the_stop_is_in_redis(fleet: tuple[Process, Process], shared: RedisService) -> None:
    one, other = fleet
    for _ in range(100):
        one.count("a")
    one.store.stop()

    assert other.page()["calls_total a"] == 100


def test_what_was_counted_during_the_last_flush_is_in_redis_after_the_stop(
    fleet: tuple[Process, Process], shared: RedisService
) -> None:
    one, other = fleet
    with redis_client.Redis.from_url(shared.url) as client:
        one.count("a")
        wait_until(lambda: bool(client.hlen(REDIS_KEY)))
        client.execute_command("CLIENT", "PAUSE", "400", "WRITE")
        one.count("a")
        # The flusher is in the middle of sending that, and Redis lets it wait.
        time.sleep(0.1)
        one.count("a")
        one.store.stop()

    assert other.page()["calls_total a"] == 3


def test_a_process_that_died_leaves_what_it_had_flushed(shared: RedisService, fleet: tuple[Process, Process]) -> None:
    code = """
import os, sys
from prometheus_client import REGISTRY, Counter
from prometheus_client.exposition import generate_latest
from gateway_project.metric_store import store
calls = Counter("calls", "With a label", ("who",))
store.start(sys.argv[1])
calls.labels("a").inc(7)
store.render(REGISTRY, generate_latest)
os.kill(os.getpid(), 9)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code, shared.url], cwd=root, check=False, timeout=30)

    assert done.returncode == -9
    assert fleet[0].page()["calls_total a"] == 7


def test_without_a_redis_a_process_counts_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(monkeypatch)
    process.store.start("")
    process.count("a", 3)
    process.store.stop()

    assert process.page()["calls_total a"] == 3
