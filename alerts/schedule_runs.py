"""Each period of each job once: claimed by a row, told and marked done in one transaction.

Any number of processes may tick, at once and late. Only the latest period that is over is begun: what was missed while
nobody ticked is not made up. Who dies in between leaves a lease that runs out, and what was begun is finished, later
than the next period if need be.
"""

import logging
import re
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction

from alerts import incidents
from alerts.core.routing import Reason
from alerts.events import ALWAYS_ON, Event
from alerts.events.reports import ScheduledReport
from alerts.events.stored import as_json, from_json
from alerts.models import AlertSettings, Incident, RunState, ScheduledRun
from alerts.scheduled import Job, Report, Span, scheduled_jobs

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
# A report that takes longer than a lease gets one longer by another each time, up to this.
LONGEST_LEASE = timedelta(hours=4)
# What was begun is news for so long after its period.
FINISHED_WITHIN = timedelta(days=7)
# After a failure, doubled each time up to `alerting_args.report_check_interval`.
RETRY_SECONDS = 60.0
REPORT_CHECK_INTERVAL = 3600.0
# Runs are kept for looking back; the last of each job stays in any case.
KEPT = timedelta(days=400)
SILENT_KEPT = timedelta(days=7)
_INSTANT = timedelta(microseconds=1)


class Outcome(StrEnum):
    """What a tick came to for one job."""

    TOLD = "told"
    SILENT = "silent"
    NOT_YET = "not yet"
    DONE_BEFORE = "done before"
    TAKEN = "taken"
    LOST = "lost"
    FAILED = "failed"
    SWITCHED_OFF = "switched off"


def tick_all(*, now: datetime) -> dict[str, Outcome]:
    """By the job's name. One that fails keeps no other from its turn."""
    return {job.name: _tick_or_log(job, now=now) for job in scheduled_jobs()}


def _tick_or_log(job: Job, *, now: datetime) -> Outcome:
    try:
        return tick(job, now=now)
    except Exception:
        logger.exception("A scheduled report could not be looked after", extra={"job": job.name})
        return Outcome.FAILED


def tick(job: Job, *, now: datetime) -> Outcome:
    """Tell the latest period that is over, unless that was done or somebody is at it; before it, one begun earlier."""
    settings = AlertSettings.load()
    if not (frozenset(settings.alert_types) | ALWAYS_ON).intersection(job.alert_types):
        return Outcome.SWITCHED_OFF
    span = last_span(job, now=now)
    if span is None or not job.may_begin(span, now):
        return Outcome.NOT_YET
    longest_pause = settings.argument("report_check_interval", REPORT_CHECK_INTERVAL)
    if begun := _left_by_others(job, before=span, now=now):
        _run(job, begun, now=now, longest_pause=longest_pause)
    return _run(job, span, now=now, longest_pause=longest_pause)


def last_span(job: Job, *, now: datetime) -> Span | None:
    """The latest that is over."""
    running = job.span_at(now)
    return None if running is None else job.span_at(running.starts_at - _INSTANT)


def send_last(job: Job, *, now: datetime) -> Outcome:
    """The last full period without waiting for what may still come in; told again where that was done before."""
    span = last_span(job, now=now)
    if span is None:
        return Outcome.NOT_YET
    done = ScheduledRun.objects.filter(job=job.name, period_key=span.key, state=RunState.DONE).first()
    if done is not None:
        return Outcome.TOLD if send_again(done, now=now) else Outcome.SILENT
    return _run(job, span, now=now, longest_pause=REPORT_CHECK_INTERVAL)


@transaction.atomic
def send_again(run: ScheduledRun, *, now: datetime) -> int:
    """Tell what is stored once more; how many events that are. Raises ValueError for what another version stored."""
    events = _stored(run)
    for event in events:
        incidents.raise_event(event, count=1, now=now)
    return len(events)


def preview(job: Job, *, now: datetime) -> tuple[Span, Report] | None:
    """The period that is not over yet, as far as it is known; nobody is told and nothing kept."""
    span = job.span_at(now)
    return None if span is None else (span, job.make(span))


def forget_runs(*, now: datetime) -> int:
    """How many old ones are gone; of those that had nothing to say, sooner."""
    gone = 0
    for job in ScheduledRun.objects.order_by("job").values_list("job", flat=True).distinct():
        runs = ScheduledRun.objects.filter(job=job)
        last = runs.order_by("-ends_at").values("pk")[:1]
        old = runs.filter(ends_at__lt=now - KEPT) | runs.filter(ends_at__lt=now - SILENT_KEPT, told=[])
        gone += old.exclude(pk__in=last).delete()[0]
    return gone


def _left_by_others(job: Job, *, before: Span, now: datetime) -> Span | None:
    left = ScheduledRun.objects.filter(job=job.name, state=RunState.CLAIMED, lease_until__lte=now)
    in_time = left.filter(ends_at__gt=now - FINISHED_WITHIN, ends_at__lt=before.ends_at)
    run = in_time.order_by("ends_at").first()
    return None if run is None else Span(run.period_key, run.starts_at, run.ends_at)


def _run(job: Job, span: Span, *, now: datetime, longest_pause: float) -> Outcome:
    if not (run := _claim(job, span, now=now)):
        done = ScheduledRun.objects.filter(job=job.name, period_key=span.key, state=RunState.DONE).exists()
        return Outcome.DONE_BEFORE if done else Outcome.TAKEN
    try:
        return _finish(run, job.make(span), now=now)
    except Exception as error:
        logger.exception("A scheduled report could not be made", extra={"job": job.name, "period": span.key})
        pause = min(RETRY_SECONDS * 2 ** min(run.attempts - 1, 20), longest_pause)
        # Only the kind of error: its text may hold what nobody is to read here.
        ScheduledRun.objects.filter(pk=run.pk, lease=run.lease, state=RunState.CLAIMED).update(
            lease_until=now + timedelta(seconds=pause), last_error=type(error).__name__
        )
        return Outcome.FAILED


def _claim(job: Job, span: Span, *, now: datetime) -> ScheduledRun | None:
    """Ours by inserting the row, or by taking over a lease that ran out."""
    mine = uuid.uuid4()
    found = ScheduledRun.objects.filter(job=job.name, period_key=span.key).first()
    if found is None:
        if ScheduledRun.objects.filter(job=job.name, ends_at__gt=span.ends_at).exists():
            # A clock that was put back does not bring back what was passed over.
            return None
        made = ScheduledRun(
            job=job.name,
            period_key=span.key,
            starts_at=span.starts_at,
            ends_at=span.ends_at,
            lease=mine,
            lease_until=now + LEASE,
        )
        ScheduledRun.objects.bulk_create([made], ignore_conflicts=True)
        return ScheduledRun.objects.filter(pk=made.pk).first()
    if found.state == RunState.DONE or found.lease_until is None or found.lease_until > now:
        return None
    taken = ScheduledRun.objects.filter(pk=found.pk, lease=found.lease, lease_until=found.lease_until).update(
        lease=mine,
        lease_until=now + min(LEASE * (found.attempts + 1), LONGEST_LEASE),
        attempts=found.attempts + 1,
    )
    return ScheduledRun.objects.filter(pk=found.pk, lease=mine).first() if taken else None


@transaction.atomic
def _finish(run: ScheduledRun, report: Report, *, now: datetime) -> Outcome:
    """The report goes into the outbox, and the run is done: both or neither."""
    mine = ScheduledRun.objects.filter(pk=run.pk, lease=run.lease, state=RunState.CLAIMED).update(
        state=RunState.DONE, lease=None, lease_until=None, made_at=now, last_error=""
    )
    if not mine:
        # Somebody took over meanwhile, and tells it.
        return Outcome.LOST
    settings = AlertSettings.load()
    run.csv = report.csv
    wanted = [event for event in report.crossings if event.alert_type in settings.alert_types]
    crossed = [reason for event in wanted if (reason := _tell_crossing(event, run, now=now))]
    reasons = crossed + [incidents.raise_event(_with_file(event, run), count=1, now=now) for event in report.events]
    ScheduledRun.objects.filter(pk=run.pk).update(
        outcome=", ".join(dict.fromkeys(reasons)) or report.silence or "nothing to tell",
        content=dict(report.content),
        csv=report.csv,
        told=[as_json(event) for event in report.events],
        incident_id=_incident_of(report.events),
    )
    return Outcome.TOLD if reasons else Outcome.SILENT


def _tell_crossing(event: Event, run: ScheduledRun, *, now: datetime) -> Reason | None:
    """Unless it was told before: the row says so, whoever notices it."""
    row = ScheduledRun(
        job=event.alert_type,
        period_key=event.fingerprint(),
        starts_at=run.starts_at,
        ends_at=run.ends_at,
        state=RunState.DONE,
        made_at=now,
        content=event.details(),
        told=[as_json(event)],
    )
    ScheduledRun.objects.bulk_create([row], ignore_conflicts=True)
    if not ScheduledRun.objects.filter(pk=row.pk).exists():
        return None
    reason = incidents.raise_event(event, count=1, now=now)
    ScheduledRun.objects.filter(pk=row.pk).update(outcome=reason, incident_id=_incident_of([event]))
    return reason


def _stored(run: ScheduledRun) -> list[Event]:
    return [_with_file(from_json(stored), run) for stored in run.told]


def _with_file(event: Event, run: ScheduledRun) -> Event:
    """The file is kept once, beside the events."""
    if not run.csv or not isinstance(event, ScheduledReport):
        return event
    return replace(event, attachments=((file_name(run), run.csv),))


def file_name(run: ScheduledRun) -> str:
    return re.sub(r"[^\w.-]+", "-", f"{run.job}-{run.period_key}") + ".csv"


def _incident_of(events: Sequence[Event]) -> uuid.UUID | None:
    """Of the first, as it was told just now; none where its type is switched off."""
    if not events:
        return None
    told = Incident.objects.filter(fingerprint=events[0].fingerprint()).order_by("-opened_at", "-id")
    return told.values_list("pk", flat=True).first()
