"""A web process's probes: one at a time for each deployment, and no money for who asks in a loop."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from django.db import connection

from budgets.ledger import LedgerWriter
from budgets.models import LedgerEntry
from budgets.spool import Spool
from proxy.models import HealthCheck
from proxy.prober import Prober
from proxy.upstream import Upstream
from tests.budgets.outage import OUTAGES
from tests.fakes.upstream import FakeUpstream
from tests.proxy.deployments import built

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_SECONDS = 10


def run(use: Callable[[Prober], Awaitable[None]], folder: Path) -> None:
    async def main() -> None:
        writer, upstream = LedgerWriter(Spool(folder)), Upstream()
        writer.start()
        try:
            await asyncio.wait_for(use(Prober(upstream, writer, asyncio.create_task)), PATIENCE_SECONDS)
        finally:
            await upstream.close()
            await writer.stop()

    connection.close()
    asyncio.run(main())


def test_who_asks_meanwhile_gets_the_same_answer(upstream: FakeUpstream, tmp_path: Path) -> None:
    upstream.latency_seconds = 0.2
    deployments = [built(upstream.url, pk=f"d{number}") for number in range(3)]

    async def use(prober: Prober) -> None:
        answers = await asyncio.gather(
            *(prober.ask(deployments[:size], concurrency=8, checked_by="me") for size in (3, 2, 1, 3))
        )
        assert answers[0][:2] == answers[1]
        assert answers[0][:1] == answers[2]
        assert answers[0] == answers[3]

    run(use, tmp_path)

    assert len(upstream.received) == 3
    assert LedgerEntry.objects.filter(key_hash="litellm-internal-health-check").count() == 3
    rows = HealthCheck.objects.order_by("deployment_id")
    assert [(row.deployment_id, row.healthy, row.checked_by) for row in rows] == [
        ("d0", True, "me"),
        ("d1", True, "me"),
        ("d2", True, "me"),
    ]


def test_asking_in_a_loop_asks_the_upstream_once_in_a_while(
    upstream: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = built(upstream.url)

    async def use(prober: Prober) -> None:
        for _ in range(20):
            assert (await prober.ask([deployment], concurrency=8, checked_by=""))[0].healthy
        assert len(upstream.received) == 1
        monkeypatch.setattr("proxy.prober.REUSED_SECONDS", 0.0)
        await prober.ask([deployment], concurrency=8, checked_by="")
        assert len(upstream.received) == 2

    run(use, tmp_path)

    assert HealthCheck.objects.count() == 2


def test_a_deployment_that_was_changed_is_asked_at_once(upstream: FakeUpstream, tmp_path: Path) -> None:
    async def use(prober: Prober) -> None:
        await prober.ask([before], concurrency=8, checked_by="")
        await prober.ask([after], concurrency=8, checked_by="")

    before, after = built(upstream.url, pk="d1"), built(upstream.url, pk="d1", temperature=0.5)
    run(use, tmp_path)

    assert ["temperature" in received.json() for received in upstream.received] == [False, True]


def test_who_stops_waiting_takes_the_answer_from_nobody(upstream: FakeUpstream, tmp_path: Path) -> None:
    upstream.latency_seconds = 0.3
    deployment = built(upstream.url)

    async def use(prober: Prober) -> None:
        leaves = asyncio.create_task(prober.ask([deployment], concurrency=8, checked_by=""))
        await asyncio.to_thread(upstream.wait_for, 1)
        stays = asyncio.create_task(prober.ask([deployment], concurrency=8, checked_by=""))
        await asyncio.sleep(0)
        leaves.cancel()
        assert (await stays)[0].healthy

    run(use, tmp_path)

    assert len(upstream.received) == 1
    assert LedgerEntry.objects.count() == 1


def test_without_a_database_health_is_told_all_the_same(upstream: FakeUpstream, tmp_path: Path) -> None:
    deployment = built(upstream.url)
    outage = next(iter(OUTAGES.values()))

    async def use(prober: Prober) -> None:
        with outage():
            assert (await prober.ask([deployment], concurrency=8, checked_by=""))[0].healthy

    run(use, tmp_path)

    assert LedgerEntry.objects.count() == 1, "what was spooled is in the ledger by the end"
