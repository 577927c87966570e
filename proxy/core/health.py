"""Health checks of deployments: when, of whom, and what their results say about who may serve. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

INTERVAL_SECONDS = 300.0
LONGEST_INTERVAL_SECONDS = 31_536_000.0
CONCURRENCY = 8
MOST_CONCURRENCY = 100
# Busy or slow for a moment: what the router's own cooldowns are for.
TRANSIENT = frozenset({408, 429})


@dataclass(frozen=True, slots=True)
class HealthSettings:
    """Of general_settings (api.md sections 5 and 6). Seconds; `groups` None means every model group.

    A stored value of the wrong type counts as not given: config.yaml is checked before, the admin's rows are not.
    """

    background: bool = False
    interval: float = INTERVAL_SECONDS
    concurrency: int = CONCURRENCY
    details: bool = True
    routing: bool = False
    stale_after: float = 2 * INTERVAL_SECONDS
    ignore_transient: bool = False
    groups: frozenset[str] | None = None
    public_readiness_details: bool = False

    @classmethod
    def read(cls, general: Mapping[str, Any]) -> Self:
        interval = _seconds(general.get("health_check_interval")) or INTERVAL_SECONDS
        groups = general.get("background_health_check_model_groups")
        return cls(
            background=general.get("background_health_checks") is True,
            interval=interval,
            concurrency=_concurrency(general.get("health_check_concurrency")),
            details=general.get("health_check_details") is not False,
            routing=general.get("enable_health_check_routing") is True,
            stale_after=_seconds(general.get("health_check_staleness_threshold")) or 2 * interval,
            ignore_transient=general.get("health_check_ignore_transient_errors") is True,
            groups=frozenset(str(name) for name in groups) if isinstance(groups, (list, tuple)) and groups else None,
            public_readiness_details=general.get("allow_public_health_readiness_details") is True,
        )

    def covers(self, model_group: str) -> bool:
        """Whether the background checks look at it."""
        return self.groups is None or model_group in self.groups


@dataclass(frozen=True, slots=True)
class Checked:
    """What a health check of one deployment found."""

    healthy: bool
    status: int
    at: datetime


def unhealthy(
    groups: Iterable[Collection[str]], latest: Mapping[str, Checked], settings: HealthSettings, *, now: datetime
) -> frozenset[str]:
    """The ids that routing passes over; `groups` are the ids in service, by model group.

    Never a whole group: where every deployment fails its check, asking one is still better than asking none.
    """
    found: set[str] = set()
    for ids in groups:
        failing = {name for name in ids if (checked := latest.get(name)) and _fails(checked, settings, now=now)}
        if len(failing) < len(ids):
            found |= failing
    return frozenset(found)


def _fails(checked: Checked, settings: HealthSettings, *, now: datetime) -> bool:
    if checked.healthy or (now - checked.at).total_seconds() > settings.stale_after:
        return False
    return not (settings.ignore_transient and checked.status in TRANSIENT)


def _seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 < value <= LONGEST_INTERVAL_SECONDS else None


def _concurrency(value: Any) -> int:
    return min(value, MOST_CONCURRENCY) if type(value) is int and value > 0 else CONCURRENCY
