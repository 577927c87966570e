"""A database that dies, or is locked, and comes back: the channel hears of both, and of each trouble once."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import redis as redis_client

from alerts.events import AlertType
from tests.conftest import started
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.functional.alerting.causes import served
from tests.functional.alerting.heard import slack_ear
from tests.functional.alerting.proofs import spares, tells
from tests.functional.alerting.scene import Scene
from tests.functional.management.callers import made
from tests.gateway import DATABASE_FILE, Gateway, Store, migrate, model
from tests.services import PostgresService, postgres, redis

DATABASE = AlertType.DB_EXCEPTIONS
LEDGER, SNAPSHOT = "takes no ledger entries: they are kept on disk", "cannot be read: keys, budgets and deployments"
ROLL_UP = "does not add up the ledger: spend and budgets fall behind"
INCIDENTS = "SELECT status, labels ->> 'trouble' FROM alerts_incident WHERE alert_type = 'db_exceptions'"
DELIVERIES = """
    SELECT delivery.kind, delivery.state FROM alerts_delivery delivery JOIN alerts_incident incident
    ON incident.id = delivery.incident_id WHERE alert_type = 'db_exceptions' AND labels ->> 'trouble' = 'ledger'
    AND delivery.state = 'delivered' ORDER BY delivery.created_at
"""


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[PostgresService]:
    for server in started(postgres(durable=True, prepare=migrate), request):
        if server.pid is None:
            pytest.skip("not run for want of a component: a PostgreSQL that may be killed")
        yield server


def gateway_of(data: Path, upstream: FakeUpstream, slack: FakeSlack, store: Store | None = None) -> Gateway:
    config = {
        "model_list": [model("gpt-4o", upstream.url, input_cost_per_token=0, output_cost_per_token=0)],
        "general_settings": {"alerting": ["slack"], "alert_types": [str(DATABASE)]},
    }
    environment = {"SLACK_WEBHOOK_URL": f"{slack.url}/services/T/B/secret-part"}
    return Gateway(data, config, store=store or Store(), environment=environment)


def kept(folder: Path) -> list[Path]:
    """What waits to be told, of processes living and dead."""
    return list((folder / "data" / "spool" / "alerts").iterdir())


@tells(DATABASE)
def test_it_is_told_while_the_database_is_dead_and_resolved_when_it_is_back(
    tmp_path: Path, database: PostgresService, shared_upstream: FakeUpstream, shared_slack: FakeSlack
) -> None:
    back = 10.0
    with gateway_of(tmp_path / "data", shared_upstream, shared_slack, Store(database.url)) as gateway:
        served(gateway, "gpt-4o")
        database.kill()
        scene = Scene({"slack": slack_ear(shared_slack)}, (LEDGER, SNAPSHOT))
        scene.at(0, lambda: served(gateway, "gpt-4o", times=4))
        scene.at(back, database.restart)
        for trouble in (LEDGER, SNAPSHOT):
            scene.want(DATABASE, trouble, "Error: OperationalError", level="High", between=(0, back))
            scene.want(DATABASE, trouble, status="resolved", between=(back, back + 20))
        scene.play()

        assert [row for row in gateway.rows(INCIDENTS) if row[1] == "ledger"] == [("resolved", "ledger")]
        gateway.wait_for_rows(DELIVERIES, 2)
        assert gateway.rows(DELIVERIES) == [("firing", "delivered"), ("resolved", "delivered")]
        assert "secret-part" not in gateway.log()
    assert kept(tmp_path) == []


@tells(DATABASE)
def test_it_is_told_of_one_that_hangs_as_of_one_that_is_dead(
    tmp_path: Path, database: PostgresService, shared_upstream: FakeUpstream, shared_slack: FakeSlack
) -> None:
    back = 20.0
    with gateway_of(tmp_path / "data", shared_upstream, shared_slack, Store(database.url)) as gateway:
        served(gateway, "gpt-4o")
        database.freeze()
        scene = Scene({"slack": slack_ear(shared_slack)}, (LEDGER,))
        scene.at(0, lambda: served(gateway, "gpt-4o", times=4))
        scene.at(back, database.thaw)
        scene.want(DATABASE, LEDGER, "Error: OperationalError", level="High", between=(0, back))
        scene.want(DATABASE, LEDGER, status="resolved", between=(back, back + 20))
        scene.play()
        assert gateway.rows("SELECT count(*) FROM budgets_ledgerentry") == [(5,)]


@tells(DATABASE)
def test_a_file_that_somebody_keeps_locked_is_told_by_the_worker_and_settled_when_it_is_free(
    tmp_path: Path, shared_upstream: FakeUpstream, shared_slack: FakeSlack
) -> None:
    """Whoever waits for it gives up after ten seconds, be it late at it; the telling waits for it as well."""
    locked = 26.0
    with gateway_of(tmp_path, shared_upstream, shared_slack) as gateway:
        scene = Scene({"slack": slack_ear(shared_slack)}, (ROLL_UP,))
        scene.at(0, lambda: lock(gateway, seconds=locked))
        scene.want(DATABASE, ROLL_UP, "Error: OperationalError: database is locked", between=(8, 2 * locked))
        scene.want(DATABASE, ROLL_UP, status="resolved", between=(locked, 2 * locked))
        scene.play()


@pytest.fixture
def store(request: pytest.FixtureRequest, database: PostgresService) -> Iterator[Store]:
    for cache in started(redis(), request):
        yield Store(database.url, cache.url)


@tells(DATABASE)
def test_a_worker_of_celery_tells_it_where_no_web_process_runs(
    tmp_path: Path, store: Store, database: PostgresService, shared_upstream: FakeUpstream, shared_slack: FakeSlack
) -> None:
    with gateway_of(tmp_path, shared_upstream, shared_slack, store) as gateway:
        served(gateway, "gpt-4o")
    shared_slack.clear()
    scene = Scene({"slack": slack_ear(shared_slack)}, None)
    with worker_of(gateway):
        database.kill()
        scene.at(0, lambda: roll_up(gateway))
        scene.at(10, database.restart)
        scene.at(12, lambda: roll_up(gateway))
        scene.want(DATABASE, ROLL_UP, "Error: OperationalError", level="High", between=(0, 10))
        scene.want(DATABASE, ROLL_UP, status="resolved", between=(10, 40))
        scene.play()


@contextmanager
def worker_of(gateway: Gateway) -> Iterator[None]:
    """A Celery worker with one child that takes tasks by now, and no beat."""
    command = [sys.executable, "-m", "celery", "-A", "gateway_project.celery", "worker", "-c", "1"]
    path = gateway.data / "worker.log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            command, env=gateway.full_environment(), cwd=gateway.data, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            roll_up(gateway)
            deadline = time.monotonic() + 60
            with redis_client.Redis.from_url(gateway.store.redis_url) as broker:
                while broker.llen("celery"):
                    assert time.monotonic() < deadline, path.read_text(errors="replace")
                    time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(60)


def roll_up(gateway: Gateway) -> None:
    """What beat asks for."""
    ran = gateway.run("manage", "shell", "-c", "from budgets.tasks import roll_up_ledger as task; task.delay()")
    assert ran.returncode == 0, ran.stderr


@spares(DATABASE)
def test_a_moments_lock_and_what_admins_get_wrong_tell_nobody(
    tmp_path: Path, shared_upstream: FakeUpstream, shared_slack: FakeSlack
) -> None:
    def admins() -> None:
        with gateway.client() as admin:
            made(admin, "/team/new", team_id="t")
            for path, body in (
                ("/team/new", {"team_id": "t"}), ("/team/new", {"team_alias": "x" * 5000}),
                ("/team/new", {"team_id": "a\x00b"}), ("/key/update", {"key": "sk-unknown"}),
            ):  # fmt: skip
                assert 400 <= admin.post(path, json=body).status_code < 500

    with gateway_of(tmp_path, shared_upstream, shared_slack) as gateway:
        scene = Scene({"slack": slack_ear(shared_slack)}, None)
        scene.at(0, lambda: lock(gateway, seconds=1.5))
        scene.at(0.2, lambda: served(gateway, "gpt-4o", times=3))
        scene.at(0.4, admins)
        scene.want_nothing(until=5)
        scene.play()


def lock(gateway: Gateway, *, seconds: float) -> None:
    """While something waits to be added up, which a roll-up takes when it is a second old."""
    with closing(sqlite3.connect(gateway.data / DATABASE_FILE, timeout=10, isolation_level=None)) as other:
        other.execute("INSERT INTO budgets_unrolledbatch (entry_ids) VALUES ('[]')")
        other.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        other.execute("ROLLBACK")
