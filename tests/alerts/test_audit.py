"""What was left behind is found, mended where it can be, and told once where it cannot; and nothing else is."""

import logging
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from alerts import audit, dispatch, incidents
from alerts.models import (
    AlertChannel,
    AlertProcess,
    Delivery,
    DeliveryAttempt,
    EngineState,
    Incident,
    IncidentEntry,
    ScheduledRun,
)
from alerts.samples import fire
from tests.alerts.builders import NOW, channel, delivery, exception, incident, route

pytestmark = pytest.mark.django_db
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
LATE = NOW - 5 * MINUTE


@pytest.fixture(autouse=True)
def _state() -> None:
    EngineState.objects.create()


def troubles(late_by: timedelta = audit.TOLD_AFTER) -> list[str]:
    return [one.trouble for one in audit.look(now=NOW, late_by=late_by)]


def raised() -> list[tuple[str, str]]:
    rows = Incident.objects.filter(alert_type="alert_chain_failing").order_by("opened_at")
    return [(row.details["Trouble"], row.status) for row in rows]


def test_an_engine_at_work_has_nothing_to_find() -> None:
    ops = channel()
    delivery(ops, incident(), next_attempt_at=NOW)
    delivery(channel("off", enabled=False), incident(fingerprint="1" * 64), next_attempt_at=LATE)
    delivery(channel("quiet", not_before=NOW - SECOND), incident(fingerprint="2" * 64), next_attempt_at=LATE)
    delivery(channel("held"), incident(fingerprint="3" * 64), next_attempt_at=NOW + 60 * MINUTE)
    told = delivery(channel("done"), incident(fingerprint="4" * 64), state="delivered", next_attempt_at=LATE)
    told.attempts.create(number=1, began_at=LATE)

    assert audit.audit(now=NOW) == []
    assert (raised(), EngineState.load().findings, EngineState.load().audited_at) == ([], [], NOW)


def test_a_telling_that_nobody_took_wakes_its_channel_and_is_told_when_it_stays(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    woken: list[list[int]] = []
    monkeypatch.setattr(dispatch, "wake_channels", lambda ids, **_: woken.append(list(ids)))
    ops, other = channel("ops"), channel("other")
    delivery(ops, incident(), next_attempt_at=NOW - 2 * MINUTE)
    audit.audit(now=NOW)
    assert (woken, raised()) == ([[ops.pk]], [])

    with caplog.at_level(logging.ERROR):
        audit.audit(now=NOW + 2 * MINUTE)
    assert raised() == [("deliveries_stuck", "open")]
    assert "Alerting does not do what it should" in caplog.text
    told = Delivery.objects.filter(incident__alert_type="alert_chain_failing")
    assert [row.channel for row in told] == [other], "the channel that is stuck would not tell it"


def test_one_that_its_dead_sender_left_is_late_once_its_lease_is_over() -> None:
    delivery(channel(), incident(), state="sending", lease=uuid4(), next_attempt_at=LATE)

    assert troubles() == ["deliveries_stuck"]


def test_a_channel_that_works_through_its_backlog_is_not_stuck() -> None:
    ops = channel()
    delivery(ops, incident(), next_attempt_at=LATE)
    busy = delivery(ops, incident(fingerprint="1" * 64), state="delivered")
    DeliveryAttempt.objects.create(delivery=busy, number=1, began_at=NOW - MINUTE)

    assert troubles() == []


def test_one_that_waits_behind_an_earlier_telling_is_not_stuck() -> None:
    ops, one = channel(), incident()
    delivery(ops, one, created_at=LATE, next_attempt_at=NOW + 10 * MINUTE)
    delivery(ops, one, created_at=LATE + SECOND, next_attempt_at=LATE + SECOND, kind="resolved")

    assert troubles() == []


def test_what_is_found_for_an_hour_is_told_once_and_ends_when_it_is_gone() -> None:
    ops = channel("ops")
    channel("other")
    stuck = delivery(ops, incident(quiet_seconds=86400), next_attempt_at=LATE)
    for minute in range(60):
        audit.audit(now=NOW + minute * MINUTE)
        Delivery.objects.filter(channel__name="other", state="pending").update(state="delivered", finished_at=NOW)
    assert raised() == [("deliveries_stuck", "open")]
    assert Delivery.objects.filter(incident__alert_type="alert_chain_failing").count() == 1

    Delivery.objects.filter(pk=stuck.pk).update(state="delivered")
    audit.audit(now=NOW + 60 * MINUTE)
    assert raised() == [("deliveries_stuck", "resolved")]
    kinds = Delivery.objects.filter(incident__alert_type="alert_chain_failing").order_by("created_at")
    assert list(kinds.values_list("kind", flat=True)) == ["firing", "resolved"]


def test_what_a_person_closed_stays_closed_while_it_only_goes_on() -> None:
    delivery(channel(), incident(), next_attempt_at=LATE)
    audit.audit(now=NOW)
    mine = Incident.objects.get(alert_type="alert_chain_failing")
    incidents.close(mine, now=NOW, actor="ada")
    audit.audit(now=NOW + MINUTE)

    assert raised() == [("deliveries_stuck", "resolved")]


def test_that_all_channels_are_stuck_raises_no_chain_of_alerts_about_alerts() -> None:
    for name in ("one", "two"):
        delivery(channel(name), incident(fingerprint=name * 20, quiet_seconds=86400), next_attempt_at=LATE)
    for minute in range(30):
        audit.audit(now=NOW + minute * MINUTE)

    assert raised() == [("deliveries_stuck", "open")] * 2
    assert Delivery.objects.count() == 4, "each is told through the other, once"


def test_an_incident_whose_telling_was_deleted_is_told_after_all() -> None:
    gone, kept = channel("gone"), channel("kept", types=())
    incidents.raise_event(exception(), count=1, now=LATE)
    gone.delete()
    route("everything else", kept)
    assert troubles() == ["incidents_untold"]
    audit.audit(now=NOW)

    told = Delivery.objects.get()
    assert (told.channel, told.kind, told.message["title"]) == (kept, "firing", Incident.objects.get().title)
    assert troubles() == []


def test_one_that_nobody_can_be_told_of_gets_its_reason() -> None:
    gone = channel("gone")
    incidents.raise_event(exception(), count=1, now=LATE)
    gone.delete()
    audit.audit(now=NOW)

    assert (Incident.objects.get().reason, troubles()) == ("no_route", [])


def test_incidents_that_are_over_are_closed_though_nobody_else_does() -> None:
    incident(last_seen_at=NOW - 7 * MINUTE, quiet_seconds=300)
    assert troubles(audit.MENDED_AFTER) == ["incidents_overdue"]
    audit.audit(now=NOW)

    assert (Incident.objects.get().status, raised()) == ("resolved", [])


def test_an_escalation_that_is_due_is_made_though_nobody_else_does() -> None:
    pager = channel("pager", types=())
    made = route("everything", channel("ops", types=()), escalate_after_seconds=60)
    made.escalate_to.add(pager)
    incident(escalate_at=LATE, last_seen_at=NOW, labels={})
    audit.audit(now=NOW)

    assert [(row.channel, row.kind) for row in Delivery.objects.all()] == [(pager, "escalated")]
    assert raised() == []


def test_without_anybody_who_looks_nothing_is_over() -> None:
    AlertProcess.objects.create(id="a", host="gateway-1", started_at=LATE, seen_at=NOW - 2 * MINUTE)
    incident(last_seen_at=LATE - 30 * MINUTE, quiet_seconds=300)
    channel()

    assert incidents.resolve_quiet(now=NOW) == 0
    audit.audit(now=NOW)
    assert raised() == [("detectors_silent", "open")]
    assert AlertProcess.objects.exists()


def test_a_restart_gives_the_detectors_time_to_look_again() -> None:
    AlertProcess.objects.create(id="dead", host="gateway-1", started_at=LATE, seen_at=NOW - 2 * MINUTE)
    AlertProcess.objects.create(id="new", host="gateway-1", started_at=NOW - MINUTE, seen_at=NOW)
    incident(last_seen_at=LATE - 30 * MINUTE, quiet_seconds=300)

    assert incidents.resolve_quiet(now=NOW) == 0
    audit.audit(now=NOW)
    assert list(AlertProcess.objects.values_list("pk", flat=True)) == ["new"]
    AlertProcess.objects.update(seen_at=NOW + 5 * MINUTE)
    assert incidents.resolve_quiet(now=NOW + 5 * MINUTE) == 1


def run(**columns: object) -> ScheduledRun:
    plain: dict[str, object] = {"job": "spend_report", "period_key": "2026-11-22", "starts_at": LATE, "ends_at": LATE}
    return ScheduledRun.objects.create(**{**plain, "lease": uuid4(), "lease_until": NOW, **columns})


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"lease_until": NOW - 20 * MINUTE, "attempts": 3, "last_error": "KeyError"}, ["run_unfinished"]),
        ({"lease_until": NOW - 10 * MINUTE}, []),
        ({"lease_until": None, "lease": None, "state": "done"}, []),
        ({"lease_until": NOW - 5 * 1440 * MINUTE, "ends_at": NOW - 5 * 1440 * MINUTE}, []),
    ],
)
def test_a_report_that_was_begun_and_never_finished_is_found(columns: dict[str, object], found: list[str]) -> None:
    run(**columns)

    assert troubles() == found


def failing(name: str, *, minutes: int = 20) -> AlertChannel:
    made = channel(name, failing_since=NOW - minutes * MINUTE, last_error="The channel answered 503.")
    delivery(made, incident(fingerprint=name * 10), next_attempt_at=NOW + MINUTE)
    return made


def test_a_channel_that_fails_with_a_backlog_is_told_without_a_further_try() -> None:
    failing("ops")
    channel("other")
    audit.audit(now=NOW)
    audit.audit(now=NOW + MINUTE)

    one = Incident.objects.get(alert_type="alert_channel_failing")
    assert (one.count, one.details["Channel"], one.reason) == (1, "ops", "deliver")
    assert [entry["trouble"] for entry in EngineState.load().findings] == ["channel_failing"]
    assert raised() == []


def test_while_every_channel_fails_nobody_can_rely_on_being_told() -> None:
    failing("ops")
    failing("other", minutes=5)
    assert not [one for one in audit.look(now=NOW, late_by=audit.TOLD_AFTER) if one.withholds]
    AlertChannel.objects.update(failing_since=LATE - 6 * MINUTE)

    assert [one.trouble for one in audit.look(now=NOW, late_by=audit.TOLD_AFTER) if one.withholds] == [
        "channels_failing"
    ]


def test_a_sample_is_left_to_its_own_end() -> None:
    channel()
    fire("alert_chain_failing", fired_by="ada", now=NOW)
    audit.audit(now=NOW)

    assert Incident.objects.get().status == "open"
    assert not IncidentEntry.objects.filter(what="resolved").exists()


def test_looking_costs_the_same_however_much_waits(django_assert_max_num_queries: Callable[..., object]) -> None:
    for number in range(30):
        delivery(channel(f"c{number}", types=()), incident(fingerprint=f"{number:064}"), next_attempt_at=LATE)

    with django_assert_max_num_queries(12):  # type: ignore[attr-defined]
        assert len(audit.look(now=NOW, late_by=audit.TOLD_AFTER)) == 30
