"""What the alert engine says of itself, each figure by its cause."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts import incidents
from alerts.buffer import AlertBuffer
from alerts.dispatch import deliver_to_channel
from alerts.metrics import AlertMetrics
from alerts.models import AlertChannel, Delivery, DeliveryState
from tests.alerts.builders import channel, delivery, exception, incident
from tests.fakes.server import Reply
from tests.fakes.slack import FakeSlack
from tests.metric_values import collected, value

pytestmark = pytest.mark.django_db
Capture = Callable[..., Any]


@pytest.fixture
def ops(slack: FakeSlack) -> AlertChannel:
    return channel("ops", f"{slack.url}/services/T0/B0/hidden")


def attempts(outcome: str) -> float:
    return value("tollkeeper_alert_delivery_attempts_total", channel="ops", channel_kind="slack", outcome=outcome)


@pytest.mark.parametrize(
    ("status", "outcome", "state"),
    [
        (200, "delivered", DeliveryState.DELIVERED),
        (500, "retry", DeliveryState.PENDING),
        (404, "given_up", DeliveryState.DEAD),
    ],
)
def test_a_call_of_a_channel_is_counted_by_what_came_of_it(
    ops: AlertChannel, slack: FakeSlack, status: int, outcome: str, state: str
) -> None:
    before = attempts(outcome)
    times = value("tollkeeper_alert_delivery_duration_seconds_count", channel_kind="slack", outcome=outcome)
    taken = value("tollkeeper_alert_delivery_delay_seconds_count", channel_kind="slack")
    slack.script(Reply(status=status))
    now = timezone.now()
    delivery(ops, incident(), created_at=now, next_attempt_at=now)

    deliver_to_channel(channel_id=ops.pk)

    assert Delivery.objects.filter(state=state).exists()
    assert attempts(outcome) == before + 1
    assert value("tollkeeper_alert_delivery_duration_seconds_count", channel_kind="slack", outcome=outcome) == times + 1
    more = value("tollkeeper_alert_delivery_delay_seconds_count", channel_kind="slack") - taken
    assert more == (1 if outcome == "delivered" else 0)


def test_what_waits_is_told_with_the_age_of_the_oldest_that_is_due(ops: AlertChannel) -> None:
    now = timezone.now()
    for seconds in (-90, -30, 600):
        delivery(ops, incident(fingerprint=str(seconds)), next_attempt_at=now + timedelta(seconds=seconds))
    channel("idle")

    said = collected(AlertMetrics())

    assert said["tollkeeper_alert_deliveries_waiting ops slack"] == 3
    assert said["tollkeeper_alert_oldest_due_seconds ops slack"] == pytest.approx(90, abs=30)
    assert said["tollkeeper_alert_deliveries_waiting idle slack"] == 0
    assert said["tollkeeper_alert_oldest_due_seconds idle slack"] == 0


def test_what_was_given_up_is_told_for_a_day(ops: AlertChannel) -> None:
    now = timezone.now()
    for hours in (1, 30):
        finished = now - timedelta(hours=hours)
        delivery(ops, incident(fingerprint=str(hours)), state=DeliveryState.DEAD, finished_at=finished)
    assert collected(AlertMetrics())["tollkeeper_alert_deliveries_given_up ops slack"] == 1


def test_incidents_are_told_by_type_level_and_status_until_they_close(ops: AlertChannel) -> None:
    for number, status in enumerate(("open", "open", "acknowledged", "resolved")):
        incident(fingerprint=str(number), status=status)

    said = {name: count for name, count in collected(AlertMetrics()).items() if "incidents" in name}

    name = "tollkeeper_alert_incidents llm_exceptions High"
    assert said == {f"{name} open": 2, f"{name} acknowledged": 1}


def test_a_channel_says_since_when_it_fails_and_only_while_it_does(ops: AlertChannel) -> None:
    name, since = "tollkeeper_alert_channel_failing_since_timestamp_seconds ops slack", timezone.now()
    assert name not in collected(AlertMetrics())
    AlertChannel.objects.update(failing_since=since)
    assert collected(AlertMetrics())[name] == since.timestamp()


def test_events_are_counted_by_what_was_decided(ops: AlertChannel, django_capture_on_commit_callbacks: Capture) -> None:
    def told(reason: str) -> float:
        return value("tollkeeper_alert_events_total", alert_type="llm_exceptions", reason=reason)

    delivered, repeated = told("deliver"), told("repeat_interval")
    now = timezone.now()
    for count in (1, 5, 0):
        with django_capture_on_commit_callbacks(execute=True):
            incidents.raise_event(exception(), count=count, now=now)

    assert (told("deliver") - delivered, told("repeat_interval") - repeated) == (1, 5)


def test_an_event_of_a_type_that_is_off_says_so(django_capture_on_commit_callbacks: Capture) -> None:
    before = value("tollkeeper_alert_events_total", alert_type="llm_exceptions", reason="no_route")
    with django_capture_on_commit_callbacks(execute=True):
        incidents.raise_event(exception(), count=1, now=timezone.now())
    assert value("tollkeeper_alert_events_total", alert_type="llm_exceptions", reason="no_route") == before + 1


def test_what_the_buffer_has_no_room_for_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.buffer.MOST_FINGERPRINTS", 0)
    before = value("tollkeeper_alert_events_dropped_total")
    AlertBuffer().add(exception())
    assert value("tollkeeper_alert_events_dropped_total") == before + 1
