"""A delivery on its way: sent once, tried again as it should be, and never telling where it goes."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.utils import timezone

from alerts import dispatch
from alerts.models import AlertChannel, Delivery, DeliveryState
from alerts.transports import base
from tests.alerts.builders import channel, delivery, incident
from tests.alerts.threads import at_once
from tests.fakes.server import FakeServer, Reply
from tests.fakes.slack import FakeSlack

pytestmark = pytest.mark.django_db
SECRET = "hidden0123456789"
PATH = f"/services/T0/B0/{SECRET}"


@pytest.fixture
def ops(slack: FakeSlack) -> AlertChannel:
    return channel("ops", slack.url + PATH)


@pytest.fixture(autouse=True)
def _nothing_secret_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG, logger="alerts")
    yield
    assert SECRET not in " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_TIMEOUT", httpx.Timeout(0.2))
    monkeypatch.setattr(base, "TOTAL_SECONDS", 0.3)


def due(to: AlertChannel, *titles: str, **columns: Any) -> list[Delivery]:
    now = timezone.now() - timedelta(seconds=10)
    of = incident(fingerprint=uuid4().hex)
    return [
        delivery(
            to,
            of,
            title=title,
            **{"created_at": now, "next_attempt_at": now + timedelta(milliseconds=number), **columns},
        )
        for number, title in enumerate(titles or ("It broke",))
    ]


def sent(to: AlertChannel, *replies: Reply, slack: FakeSlack) -> Delivery:
    """One delivery after one try that met these replies."""
    slack.script(*replies)
    (row,) = due(to)
    dispatch.deliver_to_channel(channel_id=to.pk)
    row.refresh_from_db()
    assert SECRET not in row.last_error
    return row


def test_what_the_channel_took_is_delivered(ops: AlertChannel, slack: FakeSlack) -> None:
    row = sent(ops, slack=slack)

    assert (row.state, row.attempt, row.last_status, row.last_error) == (DeliveryState.DELIVERED, 1, 200, "")
    assert (row.lease, row.finished_at is None, row.latency_ms is None) == (None, False, False)
    assert [(one.method, one.path) for one in slack.received] == [("POST", PATH)]
    assert "It broke" in slack.messages[0]["text"]


def test_what_was_delivered_is_not_sent_again(ops: AlertChannel, slack: FakeSlack) -> None:
    sent(ops, slack=slack)

    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 0
    assert len(slack.received) == 1


def test_what_waits_is_sent_oldest_first(ops: AlertChannel, slack: FakeSlack) -> None:
    due(ops, "first", "second", "third")

    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 3
    texts = [message["text"] for message in slack.messages]
    assert [word in text for word, text in zip(("first", "second", "third"), texts, strict=True)] == [True] * 3


def test_what_is_not_due_waits(ops: AlertChannel, slack: FakeSlack) -> None:
    due(ops, next_attempt_at=timezone.now() + timedelta(seconds=60))

    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 0
    assert slack.received == []


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504])
def test_a_failure_that_may_pass_is_tried_again_later(ops: AlertChannel, slack: FakeSlack, status: int) -> None:
    before = timezone.now()
    row = sent(ops, Reply(status, "oh no"), slack=slack)

    assert (row.state, row.last_status, row.lease) == (DeliveryState.PENDING, status, None)
    assert f"{status}" in row.last_error
    assert timedelta(seconds=0.5) <= row.next_attempt_at - before <= timedelta(seconds=2)


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 401, 403, 404, 405, 410, 422])
def test_a_refusal_that_will_not_pass_ends_the_delivery(ops: AlertChannel, slack: FakeSlack, status: int) -> None:
    row = sent(ops, Reply(status, "no_service"), slack=slack)

    assert (row.state, row.last_status, row.lease) == (DeliveryState.DEAD, status, None)
    assert row.finished_at is not None
    assert "no_service" in row.last_error


def test_a_channel_that_asks_for_quiet_hears_nothing_until_then(ops: AlertChannel, slack: FakeSlack) -> None:
    slack.script(Reply(429, "rate_limited", headers={"Retry-After": "30"}))
    rows = due(ops, "first", "second")
    before = timezone.now()

    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 1
    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 0

    ops.refresh_from_db()
    assert ops.not_before is not None
    assert timedelta(seconds=29) < ops.not_before - before < timedelta(seconds=32)
    assert len(slack.received) == 1
    assert slack.violations == 0
    assert [row.state for row in Delivery.objects.filter(pk__in=[row.pk for row in rows])] == ["pending", "pending"]


def test_a_channel_that_asked_for_quiet_hears_everything_afterwards(ops: AlertChannel, slack: FakeSlack) -> None:
    slack.script(Reply(429, "rate_limited", headers={"Retry-After": "1"}))
    due(ops, "first", "second")
    dispatch.deliver_to_channel(channel_id=ops.pk)
    AlertChannel.objects.update(not_before=timezone.now())
    Delivery.objects.update(next_attempt_at=timezone.now())

    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 2
    assert len(slack.messages) == 2


def test_one_channels_quiet_is_not_anothers(ops: AlertChannel, slack: FakeSlack) -> None:
    other = channel("other", f"{slack.url}/services/other", types=())
    slack.script(Reply(429, headers={"Retry-After": "30"}))
    due(ops)
    due(other)
    dispatch.deliver_to_channel(channel_id=ops.pk)

    assert dispatch.deliver_to_channel(channel_id=other.pk) == 1
    assert len(slack.messages) == 1


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "soon"}, {"Retry-After": "-5"}])
def test_a_429_without_a_time_is_a_minute(headers: dict[str, str]) -> None:
    with FakeServer() as server:
        ops = channel("ops", server.url + PATH)
        server.script(Reply(429, headers=headers))
        due(ops)
        before = timezone.now()
        dispatch.deliver_to_channel(channel_id=ops.pk)

    ops.refresh_from_db()
    assert ops.not_before is not None
    assert timedelta(seconds=59) < ops.not_before - before < timedelta(seconds=62)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(chunks=iter([b"o"] * 50), chunk_delay_seconds=0.1)])
def test_a_channel_that_hangs_is_tried_again(ops: AlertChannel, slack: FakeSlack, reply: Reply) -> None:
    started = timezone.now()
    row = sent(ops, reply, slack=slack)

    assert timezone.now() - started < timedelta(seconds=3)
    assert row.state in {DeliveryState.PENDING, DeliveryState.DELIVERED}
    if reply.hang:
        assert row.state == DeliveryState.PENDING
        assert "in time" in row.last_error


@pytest.mark.parametrize("reply", [Reply(drop=True), Reply(200, "ok", cut_after=1)])
def test_a_connection_that_breaks_is_tried_again(ops: AlertChannel, slack: FakeSlack, reply: Reply) -> None:
    row = sent(ops, reply, slack=slack)

    assert (row.state, row.last_status) == (DeliveryState.PENDING, None)
    assert "cannot be reached" in row.last_error


def test_a_channel_that_refuses_connections_is_tried_again(ops: AlertChannel, slack: FakeSlack) -> None:
    slack.close()
    (row,) = due(ops)
    dispatch.deliver_to_channel(channel_id=ops.pk)
    row.refresh_from_db()

    assert row.state == DeliveryState.PENDING
    assert SECRET not in row.last_error


def test_a_delivery_that_failed_for_a_day_is_given_up(ops: AlertChannel, slack: FakeSlack) -> None:
    slack.script(Reply(500))
    (row,) = due(ops, created_at=timezone.now() - timedelta(hours=24))
    dispatch.deliver_to_channel(channel_id=ops.pk)
    row.refresh_from_db()

    assert row.state == DeliveryState.DEAD


def test_a_channel_that_is_switched_off_is_silent(ops: AlertChannel, slack: FakeSlack) -> None:
    due(ops)
    AlertChannel.objects.update(enabled=False)
    dispatch.deliver_to_channel(channel_id=ops.pk)

    assert slack.received == []


def test_a_delivery_whose_sender_died_is_sent_by_another(ops: AlertChannel, slack: FakeSlack) -> None:
    past = timezone.now() - timedelta(seconds=1)
    (row,) = due(ops, state=DeliveryState.SENDING, lease=uuid4(), attempt=1, next_attempt_at=past)
    dispatch.deliver_to_channel(channel_id=ops.pk)
    row.refresh_from_db()

    assert (row.state, row.attempt) == (DeliveryState.DELIVERED, 2)


def test_a_delivery_in_the_hands_of_a_sender_is_left_to_it(ops: AlertChannel, slack: FakeSlack) -> None:
    due(ops, state=DeliveryState.SENDING, lease=uuid4(), next_attempt_at=timezone.now() + timedelta(seconds=30))

    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 0
    assert slack.received == []


@pytest.mark.parametrize("reply", [Reply(200, "ok"), Reply(500), Reply(404)], ids=["taken", "failed", "refused"])
def test_a_sender_that_lost_its_lease_leaves_the_row_alone(ops: AlertChannel, slack: FakeSlack, reply: Reply) -> None:
    slack.script(reply)
    (row,) = due(ops, state=DeliveryState.SENDING, lease=uuid4(), attempt=1)
    other = uuid4()
    Delivery.objects.filter(pk=row.pk).update(lease=other, attempt=2)
    dispatch.deliver(row, channel=ops)
    row.refresh_from_db()

    assert (row.state, row.lease, row.attempt, row.last_status) == (DeliveryState.SENDING, other, 2, None)


@pytest.mark.django_db(transaction=True)
def test_several_threads_never_send_the_same_delivery_twice(ops: AlertChannel, slack: FakeSlack) -> None:
    due(ops, *(f"number {number}." for number in range(24)))

    tried = at_once(4, lambda: dispatch.deliver_to_channel(channel_id=ops.pk))
    # Who found each of its ten candidates taken may have left early; the next sweep finds the rest.
    rest = dispatch.deliver_to_channel(channel_id=ops.pk)

    titles = sorted(message["text"].partition("Message: ")[2] for message in slack.messages)
    assert titles == sorted(f"number {number}." for number in range(24))
    assert sum(tried) + rest == 24
    assert set(Delivery.objects.values_list("state", "attempt")) == {("delivered", 1)}


def test_an_address_that_is_none_ends_the_delivery_with_a_sentence() -> None:
    odd = channel("odd", f"http://127.0.0.1:99999/{SECRET}")
    (row,) = due(odd)
    dispatch.deliver_to_channel(channel_id=odd.pk)
    row.refresh_from_db()

    assert row.state == DeliveryState.DEAD
    assert row.last_error
