"""A delivery on its way: sent once, tried again as it should be, and never telling where it goes."""

import logging
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db.models import F
from django.utils import timezone

from alerts import dispatch
from alerts.merging import merge_waiting
from alerts.models import AlertChannel, Delivery, DeliveryAttempt, DeliveryState, Incident
from alerts.transports import base
from tests.alerts.builders import channel, delivery, incident
from tests.alerts.threads import at_once
from tests.fakes.discord import FakeDiscord
from tests.fakes.server import FakeServer, Reply
from tests.fakes.slack import FakeSlack

pytestmark = pytest.mark.django_db
SECRET = "hidden0123456789"
PATH = f"/services/T0/B0/{SECRET}"


@pytest.fixture
def ops(slack: FakeSlack) -> AlertChannel:
    return channel("ops", slack.url + PATH)


@pytest.fixture
def discord() -> Iterator[FakeDiscord]:
    with FakeDiscord() as server:
        yield server


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


def pass_the_time() -> None:
    """Whatever waits for its time is due."""
    Delivery.objects.filter(state=DeliveryState.PENDING).update(next_attempt_at=timezone.now())
    AlertChannel.objects.update(not_before=None)


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


def test_a_webhook_whose_receiver_is_gone_is_switched_off_and_the_others_are_told(slack: FakeSlack) -> None:
    channel("other", f"{slack.url}/services/other")
    with FakeServer() as server:
        server.script(Reply(410, "gone"))
        hook = channel("hook", f"{server.url}/hook/{SECRET}", kind="webhook", types=())
        first, second = due(hook, "first", "second")
        dispatch.deliver_to_channel(channel_id=hook.pk)

        hook.refresh_from_db()
        assert not hook.enabled
        assert len(server.received) == 1
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == (DeliveryState.DEAD, DeliveryState.PENDING)
    told = Incident.objects.get(alert_type="alert_channel_failing")
    assert "It is switched off." in str(told.details)
    assert [one.channel.name for one in told.deliveries.all()] == ["other"]


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
    AlertChannel.objects.update(most_per_minute=0)
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


def test_more_than_a_minute_may_hold_becomes_one_message(ops: AlertChannel, slack: FakeSlack) -> None:
    AlertChannel.objects.update(most_per_minute=3)
    rows = due(ops, "first", "second", "third", "fourth")

    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 1
    (message,) = slack.messages
    assert all(title in message["text"] for title in ("4 alerts", "first", "fourth"))
    merged = Delivery.objects.filter(pk__in=[row.pk for row in rows])
    digest = Delivery.objects.get(kind="digest")
    assert set(merged.values_list("state", "merged_into")) == {("merged", digest.pk)}
    assert digest.state == DeliveryState.DELIVERED


def test_a_channel_whose_minute_is_used_up_waits(ops: AlertChannel, slack: FakeSlack) -> None:
    AlertChannel.objects.update(most_per_minute=2)
    due(ops, "first", "second")
    dispatch.deliver_to_channel(channel_id=ops.pk)
    due(ops, "third", "fourth", "fifth")

    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 0
    DeliveryAttempt.objects.order_by("began_at").update(began_at=F("began_at") - timedelta(seconds=61))
    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 1
    assert len(slack.messages) == 3
    assert all(title in slack.messages[2]["text"] for title in ("third", "fourth", "fifth"))


def test_a_merging_that_was_cut_off_loses_and_doubles_nothing(ops: AlertChannel, slack: FakeSlack) -> None:
    """Another process merges at the same time: each telling is in one message only."""
    AlertChannel.objects.update(most_per_minute=1)
    due(ops, *(f"number {number}." for number in range(8)))
    now = timezone.now()
    waiting = dispatch.waiting(now=now).filter(channel=ops)

    assert merge_waiting(ops, waiting, room=1, now=now) is not None
    assert merge_waiting(ops, waiting, room=1, now=now) is None
    assert Delivery.objects.filter(state=DeliveryState.MERGED).count() == 8


def test_every_call_is_written_down(ops: AlertChannel, slack: FakeSlack) -> None:
    row = sent(ops, Reply(503, "busy"), slack=slack)
    pass_the_time()
    dispatch.deliver_to_channel(channel_id=ops.pk)

    calls = row.attempts.order_by("number").values_list("number", "status", "error", "response")
    assert list(calls) == [(1, 503, "The channel answered 503: busy", ""), (2, 200, "", "ok")]
    assert all(call.ended_at and call.latency_ms is not None for call in row.attempts.all())


def test_a_channel_that_fails_is_told_through_another(ops: AlertChannel, slack: FakeSlack) -> None:
    channel("backup", f"{slack.url}/backup")
    slack.script(Reply(404, "no_service"))
    due(ops)
    dispatch.deliver_to_channel(channel_id=ops.pk)

    told = Delivery.objects.get(incident__alert_type="alert_channel_failing")
    assert told.channel.name == "backup"
    assert "Alerts do not reach the channel ops" in told.message["title"]
    ops.refresh_from_db()
    assert ops.failing_since is not None
    assert "no_service" in ops.last_error


def test_a_channel_that_works_again_ends_its_incident(ops: AlertChannel, slack: FakeSlack) -> None:
    sent(ops, Reply(404, "no_service"), slack=slack)
    sent(ops, slack=slack)

    ops.refresh_from_db()
    assert (ops.failing_since, ops.last_error) == (None, "")
    assert Incident.objects.get(alert_type="alert_channel_failing").status == "resolved"


def test_the_only_channel_that_fails_stays_in_the_inbox(ops: AlertChannel, slack: FakeSlack) -> None:
    sent(ops, Reply(404, "no_service"), slack=slack)
    raised = Incident.objects.get(alert_type="alert_channel_failing")

    assert (raised.reason, raised.deliveries.count()) == ("no_route", 0)


def test_what_was_given_up_can_be_tried_again(ops: AlertChannel, slack: FakeSlack) -> None:
    row = sent(ops, Reply(404, "no_service"), slack=slack)

    assert dispatch.retry_now(row, now=timezone.now())
    dispatch.deliver_to_channel(channel_id=ops.pk)
    row.refresh_from_db()
    assert row.state == DeliveryState.DELIVERED
    assert not dispatch.retry_now(row, now=timezone.now())


def test_the_end_of_an_incident_is_never_sent_before_its_beginning(ops: AlertChannel, slack: FakeSlack) -> None:
    of = incident()
    began = timezone.now() - timedelta(minutes=5)
    later = {"next_attempt_at": timezone.now() + timedelta(seconds=60)}
    firing = delivery(ops, of, title="It broke", created_at=began, **later)
    delivery(ops, of, title="It is well", created_at=began + timedelta(minutes=1), next_attempt_at=began)
    delivery(ops, incident(fingerprint="other"), title="Another", created_at=began, next_attempt_at=began)

    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 1
    Delivery.objects.filter(pk=firing.pk).update(next_attempt_at=timezone.now())
    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 2
    words = ("Another", "It broke", "It is well")
    assert [word in message["text"] for word, message in zip(words, slack.messages, strict=True)] == [True] * 3


@pytest.mark.django_db(transaction=True)
def test_a_telling_that_is_deleted_while_it_is_claimed_is_not_sent(ops: AlertChannel, slack: FakeSlack) -> None:
    (claimed,) = due(ops)
    AlertChannel.objects.get(pk=ops.pk).delete()
    dispatch.deliver(claimed, channel=ops)

    assert slack.received == []


def test_a_channel_that_fails_is_left_alone_whatever_waits_for_it(ops: AlertChannel, slack: FakeSlack) -> None:
    slack.script(Reply(503, "busy"))
    due(ops, "first", "second", "third")

    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 1
    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 0
    assert len(slack.received) == 1


def test_what_waited_for_a_channel_is_due_when_it_takes_something_again(ops: AlertChannel, slack: FakeSlack) -> None:
    now = timezone.now()
    due(ops, "waits", attempt=9, next_attempt_at=now + timedelta(minutes=15))
    due(ops, "not yet", next_attempt_at=now + timedelta(minutes=15))
    due(ops, "news")
    AlertChannel.objects.update(failing_since=now - timedelta(minutes=1))

    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 2
    assert [word in one["text"] for one, word in zip(slack.messages, ("news", "waits"), strict=True)] == [True, True]


def test_a_message_that_is_always_refused_is_not_tried_again_with_each_that_is_taken(
    ops: AlertChannel, slack: FakeSlack
) -> None:
    now = timezone.now()
    due(ops, "refused", attempt=9, next_attempt_at=now + timedelta(minutes=15))
    due(ops, "news")
    AlertChannel.objects.update(failing_since=now - timedelta(seconds=2))

    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 1


def test_a_channel_that_would_take_no_other_is_left_alone(discord: FakeDiscord) -> None:
    ops = channel("discord", f"{discord.url}/api/webhooks/1/{SECRET}")
    AlertChannel.objects.update(kind="discord")
    discord.script(Reply(204, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "30"}))
    due(ops, "first", "second")

    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 1
    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 0


def test_a_webhooks_refusal_is_final_the_third_time() -> None:
    with FakeServer() as receiver:
        hook = channel("hook", f"{receiver.url}/{SECRET}")
        AlertChannel.objects.update(kind="webhook")
        (row,) = due(hook)
        states = []
        for _ in range(3):
            receiver.script(Reply(404, "not yet"))
            pass_the_time()
            dispatch.deliver_to_channel(channel_id=hook.pk)
            row.refresh_from_db()
            states.append(row.state)

    assert states == ["pending", "pending", "dead"]


def test_what_cannot_be_made_into_a_message_keeps_nothing_else_from_being_sent(
    ops: AlertChannel, slack: FakeSlack
) -> None:
    broken, _ = due(ops, "first", "second")
    Delivery.objects.filter(pk=broken.pk).update(message={"kind": "firing", "details": 7})
    dispatch.deliver_to_channel(channel_id=ops.pk)

    broken.refresh_from_db()
    assert (broken.state, broken.attempt) == (DeliveryState.PENDING, 1)
    assert "for a fault of the gateway" in broken.last_error
    assert ["second" in one["text"] for one in slack.messages] == [True]


def test_attempts_are_counted_on_when_it_is_tried_anew(ops: AlertChannel, slack: FakeSlack) -> None:
    row = sent(ops, Reply(404, "no_service"), slack=slack)
    dispatch.retry_now(row, now=timezone.now())
    dispatch.deliver_to_channel(channel_id=ops.pk)

    assert list(row.attempts.order_by("number").values_list("number", "status")) == [(1, 404), (2, 200)]


@pytest.mark.django_db(transaction=True)
def test_a_channel_that_hangs_takes_one_thread_however_often_it_is_woken(ops: AlertChannel, slack: FakeSlack) -> None:
    due(ops, "first", "second", "third")
    slack.script(Reply(200, "ok", delay_seconds=1.0))
    hanging = threading.Thread(target=at_once, args=(1, lambda: dispatch.deliver_to_channel(channel_id=ops.pk)))
    hanging.start()
    slack.wait_for(1)
    began = time.monotonic()

    assert at_once(3, lambda: dispatch.deliver_to_channel(channel_id=ops.pk)) == [0, 0, 0]
    assert time.monotonic() - began < 0.9
    hanging.join(10)
    assert len(slack.received) == 3


def test_a_turn_that_broke_off_keeps_nobody_from_the_next(ops: AlertChannel, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as broken:
        broken.setattr(dispatch, "_room", lambda *_, **__: fail())
        with pytest.raises(ConnectionError):
            dispatch.deliver_to_channel(channel_id=ops.pk)
    due(ops)

    assert dispatch.deliver_to_channel(channel_id=ops.pk) == 1
