"""What people and time do to an incident, and who hears of it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts import dispatch, incidents, lifecycle
from alerts.core.routing import Reason
from alerts.events import DeploymentCooledDown, LLMException, MajorOutage
from alerts.models import AlertSettings, Delivery, Incident, Silence
from tests.alerts.builders import NOW, channel, exception, route
from tests.alerts.threads import at_once
from tests.fakes.slack import FakeSlack

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
REPEAT = timedelta(seconds=LLMException.repeat_interval)


def raised(*, now: Any = NOW, **facts: Any) -> Incident:
    incidents.raise_event(exception(**facts), count=1, now=now)
    found = Incident.objects.order_by("-opened_at").first()
    assert found
    return found


def told() -> list[str]:
    return [f"{row.kind} to {row.channel.name}" for row in Delivery.objects.order_by("created_at", "channel__name")]


def timeline(incident: Incident) -> list[tuple[str, str, str]]:
    return list(incident.entries.values_list("what", "actor", "text"))


def test_an_acknowledged_incident_is_neither_repeated_nor_escalated() -> None:
    route("everything else", channel(), escalate_after_seconds=60).escalate_to.add(channel("boss", types=()))
    one = raised()

    assert lifecycle.acknowledge(one, actor="ada", now=NOW + MINUTE / 2)
    assert lifecycle.escalate_due(now=NOW + 2 * MINUTE) == 0
    assert incidents.raise_event(exception(), count=1, now=NOW + REPEAT) == Reason.ACKNOWLEDGED
    one.refresh_from_db()
    assert (one.status, one.acknowledged_by, one.count) == ("acknowledged", "ada", 2)
    assert told() == ["firing to ops"]
    assert timeline(one)[-1] == ("acknowledged", "ada", "")


def test_an_acknowledged_incident_is_still_resolved_and_told() -> None:
    channel()
    one = raised()
    lifecycle.acknowledge(one, actor="ada", now=NOW)
    incidents.resolve_quiet(now=NOW + 10 * MINUTE)

    assert told() == ["firing to ops", "resolved to ops"]


def test_what_is_acknowledged_cannot_be_acknowledged_again() -> None:
    one = raised()

    assert [lifecycle.acknowledge(one, actor=name, now=NOW) for name in ("ada", "bob")] == [True, False]
    assert Incident.objects.get().acknowledged_by == "ada"


def test_an_acknowledgement_can_be_taken_back() -> None:
    channel()
    one = raised()
    lifecycle.acknowledge(one, actor="ada", now=NOW)

    assert lifecycle.unacknowledge(one, actor="bob", now=NOW + MINUTE)
    assert incidents.raise_event(exception(), count=1, now=NOW + REPEAT) == Reason.DELIVER
    assert told() == ["firing to ops", "repeat to ops"]


def test_what_nobody_acknowledged_in_time_goes_to_the_further_channels_once() -> None:
    route("everything else", channel(), escalate_after_seconds=60).escalate_to.add(channel("boss", types=()))
    one = raised()

    assert lifecycle.escalate_due(now=NOW + MINUTE / 2) == 0
    assert lifecycle.escalate_due(now=NOW + MINUTE) == 1
    assert lifecycle.escalate_due(now=NOW + 2 * MINUTE) == 0
    assert told() == ["firing to ops", "escalated to boss"]
    assert [entry[0] for entry in timeline(one)] == ["opened", "told", "escalated"]


def test_what_is_silenced_meanwhile_is_escalated_when_the_silence_is_over() -> None:
    route("everything else", channel(), escalate_after_seconds=60).escalate_to.add(channel("boss", types=()))
    raised()
    Silence.objects.create(starts_at=NOW, ends_at=NOW + 5 * MINUTE, created_by="ada")

    assert lifecycle.escalate_due(now=NOW + MINUTE) == 0
    assert lifecycle.escalate_due(now=NOW + 4 * MINUTE) == 0
    assert lifecycle.escalate_due(now=NOW + 5 * MINUTE) == 1
    assert told() == ["firing to ops", "escalated to boss"]


def test_the_end_is_told_to_those_it_was_escalated_to() -> None:
    route("everything else", channel(), escalate_after_seconds=60).escalate_to.add(channel("boss", types=()))
    raised()
    lifecycle.escalate_due(now=NOW + MINUTE)
    incidents.resolve_quiet(now=NOW + 10 * MINUTE)

    assert sorted(told()[2:]) == ["resolved to boss", "resolved to ops"]


def test_what_is_over_is_not_escalated() -> None:
    route("everything else", channel(), escalate_after_seconds=3600).escalate_to.add(channel("boss", types=()))
    raised()
    incidents.resolve_quiet(now=NOW + 10 * MINUTE)

    assert lifecycle.escalate_due(now=NOW + 120 * MINUTE) == 0


def test_a_silenced_incident_is_told_again_when_its_silence_is_over() -> None:
    channel()
    one = raised()

    assert lifecycle.silence(one, until=NOW + REPEAT + MINUTE, actor="ada", now=NOW)
    assert incidents.raise_event(exception(), count=1, now=NOW + REPEAT) == Reason.REPEAT_INTERVAL
    assert incidents.raise_event(exception(), count=1, now=NOW + REPEAT + MINUTE) == Reason.DELIVER
    assert told() == ["firing to ops", "repeat to ops"]


def test_a_silence_that_is_over_already_is_none() -> None:
    assert not lifecycle.silence(raised(), until=NOW, actor="ada", now=NOW)


def test_what_somebody_resolved_is_told_with_his_name() -> None:
    channel()
    one = raised()

    assert lifecycle.resolve(one, actor="ada", now=NOW + MINUTE, text="The key was renewed.")
    assert not lifecycle.resolve(one, actor="bob", now=NOW + MINUTE)
    message = Delivery.objects.get(kind="resolved").message
    assert message["actor"] == "ada"
    assert timeline(one)[-1] == ("resolved", "ada", "The key was renewed.")


@pytest.mark.parametrize("close", [lifecycle.resolve, lifecycle.dismiss])
def test_a_person_closes_what_was_seen_again_meanwhile(close: Any) -> None:
    one = raised()
    incidents.raise_event(exception(), count=1, now=NOW + MINUTE)

    assert close(one, actor="ada", now=NOW + MINUTE)
    assert (one.count, one.resolved_by) == (2, "ada")


def test_what_is_dismissed_is_over_and_comes_back_as_another_incident() -> None:
    channel()
    lifecycle.dismiss(raised(), actor="ada", now=NOW)
    raised(now=NOW + MINUTE)

    assert sorted(Incident.objects.values_list("status", flat=True)) == ["dismissed", "open"]


def test_an_incident_can_be_reopened_unless_the_same_is_open() -> None:
    one = raised()
    lifecycle.resolve(one, actor="ada", now=NOW)

    assert lifecycle.reopen(one, actor="ada", now=NOW + MINUTE)
    assert not lifecycle.reopen(one, actor="ada", now=NOW + MINUTE)
    lifecycle.resolve(Incident.objects.get(), actor="ada", now=NOW + MINUTE)
    raised(now=NOW + 2 * MINUTE)
    one.refresh_from_db()
    assert not lifecycle.reopen(one, actor="ada", now=NOW + 3 * MINUTE)
    assert Incident.objects.filter(status="open").count() == 1


def test_it_can_be_told_again_where_it_was_told() -> None:
    channel("a")
    one = raised()
    channel("b")

    assert lifecycle.resend(one, actor="ada", now=NOW + MINUTE)
    assert told() == ["firing to a", "firing to a"]
    first, second = Delivery.objects.order_by("created_at")
    assert first.message["id"] == str(first.pk)
    assert second.message["id"] == str(second.pk)


def test_a_silence_keeps_an_incident_from_being_told_and_says_so() -> None:
    channel()
    Silence.objects.create(matchers={"model": "gpt-*"}, starts_at=NOW, ends_at=NOW + MINUTE, comment="works")
    one = raised()

    assert (one.reason, one.told_at, one.next_notify_at) == (Reason.SILENCED, None, NOW + MINUTE)
    assert timeline(one)[-1] == ("withheld", "", "A silence holds.")
    assert told() == []


def test_what_still_fires_after_a_silence_is_told_as_new() -> None:
    channel()
    Silence.objects.create(matchers={"model": "gpt-*"}, starts_at=NOW, ends_at=NOW + MINUTE, comment="works")
    raised()

    assert incidents.raise_event(exception(), count=1, now=NOW + MINUTE / 2) == Reason.REPEAT_INTERVAL
    assert incidents.raise_event(exception(), count=1, now=NOW + MINUTE) == Reason.DELIVER
    assert told() == ["firing to ops"]


def test_the_end_of_what_nobody_was_told_of_is_not_told() -> None:
    channel()
    Silence.objects.create(matchers={"model": "*"}, starts_at=NOW, ends_at=NOW + 60 * MINUTE, comment="works")
    raised()
    incidents.resolve_quiet(now=NOW + 10 * MINUTE)

    assert told() == []


def test_what_comes_and_goes_is_told_a_few_times_and_then_rarely() -> None:
    channel()
    reasons = []
    for n in range(8):
        reasons.append(incidents.raise_event(exception(), count=1, now=NOW + n * 6 * MINUTE))
        incidents.resolve_quiet(now=NOW + n * 6 * MINUTE + 5 * MINUTE)

    assert reasons == [Reason.DELIVER] * 4 + [Reason.FLAPPING] * 4
    assert Incident.objects.count() == 8
    assert told().count("firing to ops") == 4


def test_labels_of_the_gateway_are_on_every_alert() -> None:
    AlertSettings(alerting_args={"labels": {"environment": "prod", "model": "hidden"}}).save()
    route("prod", channel("a", types=()), matchers={"environment": "prod"}, alert_types=["llm_exceptions"])
    route("dev", channel("b", types=()), matchers={"environment": "dev"}, alert_types=["llm_exceptions"], position=1)
    one = raised()

    assert (one.labels["environment"], one.labels["model"]) == ("prod", "gpt-4o")
    assert told() == ["firing to a"]


@pytest.mark.django_db(transaction=True)
def test_eight_threads_escalate_once() -> None:
    route("everything else", channel(), escalate_after_seconds=60).escalate_to.add(channel("boss", types=()))
    raised()

    assert sum(at_once(8, lambda: lifecycle.escalate_due(now=NOW + MINUTE))) == 1
    assert told() == ["firing to ops", "escalated to boss"]


@pytest.mark.django_db(transaction=True)
def test_of_eight_who_acknowledge_one_does() -> None:
    one = raised()

    assert sum(at_once(8, lambda: lifecycle.acknowledge(one, actor="ada", now=NOW))) == 1


def test_what_began_and_ended_in_quiet_hours_is_one_message_in_the_morning(slack: FakeSlack) -> None:
    quiet = {"windows": [{"from": "13:00", "to": "14:00"}], "outside": "hold"}
    ops = channel(url=f"{slack.url}/ops")
    route("everything else", schedule=quiet)
    for number in range(3):
        raised(deployment_id=f"d{number}")
    incidents.resolve_quiet(now=NOW + 10 * MINUTE)

    assert set(Delivery.objects.values_list("next_attempt_at", "is_digest")) == {(NOW + 60 * MINUTE, True)}
    Delivery.objects.update(next_attempt_at=NOW)
    dispatch.deliver_to_channel(channel_id=ops.pk)
    (message,) = slack.messages
    assert "6 alerts" in message["text"]
    assert message["text"].count("[Resolved]") == 3


def test_a_digest_waits_and_is_told_as_one(slack: FakeSlack) -> None:
    AlertSettings(alert_type_config={"cooldown_deployment": {"digest": True, "digest_interval": 600}}).save()
    ops = channel(url=f"{slack.url}/ops")
    route("everything else", level="Low")
    for number in range(3):
        cooled = DeploymentCooledDown(
            model_group="m",
            deployment_id=f"d{number}",
            provider="openai",
            api_base="",
            seconds=5,
            reason="failure_rate",
            error_class="Timeout",
            status_code=408,
        )
        assert incidents.raise_event(cooled, count=1, now=NOW) == Reason.DIGEST
    assert set(Delivery.objects.values_list("next_attempt_at", flat=True)) == {NOW + 10 * MINUTE}
    Delivery.objects.update(next_attempt_at=NOW)
    dispatch.deliver_to_channel(channel_id=ops.pk)

    (message,) = slack.messages
    assert "3 alerts: 3 cooldown_deployment" in message["text"]


@pytest.mark.parametrize("close", [lifecycle.resolve, lifecycle.dismiss])
def test_what_a_person_closed_is_not_opened_by_a_word_that_it_goes_on(close: Any) -> None:
    channel()
    close(raised(), actor="ada", now=NOW)

    assert incidents.raise_event(exception(), count=0, now=NOW + MINUTE) == Reason.CLOSED
    assert Incident.objects.count() == 1
    assert incidents.raise_event(exception(), count=1, now=NOW + 2 * MINUTE) == Reason.DELIVER


def test_what_ended_by_itself_is_opened_again_by_whoever_still_sees_it() -> None:
    raised()
    incidents.resolve_quiet(now=NOW + 10 * MINUTE)

    assert incidents.raise_event(exception(), count=0, now=NOW + 11 * MINUTE) == Reason.NO_ROUTE
    assert Incident.objects.filter(status="open").count() == 1


def outage() -> MajorOutage:
    return MajorOutage(
        model_group="gpt-4o",
        deployment_id="d1",
        provider="openai",
        api_base="https://api.example.com/v1",
        reason="errors",
        failures=10,
        total=10,
        window=60,
    )


def again(now: Any) -> Reason:
    return incidents.raise_event(exception(), count=1, now=now)


def test_what_was_told_before_its_outage_is_not_repeated_while_that_lasts() -> None:
    channel()
    raised()
    incidents.raise_event(outage(), count=1, now=NOW + timedelta(seconds=1))
    assert told() == ["firing to ops", "firing to ops"]

    assert again(NOW + REPEAT) == Reason.INHIBITED
    incidents.resolve_event(outage(), now=NOW + REPEAT + MINUTE / 2)
    assert again(NOW + REPEAT + MINUTE) == Reason.DELIVER
    assert told()[2:] == ["resolved to ops", "repeat to ops"]


def test_what_goes_on_after_the_outage_that_spoke_for_it_is_told() -> None:
    channel()
    incidents.raise_event(outage(), count=1, now=NOW)
    raised(now=NOW + timedelta(seconds=1))
    assert told() == ["firing to ops"]

    incidents.resolve_event(outage(), now=NOW + MINUTE / 2)
    assert again(NOW + MINUTE) == Reason.REPEAT_INTERVAL
    assert again(NOW + 2 * MINUTE) == Reason.DELIVER
    assert told()[1:] == ["resolved to ops", "firing to ops"]


def test_opening_asks_for_the_settings_no_more_than_it_must() -> None:
    channel()
    with CaptureQueriesContext(connection) as asked:
        raised()

    assert sum("alerts_alertsettings" in one["sql"] for one in asked) == 2
