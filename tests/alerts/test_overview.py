"""What fires, worst first, as far as a desk sees it, and what the calendar brought last."""

from datetime import timedelta

import pytest

from alerts.desk import Desk
from alerts.models import IncidentStatus, ScheduledRun
from alerts.overview import OwnChannel, firing_incidents, gateways_channels, last_runs
from tests.alerts.builders import NOW, channel, incident, route

pytestmark = pytest.mark.django_db


def test_the_worst_stands_first_then_what_nobody_looks_after_then_the_newest() -> None:
    for name, level, status, minutes in (
        ("low", "Low", IncidentStatus.OPEN, 0),
        ("seen", "High", IncidentStatus.ACKNOWLEDGED, 0),
        ("old", "High", IncidentStatus.OPEN, 9),
        ("new", "High", IncidentStatus.OPEN, 1),
        ("middle", "Medium", IncidentStatus.OPEN, 0),
        ("over", "High", IncidentStatus.RESOLVED, 0),
        ("ignored", "High", IncidentStatus.DISMISSED, 0),
    ):
        seen_at = NOW - timedelta(minutes=minutes)
        incident(fingerprint=name, title=name, level=level, status=status, last_seen_at=seen_at)
    levels, worst = firing_incidents(desk=Desk(), limit=4)

    assert levels == {"High": 3, "Medium": 1, "Low": 1}
    assert [one.title for one in worst] == ["new", "old", "seen", "middle"]
    assert [one.is_acknowledged for one in worst] == [False, False, True, False]


def test_a_team_sees_its_own() -> None:
    incident(fingerprint="a", title="ours", team_id="t")
    incident(fingerprint="b", title="theirs", team_id="u")
    levels, worst = firing_incidents(desk=Desk(team_ids=frozenset({"t"})), limit=9)

    assert levels == {"High": 1}
    assert [one.title for one in worst] == ["ours"]


def test_the_newest_periods_stand_first_by_the_titles_of_their_jobs() -> None:
    for number, job in enumerate(("spend_report", "gone")):
        ends_at = NOW + timedelta(days=number)
        ScheduledRun.objects.create(job=job, period_key=str(number), starts_at=NOW, ends_at=ends_at, outcome="deliver")

    assert [(run.title, run.outcome) for run in last_runs(limit=5)] == [("gone", "deliver"), ("Spend", "deliver")]
    assert len(last_runs(limit=1)) == 1


def test_channels_are_the_gateways_own_that_are_on() -> None:
    tried = channel("tried", delivered_at=NOW)
    fresh = channel("fresh", types=())
    channel("off", enabled=False)
    channel("a team's", team_id="t")

    route("off", fresh, enabled=False)
    route("a team's route", fresh, team_id="t")

    assert gateways_channels() == [OwnChannel(tried.pk, True, True), OwnChannel(fresh.pk, False, False)]
