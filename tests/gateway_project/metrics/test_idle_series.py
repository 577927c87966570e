"""Series that nothing counts leave the page, whoever counted them and whoever is asked, and come back as they were."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_client

from gateway_project.metrics import store as store_module
from gateway_project.metrics.fleet_sums import TOUCHED_KEY
from proxy.metrics.idle import Idleness, Rule
from tests.conftest import started
from tests.gateway_project.metrics.test_store import Process, count_and_die, flushed, wait_until
from tests.services import RedisService, redis

IDLE = Idleness(frozenset({"calls", "seconds"}), general=Rule(ttl=1.0, interval=0.1))


@pytest.fixture
def shared(request: pytest.FixtureRequest) -> Iterator[RedisService]:
    yield from started(redis(durable=True), request)


@pytest.fixture
def fleet(shared: RedisService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Process, Process]]:
    monkeypatch.setattr(store_module, "FLUSH_SECONDS", 0.01)
    processes = Process(), Process()
    for process in processes:
        process.store.start(tmp_path / "metrics", redis_url=shared.url)
    yield processes
    for process in processes:
        process.store.stop()


def counted(process: Process, who: str) -> float | None:
    return process.page(IDLE).get(f"calls_total {who}")


def wait_while_b_counts(process: Process) -> None:
    """Until `a` is idle; what is counted all the while is shown on every page."""

    def is_idle() -> bool:
        process.count("b")
        page = process.page(IDLE)
        assert page["calls_total b"] > 0
        return "calls_total a" not in page

    wait_until(is_idle)


def test_an_idle_series_leaves_the_page_of_every_process_and_returns_at_its_old_value(
    fleet: tuple[Process, Process],
) -> None:
    one, other = fleet
    one.count("a", 5)
    one.plain.inc(7)
    assert counted(one, "a") == counted(other, "a") == 5
    wait_while_b_counts(one)
    assert counted(other, "a") is None
    assert other.page(IDLE)["plain_total"] == 7
    assert other.page()["calls_total a"] == 5

    other.count("a", 2)
    flushed(other)
    assert counted(one, "a") == counted(other, "a") == 7


def test_what_a_killed_process_had_counted_is_touched_when_it_is_added(
    fleet: tuple[Process, Process], shared: RedisService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = fleet
    one.count("a", 100)
    wait_while_b_counts(one)
    monkeypatch.setattr(store_module, "LOOK_FOR_THE_DEAD_EVERY", 1)
    count_and_die(tmp_path / "metrics", shared.url)

    wait_until(lambda: counted(one, "a") == 107)


def test_a_series_of_which_no_time_is_known_is_idle_from_now_on(
    fleet: tuple[Process, Process], shared: RedisService
) -> None:
    one, other = fleet
    one.count("a", 5)
    flushed(one)
    with redis_client.Redis.from_url(shared.url) as client:
        client.delete(TOUCHED_KEY)
    assert counted(other, "a") == 5
    wait_until(lambda: counted(other, "a") is None)


def test_a_process_alone_remembers_what_is_idle_over_its_death(tmp_path: Path) -> None:
    count_and_die(tmp_path, "")
    process = Process()
    process.store.start(tmp_path, redis_url="")
    assert counted(process, "a") == 7
    wait_while_b_counts(process)

    process.store._cells.close()
    after = Process()
    after.store.start(tmp_path, redis_url="")
    assert counted(after, "a") is None
    after.count("a")
    assert counted(after, "a") == 8
    assert after.page()["calls_total a"] == 8


def test_times_are_no_numbers_where_a_redis_takes_over(fleet: tuple[Process, Process], tmp_path: Path) -> None:
    alone = Process()
    alone.store.start(tmp_path / "alone", redis_url="")
    alone.count("a", 3)
    assert counted(alone, "a") == 3
    alone.store._cells.close()
    (tmp_path / "alone" / "local.names").rename(tmp_path / "metrics" / "local.names")
    (tmp_path / "alone" / "local.cells").rename(tmp_path / "metrics" / "local.cells")

    one, _ = fleet
    one.store._settle_the_dead()
    wait_until(lambda: counted(one, "a") == 3)
    wait_until(lambda: counted(one, "a") is None)
