"""What one may use, as the columns of teams.models.Limits say it: for whoever decides with no row at hand. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

COLUMNS = (
    "max_budget_nano",
    "soft_budget_nano",
    "budget_duration",
    "budget_started_at",
    "budget_limits",
    "model_max_budget",
    "temp_budget_increase_nano",
    "temp_budget_expiry",
    "tpm_limit",
    "rpm_limit",
    "tpd_limit",
    "max_parallel_requests",
)


@dataclass(frozen=True, slots=True)
class LimitSet:
    """Amounts in nano-dollars; None for what is not limited."""

    max_nano: int | None = None
    soft_nano: int | None = None
    duration: str = ""
    started_at: datetime | None = None
    windows: tuple[Mapping[str, Any], ...] = ()
    models: Mapping[str, Any] | None = None
    increase_nano: int | None = None
    increase_until: datetime | None = None
    tpm: int | None = None
    rpm: int | None = None
    tpd: int | None = None
    parallel: int | None = None

    def with_default(self, shared: "LimitSet | None") -> "LimitSet":
        """What is not said here is said by the shared budget: LiteLLM's rule for a key that is linked to one."""
        if shared is None or shared == NO_LIMITS:
            return self
        own = self.max_nano is not None or self.soft_nano is not None
        source = self if own else shared
        return LimitSet(
            max_nano=source.max_nano,
            soft_nano=source.soft_nano,
            # A limit of its own without a duration follows the shared budget's, as LiteLLM's reset job does.
            duration=self.duration or shared.duration,
            started_at=self.started_at if self.duration else (shared.started_at or self.started_at),
            windows=self.windows or shared.windows,
            models=self.models or shared.models,
            increase_nano=source.increase_nano,
            increase_until=source.increase_until,
            tpm=shared.tpm if self.tpm is None else self.tpm,
            rpm=shared.rpm if self.rpm is None else self.rpm,
            tpd=shared.tpd if self.tpd is None else self.tpd,
            parallel=shared.parallel if self.parallel is None else self.parallel,
        )

    def counted_from(self, created_at: datetime | None) -> "LimitSet":
        """What somebody may use who was made then: nothing counts from before, if it is not said from when."""
        if self is NO_LIMITS or self.started_at is not None:
            return self
        return replace(self, started_at=created_at)

    @property
    def refuses_something(self) -> bool:
        return replace(self, soft_nano=None, duration="", started_at=None, increase_nano=None, increase_until=None) != (
            NO_LIMITS
        )


NO_LIMITS = LimitSet()


def limit_set(columns: Sequence[Any]) -> LimitSet:
    """From a row's values in the order of COLUMNS; all of them may be None, as of a budget that is not there."""
    max_nano, soft_nano, duration, started_at, windows, models, increase, until, *rates = columns
    found = LimitSet(
        max_nano,
        soft_nano,
        duration or "",
        started_at,
        tuple(window for window in windows or () if isinstance(window, Mapping)),
        models if models and isinstance(models, Mapping) else None,
        increase,
        until,
        *rates,
    )
    # Most rows have none: they share one.
    return NO_LIMITS if found == NO_LIMITS else found
