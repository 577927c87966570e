"""What the ledger and its stores say of themselves, each figure by its cause."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from budgets.core.admission import Ask, CounterCheck, Granted, Seed
from budgets.ledger import LedgerWriter
from budgets.limits.batching import Admission
from budgets.metrics import LedgerMetrics
from budgets.models import UnrolledBatch
from budgets.rollup import roll_up
from budgets.spool import Spool
from tests.budgets.builders import entry
from tests.budgets.outage import OUTAGES, hang_up
from tests.budgets.writer import run
from tests.conftest import started
from tests.metric_values import collected, value
from tests.services import RedisService, redis

LAG, WAITING = "tollkeeper_ledger_lag_seconds", "tollkeeper_ledger_waiting_entries"


@pytest.fixture
def shared(request: pytest.FixtureRequest) -> Iterator[RedisService]:
    yield from started(redis(), request)


def counts(service: str) -> tuple[float, float]:
    label = {service: service}
    return (
        value(f"litellm_{service}_latency_count", **label),
        value(f"litellm_{service}_total_requests_total", **label),
    )


@pytest.mark.django_db
def test_what_is_in_no_balance_yet_is_told_with_its_age() -> None:
    assert collected(LedgerMetrics()) == {LAG: 0, WAITING: 0}
    for seconds, ids in ((120, ["a", "b"]), (10, ["c"])):
        UnrolledBatch.objects.create(entry_ids=ids, created_at=datetime.now(UTC) - timedelta(seconds=seconds))

    said = collected(LedgerMetrics())

    assert said[WAITING] == 3
    assert said[LAG] == pytest.approx(120, abs=30)


@pytest.mark.django_db(transaction=True)
def test_a_commit_of_the_ledger_and_its_roll_up_are_services(tmp_path: Path) -> None:
    commits, roll_ups = counts("postgres"), counts("batch_write_to_db")

    async def use(writer: LedgerWriter) -> None:
        await writer.write(entry())

    run(use, tmp_path)
    assert counts("postgres") == (commits[0] + 1, commits[1] + 1)

    roll_up(now=datetime.now(UTC) + timedelta(minutes=1))
    assert counts("batch_write_to_db") == (roll_ups[0] + 1, roll_ups[1] + 1)
    roll_up(now=datetime.now(UTC) + timedelta(minutes=1))
    assert counts("batch_write_to_db") == (roll_ups[0] + 1, roll_ups[1] + 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("outage", OUTAGES)
def test_while_the_database_is_away_the_spool_says_what_it_holds(tmp_path: Path, outage: str) -> None:
    _, tries = counts("postgres")
    seen: list[tuple[bool, tuple[int, int]]] = []

    async def use(writer: LedgerWriter) -> None:
        with OUTAGES[outage]():
            if connection.vendor == "postgresql":
                hang_up()
            await writer.write(entry())
            await writer.write(entry())
            seen.append((writer.spooling, writer.spooled()))

    run(use, tmp_path)

    ((spooling, (lines, size)),) = seen
    assert (spooling, lines) == (True, 2)
    assert size > 500
    assert counts("postgres")[1] > tries
    assert not list(tmp_path.glob("*.jsonl"))


def test_what_a_spool_has_drained_is_no_longer_told(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append([b"one", b"two"])
    assert spool.waiting() == (2, 8)
    spool.drain(lambda _: None)
    assert spool.waiting() == (0, 0)


def _ask() -> Ask:
    expires_at = int(time.time()) + 600
    return Ask(1, counters=(CounterCheck("key", 1000, expires_at),), ceiling_nano=10, floor_nano=10)


def test_a_round_trip_to_redis_is_observed_once_however_many_share_it(shared: RedisService) -> None:
    async def use() -> None:
        admission = Admission(redis_url=shared.url, spent_now=lambda _: {})
        admission.start()
        await admission.seed(Seed("key", 0, int(time.time()) + 600))
        await admission.stop()

    seconds, tries = counts("redis")
    asyncio.run(use())

    found = counts("redis")
    assert found[0] - seconds == found[1] - tries
    # Registering, the seed, leaving, and the beats between.
    assert 3 <= found[0] - seconds <= 10


def test_a_redis_that_is_away_is_counted_as_failing_and_degrades_admission() -> None:
    def failures() -> float:
        labels = {"redis": "redis", "error_class": "ConnectionError", "function_name": "register"}
        return value("litellm_redis_failed_requests_total", **labels)

    async def use() -> bool:
        admission = Admission(redis_url="redis://127.0.0.1:1/0", spent_now=lambda _: {})
        admission.start()
        deadline = time.monotonic() + 5
        while not admission.is_degraded and time.monotonic() < deadline:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        degraded = admission.is_degraded
        admission._shared._worker.cancel()  # type: ignore[union-attr]
        return degraded

    seconds, before = counts("redis")[0], failures()
    assert asyncio.run(use())
    assert failures() > before
    assert counts("redis")[0] == seconds


def test_what_requests_hold_is_told_until_they_are_settled() -> None:
    async def use() -> tuple[Any, int]:
        admission = Admission(spent_now=lambda _: {})
        await admission.seed(Seed("key", 0, int(time.time()) + 600))
        return await admission.admit(_ask()), admission.held_nano()

    answer, held = asyncio.run(use())
    assert isinstance(answer, Granted)
    assert held == answer.hold_nano > 0
