"""The ledger's writer: when `write` returns the entry is durable, whatever the database does."""

import asyncio
from pathlib import Path

import pytest
from django.db import connection

from budgets.ledger import LedgerUnavailable, LedgerWriter
from budgets.spool import Spool
from tests.budgets.builders import entry
from tests.budgets.outage import OUTAGES, Outage, hang_up
from tests.budgets.writer import PATIENCE_SECONDS, ids, rejected, run, spooled, stored, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("impatient")]


@pytest.fixture(params=list(OUTAGES.values()), ids=list(OUTAGES))
def outage(request: pytest.FixtureRequest) -> Outage:
    found: Outage = request.param
    return found


def test_an_entry_is_committed_when_write_returns(folder: Path) -> None:
    made = entry()

    async def use(writer: LedgerWriter) -> None:
        await writer.write(made)
        assert stored() == ids(made)

    run(use, folder)


def test_five_hundred_concurrent_writes_are_each_stored_once(folder: Path) -> None:
    made = [entry() for _ in range(500)]

    async def use(writer: LedgerWriter) -> None:
        await asyncio.gather(*(writer.write(one) for one in made))
        assert stored() == ids(*made)

    run(use, folder)

    assert not folder.exists()


def test_what_waits_at_the_stop_is_stored(folder: Path) -> None:
    made = [entry() for _ in range(20)]

    async def main() -> None:
        writer = LedgerWriter(Spool(folder))
        writer.start()
        writing = asyncio.gather(*(writer.write(one) for one in made))
        await asyncio.sleep(0)
        await asyncio.wait_for(writer.stop(), PATIENCE_SECONDS)
        await writing

    asyncio.run(main())

    assert stored() == ids(*made)


def test_the_entry_of_a_request_that_was_cancelled_is_stored_all_the_same(folder: Path) -> None:
    made = entry()

    async def use(writer: LedgerWriter) -> None:
        request = asyncio.create_task(writer.write(made))
        await asyncio.sleep(0)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request

    run(use, folder)

    assert stored() == ids(made)


def test_while_the_database_is_away_entries_are_on_disk_when_write_returns(folder: Path, outage: Outage) -> None:
    async def use(writer: LedgerWriter) -> None:
        with outage():
            await writer.write(entry())
            await writer.write(entry())
            assert spooled(folder) == 2
            assert rejected(folder) == []
            assert writer.spooling

    run(use, folder)


def test_entries_of_an_outage_are_in_the_database_once_it_is_back(folder: Path, outage: Outage) -> None:
    before, during, after = entry(), [entry() for _ in range(30)], entry()

    async def use(writer: LedgerWriter) -> None:
        await writer.write(before)
        with outage():
            for one in during:
                await writer.write(one)
        await wait_until(lambda: len(stored()) == 1 + len(during))
        await writer.write(after)
        assert not writer.spooling
        assert stored() == ids(before, after, *during)

    run(use, folder)

    assert spooled(folder) == 0
    assert rejected(folder) == []


def test_what_another_process_left_in_the_spool_is_drained_while_nothing_is_written(folder: Path) -> None:
    left = [entry(), entry()]
    folder.mkdir()
    (folder / "left.jsonl").write_bytes(b"".join(one.encode() + b"\n" for one in left))

    async def use(writer: LedgerWriter) -> None:
        await wait_until(lambda: stored() == ids(*left))

    run(use, folder)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connection that could be lost")
def test_a_connection_that_died_while_idle_is_not_an_outage(folder: Path) -> None:
    first, second = entry(), entry()

    async def use(writer: LedgerWriter) -> None:
        await writer.write(first)
        hang_up()
        await writer.write(second)
        assert not writer.spooling

    run(use, folder)

    assert stored() == ids(first, second)
    assert not folder.exists()


def test_without_database_and_disk_the_client_is_told(folder: Path, outage: Outage) -> None:
    folder.write_text("a file in the way of the spool's folder")

    async def use(writer: LedgerWriter) -> None:
        with outage(), pytest.raises(LedgerUnavailable):
            await writer.write(entry())

    run(use, folder)


def test_the_writer_recovers_from_a_time_without_database_and_disk(folder: Path, outage: Outage) -> None:
    folder.write_text("a file in the way of the spool's folder")
    refused, made = entry(), entry()

    async def use(writer: LedgerWriter) -> None:
        with outage(), pytest.raises(LedgerUnavailable):
            await writer.write(refused)
        folder.unlink()
        await writer.write(made)
        await wait_until(lambda: str(made.id) in stored())

    run(use, folder)

    assert stored() == ids(made)
