"""What is long over is forgotten, with all that belongs to it; what is open never."""

from datetime import timedelta

import pytest

from alerts import retention
from alerts.models import AlertSettings, Delivery, DeliveryAttempt, Incident, IncidentEntry, Silence
from tests.alerts.builders import NOW, channel, delivery, incident

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def old(days: int, *, status: str = "resolved") -> Incident:
    seen = NOW - days * DAY
    return incident(fingerprint=f"{status}{days}", status=status, opened_at=seen, last_seen_at=seen)


def test_what_is_long_over_is_forgotten_with_all_that_belongs_to_it() -> None:
    gone, kept, open_one = old(91), old(89), old(400, status="open")
    for one in (gone, kept, open_one):
        told = delivery(channel(f"for {one.fingerprint}"), one)
        DeliveryAttempt.objects.create(delivery=told, number=1, began_at=NOW)
        IncidentEntry.objects.create(incident=one, at=NOW, what="opened")

    assert retention.forget_old(now=NOW) == 1
    assert set(Incident.objects.values_list("pk", flat=True)) == {kept.pk, open_one.pk}
    assert (Delivery.objects.count(), DeliveryAttempt.objects.count(), IncidentEntry.objects.count()) == (2, 2, 2)


def test_how_long_is_a_setting() -> None:
    AlertSettings(alerting_args={"alert_retention_days": 7}).save()
    old(8, status="dismissed")

    assert retention.forget_old(now=NOW) == 1


def test_more_than_a_batch_is_forgotten_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for days in range(100, 105):
        old(days)

    assert retention.forget_old(now=NOW) == 5


def test_silences_that_ended_long_ago_are_forgotten_and_weekly_ones_never() -> None:
    for weekly in (False, True):
        Silence.objects.create(
            matchers={"model": "m"},
            starts_at=NOW - 101 * DAY,
            ends_at=NOW - 100 * DAY,
            is_weekly=weekly,
            comment="works",
        )
    retention.forget_old(now=NOW)

    assert list(Silence.objects.values_list("is_weekly", flat=True)) == [True]
