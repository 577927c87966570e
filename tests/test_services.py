"""Private PostgreSQL and Redis: they answer, survive what tests do to them, and leave nothing behind."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import environ
import psycopg
import pytest
import redis

from tests import services

ROOT = Path(__file__).parents[1]

# Says where its servers are, then waits to be killed.
KILLED_RUN = """
from tests import services
with services.postgres() as postgres, services.redis() as redis:
    print(postgres.url.partition("host=")[2], postgres.pid, redis.pid, flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    monkeypatch.delenv("TEST_REDIS_URL", raising=False)


def test_postgres_answers_and_leaves_nothing_behind() -> None:
    with services.postgres() as service:
        pid, folder = service.pid, Path(service.url.partition("host=")[2])
        with psycopg.connect(service.url) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("tollkeeper",)
        assert folder.is_dir()
    assert pid
    assert not services.is_running(pid)
    assert not folder.exists()


def test_url_of_postgres_suits_django_environ() -> None:
    with services.postgres() as service:
        config = environ.Env.db_url_config(service.url)
        assert config["ENGINE"] == "django.db.backends.postgresql"
        # As Django puts its settings into a connection.
        with psycopg.connect(dbname=config["NAME"], user=config["USER"], **config["OPTIONS"]) as connection:
            assert connection.info.dbname == "tollkeeper"


def test_killed_postgres_comes_back_with_what_was_committed() -> None:
    with services.postgres(durable=True) as service:
        with psycopg.connect(service.url) as connection:
            connection.execute("CREATE TABLE toll (amount int)")
            connection.execute("INSERT INTO toll VALUES (7)")
            connection.commit()
            service.kill()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(service.url)
        service.restart()
        with psycopg.connect(service.url) as connection:
            assert connection.execute("SELECT amount FROM toll").fetchone() == (7,)


def test_redis_answers_and_leaves_nothing_behind() -> None:
    with services.redis() as service:
        pid, folder = service.pid, Path(service.url.removeprefix("unix://")).parent
        with redis.Redis.from_url(service.url) as client:
            assert client.set("toll", 7)
            assert client.get("toll") == b"7"
        assert folder.is_dir()
    assert pid
    assert not services.is_running(pid)
    assert not folder.exists()


@pytest.mark.parametrize(("durable", "kept"), [(True, b"7"), (False, None)])
def test_restarted_redis_keeps_only_what_is_durable(*, durable: bool, kept: bytes | None) -> None:
    with services.redis(durable=durable) as service, redis.Redis.from_url(service.url) as client:
        client.set("toll", 7)
        service.restart()
        assert client.get("toll") == kept


def test_killed_run_leaves_nothing_behind() -> None:
    command = [sys.executable, "-c", KILLED_RUN]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout
        folder, *pids = run.stdout.readline().split()
        run.kill()
    assert _comes_true(lambda: not Path(folder).exists())
    assert _comes_true(lambda: not any(services.is_running(int(pid)) for pid in pids))


def test_given_server_is_used_and_never_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_REDIS_URL", "redis://somewhere/0")
    with services.redis() as service:
        assert (service.url, service.origin, service.pid) == ("redis://somewhere/0", "TEST_REDIS_URL", None)
        with pytest.raises(services.Missing, match="not ours to kill"):
            service.kill()


def _comes_true(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return met
