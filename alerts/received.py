"""What an Alertmanager tells its webhook, as incidents of ours: its routes and silences first, then ours."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from alerts import incidents
from alerts.events import ReceivedAlert

# What was pushed from here and comes back would go round for ever.
OUR_SOURCE = ("source", "tollkeeper")
LONGEST_TEXT = 1000
MOST_PAIRS = 30


@dataclass(frozen=True, slots=True)
class Passed:
    """One alert of its body (version 4)."""

    is_resolved: bool
    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    firing: int = 0
    resolved: int = 0
    left_out: int = 0


def receive(alerts: Iterable[Passed], *, now: datetime) -> Outcome:
    """Raise what fires and end what does not; in the caller's transaction. What came from here is left out."""
    firing = resolved = left_out = 0
    for one in alerts:
        if OUR_SOURCE in one.labels.items():
            left_out += 1
        elif one.is_resolved:
            resolved += incidents.resolve_event(_event(one), now=now)
        else:
            incidents.raise_event(_event(one), count=1, now=now)
            firing += 1
    return Outcome(firing, resolved, left_out)


def _event(one: Passed) -> ReceivedAlert:
    return ReceivedAlert(
        alertname=one.labels.get("alertname", "alert")[:LONGEST_TEXT],
        fingerprint_there=one.fingerprint,
        severity=one.labels.get("severity", ""),
        alert_labels=_pairs(one.labels),
        annotations=_pairs(one.annotations),
    )


def _pairs(given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value[:LONGEST_TEXT]) for name, value in sorted(given.items())[:MOST_PAIRS])
