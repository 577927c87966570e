"""One incident for as long as something is wrong, told once to each channel, however many notice it at once."""

from collections import Counter
from datetime import timedelta

import pytest

from alerts import incidents
from alerts.core.routing import Reason
from alerts.events import LLMException, SpendNotTracked
from alerts.models import AlertChannel, AlertSettings, Delivery, DeliveryKind, Incident, IncidentStatus
from tests.alerts.builders import NOW, channel, exception
from tests.alerts.threads import at_once

pytestmark = pytest.mark.django_db

REPEAT = timedelta(seconds=LLMException.repeat_interval)
QUIET = timedelta(seconds=LLMException.quiet_interval)
SECOND = timedelta(seconds=1)


def told(kind: DeliveryKind | None = None) -> list[str]:
    rows = Delivery.objects.order_by("created_at", "channel__name")
    return [f"{row.kind} to {row.channel.name}" for row in rows if kind in (None, row.kind)]


def test_the_first_event_opens_an_incident_and_is_told_to_each_channel() -> None:
    channel("a")
    channel("b")

    reason = incidents.raise_event(exception(key_alias="ci"), count=3, now=NOW)

    opened = Incident.objects.get()
    assert reason == Reason.DELIVER
    assert (opened.status, opened.count, opened.alert_type, opened.level) == ("open", 3, "llm_exceptions", "High")
    assert (opened.opened_at, opened.last_seen_at, opened.next_notify_at) == (NOW, NOW, NOW + REPEAT)
    assert opened.details["Key Name"] == "ci"
    assert "Team" not in opened.details
    assert told() == ["firing to a", "firing to b"]


def test_a_repetition_is_counted_and_not_told() -> None:
    channel()
    incidents.raise_event(exception(), count=1, now=NOW)

    reason = incidents.raise_event(exception(message="other words"), count=4, now=NOW + REPEAT - SECOND)

    assert reason == Reason.REPEAT_INTERVAL
    assert Incident.objects.get().count == 5
    assert Incident.objects.get().last_seen_at == NOW + REPEAT - SECOND
    assert told() == ["firing to ops"]


def test_an_incident_that_still_fires_is_told_again_once_an_interval() -> None:
    channel()
    incidents.raise_event(exception(), count=1, now=NOW)

    reasons = [
        incidents.raise_event(exception(), count=1, now=NOW + at)
        for at in (REPEAT, REPEAT + SECOND, 2 * REPEAT - SECOND, 2 * REPEAT)
    ]

    assert reasons == [Reason.DELIVER, Reason.REPEAT_INTERVAL, Reason.REPEAT_INTERVAL, Reason.DELIVER]
    assert told() == ["firing to ops", "repeat to ops", "repeat to ops"]
    assert Delivery.objects.filter(kind="repeat").order_by("created_at")[0].message["count"] == 2


def test_a_quiet_incident_is_resolved_and_told_where_it_was_told() -> None:
    channel("a")
    incidents.raise_event(exception(), count=1, now=NOW)
    channel("b")

    early = incidents.resolve_quiet(now=NOW + QUIET - SECOND)
    closed = incidents.resolve_quiet(now=NOW + QUIET)
    again = incidents.resolve_quiet(now=NOW + QUIET + SECOND)

    resolved = Incident.objects.get()
    assert (early, closed, again) == (0, 1, 0)
    assert (resolved.status, resolved.resolved_at) == (IncidentStatus.RESOLVED, NOW + QUIET)
    assert told() == ["firing to a", "resolved to a"]


def test_an_event_keeps_an_incident_open() -> None:
    incidents.raise_event(exception(), count=1, now=NOW)
    incidents.raise_event(exception(), count=1, now=NOW + QUIET - SECOND)

    assert incidents.resolve_quiet(now=NOW + QUIET) == 0


def test_an_event_after_the_resolution_opens_another_incident() -> None:
    channel()
    incidents.raise_event(exception(), count=1, now=NOW)
    incidents.resolve_quiet(now=NOW + QUIET)

    reason = incidents.raise_event(exception(), count=1, now=NOW + QUIET + SECOND)

    assert reason == Reason.DELIVER
    assert sorted(Incident.objects.values_list("status", flat=True)) == ["open", "resolved"]
    assert told() == ["firing to ops", "resolved to ops", "firing to ops"]


def test_other_failures_are_other_incidents() -> None:
    channel()
    for event in (exception(), exception(status_code=503), exception(deployment_id="d2")):
        incidents.raise_event(event, count=1, now=NOW)

    assert Incident.objects.count() == 3


def test_an_incident_of_a_type_that_is_off_is_kept_and_not_told() -> None:
    channel()
    AlertSettings(alert_types=["budget_alerts"]).save()

    assert incidents.raise_event(exception(), count=1, now=NOW) == Reason.TYPE_DISABLED
    assert Incident.objects.get().reason == Reason.TYPE_DISABLED
    assert told() == []


def test_without_a_channel_the_incident_says_so() -> None:
    assert incidents.raise_event(exception(), count=1, now=NOW) == Reason.NO_ROUTE
    assert Incident.objects.get().reason == Reason.NO_ROUTE


def test_a_channel_that_is_switched_off_is_told_nothing() -> None:
    channel("on")
    channel("off", enabled=False)
    incidents.raise_event(exception(), count=1, now=NOW)

    assert told() == ["firing to on"]


def test_a_channel_switched_off_meanwhile_does_not_hear_of_the_resolution() -> None:
    channel()
    incidents.raise_event(exception(), count=1, now=NOW)
    AlertChannel.objects.update(enabled=False)
    incidents.resolve_quiet(now=NOW + QUIET)

    assert told(DeliveryKind.RESOLVED) == []


def test_a_type_with_channels_of_its_own_goes_to_them_alone() -> None:
    channel("finance", types=("failed_tracking_spend",))
    channel("ops")
    incidents.raise_event(SpendNotTracked(model_group="g", provider="p", model="m"), count=1, now=NOW)
    incidents.raise_event(exception(), count=1, now=NOW)

    assert told() == ["firing to finance", "firing to ops"]


@pytest.mark.django_db(transaction=True)
def test_eight_threads_that_notice_the_same_make_one_incident_told_once_to_each_channel() -> None:
    channel("a")
    channel("b")

    reasons = at_once(8, lambda: incidents.raise_event(exception(), count=1, now=NOW))

    assert Incident.objects.get().count == 8
    assert told() == ["firing to a", "firing to b"]
    assert Counter(reasons) == {Reason.DELIVER: 1, Reason.REPEAT_INTERVAL: 7}


@pytest.mark.django_db(transaction=True)
def test_eight_threads_repeat_an_incident_that_is_due_once() -> None:
    channel()
    incidents.raise_event(exception(), count=1, now=NOW)

    at_once(8, lambda: incidents.raise_event(exception(), count=1, now=NOW + REPEAT))

    assert Incident.objects.get().count == 9
    assert told() == ["firing to ops", "repeat to ops"]


@pytest.mark.django_db(transaction=True)
def test_eight_threads_resolve_a_quiet_incident_once() -> None:
    channel()
    incidents.raise_event(exception(), count=1, now=NOW)

    closed = at_once(8, lambda: incidents.resolve_quiet(now=NOW + QUIET))

    assert sum(closed) == 1
    assert told() == ["firing to ops", "resolved to ops"]


def test_how_often_an_unknown_price_is_told_again_is_a_setting() -> None:
    channel()
    AlertSettings(alerting_args={"budget_alert_ttl": 48 * 3600}).save()
    unknown, hour = SpendNotTracked(model_group="g", provider="p", model="m"), timedelta(hours=1)

    for at in range(0, 97, 4):
        incidents.resolve_quiet(now=NOW + at * hour)
        incidents.raise_event(unknown, count=1, now=NOW + at * hour)

    assert [row.created_at - NOW for row in Delivery.objects.order_by("created_at")] == [0 * hour, 48 * hour, 96 * hour]
    incidents.resolve_quiet(now=NOW + 143 * hour)
    assert Incident.objects.get().status == IncidentStatus.OPEN, "quiet, and for less than would be told again"
