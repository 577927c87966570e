"""What somebody may spend in which window, put together from limits of their own and of a budget they share. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from teams.limits import LimitSet
from teams.money import to_nano
from teams.periods import Calendar, parse_duration, period

EVER = datetime(1970, 1, 1, tzinfo=UTC)
# Neither ids nor names of models can be trusted not to hold any printable one.
_SEPARATOR = "\x1f"


def of_model(owner: str, model: str) -> str:
    """The `entity_id` of a model group within a key or a team."""
    return f"{owner}{_SEPARATOR}{model}"


def owner_and_model(entity_id: str) -> tuple[str, str]:
    owner, _, model = entity_id.partition(_SEPARATOR)
    return owner, model


@dataclass(frozen=True, slots=True)
class Allowance:
    """One budget window of one entity; amounts are nano-dollars, `window` is a duration, "" for one never reset.

    `counted_from` is when counting began: no period begins before it. `entity_id` is as budgets.models.Scope says.
    `is_further`: beside the one that most have, as LiteLLM's `budget_limits` are.
    """

    scope: str
    entity_id: str
    window: str
    max_nano: int | None
    soft_nano: int | None = None
    counted_from: datetime = EVER
    increase_nano: int = 0
    increase_until: datetime | None = None
    is_further: bool = False

    def max_at(self, now: datetime) -> int | None:
        """With the temporary increase, while it lasts; without a limit there is nothing to increase."""
        if self.max_nano is None or not self.increase_nano:
            return self.max_nano
        if self.increase_until is not None and now >= self.increase_until:
            return self.max_nano
        return self.max_nano + self.increase_nano

    def period(self, at: datetime, *, calendar: Calendar) -> tuple[datetime, datetime | None]:
        """Beginning and end of the period that holds `at`; a window that is never reset has no end."""
        if not self.window:
            return EVER, None
        return period(parse_duration(self.window), start=self.counted_from, now=at, calendar=calendar)


def allowances(
    limits: LimitSet, *, scope: str, entity_id: str, created_at: datetime, model_scope: str = ""
) -> tuple[Allowance, ...]:
    """Every window of one entity; with `model_scope`, those of its models too. Malformed parts are left out."""
    since = limits.started_at or created_at
    found = []
    if limits.max_nano is not None or limits.soft_nano is not None or limits.duration:
        found.append(
            Allowance(
                scope=scope,
                entity_id=entity_id,
                window=limits.duration,
                max_nano=limits.max_nano,
                soft_nano=limits.soft_nano,
                counted_from=since if limits.duration else EVER,
                increase_nano=limits.increase_nano or 0,
                increase_until=limits.increase_until,
            )
        )
    found += _windows(limits.windows, scope=scope, entity_id=entity_id, since=since)
    if model_scope:
        found += _models(limits.models or {}, scope=model_scope, entity_id=entity_id, since=since)
    return tuple(found)


def _windows(windows: Sequence[Mapping[str, Any]], *, scope: str, entity_id: str, since: datetime) -> list[Allowance]:
    """The same window twice is one, with the smaller limit."""
    smallest: dict[str, int] = {}
    for window in windows:
        duration, limit = window.get("budget_duration"), _nano(window.get("max_budget"))
        if isinstance(duration, str) and duration and limit is not None:
            smallest[duration] = min(limit, smallest.get(duration, limit))
    return [
        Allowance(
            scope=scope, entity_id=entity_id, window=duration, max_nano=limit, counted_from=since, is_further=True
        )
        for duration, limit in smallest.items()
    ]


def _models(models: Mapping[str, Any], *, scope: str, entity_id: str, since: datetime) -> list[Allowance]:
    found = []
    for model, budget in models.items():
        if not isinstance(budget, Mapping):
            continue
        limit = _nano(budget.get("budget_limit", budget.get("max_budget")))
        duration = budget.get("time_period", budget.get("budget_duration")) or ""
        if limit is not None and isinstance(duration, str):
            counted_from = since if duration else EVER
            found.append(Allowance(scope, of_model(entity_id, model), duration, limit, counted_from=counted_from))
    return found


def _nano(dollars: Any) -> int | None:
    try:
        return to_nano(dollars)
    except (TypeError, ValueError, ArithmeticError):
        return None
