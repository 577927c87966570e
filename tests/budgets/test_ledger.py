"""The ledger's writer: when `write` returns the entry is durable, whatever the database does."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from django.db import connection

from budgets import ledger
from budgets.entries import Entry
from budgets.ledger import LedgerUnavailable, LedgerWriter
from budgets.models import LedgerEntry
from budgets.spool import Spool
from tests.budgets.builders import entry, refused_entry
from tests.budgets.outage import OUTAGES, Outage, hang_up_on_others

pytestmark = pytest.mark.django_db(transaction=True)

# A writer that hangs must fail its test and not the run.
PATIENCE_SECONDS = 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "DRAIN_INTERVAL_SECONDS", 0.05)


@pytest.fixture(params=list(OUTAGES.values()), ids=list(OUTAGES))
def outage(request: pytest.FixtureRequest) -> Outage:
    found: Outage = request.param
    return found


def run(use: Callable[[LedgerWriter], Awaitable[None]], folder: Path) -> None:
    """Start a writer, use it and stop it."""

    async def main() -> None:
        writer = LedgerWriter(Spool(folder))
        writer.start()
        try:
            await asyncio.wait_for(use(writer), PATIENCE_SECONDS)
        finally:
            await asyncio.wait_for(writer.stop(), PATIENCE_SECONDS)

    asyncio.run(main())


async def wait_until(condition: Callable[[], bool]) -> None:
    while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - the database tells nobody
        await asyncio.sleep(0.01)


def stored() -> list[str]:
    """Asked on a connection of its own: what has not been committed is not seen."""
    found: list[str] = []

    def ask() -> None:
        try:
            found.extend(map(str, LedgerEntry.objects.values_list("pk", flat=True)))
        finally:
            connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    return sorted(found)


def ids(*made: Entry) -> list[str]:
    return sorted(str(one.id) for one in made)


def spooled(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("*.jsonl"))


def rejected(folder: Path) -> list[bytes]:
    path = folder / "rejected.txt"
    return path.read_bytes().splitlines() if path.exists() else []


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

    async def use(writer: LedgerWriter) -> None:
        writing = asyncio.gather(*(writer.write(one) for one in made))
        await asyncio.sleep(0)
        await writer.stop()
        await writing

    async def main() -> None:
        writer = LedgerWriter(Spool(folder))
        writer.start()
        await asyncio.wait_for(use(writer), PATIENCE_SECONDS)

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
        hang_up_on_others()
        await writer.write(second)
        assert not writer.spooling

    run(use, folder)

    assert stored() == ids(first, second)
    assert not folder.exists()


def test_an_entry_that_the_database_refuses_does_not_take_its_neighbours_with_it(folder: Path) -> None:
    good, bad = [entry(), entry()], refused_entry()

    async def use(writer: LedgerWriter) -> None:
        await asyncio.gather(*(writer.write(one) for one in (good[0], bad, good[1])))

    run(use, folder)

    assert stored() == ids(*good)
    assert rejected(folder) == [bad.encode()]


def test_an_entry_with_a_nul_in_a_text_is_stored_or_kept_and_its_neighbours_are_stored(folder: Path) -> None:
    good, odd = entry(), entry(end_user="a\x00b")

    async def use(writer: LedgerWriter) -> None:
        await asyncio.gather(writer.write(good), writer.write(odd))

    run(use, folder)

    assert set(ids(good)) <= set(stored())
    assert set(ids(odd)) <= set(stored()) or rejected(folder) == [odd.encode()]


def test_a_refused_entry_in_the_spool_does_not_hold_up_the_others(folder: Path) -> None:
    good, bad = [entry(), entry()], refused_entry()
    folder.mkdir()
    (folder / "left.jsonl").write_bytes(b"".join(one.encode() + b"\n" for one in (good[0], bad, good[1])))

    async def use(writer: LedgerWriter) -> None:
        await wait_until(lambda: stored() == ids(*good))

    run(use, folder)

    assert rejected(folder) == [bad.encode()]
    assert spooled(folder) == 0


@pytest.mark.parametrize("damaged", [b"not json", b'{"id": "cut', b"\xff\xfe\x00", b"", b"[]", b"null"])
def test_a_damaged_line_in_the_spool_holds_up_nobody(folder: Path, damaged: bytes) -> None:
    left, fresh = entry(), entry()
    folder.mkdir()
    (folder / "left.jsonl").write_bytes(damaged + b"\n" + left.encode() + b"\n")

    async def use(writer: LedgerWriter) -> None:
        await wait_until(lambda: str(left.id) in stored())
        await writer.write(fresh)

    run(use, folder)

    assert stored() == ids(left, fresh)
    assert spooled(folder) == 0


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


def test_a_refused_entry_that_cannot_be_kept_is_told_and_the_writer_goes_on(folder: Path) -> None:
    folder.write_text("a file in the way of the spool's folder")
    made = entry()

    async def use(writer: LedgerWriter) -> None:
        with pytest.raises(LedgerUnavailable):
            await asyncio.wait_for(writer.write(refused_entry()), PATIENCE_SECONDS / 2)
        await asyncio.wait_for(writer.write(made), PATIENCE_SECONDS / 4)

    run(use, folder)

    assert stored() == ids(made)
