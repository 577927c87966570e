"""What is told by the calendar: the jobs that other apps register, the periods they have and what they say of one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alerts.events import AlertType, Event


@dataclass(frozen=True, slots=True)
class Span:
    """A period: from `starts_at` until just before `ends_at`. The key names it for good: each is told once."""

    key: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """What a job has to say of a span.

    `events` are told when the span is done with, `crossings` each only once ever, whichever span notices it first. Of
    neither there may be any: then `silence` says why. `content` is kept, with the text of a file where there is one.
    """

    content: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    crossings: tuple[Event, ...] = ()
    csv: str = ""
    silence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`span_at` gives the span that holds an instant; spans follow each other without a gap. None: there is none now.

    `may_begin` says whether all that belongs to a span is known by now; it is asked until it is. `make` speaks of the
    span alone, whenever it is asked. It runs only while one of the alert types is switched on.
    """

    name: str
    title: str
    alert_types: tuple[AlertType, ...]
    span_at: Callable[[datetime], Span | None]
    make: Callable[[Span], Report]
    may_begin: Callable[[Span, datetime], bool] = field(default=lambda _span, _now: True)


_jobs: dict[str, Job] = {}


def schedule(*jobs: Job) -> None:
    """From now on `schedule_runs.tick` looks after them. A job of the same name is replaced."""
    _jobs.update({job.name: job for job in jobs})


def scheduled_jobs() -> tuple[Job, ...]:
    return tuple(_jobs.values())


def scheduled_job(name: str) -> Job | None:
    return _jobs.get(name)
