"""The ledger's writer: a request awaits its entry, one thread commits what is waiting, all at once.

`write` returns when the entry is durable: committed in the database or, while that is away, synced to the spool.
"""

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import orjson
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connection

import alerts.services
from alerts.patience import give_up_after
from budgets import entries
from budgets.entries import Entry
from budgets.in_flight import InFlight, Left, settle_left_behind
from budgets.killed import KilledCharge, opened, settled
from budgets.metrics import DATABASE
from budgets.probe import DatabaseProbe
from budgets.spool import Spool

logger = logging.getLogger(__name__)

DRAIN_INTERVAL_SECONDS = 2.0
PROBE_INTERVAL_SECONDS = 1.0
# A commit takes milliseconds; requests wait for this one.
COMMIT_SECONDS = 5.0
# What an entry itself is to blame for; anything else, a read-only database included, is the database's and passes.
_REFUSED = (DataError, IntegrityError)
_AWAY = (DatabaseError, InterfaceError)
_Waiting = tuple[bytes, "asyncio.Future[None]", int | None]


class LedgerUnavailable(Exception):
    """Neither the database nor the spool took the entry."""


class _NowhereToKeep(OSError):
    """These lines were refused by the database, and the disk does not take them either."""

    def __init__(self, lines: frozenset[bytes]) -> None:
        super().__init__()
        self.lines = lines


class LedgerWriter:
    """Belongs to one event loop. `start` and `stop` once each.

    `on_settled` is told, in that loop, which entries were made for processes that were killed.
    """

    def __init__(
        self,
        spool: Spool,
        in_flight: InFlight | None = None,
        on_settled: Callable[[Sequence[bytes]], None] | None = None,
    ) -> None:
        self._spool = spool
        self._in_flight = in_flight
        self._on_settled = on_settled
        self._waiting: list[_Waiting] = []
        self._busy = False
        self._batches: queue.SimpleQueue[list[_Waiting] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ledger-writer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._first_look: asyncio.Future[None]
        self._last_look = 0.0
        self._probe = DatabaseProbe(self._tell_away, every_seconds=PROBE_INTERVAL_SECONDS)
        self.spooling = False

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._first_look = self._loop.create_future()
        self._thread.start()

    async def wait_until_settled(self) -> None:
        """What processes that are dead had left is in the ledger, if the database is there, when this returns.

        Before it is, what the ledger adds up to must not be taken for what was spent.
        """
        await self._first_look

    async def stop(self) -> None:
        """Everything written so far is durable when this returns."""
        while self._busy or self._waiting:  # noqa: ASYNC110 - once, at the end
            await asyncio.sleep(0.01)
        self._batches.put(None)
        await asyncio.to_thread(self._thread.join)
        if self._in_flight is not None:
            self._in_flight.stop()

    def open(self, entry: Entry, charge: KilledCharge) -> int:
        """Keep what is to be written should this process die before `write` and `close`. Returns the slot to close.

        Raises LedgerUnavailable: then the upstream must not be asked.
        """
        assert self._in_flight is not None
        try:
            return self._in_flight.open(opened(entry, charge))
        except OSError:
            logger.exception("The disk does not take a record of an attempt in flight")
            raise LedgerUnavailable("the disk does not take a record of what is asked") from None

    @property
    def in_flight(self) -> int:
        """How many attempts are open."""
        return 0 if self._in_flight is None else self._in_flight.opened

    def spooled(self) -> tuple[int, int]:
        """Entries on disk that the database has not, and their bytes: of this process."""
        return self._spool.waiting()

    def count(self, slot: int, tokens: int) -> None:
        """So many tokens of a stream have gone to the client."""
        assert self._in_flight is not None
        self._in_flight.count(slot, tokens)

    def close(self, slot: int) -> None:
        """The attempt is in the ledger, or nothing was asked of the upstream."""
        assert self._in_flight is not None
        self._in_flight.close(slot)

    async def write(self, entry: Entry, slot: int | None = None) -> None:
        """Closes the slot that `open` gave. Raises LedgerUnavailable; otherwise the entry is on disk on return."""
        assert self._loop is not None, "start() first"
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((entry.encode(), future, slot))
        if not self._busy:
            self._busy = True
            # Whatever else this turn of the loop brings goes into the same commit.
            self._loop.call_soon(self._hand_over)
        # A cancelled request still owes: its entry is stored all the same.
        await asyncio.shield(future)

    def _hand_over(self) -> None:
        batch, self._waiting = self._waiting, []
        self._batches.put(batch)

    def _done(self, batch: list[_Waiting], lost: frozenset[bytes]) -> None:
        for line, future, slot in batch:
            if slot is not None and line not in lost:
                self.close(slot)
            if future.done():
                continue
            if line in lost:
                future.set_exception(LedgerUnavailable("neither the database nor the disk takes the entry"))
            else:
                future.set_result(None)
        if self._waiting:
            self._hand_over()
        else:
            self._busy = False

    def _work(self) -> None:
        """The writer thread: the only user of its database connection."""
        give_up_after(COMMIT_SECONDS)
        try:
            self._look_first()
            while True:
                try:
                    batch = self._batches.get(
                        timeout=PROBE_INTERVAL_SECONDS if self.spooling else DRAIN_INTERVAL_SECONDS
                    )
                except queue.Empty:
                    self._drain_if_possible()
                    self._look_for_the_dead()
                    continue
                if batch is None:
                    self._drain()
                    return
                self._finish(batch, self._store([line for line, _, _ in batch]))
                if self.spooling:
                    self._drain_if_possible()
                if time.monotonic() - self._last_look >= DRAIN_INTERVAL_SECONDS:
                    self._look_for_the_dead()
        finally:
            self._probe.stop()
            connection.close()

    def _finish(self, batch: list[_Waiting], lost: frozenset[bytes]) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._done, batch, lost)

    def _store(self, lines: list[bytes]) -> frozenset[bytes]:
        """Returns the lines that are nowhere."""
        if not self.spooling:
            try:
                self._commit(lines)
            except _AWAY as error:
                logger.exception("The database is away: ledger entries go to the spool")
                alerts.services.emit_database_trouble("ledger", error)
                self.spooling = True
            except _NowhereToKeep as error:
                return error.lines
            else:
                return frozenset()
        try:
            self._spool.append(lines)
        except OSError:
            logger.exception("The spool refused ledger entries")
            return frozenset(lines)
        return frozenset()

    def _commit(self, lines: Sequence[bytes]) -> None:
        try:
            _insert(lines)
        except _REFUSED:
            self._commit_one_by_one(lines)
        except _AWAY:
            # A connection that died while idle is found out here; the database itself may be well.
            connection.close()
            _insert(lines)

    def _commit_spooled(self, lines: Sequence[bytes]) -> None:
        """A disk may have damaged a line; the database would call that a failure of its own."""
        for line in lines:
            if not _is_object(line):
                logger.error("A line of the spool is damaged: kept in the folder of rejected entries")
                self._spool.reject(line)
        self._commit([line for line in lines if _is_object(line)])

    def _commit_one_by_one(self, lines: Sequence[bytes]) -> None:
        """One entry that the database will never take must not hold up the others, nor be lost."""
        lost = set()
        for line in lines:
            try:
                _insert([line])
            except _REFUSED:
                logger.exception("The database refuses a ledger entry: kept in the folder of rejected entries")
                try:
                    self._spool.reject(line)
                except OSError:
                    logger.exception("There is nowhere to keep a refused ledger entry")
                    lost.add(line)
        if lost:
            raise _NowhereToKeep(frozenset(lost))

    def _look_first(self) -> None:
        assert self._loop is not None
        try:
            self._look_for_the_dead()
        finally:
            self._loop.call_soon_threadsafe(self._first_look.set_result, None)

    def _look_for_the_dead(self) -> None:
        """Settle what processes left open that were killed; what they had spooled is drained before."""
        self._last_look = time.monotonic()
        if self.spooling or self._in_flight is None:
            return
        try:
            if self._spool.pending():
                self._drain()
            if count := settle_left_behind(self._in_flight.folder, self._settle_left):
                logger.warning("Attempts of a process that died are settled by estimate", extra={"count": count})
        except _AWAY:
            connection.close()
            logger.warning("Attempts of a process that died wait: the database is away")
        except OSError:
            logger.exception("Records of attempts in flight cannot be read")

    def _settle_left(self, found: Sequence[Left]) -> None:
        now = datetime.now(UTC)
        lines = [line for left in found if (line := settled(left, now=now)) is not None]
        self._commit_spooled(lines)
        if self._on_settled is not None:
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._on_settled, lines)

    def _drain_if_possible(self) -> None:
        """Requests wait for this thread, which therefore does not ask a database that may not answer."""
        if not self.spooling or self._probe.answers():
            self._drain()

    def _drain(self) -> None:
        if not self.spooling and not self._spool.pending():
            return
        try:
            if count := self._spool.drain(self._commit_spooled):
                logger.info("Ledger entries moved from the spool to the database", extra={"count": count})
            if self.spooling:
                alerts.services.settle_database_trouble("ledger")
            self.spooling = False
        except _AWAY as error:
            connection.close()
            self._tell_away(error)
        except OSError:
            logger.exception("The spool cannot be read")

    def _tell_away(self, error: Exception) -> None:
        alerts.services.emit_database_trouble("ledger", error)
        logger.warning("Ledger entries wait in the spool: the database is away")


def _insert(lines: Sequence[bytes]) -> None:
    began = time.perf_counter()
    try:
        entries.insert(lines)
    except Exception as error:
        DATABASE.failed(error, "ledger_commit")
        raise
    if lines:
        DATABASE.answered(time.perf_counter() - began)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
