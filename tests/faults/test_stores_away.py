"""PostgreSQL or Redis dies, freezes or forgets under load: keys that are known are served, and nobody overspends.

`FAULT_OUTAGE=60` gives the length in seconds that the figures are quoted for.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis as redis_client

from tests.conftest import started
from tests.faults.books import (
    counted_beyond,
    ensure_exact,
    ensure_no_drift,
    spent_by,
    wait_for_all_billed,
    wait_until,
)
from tests.faults.cast import RATE, Cast, tight_nano
from tests.faults.load import Asked, Load
from tests.faults.processes import admitting, kill_all
from tests.faults.provider import DEAREST, Provider, provider
from tests.gateway import Gateway, Store, migrate
from tests.services import PostgresService, RedisService, postgres, redis

OUTAGE_SECONDS = float(os.environ.get("FAULT_OUTAGE", "4"))
RECOVERY_SECONDS = 10.0
BEFORE_SECONDS = 1.5
SERVED = 0.999
PROCESSES = 2


@dataclass(frozen=True)
class Site:
    gateway: Gateway
    upstream: Provider
    database: PostgresService
    cache: RedisService


@pytest.fixture
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """Servers of its own, to be killed."""
    for database in started(postgres(durable=True, prepare=migrate), request):
        for cache in started(redis(), request):
            if database.pid is None or cache.pid is None:
                pytest.skip("not run for want of a component: a PostgreSQL and a Redis that may be killed")
            with provider(tmp_path) as upstream:
                gateway = Gateway(
                    tmp_path / "data",
                    {"model_list": [upstream.deployment()]},
                    store=Store(database.url, cache.url),
                    arguments=("--num_workers", str(PROCESSES)),
                )
                gateway.start()
                try:
                    yield Site(gateway, upstream, database, cache)
                finally:
                    kill_all(gateway)


@contextmanager
def postgres_killed(site: Site) -> Iterator[None]:
    site.database.kill()
    yield
    site.database.restart()


@contextmanager
def postgres_frozen(site: Site) -> Iterator[None]:
    site.database.freeze()
    yield
    site.database.thaw()


@contextmanager
def redis_killed(site: Site) -> Iterator[None]:
    """It comes back empty."""
    site.cache.kill()
    yield
    site.cache.restart()


@contextmanager
def redis_frozen(site: Site) -> Iterator[None]:
    site.cache.freeze()
    yield
    site.cache.thaw()


@contextmanager
def redis_flushed(site: Site) -> Iterator[None]:
    """At the beginning, and at the end again."""
    _flush(site)
    yield
    _flush(site)


def _flush(site: Site) -> None:
    with redis_client.Redis.from_url(site.cache.url) as client:
        client.flushall()


# How often the memory of rate limits begins anew: at each loss, and where each process counts alone.
@pytest.mark.parametrize(
    ("fault", "windows"),
    [(postgres_killed, 1), (postgres_frozen, 1), (redis_killed, 3), (redis_frozen, 2), (redis_flushed, 3)],
)
def test_known_keys_are_served_and_nobody_overspends(
    site: Site, fault: Callable[[Site], Iterator[None]], windows: int
) -> None:
    gateway = site.gateway
    cast = Cast.make(gateway, tight=2)
    with Load(gateway, cast.all_callers()) as load:
        load.wait_for_answers(20)
        time.sleep(BEFORE_SECONDS)
        began = time.monotonic()
        with fault(site):  # type: ignore[attr-defined]
            time.sleep(OUTAGE_SECONDS / 2)
            # A budget that nobody has used yet, half of it during the fault.
            cast.use_tight(1)
            time.sleep(OUTAGE_SECONDS / 2)
        ended = time.monotonic()
        recovered = wait_until(lambda: _all_is_well(site), "all processes are well", seconds=RECOVERY_SECONDS)
        load.wait_for_answers(40)

    bill = site.upstream.wait_until_quiet()
    rows = wait_for_all_billed(gateway, bill, seconds=RECOVERY_SECONDS)
    ensure_exact(rows, bill, load.asked)
    print(_figures(load.asked, cast, began=began, ended=ended, recovered=recovered))
    _ensure_served(load.asked, cast)
    over = [spent for key in cast.tight if (spent := spent_by(rows, key)) > tight_nano()]
    assert not over, f"of {tight_nano()} nano-dollars each: {over}"
    admitted = sum(one.status == 200 for one in load.asked if one.key == cast.hurried)
    if time.monotonic() - load.asked[0].began < 60:
        assert admitted <= RATE * windows
    wait_until(lambda: _waiting(gateway) == 0, "all is rolled up", seconds=RECOVERY_SECONDS)
    _ensure_admission_knows(gateway, clients=len(cast.all_callers()))
    ensure_no_drift(gateway)


def _all_is_well(site: Site) -> bool:
    """By several connections, so that both processes are asked."""
    for _ in range(4):
        with site.gateway.client() as client:
            told = client.get("/health/readiness/details").json()
        if (told["status"], told["ledger"], told["cache"]) != ("healthy", "database", "redis"):
            return False
    return admitting(site.cache.url) >= PROCESSES


def _ensure_admission_knows(gateway: Gateway, *, clients: int) -> None:
    """Never less than the ledger. More, by what was in flight when a counter had to be read anew from it.

    A request tells admission first and the ledger then; of one that does so while the ledger is read nobody knows
    whether it was read, so it counts twice.
    """
    most = clients * DEAREST
    wait_until(
        lambda: all(0 <= beyond <= most for beyond in counted_beyond(gateway).values()),
        "counters are not less than the ledger",
        seconds=RECOVERY_SECONDS,
    )
    found = counted_beyond(gateway)
    assert ("team", "red") in found
    print(f"counted beyond the ledger: { {entity: beyond for entity, beyond in found.items() if beyond} }")


def _waiting(gateway: Gateway) -> int:
    ((count,),) = gateway.rows("SELECT count(*) FROM budgets_unrolledbatch")
    return int(count)


def _ensure_served(asked: list[Asked], cast: Cast) -> None:
    within = [one for one in asked if one.key not in (*cast.tight, cast.hurried)]
    failed = [one for one in within if not one.finished]
    assert len(failed) <= len(within) * (1 - SERVED), f"{len(failed)} of {len(within)}: {failed[:5]}"
    # Those that may be refused are refused for their limits, or while nobody can say what is left.
    others = {one.status for one in asked if one.key in cast.tight} | {0}
    assert others <= {0, 200, 422, 503}, others
    assert {one.status for one in asked if one.key == cast.hurried} <= {200, 429}


def _figures(asked: list[Asked], cast: Cast, *, began: float, ended: float, recovered: float) -> str:
    within = [one for one in asked if one.key not in (*cast.tight, cast.hurried)]
    served = sum(one.finished for one in within)
    during = sorted(one.seconds for one in within if began - 0.5 < one.began < ended and not one.stream)
    before = sorted(one.seconds for one in within if one.began < began - 0.5 and not one.stream)
    return (
        f"{served} of {len(within)} served, recovered after {recovered:.1f} s; whole answers: "
        f"before p50 {_at(before, 0.5)} ms, during p50 {_at(during, 0.5)}, p99 {_at(during, 0.99)}, "
        f"slowest {_at(during, 1.0)}; tight {_told(asked, cast.tight)}, hurried {_told(asked, [cast.hurried])}"
    )


def _at(ordered: list[float], share: float) -> int:
    return round(1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]) if ordered else 0


def _told(asked: list[Asked], keys: Sequence[str]) -> dict[int, int]:
    statuses = [one.status for one in asked if one.key in keys]
    return {status: statuses.count(status) for status in sorted(set(statuses))}
