"""Model groups as they stand: who would be asked in which order, who is out of service and why, and what comes after.

The decisions are those of a request that just any key makes (proxy.prospects); nobody is asked and nothing is counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from proxy.core import errors
from proxy.core.rerouting import SETTINGS, Entries, value_of
from proxy.core.routing import Routable, Selection, Skip, select
from proxy.core.settings import RouterSettings
from proxy.deployments import Deployment as Built
from proxy.models import Deployment, Section
from proxy.prospects import Link, Prospect, Prospects, Question
from proxy.registry import RoutingTable, load_routing_table
from proxy.runtime import Runtime, running
from proxy.standing import Standing
from proxy.state import RouterState
from teams.errors import ApiError
from teams.principal import Principal

# What fails, by the setting whose list is asked then.
FAILURES: Mapping[str, ApiError] = {
    "fallbacks": errors.UpstreamFailure("", provider=""),
    "context_window_fallbacks": errors.ContextWindowExceeded("", provider=""),
    "content_policy_fallbacks": errors.ContentPolicyViolation("", provider=""),
}
_JUST_ANYBODY = Principal(key_hash="", role="proxy_admin")


@dataclass(frozen=True, slots=True)
class Place:
    """A deployment in its group's order. `turn` counts from 1; None: it is passed over, and `why` says for what.

    `share` is the chance to be asked first, 0 for those that wait.
    """

    row: Deployment
    standing: Standing
    turn: int | None
    share: float = 0.0
    why: Skip | None = None
    built: Built | None = None


class Board:
    """`settings` are the router's lists, as they are stored or as they might become."""

    def __init__(self, settings: Mapping[str, Entries], *, table: RoutingTable, runtime: Runtime | None) -> None:
        lists = {name: value_of(name, entries) for name, entries in settings.items() if entries}
        given = {section: _without_lists(table.settings.get(section, {})) for section in Section.values}
        router, _doubts = RouterSettings.read(
            {**given[Section.ROUTER], **lists}, given[Section.LITELLM], given[Section.GENERAL]
        )
        self.table = replace(table, router=router)
        view = _Glance(runtime.state if runtime else RouterState())
        crossings = runtime.spending.crossings if runtime else (lambda _ids: ())
        self._prospects = _Prospects(
            Question(model=""), _JUST_ANYBODY, self.table, view, router, self._deployments, crossings
        )
        self._built = {one.id: one for one in table.all_deployments()}

    @property
    def router(self) -> RouterSettings:
        return self.table.router

    def exists(self, name: str) -> bool:
        """Whether some deployment stands behind a group's name, if only for a team or by a pattern."""
        return name in self.team_names or bool(self._deployments(name))

    @property
    def team_names(self) -> frozenset[str]:
        return frozenset(name for _team, name in self.table.team_groups)

    def group(self, name: str) -> Prospect:
        return self._prospects.group(name)

    def chain(self, name: str, setting: str) -> list[Link]:
        """The groups that are asked when one after the other fails so."""
        return list(self._prospects.chain(name, FAILURES[setting]))

    def places(self, rows: Sequence[Deployment], standings: Mapping[str, Standing]) -> list[Place]:
        """Of one group's rows: those that may be asked first, then those of a later order, then the rest."""
        selection = self._prospects.select([self._built[row.pk] for row in rows if row.pk in self._built])
        shares, skipped = self._prospects.odds(selection.eligible), dict(selection.skipped)
        found = [
            Place(row, standings[row.pk], None, shares.get(row.pk, 0.0), skipped.get(row.pk), self._built.get(row.pk))
            for row in rows
        ]
        found.sort(key=_rank)
        waiting = [replace(one, turn=turn) for turn, one in enumerate(filter(_will_be_asked, found), 1)]
        return [*waiting, *(one for one in found if not _will_be_asked(one))]

    def _deployments(self, name: str) -> Sequence[Built]:
        found = self.table.deployments(name, team_id=None)
        if found or (matched := self.table.pattern_of(name)) is None:
            return found
        return self.table.deployments(matched[0], team_id=None)


class _Prospects(Prospects):
    """Whatever is asked for: a group that only embeds is no group without deployments."""

    def group(self, name: str) -> Prospect:
        deployments = self.find(name)
        return Prospect(name, deployments, self.select(deployments), None)

    def select(self, deployments: Sequence[Built]) -> Selection[Built]:
        return select(deployments, self.asked, self.view, self.settings)


def board(settings: Mapping[str, Entries], *, now: datetime) -> Board:
    """By what this process knows; outside of a web process, by the rows alone."""
    try:
        runtime = running()
    except RuntimeError:
        return Board(settings, table=load_routing_table(now=now), runtime=None)
    return Board(settings, table=runtime.table, runtime=runtime)


def _without_lists(section: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in section.items() if name not in SETTINGS}


# Whoever is passed over only because another comes first.
_LATER = frozenset({Skip.ORDER, Skip.PROBING})


def _will_be_asked(place: Place) -> bool:
    return place.built is not None and (place.why is None or place.why in _LATER)


def _rank(place: Place) -> tuple[int, int, float, str]:
    order = place.built.order if place.built else 0
    if not _will_be_asked(place):
        return 3, order, 0.0, place.row.pk
    return (0 if place.why is None else 1 if place.why is Skip.ORDER else 2), order, -place.share, place.row.pk


class _Glance:
    """The state of the fleet for another thread: what it has not heard of gets no place in it."""

    def __init__(self, state: RouterState) -> None:
        self._state, self._idle = state, RouterState()

    def _of(self, deployment_id: str) -> RouterState:
        return self._state if self._state.knows(deployment_id) else self._idle

    def state(self, deployment_id: str, /) -> Skip | None:
        return self._state.state(deployment_id)

    def in_flight(self, deployment_id: str, /) -> int:
        return self._of(deployment_id).in_flight(deployment_id)

    def requests(self, deployment_id: str, /) -> int:
        return self._of(deployment_id).requests(deployment_id)

    def tokens(self, deployment_id: str, /) -> int:
        return self._of(deployment_id).tokens(deployment_id)

    def latency(self, deployment_id: str, /, *, stream: bool) -> float | None:
        return self._of(deployment_id).latency(deployment_id, stream=stream)

    def over_budget(self, deployment: Routable, /) -> bool:
        return self._state.over_budget(deployment)

    def describe(self, deployment_id: str, /) -> dict[str, Any]:
        return self._of(deployment_id).describe(deployment_id)

    def cooling_seconds(self, deployment_id: str, /) -> float:
        return self._state.cooling_seconds(deployment_id)
