"""What is wrong just now and what the calendar brought last, for a page that shows little of much."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Value, When

from alerts.desk import Desk
from alerts.events import Level
from alerts.models import LIVE, AlertChannel, AlertRoute, Incident, IncidentStatus, ScheduledRun
from alerts.scheduled import scheduled_job

_WORST = Case(
    *(When(level=level.value, then=Value(place)) for place, level in enumerate((Level.HIGH, Level.MEDIUM, Level.LOW))),
    default=Value(3),
    output_field=IntegerField(),
)


@dataclass(frozen=True, slots=True)
class Firing:
    pk: str
    level: str
    title: str
    alert_type: str
    count: int
    opened_at: datetime
    is_acknowledged: bool


@dataclass(frozen=True, slots=True)
class OwnChannel:
    """Whether a route leads to it, and whether it has ever delivered anything."""

    pk: int
    has_route: bool
    has_delivered: bool


def firing_incidents(*, desk: Desk, limit: int) -> tuple[Mapping[str, int], Sequence[Firing]]:
    """How many of each level are not over, and the worst: by level, then what nobody looks after, then the newest."""
    live = desk.watched(Incident.objects.filter(status__in=LIVE))
    levels = dict(live.order_by().values_list("level").annotate(number=Count("pk")))
    # "acknowledged" stands before "open" in the alphabet.
    worst = live.annotate(worst=_WORST).order_by("worst", "-status", "-last_seen_at", "-id")[:limit]
    return levels, [_firing(row) for row in worst.defer("details", "body", "labels")]


def _firing(row: Incident) -> Firing:
    return Firing(
        pk=str(row.pk),
        level=row.level,
        title=row.title,
        alert_type=row.alert_type,
        count=row.count,
        opened_at=row.opened_at,
        is_acknowledged=row.status == IncidentStatus.ACKNOWLEDGED,
    )


@dataclass(frozen=True, slots=True)
class Run:
    """`made_at` is None while it is being made; `outcome` says why it was told, or was not."""

    pk: str
    title: str
    starts_at: datetime
    ends_at: datetime
    made_at: datetime | None
    outcome: str
    error: str


def last_runs(*, limit: int) -> list[Run]:
    """The newest periods first."""
    rows = ScheduledRun.objects.order_by("-ends_at", "-id").defer("content", "csv", "told")[:limit]
    return [
        Run(
            pk=str(row.pk),
            title=job.title if (job := scheduled_job(row.job)) else row.job,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            made_at=row.made_at,
            outcome=row.outcome,
            error=row.last_error,
        )
        for row in rows
    ]


def gateways_channels() -> list[OwnChannel]:
    """The gateway's own channels that are switched on."""
    routes = AlertRoute.objects.filter(channels=OuterRef("pk"), enabled=True, team_id="")
    rows = AlertChannel.objects.filter(enabled=True, team_id="").annotate(has_route=Exists(routes)).order_by("pk")
    found = rows.values_list("pk", "has_route", "delivered_at")[:100]
    return [OwnChannel(pk, has_route, delivered_at is not None) for pk, has_route, delivered_at in found]
