"""What admission is told that somebody has spent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from budgets.core.allowances import EVER, Allowance
from budgets.counters import counter_key, spent_now
from budgets.entries import insert
from budgets.models import Scope
from budgets.rollup import roll_up
from tests.budgets.builders import entry

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EVERYBODY = counter_key(Allowance(Scope.PROXY, "", "", None), start=EVER, generation=0)
AMOUNT, TIMES = 7, 150


@contextmanager
def rolling_up() -> Iterator[None]:
    """All the time, on a connection of its own."""
    ended = threading.Event()

    def work() -> None:
        try:
            while not ended.is_set():
                roll_up(now=datetime.now(UTC) + timedelta(days=1), settled_after=timedelta())
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_no_entry_is_missed_that_is_rolled_up_in_the_same_moment() -> None:
    with rolling_up():
        for number in range(1, TIMES + 1):
            insert([entry(amount_nano=AMOUNT).encode()])
            assert spent_now([EVERYBODY]) == {EVERYBODY: AMOUNT * number}
