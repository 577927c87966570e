"""Whether what runs by itself still does is seen from its last end that was good."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis as redis_client
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler
from redis.exceptions import RedisError

from alerts.tasks import flush_alerts
from gateway_project.beat import Scheduler
from gateway_project.celery import app
from gateway_project.metrics import jobs
from gateway_project.metrics.jobs import JobMetrics, QueueMetrics, note_success
from gateway_project.models import JobRun
from tests.conftest import started
from tests.metric_values import collected
from tests.services import RedisService, redis

LAST = "tollkeeper_job_last_success_timestamp_seconds"
INTERVAL = "tollkeeper_job_interval_seconds"


@pytest.fixture(autouse=True)
def _nothing_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_noted", {})


@pytest.fixture
def shared(request: pytest.FixtureRequest) -> Iterator[RedisService]:
    yield from started(redis(), request)


@pytest.mark.django_db
def test_every_job_says_how_often_it_runs_before_beat_has_ever_begun() -> None:
    said = collected(JobMetrics())
    for name, row in app.conf.beat_schedule.items():
        assert said[f"{INTERVAL} {name}"] == row["schedule"]


@pytest.mark.django_db
def test_the_end_of_a_task_is_that_of_its_job() -> None:
    assert f"{LAST} flush alerts" not in collected(JobMetrics())

    flush_alerts.apply()

    assert collected(JobMetrics())[f"{LAST} flush alerts"] == pytest.approx(time.time(), abs=10)


@pytest.mark.django_db
def test_a_task_that_fails_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.tasks.dispatch.flush", None)
    flush_alerts.apply()
    assert not JobRun.objects.filter(pk="flush alerts").exists()


@pytest.mark.django_db
def test_what_runs_often_is_written_down_once_in_ten_seconds(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    note_success("roll up the ledger")
    with django_assert_num_queries(0):
        note_success("roll up the ledger")


@pytest.mark.django_db
def test_a_later_end_replaces_an_earlier_one() -> None:
    JobRun.objects.create(name="check deployments", succeeded_at=datetime.now(UTC) - timedelta(days=1))
    note_success("check deployments")
    assert JobRun.objects.get(pk="check deployments").succeeded_at > datetime.now(UTC) - timedelta(minutes=1)


@pytest.mark.django_db
def test_the_interval_is_the_admins_and_a_job_that_is_off_says_nothing() -> None:
    every = IntervalSchedule.objects.create(every=7, period=IntervalSchedule.MINUTES)
    PeriodicTask.objects.create(name="mine", task="x", interval=every)
    PeriodicTask.objects.create(name="off", task="y", interval=every, enabled=False)
    for name in ("mine", "off"):
        note_success(name)

    said = collected(JobMetrics())

    assert said[f"{INTERVAL} mine"] == 420
    assert f"{LAST} mine" in said
    assert not [line for line in said if line.endswith(" off")]


@pytest.mark.django_db
def test_beat_says_when_it_looked_at_its_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "tollkeeper_beat_last_tick_timestamp_seconds"
    assert name not in collected(JobMetrics())

    # Its own look ends the connections of this thread, and with them a database in memory.
    monkeypatch.setattr(DatabaseScheduler, "tick", lambda _: 5.0)
    assert Scheduler.__new__(Scheduler).tick() == 5.0

    assert collected(JobMetrics())[name] == pytest.approx(time.time(), abs=10)


def test_what_waits_for_workers_is_asked_of_redis(shared: RedisService, settings) -> None:  # type: ignore[no-untyped-def]
    settings.REDIS_URL = shared.url
    with redis_client.Redis.from_url(shared.url) as client:
        client.rpush("celery", "one", "two")
        client.hset("unacked", "tag", "three")

    said = collected(QueueMetrics())

    assert said == {"tollkeeper_celery_queue_length celery": 2, "tollkeeper_celery_unacknowledged": 1}


def test_a_redis_that_does_not_answer_costs_a_scrape_a_second_at_most(settings) -> None:  # type: ignore[no-untyped-def]
    # Nobody listens at the other end of this address.
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(RedisError):
        collected(QueueMetrics())


def test_without_a_redis_the_queue_is_in_memory(settings) -> None:  # type: ignore[no-untyped-def]
    settings.REDIS_URL = ""
    assert list(collected(QueueMetrics())) == ["tollkeeper_celery_queue_length celery"]
