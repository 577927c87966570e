"""What is set up at this moment, as the engine's pure decisions want it."""

from datetime import datetime

from django.db.models import F, Q

from alerts.core.matching import read_matchers
from alerts.core.routing import Mute, Route, Routing
from alerts.core.schedule import Schedule
from alerts.events import ALWAYS_ON
from alerts.models import AlertRoute, AlertSettings, Silence


def load_routing(*, now: datetime) -> Routing:
    """Routes with their enabled channels, and the silences that may hold now."""
    settings = AlertSettings.load()
    return Routing(
        enabled_types=frozenset(settings.alert_types) | ALWAYS_ON,
        routes=load_routes(),
        silences=load_silences(now=now),
        digest_seconds=settings.digest_seconds(),
    )


def load_routes() -> list[Route]:
    # A team's route leads to the team's own channels, whosever they were when it was set up.
    own = Q(alertroute__team_id="") | Q(alertroute__team_id=F("alertchannel__team_id"))
    channels = _ids_by_route(AlertRoute.channels.through.objects.filter(own, alertchannel__enabled=True))
    escalations = _ids_by_route(AlertRoute.escalate_to.through.objects.filter(own, alertchannel__enabled=True))
    return [
        Route(
            id=row.pk,
            name=row.name,
            channel_ids=channels.get(row.pk, ()),
            alert_types=frozenset(row.alert_types),
            levels=frozenset(row.levels),
            matchers=read_matchers(row.matchers),
            goes_on=row.goes_on,
            schedule=Schedule.read(row.schedule),
            level=row.level,
            repeat_seconds=row.repeat_seconds,
            escalate_after_seconds=row.escalate_after_seconds,
            escalate_to=escalations.get(row.pk, ()),
            runbook_url=row.runbook_url,
            dashboard_url=row.dashboard_url,
            team_id=row.team_id,
        )
        for row in AlertRoute.objects.filter(enabled=True).order_by("position", "id")
    ]


def load_silences(*, now: datetime) -> list[Mute]:
    rows = Silence.objects.filter(Q(ends_at__gt=now) | Q(is_weekly=True), starts_at__lte=now).order_by("id")
    return [mute_of(row) for row in rows]


def mute_of(row: Silence) -> Mute:
    return Mute(
        id=row.pk,
        matchers=read_matchers(row.matchers),
        alert_types=frozenset(row.alert_types),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        is_weekly=row.is_weekly,
        team_id=row.team_id,
    )


def _ids_by_route(rows: object) -> dict[int, tuple[int, ...]]:
    found: dict[int, list[int]] = {}
    pairs = rows.order_by("alertroute_id", "alertchannel_id").values_list("alertroute_id", "alertchannel_id")  # type: ignore[attr-defined]
    for route_id, channel_id in pairs:
        found.setdefault(route_id, []).append(channel_id)
    return {route_id: tuple(ids) for route_id, ids in found.items()}
