"""A ledger's writer at work, and what became of what it was given."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

from django.db import connection

from budgets.entries import Entry
from budgets.ledger import LedgerWriter
from budgets.models import LedgerEntry
from budgets.spool import Spool

# A writer that hangs must fail its test and not the run.
PATIENCE_SECONDS = 4


def run(use: Callable[[LedgerWriter], Awaitable[None]], folder: Path) -> None:
    """Start a writer, use it and stop it."""

    async def main() -> None:
        writer = LedgerWriter(Spool(folder))
        writer.start()
        try:
            await asyncio.wait_for(use(writer), PATIENCE_SECONDS)
        finally:
            await asyncio.wait_for(writer.stop(), PATIENCE_SECONDS)

    # A test may end every connection to the database; ours would then fail the next test.
    connection.close()
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
