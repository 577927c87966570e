"""Trouble with the database is told without the database, once, and is an ordinary incident afterwards."""

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError

import alerts.services
from alerts import buffer, direct
from alerts.buffer import AlertBuffer
from alerts.direct import DirectPath
from alerts.events import DatabaseException
from alerts.models import AlertSettings, Delivery, Incident, IncidentEntry
from tests.alerts.builders import NOW, channel, exception
from tests.alerts.test_buffer import wait_until, without_table
from tests.conftest import started
from tests.fakes.server import Reply
from tests.fakes.slack import FakeSlack
from tests.services import redis

pytestmark = pytest.mark.django_db(transaction=True)
TROUBLE = DatabaseException(trouble="ledger", error="OperationalError: connection refused")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffer, "MERGE_SECONDS", 0.02)
    monkeypatch.setattr(buffer, "RETRY_SECONDS", 0.02)


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as server:
        yield server


@pytest.fixture(scope="module")
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    for server in started(redis(), request):
        yield server.url


def path(folder: Path, redis_url: str = "") -> DirectPath:
    made = DirectPath(folder / "alerts", redis_url)
    made.refresh()
    return made


@pytest.fixture
def running(tmp_path: Path, slack: FakeSlack) -> Iterator[AlertBuffer]:
    channel(url=f"{slack.url}/services/T/B/hidden")
    made = AlertBuffer(path(tmp_path))
    made.start()
    yield made
    made.stop()


def test_it_is_told_while_the_database_is_away_and_settled_when_it_is_back(
    running: AlertBuffer, slack: FakeSlack, tmp_path: Path
) -> None:
    with without_table():
        for _ in range(5):
            running.add(TROUBLE)
        slack.wait_for(1)
        assert "kept on disk" in slack.messages[0]["text"]
        assert "Level: `High`" in slack.messages[0]["text"]
        wait_until(lambda: len(list((tmp_path / "alerts").glob("*.json"))) == 1)
    wait_until(lambda: Incident.objects.filter(status="open", count=5).exists())
    delivered = Delivery.objects.get()
    assert (delivered.kind, delivered.state, delivered.last_status) == ("firing", "delivered", 200)
    assert list(IncidentEntry.objects.values_list("what", flat=True)) == ["opened", "told"]
    assert list((tmp_path / "alerts").iterdir()) == []

    running.settle(TROUBLE)
    wait_until(lambda: Delivery.objects.filter(kind="resolved").exists())
    assert Incident.objects.get().status == "resolved"
    assert len(slack.received) == 1


def test_other_events_wait_for_the_database(running: AlertBuffer, slack: FakeSlack) -> None:
    with without_table():
        running.add(exception())
        running.add(TROUBLE)
        slack.wait_for(1)

    wait_until(lambda: Incident.objects.count() == 2)
    assert len(slack.received) == 1


def test_while_the_database_takes_it_nothing_is_told_directly(running: AlertBuffer, slack: FakeSlack) -> None:
    running.add(TROUBLE)
    wait_until(lambda: Delivery.objects.filter(state="pending").count() == 1)

    assert slack.received == []


def test_a_channel_that_refuses_is_tried_again_and_not_named_with_its_address(
    running: AlertBuffer, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(direct, "RETRY_SECONDS", 0.05)
    slack.script(Reply(500, "down"), Reply(drop=True))
    with caplog.at_level(logging.DEBUG), without_table():
        running.add(TROUBLE)
        slack.wait_for(3)

    wait_until(lambda: Delivery.objects.filter(state="delivered").count() == 1)
    assert "hidden" not in caplog.text


def test_it_is_told_again_only_after_its_repeat_interval(tmp_path: Path, slack: FakeSlack) -> None:
    channel(url=f"{slack.url}/services/T/B/hidden")
    made = path(tmp_path)
    for minutes in (0, 1, 60, 239, 241):
        made.tell(TROUBLE, now=NOW + timedelta(minutes=minutes))

    assert len(slack.received) == 2


def test_of_several_processes_one_tells_it(tmp_path: Path, slack: FakeSlack, redis_url: str) -> None:
    channel(url=f"{slack.url}/services/T/B/hidden")
    processes = [path(tmp_path / str(number), redis_url) for number in range(3)]
    threads = [threading.Thread(target=one.tell, args=(TROUBLE,), kwargs={"now": NOW}) for one in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(slack.received) == 1


def test_two_that_told_it_make_one_incident(tmp_path: Path, slack: FakeSlack) -> None:
    channel(url=f"{slack.url}/services/T/B/hidden")
    first, second = path(tmp_path), path(tmp_path)
    first.tell(TROUBLE, now=NOW)
    second.tell(TROUBLE, now=NOW)
    first.store()
    second.store()

    assert Incident.objects.get().deliveries.count() == 2


def test_a_damaged_file_stops_nobody(tmp_path: Path, slack: FakeSlack) -> None:
    channel(url=f"{slack.url}/services/T/B/hidden")
    made = path(tmp_path)
    made.tell(TROUBLE, now=NOW)
    (tmp_path / "alerts" / "0.json").write_text("{torn", encoding="utf-8")
    made.store()

    assert Incident.objects.count() == 1
    assert [one.name for one in (tmp_path / "alerts").iterdir()] == ["0.damaged"]


def test_a_channel_that_was_deleted_meanwhile_loses_only_its_delivery(tmp_path: Path, slack: FakeSlack) -> None:
    made = channel(url=f"{slack.url}/services/T/B/hidden")
    way = path(tmp_path)
    way.tell(TROUBLE, now=NOW)
    made.delete()
    way.store()

    assert Incident.objects.get().deliveries.count() == 0


def test_a_type_that_is_switched_off_is_not_told_directly_either(tmp_path: Path, slack: FakeSlack) -> None:
    channel(url=f"{slack.url}/services/T/B/hidden")
    AlertSettings.objects.create(alert_types=["llm_exceptions"])
    path(tmp_path).tell(TROUBLE, now=NOW)

    assert slack.received == []


def test_no_value_of_a_statement_gets_into_an_alert() -> None:
    shown = alerts.services._database_exception("ledger", ValueError("Key (key_hash)=(secret) already exists"))
    assert shown.error == "ValueError"
    away = alerts.services._database_exception("ledger", OperationalError("connection refused\nDETAIL: more"))
    assert away.error == "OperationalError: connection refused"
