"""Which channels an event goes to, and the reason when it goes to none. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

ANY_TYPE = ""


class Reason(StrEnum):
    """Why an event was told, or not: log field, metric label and admin column alike."""

    DELIVER = "deliver"
    REPEAT_INTERVAL = "repeat_interval"
    TYPE_DISABLED = "type_disabled"
    NO_ROUTE = "no_route"


@dataclass(frozen=True, slots=True)
class Routing:
    """Channel ids by alert type; ANY_TYPE is where types without an entry of their own go."""

    enabled_types: Collection[str]
    channels: Mapping[str, Collection[int]]


@dataclass(frozen=True, slots=True)
class Decision:
    reason: Reason
    channel_ids: tuple[int, ...] = ()


def route(alert_type: str, routing: Routing) -> Decision:
    if alert_type not in routing.enabled_types:
        return Decision(Reason.TYPE_DISABLED)
    channels = routing.channels.get(alert_type) or routing.channels.get(ANY_TYPE) or ()
    if not channels:
        return Decision(Reason.NO_ROUTE)
    return Decision(Reason.DELIVER, tuple(sorted(set(channels))))
