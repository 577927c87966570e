"""Alertmanager, the real one where it is installed: what it shows as active, and as over."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from alerts.core.message import Message, timestamp
from alerts.models import AlertChannel
from alerts.transports import TRANSPORTS
from alerts.transports.alertmanager import AlertmanagerTransport
from alerts.transports.base import TransportError
from tests.alertmanager import alertmanager, wait_until
from tests.alerts.transports.cases import FULL
from tests.alerts.transports.hostile import TEXTS
from tests.alerts.transports.test_contract import hostile
from tests.conftest import started
from tests.fakes.alertmanager import FakeAlertmanager


@pytest.fixture(scope="module")
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from started(alertmanager(tmp_path_factory.mktemp("alertmanager")), request)


def channel(url: str, **columns: Any) -> AlertChannel:
    return AlertChannel(kind="alertmanager", **{"url": url, "private_address_allowed": True, **columns})


def now_said(**facts: Any) -> Message:
    at = timezone.now()
    plain = {"at": timestamp(at), "opened_at": timestamp(at - timedelta(minutes=5))}
    return replace(FULL, **{**plain, **facts})


def tell(url: str, message: Message) -> None:
    TRANSPORTS["alertmanager"].notify(channel(url), message)


def shown(url: str, incident_id: str) -> list[dict[str, Any]]:
    answer = httpx.get(
        f"{url}/api/v2/alerts", params={"filter": f'incident_id="{incident_id}"'}, trust_env=False, timeout=5
    )
    alerts: list[dict[str, Any]] = answer.raise_for_status().json()
    return alerts


def test_an_incident_is_one_active_alert_until_it_is_over(real: str) -> None:
    for kind in ("firing", "repeat", "escalated"):
        tell(real, now_said(kind=kind, incident_id="life"))
    (alert,) = shown(real, "life")
    assert alert["labels"] == {
        "alertname": "llm_exceptions",
        "severity": "critical",
        "incident_id": "life",
        "source": "tollkeeper",
        "model": "gpt-4o",
        "team_id": "search",
    }
    assert alert["annotations"]["summary"] == "gpt-4o fails"
    assert alert["annotations"]["description"].splitlines()[0] == "Model: gpt-4o"
    assert alert["annotations"]["runbook_url"] == "https://wiki.example/it-broke"
    assert alert["generatorURL"] == "https://gateway.example/admin/1"
    # Long after its own resolve_timeout of five minutes.
    assert datetime.fromisoformat(alert["endsAt"]) - timezone.now() > timedelta(days=6)

    tell(real, now_said(kind="resolved", incident_id="life"))
    wait_until(lambda: not shown(real, "life"))
    assert shown(real, "life") == []


def test_news_ends_soon(real: str) -> None:
    tell(real, now_said(kind="notice", incident_id="news"))

    (alert,) = shown(real, "news")
    assert datetime.fromisoformat(alert["endsAt"]) - timezone.now() < timedelta(minutes=6)


def test_the_real_one_takes_every_text_that_the_fake_takes(real: str) -> None:
    for number, text in enumerate(TEXTS):
        tell(real, replace(hostile(text), at=timestamp(timezone.now()), incident_id=f"text-{number}"))
    assert len(shown(real, f"text-{len(TEXTS) - 1}")) == 1


def test_a_path_before_the_api_and_the_apis_own_address_are_both_well() -> None:
    for url in ("http://am.example", "http://am.example/", "http://am.example/api/v2/alerts"):
        assert AlertmanagerTransport().address(channel(url), FULL) == "http://am.example/api/v2/alerts"
    below = AlertmanagerTransport().address(channel("http://am.example/am/"), FULL)
    assert below == "http://am.example/am/api/v2/alerts"


def test_the_secret_is_a_bearer_token() -> None:
    with FakeAlertmanager(token="hidden0123456789") as fake:
        TRANSPORTS["alertmanager"].notify(channel(fake.url, secret="hidden0123456789"), FULL)
        assert len(fake.alerts) == 1
        with pytest.raises(TransportError) as caught:
            TRANSPORTS["alertmanager"].notify(channel(fake.url, secret="another"), FULL)
    assert (caught.value.permanent, caught.value.status) == (True, 401)


@pytest.mark.parametrize("secret", ["two\r\nX-Header: lines", "ü"])
def test_a_token_that_is_no_header_is_a_problem(secret: str) -> None:
    made = channel("http://127.0.0.1:9/", secret=secret)

    assert set(AlertmanagerTransport().problems(made)) == {"secret"}
    with pytest.raises(TransportError) as caught:
        TRANSPORTS["alertmanager"].notify(made, FULL)
    assert caught.value.permanent


def test_labels_of_others_do_not_take_the_place_of_ours() -> None:
    message = replace(
        FULL, labels={"alertname": "x", "severity": "none", "9 lives": "yes", "key-alias": "a b", "": "e"}
    )
    (alert,) = AlertmanagerTransport().payload(channel(""), message)

    assert alert["labels"] == {
        "_9_lives": "yes",
        "key_alias": "a b",
        "_": "e",
        "alertname": "llm_exceptions",
        "severity": "critical",
        "incident_id": FULL.incident_id,
        "source": "tollkeeper",
    }
