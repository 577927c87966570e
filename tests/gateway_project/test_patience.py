"""A PostgreSQL that hangs: who has little patience is told so, who has more gets his answer."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from alerts.patience import give_up_after
from gateway_project.postgres.base import Connection
from tests.conftest import started
from tests.services import PostgresService, postgres

SHORT = 0.5


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[PostgresService]:
    for server in started(postgres(), request):
        if server.pid is None:
            pytest.skip("not run for want of a component: a PostgreSQL that may be frozen")
        yield server


def ask(connection: Connection) -> Any:
    return connection.execute("SELECT 1").fetchone()


def test_who_gives_up_is_told_and_asks_again_on_a_new_connection(database: PostgresService) -> None:
    def work() -> float:
        give_up_after(SHORT)
        with Connection.connect(database.url) as connection:
            assert ask(connection) == (1,)
            database.freeze()
            began = time.monotonic()
            with pytest.raises(psycopg.OperationalError, match="has not answered for"):
                ask(connection)
            seconds = time.monotonic() - began
            assert connection.closed
        database.thaw()
        with Connection.connect(database.url) as connection:
            assert ask(connection) == (1,)
        return seconds

    with ThreadPoolExecutor(1) as thread:
        assert SHORT <= thread.submit(work).result() < SHORT + 5


def test_who_said_nothing_waits_for_as_long_as_it_takes(database: PostgresService) -> None:
    frozen = threading.Event()

    def work() -> Any:
        with Connection.connect(database.url) as connection:
            assert ask(connection) == (1,)
            database.freeze()
            frozen.set()
            return ask(connection)

    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(work)
        assert frozen.wait(30)
        time.sleep(3 * SHORT)
        assert not answer.done()
        database.thaw()
        assert answer.result(30) == (1,)
