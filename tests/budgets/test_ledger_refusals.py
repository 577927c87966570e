"""What no database would ever take holds up nobody and is not lost."""

import asyncio
from pathlib import Path

import pytest
from django.db import connection

from budgets.ledger import LedgerUnavailable, LedgerWriter
from tests.budgets.builders import entry, refused_entry
from tests.budgets.outage import hang_up
from tests.budgets.writer import PATIENCE_SECONDS, ids, rejected, run, spooled, stored, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("impatient")]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connection that could be lost")
def test_a_refused_entry_that_finds_the_connection_dead_does_not_end_the_writer(folder: Path) -> None:
    first, second, bad = entry(), entry(), refused_entry()

    async def use(writer: LedgerWriter) -> None:
        await writer.write(first)
        hang_up()
        await asyncio.wait_for(writer.write(bad), PATIENCE_SECONDS / 4)
        await asyncio.wait_for(writer.write(second), PATIENCE_SECONDS / 4)

    run(use, folder)

    assert stored() == ids(first, second)
    assert rejected(folder) == [bad.encode()]


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


def test_a_refused_entry_that_cannot_be_kept_is_told_and_the_writer_goes_on(folder: Path) -> None:
    folder.write_text("a file in the way of the spool's folder")
    made = entry()

    async def use(writer: LedgerWriter) -> None:
        with pytest.raises(LedgerUnavailable):
            await asyncio.wait_for(writer.write(refused_entry()), PATIENCE_SECONDS / 2)
        await asyncio.wait_for(writer.write(made), PATIENCE_SECONDS / 4)

    run(use, folder)

    assert stored() == ids(made)
