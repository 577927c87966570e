"""Which channels an event goes to, and the reason when it goes to none. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from alerts.core.matching import Matchers, matches
from alerts.core.schedule import Outside, Schedule


class Reason(StrEnum):
    """Why an event was told, or not: log field, metric label and admin column alike."""

    DELIVER = "deliver"
    DIGEST = "digest"
    REPEAT_INTERVAL = "repeat_interval"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"
    SILENCED = "silenced"
    INHIBITED = "inhibited"
    FLAPPING = "flapping"
    TYPE_DISABLED = "type_disabled"
    NO_ROUTE = "no_route"


@dataclass(frozen=True, slots=True)
class Route:
    """A row of AlertRoute with its enabled channels, read once. Empty types or levels mean all of them."""

    id: int
    channel_ids: tuple[int, ...]
    name: str = ""
    alert_types: frozenset[str] = frozenset()
    levels: frozenset[str] = frozenset()
    matchers: Matchers = field(default_factory=dict)
    goes_on: bool = False
    schedule: Schedule = field(default_factory=Schedule)
    level: str = ""
    repeat_seconds: int | None = None
    escalate_after_seconds: int | None = None
    escalate_to: tuple[int, ...] = ()
    runbook_url: str = ""
    dashboard_url: str = ""
    team_id: str = ""


@dataclass(frozen=True, slots=True)
class Mute:
    """A row of Silence. A weekly one comes again at the same time of the week, by UTC.

    One of a team keeps the team's own routes quiet, and no others.
    """

    id: int
    matchers: Matchers
    alert_types: frozenset[str]
    starts_at: datetime
    ends_at: datetime
    is_weekly: bool = False
    team_id: str = ""

    def until(self, now: datetime) -> datetime | None:
        """When the silence that holds now ends; None while it does not hold."""
        if now < self.starts_at:
            return None
        passed = (now - self.starts_at) // _WEEK if self.is_weekly else 0
        ends_at = self.ends_at + passed * _WEEK
        return ends_at if now < ends_at else None


_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be told: facts of an event, with every label that routes may ask for.

    `avoid` is the channel that it is about, which would not take it.
    """

    alert_type: str
    level: str
    labels: Mapping[str, str] = field(default_factory=dict)
    avoid: int | None = None


@dataclass(frozen=True, slots=True)
class Routing:
    """What is set up at this moment. `digest_seconds` are by alert type."""

    enabled_types: Collection[str]
    routes: Sequence[Route]
    silences: Sequence[Mute] = ()
    digest_seconds: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Destination:
    """`hold_until` is when its route's hours begin; `route` says which one led here."""

    channel_id: int
    route: Route
    hold_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """`until` is when the reason may have passed; `level` is the event's, or what a route says instead."""

    reason: Reason
    destinations: tuple[Destination, ...] = ()
    level: str = ""
    until: datetime | None = None
    repeat_seconds: int | None = None
    escalate_after_seconds: int | None = None
    digest_seconds: int | None = None

    @property
    def channel_ids(self) -> tuple[int, ...]:
        return tuple(one.channel_id for one in self.destinations)


# Who, while it is open, speaks for what: by these labels they must be of the same thing.
INHIBITS: tuple[tuple[str, frozenset[str], tuple[str, ...]], ...] = (
    (
        "region_outage_alerts",
        frozenset({"outage_alerts", "llm_exceptions", "cooldown_deployment", "llm_too_slow", "llm_requests_hanging"}),
        ("provider", "region"),
    ),
    (
        "outage_alerts",
        frozenset({"llm_exceptions", "cooldown_deployment", "llm_too_slow", "llm_requests_hanging"}),
        ("deployment",),
    ),
)


def decide(subject: Subject, routing: Routing, *, open_incidents: Iterable[Subject] = (), now: datetime) -> Decision:
    """Whom an event is told that nobody was told of yet."""
    if subject.alert_type not in routing.enabled_types:
        return Decision(Reason.TYPE_DISABLED, level=subject.level)
    if until := silenced_until(subject, routing.silences, now=now):
        return Decision(Reason.SILENCED, level=subject.level, until=until)
    if inhibitor(subject, open_incidents):
        return Decision(Reason.INHIBITED, level=subject.level)
    meant = list(_taken(subject, routing.routes, now=now))
    quiet = quiet_teams(subject, routing.silences, now=now)
    taken = [route for route in meant if route.team_id not in quiet]
    # A team's own routes say how the team is told; of the rest they decide nothing that another decides.
    deciding = [route for route in taken if not route.team_id] or taken
    level = next((route.level for route in deciding if route.level), subject.level)
    destinations = tuple(one for one in _destinations(taken, now=now) if one.channel_id != subject.avoid)
    if not destinations and len(taken) < len(meant):
        return Decision(Reason.SILENCED, level=level, until=max(quiet.values()))
    if not destinations:
        return Decision(Reason.NO_ROUTE, level=level)
    escalating = [one for one in taken if one.escalate_after_seconds and one.escalate_to]
    digest_seconds = routing.digest_seconds.get(subject.alert_type) if level != "High" else None
    return Decision(
        Reason.DIGEST if digest_seconds else Reason.DELIVER,
        destinations,
        level=level,
        repeat_seconds=next((one.repeat_seconds for one in deciding if one.repeat_seconds), None),
        escalate_after_seconds=min(
            (one.escalate_after_seconds or 0 for one in [one for one in escalating if not one.team_id] or escalating),
            default=None,
        ),
        digest_seconds=digest_seconds,
    )


def silenced_until(subject: Subject, silences: Iterable[Mute], *, now: datetime) -> datetime | None:
    """The end of the longest silence that holds for it, those of teams aside."""
    return max(
        (until for mute in silences if not mute.team_id and (until := _held_until(mute, subject, now=now))),
        default=None,
    )


def quiet_teams(subject: Subject, silences: Iterable[Mute], *, now: datetime) -> dict[str, datetime]:
    """The teams that want to hear nothing of it, and until when."""
    found: dict[str, datetime] = {}
    for mute in silences:
        if mute.team_id and (until := _held_until(mute, subject, now=now)):
            found[mute.team_id] = max(until, found.get(mute.team_id, until))
    return found


def covers(mute: Mute, subject: Subject) -> bool:
    """Whether a silence is meant for it, at whatever time. A team's own is for what carries its team's label."""
    return (
        (not mute.alert_types or subject.alert_type in mute.alert_types)
        and (not mute.team_id or subject.labels.get("team_id") == mute.team_id)
        and matches(mute.matchers, subject.labels)
    )


def _held_until(mute: Mute, subject: Subject, *, now: datetime) -> datetime | None:
    return mute.until(now) if covers(mute, subject) else None


def inhibitor(subject: Subject, open_incidents: Iterable[Subject]) -> Subject | None:
    """The open incident that speaks for this one."""
    for other in open_incidents:
        for source, targets, labels in INHIBITS:
            if (
                other.alert_type == source
                and subject.alert_type in targets
                and all(subject.labels.get(name) and subject.labels[name] == other.labels.get(name) for name in labels)
            ):
                return other
    return None


def escalation(subject: Subject, routing: Routing, *, now: datetime) -> tuple[Destination, ...]:
    """Whom it is told when nobody acknowledged it in time: schedules do not hold back what is urgent.

    A team that wants to hear nothing of it is not told; what is silenced for everybody is the caller's to hold.
    """
    quiet = quiet_teams(subject, routing.silences, now=now)
    found = {
        channel_id: Destination(channel_id, route)
        for route in _taken(subject, routing.routes, now=now)
        if route.team_id not in quiet
        for channel_id in route.escalate_to
    }
    return tuple(found.values())


def is_meant(route: Route, subject: Subject) -> bool:
    """Whether a route's words fit, its hours aside. A team's own route is for what carries its team's label."""
    return (
        (not route.alert_types or subject.alert_type in route.alert_types)
        and (not route.levels or subject.level in route.levels)
        and (not route.team_id or subject.labels.get("team_id") == route.team_id)
        and matches(route.matchers, subject.labels)
    )


def _taken(subject: Subject, routes: Iterable[Route], *, now: datetime) -> Iterable[Route]:
    decided = False
    for route in routes:
        # What a team sets up for itself is asked beside the others: it takes nothing from them, nor they from it.
        if (decided and not route.team_id) or not is_meant(route, subject):
            continue
        if route.schedule.outside == Outside.SKIP and not route.schedule.is_active(now):
            continue
        yield route
        decided = decided or not (route.goes_on or route.team_id)


def _destinations(routes: Iterable[Route], *, now: datetime) -> tuple[Destination, ...]:
    """Each channel once, by the route that tells it first."""
    found: dict[int, Destination] = {}
    for route in routes:
        begins = route.schedule.next_begin(now)
        hold_until = begins if begins > now else None
        for channel_id in route.channel_ids:
            known = found.get(channel_id)
            if known is None or (known.hold_until and (hold_until is None or hold_until < known.hold_until)):
                found[channel_id] = Destination(channel_id, route, hold_until)
    return tuple(found[channel_id] for channel_id in sorted(found))
