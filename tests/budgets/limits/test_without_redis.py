"""While Redis is away the database decides about budgets: exactly, and over all processes."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from django.db import connection

from budgets.models import CounterHold
from tests.budgets.limits.member import Member, question
from tests.budgets.limits.test_faults import until
from tests.budgets.limits.test_races import both
from tests.services import RedisService

pytestmark = pytest.mark.django_db(transaction=True)
NOWHERE = "unix:///nonexistent/redis.sock"
TWO = 2


@contextmanager
def members(redis_url: str, ledger: Path, *, count: int = TWO, when_unknown: str = "closed") -> Iterator[list[Member]]:
    with ExitStack() as stack:
        made = [
            stack.enter_context(Member(redis_url, ledger, database_url=database_url(), when_unknown=when_unknown))
            for _ in range(count)
        ]
        yield made
        both(tuple(made), "stop")


def database_url() -> str:
    """Of the tests' own database."""
    if connection.vendor == "sqlite":
        return f"sqlite:///{connection.settings_dict['NAME']}"
    facts = connection.get_connection_params()
    password = f":{facts['password']}" if facts.get("password") else ""
    return (
        f"postgres://{facts['user']}{password}@/{facts['dbname']}?host={facts['host']}&port={facts.get('port', 5432)}"
    )


def test_budget_for_exactly_so_many_over_two_processes(ledger: Path) -> None:
    with members(NOWHERE, ledger) as two:
        ask = question(counters={"team": 7 * 200, "key": 10**9}, hold=7)

        assert both(tuple(two), "admit", ask=ask, count=500) == {"granted": 200, "counter": 800}
        both(tuple(two), "settle", spent=3)
        # 600 of 1400 are spent: 114 more of 7 fit.
        assert both(tuple(two), "admit", ask=ask, count=200) == {"granted": 114, "counter": 286}


def test_under_load_a_budget_is_used_up_and_never_exceeded(ledger: Path) -> None:
    with members(NOWHERE, ledger) as two:
        ask = question(counters={"team": 2006}, hold=10)

        together = both(tuple(two), "use", ask=ask, count=300, spent=4)["granted"]
        alone = two[0].do("use", ask=ask, count=510 - together, concurrency=1, spent=4)

        assert 50 < together <= 500
        assert alone.get("granted", 0) == 500 - together


def test_processes_that_never_saw_redis_share_rate_limits_as_soon_as_they_see_each_other(ledger: Path) -> None:
    with members(NOWHERE, ledger) as two:
        for member in (*two, *two):
            assert member.do("admit", ask=question(counters={"team": 100})) == {"granted": 1}

        assert both(tuple(two), "admit", ask=question(requests={"rpm": 20}), count=30) == {
            "granted": 20,
            "requests": 40,
        }

    assert not CounterHold.objects.exists()


def test_what_a_killed_process_held_is_free_within_15_seconds(ledger: Path) -> None:
    with members(NOWHERE, ledger, count=1) as (one,), Member(NOWHERE, ledger, database_url=database_url()) as other:
        ask = question(counters={"team": 100})
        assert other.do("admit", ask=ask, count=100) == {"granted": 100}
        other.process.kill()
        killed_at = time.monotonic()

        assert one.do("admit", ask=ask) == {"counter": 1}
        until(lambda: one.do("admit", ask=ask, count=100).get("granted", 0) > 0, seconds=15)
        assert time.monotonic() - killed_at > 8


def test_budgets_are_exact_while_redis_goes_and_comes(server: RedisService, ledger: Path) -> None:
    with members(server.url, ledger) as two:
        one, other = two
        ask = question(counters={"team": 100})
        until(lambda: all(member.do("state")["processes"] == TWO for member in two))
        assert one.do("admit", ask=ask, count=30) == {"granted": 30}
        assert other.do("admit", ask=ask, count=30) == {"granted": 30}

        server.kill()
        # Asked at once: it waits for the other, which has been idle, to say what it holds.
        assert one.do("admit", ask=ask, count=100) == {"granted": 40, "counter": 60}
        assert one.do("settle", count=20, spent=1) == {"settled": 20}
        assert other.do("settle", count=10, spent=1) == {"settled": 10}
        assert other.do("admit", ask=ask, count=5) == {"counter": 5}
        assert one.do("settle", count=10) == {"settled": 10}
        assert other.do("admit", ask=ask, count=100) == {"granted": 10, "counter": 90}

        server.restart()
        until(lambda: not any(member.do("state")["degraded"] for member in two))
        # 30 are spent, 40 and 30 are held.
        assert one.do("admit", ask=ask, count=20) == {"counter": 20}
        assert one.do("settle") == {"settled": 40}
        assert other.do("admit", ask=ask, count=100) == {"granted": 40, "counter": 60}
        until(lambda: not CounterHold.objects.exists())


def test_redis_that_stood_still_knows_what_was_spent_meanwhile(server: RedisService, ledger: Path) -> None:
    with members(server.url, ledger) as two:
        ask = question(counters={"team": 100})
        until(lambda: all(member.do("state")["processes"] == TWO for member in two))
        assert both(tuple(two), "use", ask=ask, count=10, spent=1) == {"granted": 20}

        with frozen(server):
            assert both(tuple(two), "use", ask=ask, count=20, spent=1) == {"granted": 40}
        until(lambda: not any(member.do("state")["degraded"] for member in two))

        assert both(tuple(two), "admit", ask=ask, count=40) == {"granted": 40, "counter": 40}


@contextmanager
def frozen(server: RedisService) -> Iterator[None]:
    import os
    import signal

    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@pytest.mark.parametrize(("policy", "answer"), [("closed", "unavailable"), ("open", "granted")])
def test_without_any_store_the_policy_decides_and_the_rest_goes_on(ledger: Path, policy: str, answer: str) -> None:
    budget = question(counters={"team": 100}, requests={"rpm": 5})
    with members(NOWHERE, ledger, count=1, when_unknown=policy) as (one,), no_table():
        assert one.do("admit", ask=budget, count=3) == {answer: 3}
        began = time.monotonic()
        assert one.do("admit", ask=question(requests={"other": 50}), count=60) == {"granted": 50, "requests": 10}
        assert time.monotonic() - began < 0.5


def test_the_database_is_found_to_be_back(ledger: Path) -> None:
    ask = question(counters={"team": 100})
    with members(NOWHERE, ledger, count=1) as (one,):
        with no_table():
            assert one.do("admit", ask=ask, count=3) == {"unavailable": 3}
        until(lambda: one.do("admit", ask=ask) == {"granted": 1})
        assert one.do("admit", ask=ask, count=100) == {"granted": 99, "counter": 1}


@contextmanager
def no_table() -> Iterator[None]:
    """What the store asks for fails; the database itself is there."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE budgets_counterhold RENAME TO away")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO budgets_counterhold")
