"""When series of requests that nothing counts any more leave the page (metrics.md 2.4)."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from proxy.metrics.labels import NONE, OTHER

_INTERVAL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Rule:
    """Both in seconds: how long a series may be idle, and how far apart the moments are at which that is looked at."""

    ttl: float
    interval: float

    @classmethod
    def read(cls, litellm: Mapping[str, Any], prefix: str) -> Self | None:
        """Raises ValueError, a sentence, for what is no time."""
        ttl = _seconds(litellm, f"{prefix}_ttl_seconds")
        interval = _seconds(litellm, f"{prefix}_cleanup_interval_seconds")
        return None if ttl is None else cls(ttl, interval or _INTERVAL_SECONDS)

    def is_over(self, touched_at: float, now: float) -> bool:
        # The same moments for all processes: else a series would come and go with the process that is asked.
        return touched_at < now - now % self.interval - self.ttl


@dataclass(frozen=True, slots=True)
class Idleness:
    """`metrics` are the names of those that it is about; `end_users` is for series that show one, where it is given.

    Nothing that was counted is forgotten: a series that is counted again goes on from its old value.
    """

    metrics: Collection[str] = frozenset()
    general: Rule | None = None
    end_users: Rule | None = None

    @classmethod
    def read(cls, litellm: Mapping[str, Any], metrics: Collection[str]) -> Self:
        """Raises ValueError, a sentence, for what is no time."""
        return cls(
            metrics=metrics,
            general=Rule.read(litellm, "prometheus_metrics"),
            end_users=Rule.read(litellm, "prometheus_end_user_metrics"),
        )

    def __bool__(self) -> bool:
        return self.general is not None or self.end_users is not None

    def is_over(
        self, metric: str, names: Sequence[str], values: Sequence[str], *, touched_at: float, now: float
    ) -> bool:
        """Whether the series of `metric` with these labels is left out; the times are in seconds of one clock."""
        if metric not in self.metrics:
            return False
        rule = self.general
        if self.end_users is not None and "end_user" in names:
            end_user = values[names.index("end_user")]
            rule = rule if end_user in {NONE, OTHER} else self.end_users
        return rule is not None and rule.is_over(touched_at, now)


NEVER = Idleness()


def _seconds(litellm: Mapping[str, Any], name: str) -> float | None:
    if (value := litellm.get(name)) is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value) or value <= 0:
        raise ValueError(f"{name} must be a number of seconds above 0")
    return float(value)
