"""Why an event would be told to whom, or to nobody: what each route said. Pure, and of one mind with `decide`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alerts.core.matching import matches
from alerts.core.routing import (
    Decision,
    Destination,
    Mute,
    Route,
    Routing,
    Subject,
    covers,
    decide,
    escalation,
    inhibitor,
    quiet_teams,
)
from alerts.core.schedule import Outside


class Answer(StrEnum):
    """What a route said when it was asked; the first thing that did not fit."""

    TAKEN = "taken"
    OTHER_TYPE = "other_type"
    OTHER_LEVEL = "other_level"
    OTHER_TEAM = "other_team"
    OTHER_LABEL = "other_label"
    OUT_OF_HOURS = "out_of_hours"
    TEAM_SILENT = "team_silent"
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class Asked:
    """`label` is the first that did not fit; `hold_until` is when the hours begin of one that takes it and keeps it."""

    route: Route
    answer: Answer
    label: str = ""
    hold_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """`asked` are all routes in order, also of what is not told; `silences` those that hold."""

    decision: Decision
    asked: tuple[Asked, ...]
    silences: tuple[Mute, ...] = ()
    inhibitor: Subject | None = None
    escalation: tuple[Destination, ...] = ()


def explain(
    subject: Subject, routing: Routing, *, open_incidents: Iterable[Subject] = (), now: datetime
) -> Explanation:
    others = list(open_incidents)
    return Explanation(
        decision=decide(subject, routing, open_incidents=others, now=now),
        asked=tuple(_ask(subject, routing, now=now)),
        silences=tuple(holding(subject, routing.silences, now=now)),
        inhibitor=inhibitor(subject, others),
        escalation=escalation(subject, routing, now=now),
    )


def holding(subject: Subject, silences: Iterable[Mute], *, now: datetime) -> Iterator[Mute]:
    """The silences because of which nobody is told, those of teams aside."""
    return (mute for mute in silences if not mute.team_id and mute.until(now) is not None and covers(mute, subject))


def _ask(subject: Subject, routing: Routing, *, now: datetime) -> Iterator[Asked]:
    decided = False
    quiet = quiet_teams(subject, routing.silences, now=now)
    for route in routing.routes:
        if decided and not route.team_id:
            yield Asked(route, Answer.NOT_ASKED)
            continue
        one = _asked(subject, route, now=now)
        if one.answer == Answer.TAKEN and route.team_id in quiet:
            one = Asked(route, Answer.TEAM_SILENT)
        yield one
        decided = decided or (one.answer == Answer.TAKEN and not route.goes_on and not route.team_id)


def _asked(subject: Subject, route: Route, *, now: datetime) -> Asked:
    if (misfit := _misfit(subject, route)) is not None:
        return misfit
    if route.schedule.is_active(now):
        return Asked(route, Answer.TAKEN)
    if route.schedule.outside == Outside.SKIP:
        return Asked(route, Answer.OUT_OF_HOURS)
    return Asked(route, Answer.TAKEN, hold_until=route.schedule.next_begin(now))


def _misfit(subject: Subject, route: Route) -> Asked | None:
    """None where the route is meant for it, as `routing.is_meant` says."""
    if route.alert_types and subject.alert_type not in route.alert_types:
        return Asked(route, Answer.OTHER_TYPE)
    if route.levels and subject.level not in route.levels:
        return Asked(route, Answer.OTHER_LEVEL)
    if route.team_id and subject.labels.get("team_id") != route.team_id:
        return Asked(route, Answer.OTHER_TEAM)
    for name, patterns in route.matchers.items():
        if not matches({name: patterns}, subject.labels):
            return Asked(route, Answer.OTHER_LABEL, label=name)
    return None
