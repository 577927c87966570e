"""How deployments stand, for the admin's pages: in service or why not, how busy, and what their last check said.

What is going on is known only to a web process, with the numbers of all others in it; elsewhere there is "-".
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from proxy.core.routing import Skip
from proxy.deployments import Deployment as Built
from proxy.health_checks import latest
from proxy.models import Deployment, HealthCheck
from proxy.runtime import Runtime, running
from proxy.state import RouterState
from teams.admin.texts import Text, dollars

NOTHING = "-"


class State(StrEnum):
    """In the words of pages, which are translated; a cooldown says more."""

    IN_SERVICE = "In service"
    DRAINED = "Drained"
    COOLING = "Cooling down"
    ON_TRIAL = "On trial after a cooldown"
    UNHEALTHY = "Unhealthy"
    LEFT_OUT = "Left out of the routing table"
    UNKNOWN = NOTHING


COLORS: Mapping[str, str] = {
    State.IN_SERVICE: "success",
    State.DRAINED: "info",
    State.COOLING: "warning",
    State.ON_TRIAL: "warning",
    State.UNHEALTHY: "danger",
    State.LEFT_OUT: "danger",
}
WORDS: Mapping[State, Text] = {
    State.IN_SERVICE: gettext_lazy("In service"),
    State.DRAINED: gettext_lazy("Drained"),
    State.COOLING: gettext_lazy("Cooling down"),
    State.ON_TRIAL: gettext_lazy("On trial after a cooldown"),
    State.UNHEALTHY: gettext_lazy("Unhealthy"),
    State.LEFT_OUT: gettext_lazy("Left out of the routing table"),
}
_STATES = {Skip.COOLDOWN: State.COOLING, Skip.PROBING: State.ON_TRIAL, Skip.UNHEALTHY: State.UNHEALTHY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`live` is RouterState.describe's, empty where it is not known; `built` what the routing table made of the row."""

    state: State
    text: str
    built: Built | None = None
    last: HealthCheck | None = None
    live: Mapping[str, Any] = field(default_factory=dict)

    @property
    def requests(self) -> str:
        """Of the last minute."""
        if not self.live:
            return NOTHING
        failed = self.live["failures_last_minute"]
        requests = f"{self.live['requests_last_minute']:,}"
        return (
            _("%(requests)s, %(failed)s failed") % {"requests": requests, "failed": f"{failed:,}"}
            if failed
            else requests
        )

    @property
    def in_flight(self) -> str:
        return f"{self.live['in_flight']:,}" if self.live else NOTHING

    @property
    def price(self) -> str:
        """Of a million tokens, or of whatever else is counted."""
        if self.built is None or self.built.price is None:
            return NOTHING if self.built is None else _("no price")
        price = self.built.price.price
        rates: list[tuple[int, Text]] = [(price.input.base, _("in")), (price.output.base, _("out"))]
        if (others := price.others) is not None:
            rates += [(getattr(others, name) // part, said) for name, (part, said) in _UNITS.items()]
        return ", ".join(f"{dollars(rate)} {said}" for rate, said in rates if rate) or _("free")


# Of rates for a million: what part of them is shown, and as what.
_UNITS: Mapping[str, tuple[int, Text]] = {
    "image": (1_000_000, gettext_lazy("an image")),
    "millisecond": (1_000, gettext_lazy("a second")),
    "character": (1, gettext_lazy("a million characters")),
    "query": (1_000_000, gettext_lazy("a query")),
}


def standings(rows: Collection[Deployment]) -> dict[str, Standing]:
    """By id; one query however many there are."""
    runtime = _runtime()
    built = {one.id: one for one in runtime.table.all_deployments()} if runtime else {}
    last = latest([row.pk for row in rows])
    # What nobody has asked anything of has no place in the router's state, and must not get one from this thread.
    idle = RouterState()
    return {row.pk: _standing(row, runtime, idle, built.get(row.pk), last.get(row.pk)) for row in rows}


def _runtime() -> Runtime | None:
    try:
        return running()
    except RuntimeError:
        return None


def _standing(
    row: Deployment, runtime: Runtime | None, idle: RouterState, built: Built | None, last: HealthCheck | None
) -> Standing:
    live: Mapping[str, Any] = {}
    if runtime and built:
        live = (runtime.state if runtime.state.knows(row.pk) else idle).describe(row.pk)
    state = _state(row, runtime, built)
    text = str(WORDS.get(state, state))
    if state is State.COOLING:
        reason = str(live["cooldown_reason"]).replace("_", " ")
        facts = {"seconds": math.ceil(live["cooldown_seconds"]), "reason": reason}
        text = _("Cooling down %(seconds)d s: %(reason)s") % facts
    return Standing(state=state, text=text, built=built, last=last, live=live)


def _state(row: Deployment, runtime: Runtime | None, built: Built | None) -> State:
    if row.blocked:
        return State.DRAINED
    if runtime is None:
        return State.UNKNOWN
    if built is None:
        return State.LEFT_OUT
    skip = runtime.state.state(row.pk)
    return State.IN_SERVICE if skip is None else _STATES.get(skip, State.IN_SERVICE)


def ago(at: datetime, *, now: datetime) -> str:
    """In the one unit that says most."""
    seconds = max(0, int((now - at).total_seconds()))
    for size, said in _AGO:
        if seconds >= size:
            return str(said) % {"number": seconds // size}
    return _("%(number)d s ago") % {"number": seconds}


_AGO = (
    (86_400, gettext_lazy("%(number)d d ago")),
    (3600, gettext_lazy("%(number)d h ago")),
    (60, gettext_lazy("%(number)d min ago")),
)
