"""What a dead process had in flight is in the ledger before a new one serves."""

import asyncio
from pathlib import Path

import orjson
import pytest
from django.db import connection

from budgets.entries import Entry
from budgets.in_flight import InFlight
from budgets.killed import KilledCharge, opened
from budgets.ledger import LedgerWriter
from budgets.spool import Spool
from tests.budgets.builders import entry
from tests.budgets.writer import PATIENCE_SECONDS, ids, stored

pytestmark = pytest.mark.django_db(transaction=True)


def leave_behind(folder: Path, one: Entry) -> None:
    dead = InFlight(folder, "dead")
    dead.open(opened(one, KilledCharge(prompt_nano=7)))
    dead.stop()


def test_it_is_stored_and_told_before_the_first_request(folder: Path) -> None:
    left = entry()
    told: list[bytes] = []
    leave_behind(folder, left)

    async def start_and_look() -> list[str]:
        writer = LedgerWriter(Spool(folder), InFlight(folder, "new"), on_settled=told.extend)
        writer.start()
        await asyncio.wait_for(writer.wait_until_settled(), PATIENCE_SECONDS)
        found = await asyncio.to_thread(stored)
        await writer.stop()
        return found

    connection.close()
    assert asyncio.run(start_and_look()) == ids(left)
    assert [orjson.loads(line)["amount_nano"] for line in told] == [7]


def test_a_writer_that_cannot_look_lets_the_process_start_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_behind(folder, entry())

    def unreadable(*_: object) -> int:
        raise OSError

    monkeypatch.setattr("budgets.ledger.settle_left_behind", unreadable)

    async def start_and_look() -> None:
        writer = LedgerWriter(Spool(folder), InFlight(folder, "new"))
        writer.start()
        await asyncio.wait_for(writer.wait_until_settled(), PATIENCE_SECONDS)
        await writer.stop()

    connection.close()
    asyncio.run(start_and_look())
