"""Processes and Redis die, freeze, forget and come back: nobody overspends, and nothing stays held."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis as redis_client

from tests.budgets.limits.member import Member, question
from tests.services import RedisService

LIMIT = 1000


@pytest.fixture
def two(server: RedisService, ledger: Path) -> Iterator[tuple[Member, Member]]:
    with ExitStack() as stack:
        one, other = (stack.enter_context(Member(server.url, ledger)) for _ in range(2))
        until(lambda: all(member.do("state")["processes"] == 2 for member in (one, other)))
        yield one, other


def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


def spent(ledger: Path) -> int:
    return sum(int(line.rsplit(" ", 1)[1]) for line in ledger.read_text().splitlines())


def test_what_a_killed_process_held_is_free_within_15_seconds(two: tuple[Member, Member]) -> None:
    one, other = two
    ask = question(counters={"team": 100}, parallels={"key": 100})
    assert one.do("admit", ask=ask, count=100) == {"granted": 100}

    one.process.kill()
    one.process.wait()
    killed_at = time.monotonic()

    assert other.do("admit", ask=ask) == {"counter": 1}
    while other.do("admit", ask=ask, count=100) == {"counter": 100}:
        assert time.monotonic() - killed_at < 15
        time.sleep(0.1)
    assert other.do("state")["grants"] == 100
    # Not so early that a process that was only slow would lose what it holds.
    assert time.monotonic() - killed_at > 8


def test_a_process_that_stood_still_and_lost_its_holds_has_them_again(two: tuple[Member, Member]) -> None:
    one, other = two
    ask = question(counters={"team": 100}, parallels={"key": 100})
    assert one.do("admit", ask=ask, count=60) == {"granted": 60}
    one.process.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + 15
    while other.do("admit", ask=ask, count=1) != {"granted": 1} or other.do("state")["grants"] < 60:
        assert time.monotonic() < deadline

    one.process.send_signal(signal.SIGCONT)
    time.sleep(1)  # four beats

    # It holds what it did: 60 each are more than there is, so nothing is left until both have ended theirs.
    assert other.do("admit", ask=ask) == {"counter": 1}
    assert other.do("settle", count=60) == {"settled": 60}
    assert other.do("admit", ask=ask, count=100) == {"granted": 40, "counter": 60}
    assert one.do("settle", count=60) == {"settled": 60}
    assert other.do("admit", ask=ask, count=100) == {"granted": 60, "counter": 40}


def test_flushall_loses_neither_holds_nor_slots(two: tuple[Member, Member], server: RedisService) -> None:
    one, other = two
    ask = question(counters={"team": 100}, parallels={"key": 100})
    assert one.do("admit", ask=ask, count=40) == {"granted": 40}
    assert other.do("admit", ask=ask, count=40) == {"granted": 40}

    flush(server)

    assert one.do("admit", ask=ask, count=50) == {"granted": 20, "counter": 30}
    assert one.do("settle", spent=1) == {"settled": 60}
    assert other.do("settle", spent=1) == {"settled": 40}
    assert other.do("admit", ask=ask, count=10) == {"counter": 10}


def flush(server: RedisService) -> None:
    with redis_client.Redis.from_url(server.url) as client:
        client.flushall()


def test_flushall_under_load_overspends_nothing(two: tuple[Member, Member], server: RedisService, ledger: Path) -> None:
    ask = question(counters={"team": LIMIT}, hold=3)
    for member in two:
        member.begin("use", ask=ask, count=3000, concurrency=32, spent=3, seconds=0.02)
    for _ in range(6):
        time.sleep(0.15)
        flush(server)
    answers = Counter(two[0].end()) + Counter(two[1].end())

    assert answers["granted"] * 3 == spent(ledger)
    assert spent(ledger) <= LIMIT
    # What is left can still be had.
    rest = two[0].do("use", ask=ask, count=LIMIT, concurrency=1, spent=3)
    assert LIMIT - 3 < spent(ledger) <= LIMIT, (answers, rest)


@pytest.mark.parametrize("way", ["frozen", "killed"])
def test_without_redis_limits_are_shared_out_and_with_it_again_all_is_as_before(
    two: tuple[Member, Member], server: RedisService, way: str
) -> None:
    """Budgets need a database; these processes have none, and so they refuse."""
    one, other = two
    ask = question(requests={"rpm": 20}, parallels={"key": 100})
    held = question(counters={"team": 100})
    assert one.do("admit", ask=held, count=60) == {"granted": 60}
    assert other.do("admit", ask=question(parallels={"key": 100}), count=30) == {"granted": 30}

    pause, resume = stop(server, way)
    pause()
    assert [member.do("admit", ask=ask, count=30) for member in two] == [{"granted": 10, "requests": 20}] * 2
    # Its own are known to each: 10 more of its share of 50 here, 40 there.
    parallel = question(parallels={"key": 100})
    assert other.do("admit", ask=parallel, count=50) == {"granted": 10, "parallel": 40}
    assert one.do("admit", ask=held) == {"unavailable": 1}
    began = time.monotonic()
    assert one.do("admit", ask=question(parallels={"other": 10}), count=5, concurrency=1) == {"granted": 5}
    assert time.monotonic() - began < 0.1, "each request waits for a Redis that is known to be away"
    resume()

    until(lambda: not any(member.do("state")["degraded"] for member in two))
    assert other.do("admit", ask=held, count=50) == {"granted": 40, "counter": 10}
    # 10 and 30 + 10 + 10 are in flight.
    assert one.do("admit", ask=parallel, count=50) == {"granted": 40, "parallel": 10}


def stop(server: RedisService, way: str):  # type: ignore[no-untyped-def]
    assert server.pid is not None
    pid = server.pid
    if way == "frozen":
        return lambda: os.kill(pid, signal.SIGSTOP), lambda: os.kill(pid, signal.SIGCONT)
    return server.kill, server.restart


def test_a_redis_that_was_rewound_is_noticed(two: tuple[Member, Member], server: RedisService) -> None:
    """As after a failover to a replica that was behind: the epoch is the same, what was spent is old."""
    one, _ = two
    ask = question(counters={"team": 100})
    assert one.do("use", ask=ask, count=10, spent=1) == {"granted": 10}
    with redis_client.Redis.from_url(server.url) as client:
        kept = {key: client.dump(key) for key in client.scan_iter()}
        assert one.do("use", ask=ask, count=50, spent=1) == {"granted": 50}
        client.flushall()
        for key, value in kept.items():
            client.restore(key, 0, value)

    assert one.do("admit", ask=ask, count=100) == {"granted": 40, "counter": 60}
