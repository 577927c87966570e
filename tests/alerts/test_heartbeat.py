"""The dead man's switch is pressed while alerts are told, once a period whoever ticks, and never beyond."""

import logging
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection

from alerts import guard
from alerts.engine_status import engine_status
from alerts.heartbeat import heartbeat
from alerts.models import AlertSettings, EngineState, Incident
from tests.alerts.builders import NOW, channel, delivery, incident
from tests.alerts.threads import at_once
from tests.fakes.server import FakeServer, Reply

pytestmark = pytest.mark.django_db
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def receiver() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


def set_up(receiver: FakeServer, **args: object) -> AlertSettings:
    row = AlertSettings(
        heartbeat_url=f"{receiver.url}/ping/hidden-uuid?rid=hidden-too",
        heartbeat_private_address_allowed=True,
        alerting_args=args,
    )
    row.save()
    return row


def calls(receiver: FakeServer) -> list[tuple[str, str]]:
    return [(one.method, one.path) for one in receiver.received]


def test_it_is_called_once_a_period_however_often_beat_ticks(receiver: FakeServer) -> None:
    set_up(receiver)
    for tick in range(31):
        guard.tick(now=NOW + tick * 10 * SECOND)

    assert calls(receiver) == [("GET", "/ping/hidden-uuid")] * 6
    assert receiver.received[0].query == {"rid": "hidden-too"}


def test_ticks_that_come_late_neither_bunch_nor_drift(receiver: FakeServer) -> None:
    set_up(receiver)
    pinged = []
    for seconds in (0, 14, 29, 43, 61, 75, 88, 103, 119, 131, 147, 300, 301, 302, 361):
        before = len(receiver.received)
        guard.tick(now=NOW + seconds * SECOND)
        if len(receiver.received) > before:
            pinged.append(seconds)

    assert pinged == [0, 61, 131, 300, 361]


@pytest.mark.django_db(transaction=True)
def test_three_beats_at_once_make_one_call(receiver: FakeServer) -> None:
    set_up(receiver)
    guard.tick(now=NOW)
    for period in range(1, 6):
        at_once(3, lambda now=NOW + period * MINUTE: guard.tick(now=now))  # type: ignore[misc]

    assert len(receiver.received) == 6


def test_without_an_address_nothing_is_called_and_the_audit_goes_on() -> None:
    guard.tick(now=NOW)

    assert heartbeat() is None
    assert (EngineState.load().audited_at, EngineState.load().ticked_at) == (NOW, NOW)


def test_its_answer_is_kept_without_the_address(receiver: FakeServer) -> None:
    set_up(receiver)
    receiver.script(Reply(200, "OK hidden-uuid"))
    guard.tick(now=NOW)
    state = EngineState.load()

    assert (state.pinged_at, state.ping_status, state.ping_answer, state.ping_error) == (NOW, 200, "OK ***", "")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(404, "no such check hidden-uuid"), "The receiver answered 404."),
        (Reply(302, headers={"Location": "http://169.254.169.254/"}), "The receiver answered 302."),
        (Reply(drop=True), "The receiver cannot be reached"),
    ],
)
def test_a_receiver_that_does_not_take_it_is_seen_in_log_and_state_and_told_when_it_stays(
    receiver: FakeServer, reply: Reply, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    set_up(receiver)
    receiver.script(*[reply] * 10)
    with caplog.at_level(logging.WARNING):
        guard.tick(now=NOW)
    state = EngineState.load()
    assert state.ping_error.startswith(error)
    assert (state.pinged_at, state.ping_failing_since) == (None, NOW)
    assert "The heartbeat was not taken" in caplog.text
    assert "hidden" not in caplog.text + state.ping_error + state.ping_answer

    for minute in range(1, 8):
        guard.tick(now=NOW + minute * MINUTE)
    assert Incident.objects.get().details["Trouble"] == "heartbeat_failing"
    receiver.clear()
    guard.tick(now=NOW + 8 * MINUTE)
    guard.tick(now=NOW + 9 * MINUTE)
    assert Incident.objects.get().status == "resolved"
    assert EngineState.load().ping_failing_since is None


def test_it_is_withheld_while_what_is_due_is_stuck_and_comes_back_afterwards(receiver: FakeServer) -> None:
    set_up(receiver)
    stuck = delivery(channel(), incident(), next_attempt_at=NOW - 5 * MINUTE)
    guard.tick(now=NOW)
    assert calls(receiver) == []
    assert "Alerts wait and nobody sends them: ops" in EngineState.load().ping_withheld

    stuck.delete()
    guard.tick(now=NOW + MINUTE)
    assert (len(calls(receiver)), EngineState.load().ping_withheld) == (1, "")


def test_why_is_posted_where_the_receiver_takes_it(receiver: FakeServer) -> None:
    set_up(receiver, heartbeat_tells_failure=True)
    delivery(channel(), incident(), next_attempt_at=NOW - 5 * MINUTE)
    guard.tick(now=NOW)

    assert calls(receiver) == [("POST", "/ping/hidden-uuid/fail")]
    assert receiver.received[0].query == {"rid": "hidden-too"}
    assert b"nobody sends them: ops" in receiver.received[0].body


def test_it_is_withheld_when_the_audit_does_not_come_to_its_end(
    receiver: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(receiver)
    guard.tick(now=NOW)

    def fails(*, now: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(guard, "audit", fails)
    for tick in range(1, 40):
        try:
            guard.tick(now=NOW + tick * 10 * SECOND)
        except KeyError:
            continue
    assert len(receiver.received) == 3, "those of the first three minutes"
    assert "audit" in EngineState.load().ping_withheld


def test_a_database_that_takes_nothing_makes_no_call(receiver: FakeServer) -> None:
    set_up(receiver)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE alerts_enginestate RENAME TO away")
    with pytest.raises(Exception, match="alerts_enginestate"):
        guard.tick(now=NOW)

    assert calls(receiver) == []


def test_what_others_than_the_operator_typed_leads_to_no_private_address(receiver: FakeServer) -> None:
    row = set_up(receiver)
    row.heartbeat_private_address_allowed = False
    row.save()
    guard.tick(now=NOW)
    assert calls(receiver) == []
    assert "private network" in EngineState.load().ping_error

    row.configured = ["heartbeat_url"]
    row.save()
    guard.tick(now=NOW + MINUTE)
    assert len(calls(receiver)) == 1


def test_the_environment_is_asked_last(receiver: FakeServer, settings: object) -> None:
    settings.ALERT_HEARTBEAT_URL = f"{receiver.url}/of-the-environment"  # type: ignore[attr-defined]
    guard.tick(now=NOW)
    assert calls(receiver) == [("GET", "/of-the-environment")]
    assert engine_status(now=NOW)["heartbeat"]["set_by"] == "env"

    set_up(receiver)
    assert engine_status(now=NOW)["heartbeat"]["set_by"] == "db"


def test_the_address_is_encrypted_and_in_no_repr(receiver: FakeServer) -> None:
    set_up(receiver)
    with connection.cursor() as cursor:
        cursor.execute("SELECT heartbeat_url FROM alerts_alertsettings")
        (stored,) = cursor.fetchone()

    assert stored.startswith("v1:")
    assert "hidden" not in stored + repr(heartbeat())


def test_another_interval_holds_from_the_next_tick_on(receiver: FakeServer) -> None:
    row = set_up(receiver, heartbeat_interval=3600)
    guard.tick(now=NOW)
    guard.tick(now=NOW + 10 * MINUTE)
    row.alerting_args = {"heartbeat_interval": 60}
    row.save()
    guard.tick(now=NOW + 11 * MINUTE)

    assert len(calls(receiver)) == 2
