"""PostgreSQL dies and comes back: the channel hears of both, and of each trouble once."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import started
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.functional.alerting.told import told, wait_for
from tests.gateway import Gateway, Store, chat, model
from tests.services import PostgresService, postgres

DATABASE = "`db_exceptions`"
INCIDENTS = "SELECT status, labels ->> 'trouble' FROM alerts_incident WHERE alert_type = 'db_exceptions'"
DELIVERIES = """
    SELECT delivery.kind, delivery.state FROM alerts_delivery delivery JOIN alerts_incident incident
    ON incident.id = delivery.incident_id WHERE alert_type = 'db_exceptions' AND labels ->> 'trouble' = 'ledger'
    AND delivery.state = 'delivered' ORDER BY delivery.created_at
"""


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[PostgresService]:
    for server in started(postgres(durable=True), request):
        if server.pid is None:
            pytest.skip("not run for want of a component: a PostgreSQL that may be killed")
        yield server


def test_it_is_told_while_the_database_is_dead_and_resolved_when_it_is_back(
    tmp_path: Path, database: PostgresService, shared_upstream: FakeUpstream, shared_slack: FakeSlack
) -> None:
    config = {
        "model_list": [
            model("gpt-4o", shared_upstream.url, input_cost_per_token=0, output_cost_per_token=0),
        ],
        "general_settings": {"alerting": ["slack"]},
    }
    environment = {"SLACK_WEBHOOK_URL": f"{shared_slack.url}/services/T/B/secret-part"}
    with Gateway(tmp_path / "data", config, store=Store(database.url), environment=environment) as gateway:
        ask(gateway)
        shared_slack.clear()
        database.kill()
        killed = time.monotonic()
        ask(gateway)
        text = wait_for(shared_slack, DATABASE, "takes no ledger entries", since=killed, latest=8)
        wait_for(shared_slack, DATABASE, "cannot be read", since=killed, latest=12)
        assert "Level: `High`" in text
        for _ in range(3):
            ask(gateway)
        database.restart()
        restarted = time.monotonic()
        wait_for(shared_slack, DATABASE, "[Resolved]", "takes no ledger entries", since=restarted, latest=20)
        wait_for(shared_slack, DATABASE, "[Resolved]", "cannot be read", since=restarted, latest=20)

        assert [row for row in gateway.rows(INCIDENTS) if row[1] in ("ledger", "snapshot")].count(
            ("resolved", "ledger")
        ) == 1
        gateway.wait_for_rows(DELIVERIES, 2)
        assert gateway.rows(DELIVERIES) == [("firing", "delivered"), ("resolved", "delivered")]
        assert len(told(shared_slack, "takes no ledger entries")) == 2
        assert len(told(shared_slack, "cannot be read")) == 2
        assert "secret-part" not in gateway.log()
        assert list((tmp_path / "data" / "spool" / "alerts").iterdir()) == []


def ask(gateway: Gateway) -> None:
    with gateway.client() as client:
        assert client.post("/v1/chat/completions", json=chat()).status_code == 200
