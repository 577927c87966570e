"""What the home says of the machinery, by the rules that the alerts of the metrics have."""

from datetime import UTC, datetime, timedelta

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from alerts.models import EngineState
from budgets.models import UnrolledBatch
from gateway_project.home.health import DANGER, OFF, WARNING, WELL, Part, health
from gateway_project.metrics.jobs import BEAT
from gateway_project.models import JobRun
from tests.alerts.builders import channel

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


def parts() -> dict[str, Part]:
    return {one.name: one for one in health(now=NOW)}


def states() -> dict[str, str]:
    return {name: one.state for name, one in parts().items()}


def ended(name: str, seconds_ago: float) -> None:
    JobRun.objects.update_or_create(pk=name, defaults={"succeeded_at": NOW - timedelta(seconds=seconds_ago)})


def test_before_anything_has_run_nothing_is_said_to_be_well() -> None:
    assert states() == {
        "Beat": WARNING, "Worker": WARNING, "Database": WELL, "Redis": OFF, "Alerting": WARNING,
        "Alert channels": WARNING,
    }  # fmt: skip


def test_all_is_well() -> None:
    every, _ = IntervalSchedule.objects.get_or_create(every=10, period="seconds")
    PeriodicTask.objects.create(name="job", task="t", interval=every)
    ended(BEAT, 119)
    ended("job", 89)
    EngineState.objects.update_or_create(pk=1, defaults={"ticked_at": NOW})
    channel("ops")

    assert states() == {
        "Beat": WELL, "Worker": WELL, "Database": WELL, "Redis": OFF, "Alerting": WELL, "Alert channels": WELL,
    }  # fmt: skip


def test_beat_that_stopped_and_jobs_that_are_late_are_told() -> None:
    every, _ = IntervalSchedule.objects.get_or_create(every=10, period="seconds")
    for name in ("late", "in time", "off"):
        PeriodicTask.objects.create(name=name, task="t", interval=every, enabled=name != "off")
    ended(BEAT, 121)
    ended("late", 91)
    ended("in time", 89)
    ended("off", 9999)
    found = parts()

    assert (found["Beat"].state, found["Beat"].text) == (DANGER, "Stale")
    assert (found["Worker"].state, found["Worker"].text) == (DANGER, "1 job is late")
    assert found["Worker"].said.startswith("late; last job ended 1 min ago")


def test_a_roll_up_that_is_behind_is_told() -> None:
    UnrolledBatch.objects.create(entry_ids=["a", "b"], created_at=NOW - timedelta(minutes=5))
    database = parts()["Database"]

    assert (database.state, database.text) == (WARNING, "Behind")
    assert "2 ledger entries" in database.said


def test_a_channel_that_fails_is_named_and_one_that_is_off_is_not() -> None:
    channel("ops", failing_since=NOW, last_error="https://hooks.example/secret refused")
    channel("off", failing_since=NOW, enabled=False)
    found = parts()["Alert channels"]

    assert (found.state, found.text, found.said) == (DANGER, "1 fails", "ops")
