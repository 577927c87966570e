"""The settings of what notices trouble, read from `alerting_threshold` and `alerting_args`. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from proxy.core.outages import OutageSettings, Trouble
from proxy.core.slowness import SlowPercentile


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """`threshold` is how many seconds an answer may take, and a request may hang."""

    threshold: float = 300.0
    outages: OutageSettings = field(default_factory=OutageSettings)
    slow_percentile: SlowPercentile | None = None

    @classmethod
    def read(cls, threshold: float, arguments: Mapping[str, Any]) -> Self:
        """A value of the wrong kind is as if it were left out: it was told when it was set."""
        wanted: dict[str, Any] = {
            field: number for name, field in _OUTAGES.items() if (number := _positive(arguments.get(name))) is not None
        }
        counted = arguments.get("outage_counted")
        if isinstance(counted, list) and counted and all(kind in set(Trouble) for kind in counted):
            wanted["counted"] = frozenset(map(Trouble, counted))
        return cls(
            threshold=_positive(threshold) or cls().threshold,
            outages=OutageSettings(**wanted),
            slow_percentile=SlowPercentile.read(arguments.get("slow_percentile")),
        )


_OUTAGES = {
    "outage_alert_ttl": "window",
    "region_outage_alert_ttl": "region_window",
    "minor_outage_alert_threshold": "minor",
    "major_outage_alert_threshold": "major",
    "outage_failure_rate": "failure_rate",
    "outage_min_requests": "minimum_requests",
    "outage_failed_probes": "failed_probes",
}


def _positive(value: Any) -> float | None:
    known = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if known and 0 < value < math.inf else None
