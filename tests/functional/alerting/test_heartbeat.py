"""The heartbeat from beat's tick to its receiver, and what becomes of it when beat and worker are gone."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.events import AlertType
from tests.fakes.server import FakeServer, Reply
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.functional.alerting.proofs import spares, tells
from tests.functional.management.answers import asked
from tests.gateway import Gateway, model


@pytest.fixture
def receiver() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


def config(upstream: FakeUpstream, **general: Any) -> dict[str, Any]:
    return {"model_list": [model("gpt-4o", upstream.url)], "general_settings": general}


def test_an_embedded_gateway_calls_it_and_says_so(
    tmp_path: Path, shared_upstream: FakeUpstream, receiver: FakeServer
) -> None:
    general = {"alert_heartbeat_url": "os.environ/PULSE", "alerting_args": {"heartbeat_interval": 10}}
    environment = {"PULSE": f"{receiver.url}/ping/hidden-uuid"}
    with Gateway(tmp_path, config(shared_upstream, **general), environment=environment) as gateway:
        first, second = receiver.wait_for(2, timeout=60)[:2]
        assert (first.method, first.path) == ("GET", "/ping/hidden-uuid")
        assert second.at - first.at > 8
        with gateway.client() as admin:
            found = asked(admin, "/alerts/monitoring")
            everything = admin.get("/config/list", params={"config_type": "general_settings"}).text
        stored = str(gateway.rows("SELECT * FROM alerts_alertsettings")) + str(
            gateway.rows("SELECT * FROM proxy_configfield")
        )
        # Beat's threads are this process's: nothing of it goes on by itself.
        os.kill(gateway.process.pid, signal.SIGSTOP)  # type: ignore[union-attr]
        called = len(receiver.received)
        assert not receiver.wait_until(lambda: len(receiver.received) > called, timeout=13)
        os.kill(gateway.process.pid, signal.SIGCONT)  # type: ignore[union-attr]
    assert found["is_well"] is True
    assert found["heartbeat"]["set_by"] == "config"
    assert (found["heartbeat"]["status"], found["heartbeat"]["error"]) == (200, None)
    assert found["audit"]["findings"] == []
    assert len(found["processes"]) == 1
    assert "hidden-uuid" not in gateway.log() + str(found) + everything + stored
    assert "Traceback" not in gateway.log()


def test_the_variable_alone_is_enough(tmp_path: Path, receiver: FakeServer) -> None:
    environment = {"TOLLKEEPER_ALERT_HEARTBEAT_URL": f"{receiver.url}/ping/hidden-uuid"}
    with Gateway(tmp_path, environment=environment):
        receiver.wait_for(1, timeout=60)


@spares(AlertType.ALERT_CHAIN_FAILING)
@tells(AlertType.ALERT_CHAIN_FAILING)
def test_a_heartbeat_that_is_not_taken_for_minutes_is_told_with_its_end_and_one_that_stumbles_is_not(
    tmp_path: Path, shared_upstream: FakeUpstream, receiver: FakeServer
) -> None:
    general = {"alerting": ["slack"], "alerting_args": {"heartbeat_interval": 10}}
    receiver.script(*[Reply(500, "hidden-uuid is not well")] * 100)
    with FakeSlack() as slack:
        environment = {
            "TOLLKEEPER_ALERT_HEARTBEAT_URL": f"{receiver.url}/ping/hidden-uuid",
            "SLACK_WEBHOOK_URL": f"{slack.url}/services/T/B/x",
        }
        with Gateway(tmp_path, config(shared_upstream, **general), environment=environment) as gateway:
            gateway.wait_for_rows(
                "SELECT 1 FROM alerts_enginestate WHERE ping_failing_since IS NOT NULL", 1, timeout=60
            )
            _audit(gateway, failing_minutes=4)
            assert slack.received == []

            _audit(gateway, failing_minutes=6)
            slack.wait_for(1, timeout=30)
            receiver.clear()
            gateway.wait_for_rows("SELECT 1 FROM alerts_enginestate WHERE ping_failing_since IS NULL", 1, timeout=60)
            _audit(gateway)
            slack.wait_for(2, timeout=30)
        told, over = (str(one.json) for one in slack.received)
    assert "alert_chain_failing" in told
    assert "The heartbeat is not taken by its receiver" in told
    assert "Resolved" in over
    assert "hidden-uuid" not in told + over + gateway.log()


def _audit(gateway: Gateway, *, failing_minutes: float | None = None) -> None:
    """One from now on, as if the heartbeat had failed for so long."""
    began = datetime.now(UTC)
    with closing(sqlite3.connect(gateway.data / "tollkeeper.sqlite3", timeout=30)) as database, database:
        if failing_minutes is not None:
            since = began - timedelta(minutes=failing_minutes)
            database.execute("UPDATE alerts_enginestate SET ping_failing_since = ?", [_spelled(since)])
        database.execute("UPDATE alerts_enginestate SET next_audit_at = ?", [_spelled(began)])
    gateway.wait_for_rows(f"SELECT 1 FROM alerts_enginestate WHERE audited_at > '{_spelled(began)}'", 1, timeout=60)


def _spelled(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(sep=" ")
