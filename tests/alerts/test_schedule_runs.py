"""Each period of each job is told once: whoever ticks, however late, and whatever dies in between."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from alerts import incidents, schedule_runs
from alerts.events import AlertType, Event, SpendReport, UserSpendThreshold
from alerts.models import AlertSettings, Delivery, Incident, RunState, ScheduledRun
from alerts.schedule_runs import (
    FINISHED_WITHIN,
    LEASE,
    RETRY_SECONDS,
    Outcome,
    forget_runs,
    preview,
    send_again,
    send_last,
    tick,
)
from alerts.scheduled import Job, Report, Span
from tests.alerts.builders import NOW, channel
from tests.alerts.threads import at_once

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
BEGAN = NOW - timedelta(days=30)


class Broken(Exception):
    pass


def hour_of(at: datetime) -> Span:
    """NOW is the beginning of one."""
    start = BEGAN + (at - BEGAN) // HOUR * HOUR
    return Span(start.isoformat(), start, start + HOUR)


def report_of(span: Span, **facts: object) -> Report:
    said = SpendReport(job="hourly", period=span.key, headline=f"Hour of {span.key}", facts=(("Spend", "$1.00"),))
    return Report(content={"amount_nano": 10**9}, events=(said,), csv="team,spend\r\nred,1\r\n")


@dataclass
class Hourly:
    """A job that remembers what it was asked to make."""

    made: list[str] = field(default_factory=list)
    ready: bool = True
    fails: bool = False
    report: Report | None = None

    def make(self, span: Span) -> Report:
        self.made.append(span.key)
        if self.fails:
            raise Broken("with a secret in its text")
        return self.report or report_of(span)

    @property
    def job(self) -> Job:
        return Job(
            name="hourly",
            title="Hourly",
            alert_types=(AlertType.SPEND_REPORTS,),
            span_at=hour_of,
            make=self.make,
            may_begin=lambda _span, _now: self.ready,
        )


@pytest.fixture
def hourly() -> Hourly:
    return Hourly()


@pytest.fixture
def _told_somewhere() -> None:
    channel()


def begin_and_die(hourly: Hourly) -> None:
    """As killed in the middle of a report."""

    def die(_span: Span) -> Report:
        raise Died

    with pytest.raises(Died):
        tick(replace(hourly.job, make=die), now=NOW)


def titles() -> list[str]:
    return [row.message["title"] for row in Delivery.objects.order_by("created_at")]


def title_of(start: datetime) -> str:
    return f"Hour of {start.isoformat()}"


@pytest.mark.usefixtures("_told_somewhere")
def test_the_period_that_is_over_is_told_and_kept(hourly: Hourly) -> None:
    assert tick(hourly.job, now=NOW + timedelta(minutes=5)) == Outcome.TOLD

    run = ScheduledRun.objects.get()
    assert (run.starts_at, run.ends_at, run.state, run.made_at) == (NOW - HOUR, NOW, "done", NOW + timedelta(minutes=5))
    assert (run.outcome, run.content, run.lease, run.attempts) == ("deliver", {"amount_nano": 10**9}, None, 1)
    assert run.incident_id == Incident.objects.get().pk
    (delivery,) = Delivery.objects.all()
    assert delivery.message["title"] == title_of(NOW - HOUR)
    assert delivery.message["details"] == {"Spend": "$1.00"}
    assert delivery.message["level"] == "Low"
    ((name, text),) = delivery.message["files"]
    assert name == "hourly-2026-11-23T11-00-00-00-00.csv"
    assert text == run.csv == "team,spend\r\nred,1\r\n"


@pytest.mark.usefixtures("_told_somewhere")
def test_it_is_told_once_however_often_somebody_ticks(hourly: Hourly) -> None:
    outcomes = [tick(hourly.job, now=NOW + timedelta(minutes=at)) for at in (0, 1, 59)]

    assert outcomes == [Outcome.TOLD, Outcome.DONE_BEFORE, Outcome.DONE_BEFORE]
    assert titles() == [title_of(NOW - HOUR)]
    assert tick(hourly.job, now=NOW + HOUR) == Outcome.TOLD
    assert titles() == [title_of(NOW - HOUR), title_of(NOW)]


@pytest.mark.usefixtures("_told_somewhere")
def test_after_three_periods_without_anybody_only_the_latest_is_told(hourly: Hourly) -> None:
    tick(hourly.job, now=NOW)

    tick(hourly.job, now=NOW + 4 * HOUR + timedelta(minutes=7))

    assert titles() == [title_of(NOW - HOUR), title_of(NOW + 3 * HOUR)]


@pytest.mark.usefixtures("_told_somewhere")
def test_a_clock_that_is_put_back_tells_nothing_that_was_passed_over(hourly: Hourly) -> None:
    tick(hourly.job, now=NOW)

    assert tick(hourly.job, now=NOW - timedelta(minutes=2)) == Outcome.TAKEN
    assert titles() == [title_of(NOW - HOUR)]


def test_what_may_still_come_in_is_waited_for(hourly: Hourly) -> None:
    hourly.ready = False

    assert tick(hourly.job, now=NOW) == Outcome.NOT_YET
    assert not ScheduledRun.objects.exists()


def test_a_period_with_nothing_to_say_is_kept_with_why_and_told_to_nobody(hourly: Hourly) -> None:
    channel()
    hourly.report = Report(silence="no spend")

    assert tick(hourly.job, now=NOW) == Outcome.SILENT

    assert (ScheduledRun.objects.get().state, ScheduledRun.objects.get().outcome) == ("done", "no spend")
    assert not Incident.objects.exists()
    assert tick(hourly.job, now=NOW) == Outcome.DONE_BEFORE


def test_a_type_that_is_switched_off_is_not_even_made(hourly: Hourly) -> None:
    AlertSettings.objects.create(alert_types=["budget_alerts"])

    assert tick(hourly.job, now=NOW) == Outcome.SWITCHED_OFF
    assert (hourly.made, ScheduledRun.objects.count()) == ([], 0)


class Died(BaseException):
    """As if the process had been killed: nobody tidies up."""


@pytest.mark.usefixtures("_told_somewhere")
def test_who_is_killed_before_the_commit_is_made_up_for_once(hourly: Hourly, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as during:
        raise_event = incidents.raise_event

        def told_and_killed(event: Event, *, count: int, now: datetime) -> None:
            raise_event(event, count=count, now=now)
            raise Died

        during.setattr(incidents, "raise_event", told_and_killed)
        with pytest.raises(Died):
            tick(hourly.job, now=NOW)
    assert (Incident.objects.count(), Delivery.objects.count()) == (0, 0)
    assert ScheduledRun.objects.get().state == RunState.CLAIMED

    second = timedelta(seconds=1)
    outcomes = [tick(hourly.job, now=NOW + after) for after in (LEASE - second, LEASE, LEASE + second)]

    assert outcomes == [Outcome.TAKEN, Outcome.TOLD, Outcome.DONE_BEFORE]
    assert titles() == [title_of(NOW - HOUR)]
    assert ScheduledRun.objects.get().attempts == 2


@pytest.mark.usefixtures("_told_somewhere")
def test_what_was_begun_is_finished_though_its_period_has_passed(hourly: Hourly) -> None:
    begin_and_die(hourly)

    assert tick(hourly.job, now=NOW + 2 * HOUR) == Outcome.TOLD

    assert sorted(titles()) == [title_of(NOW - HOUR), title_of(NOW + HOUR)]
    assert tick(hourly.job, now=NOW + 2 * HOUR) == Outcome.DONE_BEFORE


@pytest.mark.usefixtures("_told_somewhere")
def test_what_was_begun_long_ago_is_no_news(hourly: Hourly) -> None:
    begin_and_die(hourly)

    tick(hourly.job, now=NOW + FINISHED_WITHIN)

    assert titles() == [title_of(NOW + FINISHED_WITHIN - HOUR)]


@pytest.mark.usefixtures("_told_somewhere")
def test_who_was_too_slow_tells_nothing(hourly: Hourly) -> None:
    slow = hourly.make

    def overtaken(span: Span) -> Report:
        hourly.job_of_the_other = tick(hourly.job, now=NOW + LEASE)  # type: ignore[attr-defined]
        return slow(span)

    first = Job(name="hourly", title="Hourly", alert_types=(AlertType.SPEND_REPORTS,), span_at=hour_of, make=overtaken)

    assert tick(first, now=NOW) == Outcome.LOST
    assert hourly.job_of_the_other == Outcome.TOLD  # type: ignore[attr-defined]
    assert titles() == [title_of(NOW - HOUR)]


@pytest.mark.usefixtures("_told_somewhere")
def test_a_report_that_fails_is_tried_again_after_a_pause_that_grows(
    hourly: Hourly, caplog: pytest.LogCaptureFixture
) -> None:
    hourly.fails = True
    pause = timedelta(seconds=RETRY_SECONDS)

    assert tick(hourly.job, now=NOW) == Outcome.FAILED
    assert ScheduledRun.objects.get().last_error == "Broken"
    assert tick(hourly.job, now=NOW + pause / 2) == Outcome.TAKEN
    assert tick(hourly.job, now=NOW + pause) == Outcome.FAILED
    assert tick(hourly.job, now=NOW + 2.5 * pause) == Outcome.TAKEN
    hourly.fails = False
    assert tick(hourly.job, now=NOW + 3 * pause) == Outcome.TOLD

    assert len(hourly.made) == 3
    assert ScheduledRun.objects.get().last_error == ""
    assert titles() == [title_of(NOW - HOUR)]
    assert "with a secret" not in ScheduledRun.objects.get().last_error


def test_the_pause_after_failures_is_never_longer_than_the_report_check_interval(hourly: Hourly) -> None:
    AlertSettings.objects.create(alerting_args={"report_check_interval": 5})
    hourly.fails = True

    tick(hourly.job, now=NOW)

    assert ScheduledRun.objects.get().lease_until == NOW + timedelta(seconds=5)


def test_a_job_that_fails_keeps_no_other_from_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    channel()
    good = Hourly()

    def nonsense(_: datetime) -> Span:
        raise Broken

    bad = Job(name="bad", title="", alert_types=(AlertType.SPEND_REPORTS,), span_at=nonsense, make=good.make)
    monkeypatch.setattr("alerts.schedule_runs.scheduled_jobs", lambda: (bad, good.job))

    assert schedule_runs.tick_all(now=NOW) == {"bad": Outcome.FAILED, "hourly": Outcome.TOLD}


@pytest.mark.usefixtures("_told_somewhere")
def test_a_run_is_told_again_as_it_was_stored(hourly: Hourly) -> None:
    tick(hourly.job, now=NOW)
    hourly.report = Report(silence="by now, everything is different")

    assert send_again(ScheduledRun.objects.get(), now=NOW + HOUR / 2) == 1

    first, second = Delivery.objects.order_by("created_at")
    told = ("title", "details", "sections", "files", "level", "alert_type")
    assert [first.message[name] for name in told] == [second.message[name] for name in told]
    assert first.message["id"] != second.message["id"]


def test_what_another_version_stored_is_refused_with_a_sentence() -> None:
    run = ScheduledRun(told=[{"event": "Unheard", "job": "x"}])

    with pytest.raises(ValueError, match="another version"):
        send_again(run, now=NOW)


@pytest.mark.usefixtures("_told_somewhere")
def test_the_last_full_period_can_be_told_without_waiting(hourly: Hourly) -> None:
    hourly.ready = False

    assert send_last(hourly.job, now=NOW) == Outcome.TOLD
    assert send_last(hourly.job, now=NOW) == Outcome.TOLD

    assert titles() == [title_of(NOW - HOUR)] * 2
    assert len(hourly.made) == 1


def test_a_preview_is_of_the_running_period_and_leaves_nothing(hourly: Hourly) -> None:
    channel()

    found = preview(hourly.job, now=NOW + HOUR / 2)

    assert found is not None
    assert (found[0].starts_at, found[1].events[0].title()) == (NOW, title_of(NOW))
    assert not ScheduledRun.objects.exists()
    assert not Incident.objects.exists()


def crossing(user_id: str = "ann", period: str = "2026-11-23") -> UserSpendThreshold:
    return UserSpendThreshold(
        user_id=user_id, name=user_id.title(), period_name="Daily", period=period, spent="12.00", threshold="10.00"
    )


@pytest.fixture
def _thresholds_on() -> None:
    AlertSettings.objects.create(alert_types=["spend_reports", "user_spend_thresholds"])


@pytest.mark.usefixtures("_told_somewhere", "_thresholds_on")
def test_a_crossing_is_told_once_whichever_period_notices_it(hourly: Hourly) -> None:
    hourly.report = Report(crossings=(crossing(), crossing("bob")))
    tick(hourly.job, now=NOW)
    hourly.report = Report(crossings=(crossing(), crossing("bob"), crossing("ann", "2026-11-24")))
    tick(hourly.job, now=NOW + HOUR)

    told = [row.message["details"] for row in Delivery.objects.order_by("created_at")]
    assert sorted((one["Id"], one["Period"]) for one in told) == [
        ("ann", "2026-11-23"),
        ("ann", "2026-11-24"),
        ("bob", "2026-11-23"),
    ]
    assert ScheduledRun.objects.filter(job="user_spend_thresholds").count() == 3


@pytest.mark.usefixtures("_told_somewhere")
def test_a_crossing_of_a_type_that_is_switched_off_may_still_be_told_later(hourly: Hourly) -> None:
    settings = AlertSettings.objects.create(alert_types=["spend_reports"])
    hourly.report = Report(crossings=(crossing(),))
    tick(hourly.job, now=NOW)
    assert not Delivery.objects.exists()

    settings.alert_types = ["spend_reports", "user_spend_thresholds"]
    settings.save()
    tick(hourly.job, now=NOW + HOUR)

    assert Delivery.objects.count() == 1


def test_old_runs_are_forgotten_and_the_last_of_each_job_is_not(hourly: Hourly) -> None:
    hourly.report = Report(silence="no spend")
    for hours in range(4):
        tick(hourly.job, now=NOW + hours * HOUR)
    hourly.report = None
    tick(hourly.job, now=NOW + 4 * HOUR)

    assert forget_runs(now=NOW + timedelta(days=7) + HOUR / 2) == 1
    assert forget_runs(now=NOW + timedelta(days=30)) == 3
    assert forget_runs(now=NOW + timedelta(days=3000)) == 0
    assert [run.ends_at for run in ScheduledRun.objects.all()] == [NOW + 4 * HOUR]


@pytest.mark.django_db(transaction=True)
def test_three_beats_at_once_tell_one_report(hourly: Hourly) -> None:
    channel()

    outcomes = at_once(3, lambda: tick(hourly.job, now=NOW))

    assert sorted(outcomes).count(Outcome.TOLD) == 1
    assert set(outcomes) <= {Outcome.TOLD, Outcome.TAKEN, Outcome.DONE_BEFORE}
    assert titles() == [title_of(NOW - HOUR)]
    assert len(hourly.made) == 1


@pytest.mark.django_db(transaction=True)
def test_three_beats_that_find_the_same_dead_lease_tell_one_report(hourly: Hourly) -> None:
    channel()
    hourly.fails = True
    tick(hourly.job, now=NOW)
    hourly.fails = False

    outcomes = at_once(3, lambda: tick(hourly.job, now=NOW + HOUR / 2))

    assert outcomes.count(Outcome.TOLD) == 1
    assert titles() == [title_of(NOW - HOUR)]


@pytest.mark.django_db(transaction=True)
def test_three_beats_finish_what_was_begun_before_once(hourly: Hourly) -> None:
    channel()
    begin_and_die(hourly)

    outcomes = at_once(3, lambda: tick(hourly.job, now=NOW + HOUR))

    assert outcomes.count(Outcome.TOLD) == 1
    assert sorted(titles()) == [title_of(NOW - HOUR), title_of(NOW)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_thresholds_on")
def test_two_periods_at_once_tell_a_crossing_once() -> None:
    channel()
    told = Hourly(report=Report(crossings=(crossing(),)))
    times = iter([NOW, NOW + HOUR, NOW + 2 * HOUR])

    at_once(3, lambda: tick(told.job, now=next(times)))

    assert Delivery.objects.count() == 1
