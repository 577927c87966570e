"""Sums over several processes: exact, complete, and the same whoever is asked."""

import os
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
from prometheus_client.parser import text_string_to_metric_families

from gateway_project.metrics import store as store_module
from gateway_project.metrics.fleet_sums import NUMBERS_KEY, SERIES_KEY
from gateway_project.metrics.page import Wanted, render
from gateway_project.metrics.store import MetricStore
from gateway_project.metrics.values import Value
from proxy.metrics.idle import NEVER, Idleness
from tests.conftest import started
from tests.metric_store import own_store
from tests.services import RedisService, redis


@pytest.fixture
def shared(request: pytest.FixtureRequest) -> Iterator[RedisService]:
    yield from started(redis(durable=True), request)


class Process:
    """What one process of the fleet would hold: a store and its own metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.store = MetricStore(self.registry)
        with own_store(self.store):
            self.plain = Counter("plain", "Without labels", registry=self.registry)
            self.calls = Counter("calls", "With a label", ("who",), registry=self.registry)
            self.seconds = Histogram("seconds", "Times", ("who",), buckets=(1, 5), registry=self.registry)
            self.open = Gauge("open", "Added up", multiprocess_mode="livesum", registry=self.registry)
            self.oldest = Gauge("oldest", "The highest", registry=self.registry)

    def count(self, who: str, amount: float = 1) -> None:
        with own_store(self.store):
            self.calls.labels(who).inc(amount)

    def page(self, idleness: Idleness = NEVER) -> dict[str, float]:
        text = render(self.registry, self.store.sums(idleness), Wanted()).decode()
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        return {" ".join([sample.name, *sorted(sample.labels.values())]): sample.value for sample in samples}


@pytest.fixture
def fleet(shared: RedisService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Process, Process]]:
    """Two processes of one machine that share a Redis and flush all the time."""
    monkeypatch.setattr(store_module, "FLUSH_SECONDS", 0.01)
    processes = Process(), Process()
    for process in processes:
        process.store.start(tmp_path / "metrics", redis_url=shared.url)
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
    with own_store(other.store):
        other.seconds.labels("elsewhere").observe(3)
    flushed(other)

    page = one.page()
    assert page["calls_total elsewhere"] == 1
    assert (page["seconds_bucket 1.0 elsewhere"], page["seconds_bucket 5.0 elsewhere"]) == (0, 1)
    assert (page["seconds_count elsewhere"], page["seconds_sum elsewhere"]) == (1, 3)


def test_gauges_are_of_all_living_processes(fleet: tuple[Process, Process]) -> None:
    one, other = fleet
    for process, amount in ((one, 5), (other, 3)):
        process.open.set(amount)
        process.oldest.set(amount)
    flushed(one, other)

    for process in fleet:
        assert (process.page()["open"], process.page()["oldest"]) == (8, 5)

    other.store.stop()
    assert (one.page()["open"], one.page()["oldest"]) == (5, 5)


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
        with own_store(process.store):
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
    # Half of the truth would look like a counter that was reset.
    assert one.page() == {"tollkeeper_metrics_store_up": 0}
    shared.restart()

    wait_until(lambda: one.page().get("calls_total a") == other.page().get("calls_total a") == 111)
    assert one.page()["tollkeeper_metrics_store_up"] == 1


def test_a_redis_that_lost_its_memory_is_told_the_names_again(
    fleet: tuple[Process, Process], shared: RedisService
) -> None:
    one, other = fleet
    one.count("a", 5)
    one.page()
    with redis_client.Redis.from_url(shared.url) as client:
        client.flushall()
    one.count("a", 2)
    one.page()

    # What it had forgotten is gone: for Prometheus the counter begins anew.
    assert other.page()["calls_total a"] == 2


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
        wait_until(lambda: bool(client.hlen(NUMBERS_KEY)))
        client.execute_command("CLIENT", "PAUSE", "400", "WRITE")
        one.count("a")
        # The flusher is in the middle of sending that, and Redis lets it wait.
        time.sleep(0.1)
        one.count("a")
        one.store.stop()

    assert other.page()["calls_total a"] == 3


COUNTING = """
import os, sys
from pathlib import Path
from prometheus_client import REGISTRY, Counter
from gateway_project.metrics.store import store
calls = Counter("calls", "With a label", ("who",))
calls.labels("a").inc(1)
store.start(Path(sys.argv[1]), redis_url=sys.argv[2])
calls.labels("a").inc(2)
store.sums()
calls.labels("a").inc(4)
calls.labels("b").inc(8)
os.kill(os.getpid(), 9)
"""


def count_and_die(folder: Path, redis_url: str) -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", COUNTING, str(folder), redis_url], cwd=root, check=False, timeout=30)
    assert done.returncode == -9


def test_nothing_that_a_killed_process_counted_is_lost(
    shared: RedisService, fleet: tuple[Process, Process], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "LOOK_FOR_THE_DEAD_EVERY", 1)
    for _ in range(3):
        count_and_die(tmp_path / "metrics", shared.url)

    wait_until(lambda: fleet[0].page().get("calls_total a") == 21 and fleet[1].page().get("calls_total b") == 24)
    assert len(list((tmp_path / "metrics").glob("*.cells"))) == 2
    fleet[0].count("a")
    flushed(*fleet)
    assert fleet[1].page()["calls_total a"] == 22


def test_a_flush_of_which_the_outcome_is_unknown_counts_once(
    fleet: tuple[Process, Process], shared: RedisService
) -> None:
    one, other = fleet
    with redis_client.Redis.from_url(shared.url) as client:
        one.count("a")
        wait_until(lambda: bool(client.hlen(SERIES_KEY)))
        client.execute_command("CLIENT", "PAUSE", "2500", "WRITE")
        one.count("a", 10)
        # The flusher gives up after two seconds; Redis carries out what it was sent all the same.
        time.sleep(3)
        one.count("a", 100)

    wait_until(lambda: other.page().get("calls_total a") == 111)
    time.sleep(0.3)
    assert other.page()["calls_total a"] == 111


def test_a_new_series_does_not_wait_for_redis(fleet: tuple[Process, Process], shared: RedisService) -> None:
    with redis_client.Redis.from_url(shared.url) as client:
        client.execute_command("CLIENT", "PAUSE", "1000")
        fleet[0].count("a")
        time.sleep(0.1)
        began = time.monotonic()
        for number in range(50):
            fleet[0].count(f"new {number}")
        assert time.monotonic() - began < 0.5


def test_without_a_redis_the_next_process_counts_on(tmp_path: Path) -> None:
    count_and_die(tmp_path, "")
    count_and_die(tmp_path, "")
    process = Process()
    process.count("a")
    process.store.start(tmp_path, redis_url="")
    process.count("a", 100)
    process.store.stop()

    page = process.page()
    assert (page["calls_total a"], page["calls_total b"], page["plain_total"]) == (115, 16, 0)


def test_what_was_counted_before_the_start_is_counted(fleet: tuple[Process, Process], tmp_path: Path) -> None:
    late = Process()
    late.count("a", 3)
    late.store.start(tmp_path / "metrics", redis_url="")
    assert late.page()["calls_total a"] == 3


def test_a_full_disk_costs_no_request(tmp_path: Path) -> None:
    process = Process()
    process.store.start(tmp_path, redis_url="")
    assert process.store._cells._names is not None
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, process.store._cells._names)
    process.count("new")
    process.count("new")


def test_a_child_counts_for_itself_and_from_nothing(fleet: tuple[Process, Process], shared: RedisService) -> None:
    parent, other = fleet
    parent.count("a", 5)
    assert parent.store._folder is not None
    folder = parent.store._folder
    if (child := os.fork()) == 0:
        try:
            with own_store(parent.store):
                parent.store.after_fork()
                parent.count("a", 2)
                parent.store.start(folder, redis_url=shared.url)
                parent.count("a", 3)
                parent.count("new", 7)
                parent.store.stop()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    parent.count("a", 10)
    flushed(parent)

    assert (other.page()["calls_total a"], other.page()["calls_total new"]) == (20, 7)


def test_after_a_stop_it_may_begin_again(fleet: tuple[Process, Process], shared: RedisService, tmp_path: Path) -> None:
    one, other = fleet
    one.count("a", 5)
    one.store.stop()
    one.count("a", 2)
    one.store.start(tmp_path / "metrics", redis_url=shared.url)
    one.count("a", 1)
    flushed(one)
    assert other.page()["calls_total a"] == 8


def test_a_gauge_that_fails_costs_no_other_number(fleet: tuple[Process, Process]) -> None:
    one, other = fleet

    def fails() -> float:
        raise RuntimeError("on purpose")

    one.oldest.set_function(fails)
    one.open.set(4)
    one.count("a")
    flushed(one)
    assert (other.page()["open"], other.page()["calls_total a"]) == (4, 1)
