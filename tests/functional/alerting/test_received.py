"""An Alertmanager's webhook leads here: what fires there is an incident here, until it does not."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from alerts.events import AlertType
from tests.alertmanager import alertmanager
from tests.conftest import started
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.functional.alerting.proofs import spares, tells
from tests.gateway import MASTER_KEY, Gateway, model

PASSED_ON = """
route: {{receiver: gateway, group_wait: 100ms, group_interval: 200ms, repeat_interval: 1h, group_by: [alertname]}}
receivers:
  - name: gateway
    webhook_configs:
      - url: {url}/alerts/receive
        send_resolved: true
        http_config: {{authorization: {{credentials: {key}}}}}
"""
STATES = "SELECT status, level, title FROM alerts_incident WHERE alert_type = 'alertmanager_alerts'"


@pytest.fixture
def gateway(tmp_path: Path, upstream: FakeUpstream, slack: FakeSlack) -> Any:
    config = {"model_list": [model("gpt-4o", upstream.url)], "general_settings": {"alerting": ["slack"]}}
    environment = {"SLACK_WEBHOOK_URL": f"{slack.url}/services/T/B/x"}
    with Gateway(tmp_path / "data", config, environment=environment) as running:
        yield running


def alert(**labels: str) -> dict[str, Any]:
    plain = {"alertname": "DiskFull", "severity": "critical", "instance": "db-1"}
    return {"labels": {**plain, **labels}, "annotations": {"summary": "No <room> is left"}}


@tells(AlertType.ALERTMANAGER_ALERTS)
def test_what_a_real_alertmanager_tells_is_told_here_and_ends_here(
    gateway: Gateway, slack: FakeSlack, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (tmp_path / "am").mkdir()
    config = PASSED_ON.format(url=gateway.url, key=MASTER_KEY)
    for url in started(alertmanager(tmp_path / "am", config), request):
        assert httpx.post(f"{url}/api/v2/alerts", json=[alert()], trust_env=False).is_success
        slack.wait_for(1, timeout=20)
        assert gateway.rows(STATES) == [("open", "High", "DiskFull: No <room> is left")]
        assert "DiskFull: No &lt;room&gt; is left" in slack.messages[0]["text"]

        over = {**alert(), "endsAt": "2026-01-01T00:00:00Z"}
        assert httpx.post(f"{url}/api/v2/alerts", json=[over], trust_env=False).is_success
        slack.wait_for(2, timeout=20)
        assert "[Resolved] DiskFull" in slack.messages[1]["text"]
        assert [row[0] for row in gateway.rows(STATES)] == ["resolved"]


def passed(*, status: str = "firing", fingerprint: str = "f1", **labels: str) -> dict[str, Any]:
    return {"version": "4", "alerts": [{"status": status, "fingerprint": fingerprint, **alert(**labels)}]}


@spares(AlertType.ALERTMANAGER_ALERTS)
def test_what_was_pushed_from_here_does_not_come_back(gateway: Gateway) -> None:
    with gateway.client() as admin:
        answer = admin.post("/alerts/receive", json=passed(source="tollkeeper"))
        assert answer.json() == {"firing": 0, "resolved": 0, "left_out": 1}
        again = [admin.post("/alerts/receive", json=passed(severity="info")).json() for _ in range(2)]
        assert [one["firing"] for one in again] == [1, 1]
        assert admin.post("/alerts/receive", json=passed(status="resolved", severity="info")).json()["resolved"] == 1
        assert admin.post("/alerts/receive", json=passed(status="resolved", severity="info")).json()["resolved"] == 0
    assert gateway.rows(STATES) == [("resolved", "Low", "DiskFull: No <room> is left")]


@spares(AlertType.ALERTMANAGER_ALERTS)
def test_what_is_no_alert_is_refused(gateway: Gateway) -> None:
    bodies: tuple[Any, ...] = (
        {}, {"alerts": [{}]}, {"version": "3", "alerts": []}, {"alerts": [{"status": "odd", "fingerprint": "f"}]}, [],
    )  # fmt: skip
    with gateway.client() as admin, gateway.client("sk-nobody") as nobody:
        assert [admin.post("/alerts/receive", json=body).status_code for body in bodies] == [422] * len(bodies)
        assert nobody.post("/alerts/receive", json=passed()).status_code == 401
    assert gateway.rows(STATES) == []
