"""Budgets and limits as bodies carry them, on their way into columns and out of them."""

from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, Field

from budgets.spend import current_period
from proxy.management.base import Body
from proxy.management.schemas.fields import Answer, Count, Object, Text, Time
from teams.calendars import current_calendar
from teams.errors import Invalid
from teams.models import Limits
from teams.money import to_dollars, to_nano
from teams.periods import parse_duration, period


class Window(BaseModel):
    budget_duration: str
    max_budget: float


class LimitFields(Body):
    """In every body that sets limits. Null clears, absence keeps."""

    max_budget: float | None = Field(None, description="US dollars a period; null: unlimited, 0: nothing.")
    soft_budget: float | None = Field(None, description="US dollars; crossing it alerts and refuses nothing.")
    budget_duration: Text | None = Field(None, description="Such as 30d, 24h, 1mo.")
    budget_limits: list[Window] | None = Field(None, description="Further budgets, each with its own period.")
    model_max_budget: Object | None = Field(
        None, description='Such as {"gpt-4o": {"budget_limit": 1, "time_period": "1d"}}.'
    )
    tpm_limit: Count | None = Field(None, description="Tokens per minute.")
    rpm_limit: Count | None = Field(None, description="Requests per minute.")
    tpd_limit: Count | None = Field(None, description="Tokens per day.")
    max_parallel_requests: Count | None = None
    temp_budget_increase: float | None = Field(None, description="US dollars on top of max_budget for a while.")
    temp_budget_expiry: AwareDatetime | datetime | None = None


LIMIT_FIELDS = tuple(LimitFields.model_fields)
_MONEY = {
    "max_budget": "max_budget_nano",
    "soft_budget": "soft_budget_nano",
    "temp_budget_increase": "temp_budget_increase_nano",
}


def set_limits(row: Limits, given: dict[str, Any], *, now: datetime) -> None:
    """Put the limits among `given` into the row's columns. Raises Invalid; then the row must not be saved."""
    for name, value in given.items():
        if name in _MONEY:
            setattr(row, _MONEY[name], None if value is None else nano(name, value))
        elif name == "budget_duration":
            _set_duration(row, value, now=now)
        elif name == "budget_limits":
            row.budget_limits = [_window(window) for window in value or []]
        elif name == "model_max_budget":
            row.model_max_budget = {model: _model_budget(model, budget) for model, budget in (value or {}).items()}
        elif name == "temp_budget_expiry":
            row.temp_budget_expiry = None if value is None else _in_utc(name, value)
        elif name in LIMIT_FIELDS:
            setattr(row, name, value)
    if row.budget_started_at is None and (row.max_budget_nano is not None or row.budget_limits):
        row.budget_started_at = now


def nano(name: str, dollars: float) -> int:
    """Raises Invalid for an amount that nobody can be granted."""
    try:
        amount = to_nano(dollars)
    except ValueError:
        amount = -1
    if amount < 0:
        raise Invalid(f"{name} must be a non-negative finite number. Received: {dollars}", param=name)
    return amount


def valid_duration(name: str, text: str) -> str:
    try:
        parse_duration(text)
    except ValueError:
        raise Invalid(f"Invalid {name} {text!r}. Use a format like '1h', '24h', '7d', or '30d'.", param=name) from None
    return text


def _set_duration(row: Limits, value: str | None, *, now: datetime) -> None:
    wanted = valid_duration("budget_duration", value) if value else ""
    if wanted != row.budget_duration:
        # What was spent before counts in no period that begins now.
        row.budget_started_at = now
    row.budget_duration = wanted


def _in_utc(name: str, at: datetime) -> datetime:
    try:
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except OverflowError:
        raise Invalid(f"{name} is no time that can be kept.", param=name) from None


def _window(window: Window) -> Object:
    valid_duration("budget_duration", window.budget_duration)
    return {"budget_duration": window.budget_duration, "max_budget": to_dollars(nano("max_budget", window.max_budget))}


def _model_budget(model: str, budget: Any) -> Object:
    fields = budget if isinstance(budget, dict) else {"budget_limit": budget}
    limit = fields.get("budget_limit", fields.get("max_budget"))
    duration = fields.get("time_period", fields.get("budget_duration"))
    if not isinstance(limit, (int, float)) or isinstance(limit, bool):
        raise Invalid(f"model_max_budget of {model!r} needs a budget_limit.", param="model_max_budget")
    kept: Object = {"budget_limit": to_dollars(nano("model_max_budget", limit))}
    if duration is not None:
        kept["time_period"] = valid_duration("time_period", str(duration))
    return {**kept, **{name: fields[name] for name in ("tpm_limit", "rpm_limit") if name in fields}}


class LimitsObject(Answer):
    max_budget: float | None
    budget_duration: str | None
    budget_reset_at: Time | None
    budget_limits: list[Object] | None
    model_max_budget: Object
    tpm_limit: int | None
    rpm_limit: int | None
    tpd_limit: int | None
    max_parallel_requests: int | None


def limits_of(row: Limits, *, now: datetime) -> Object:
    """The fields of LimitsObject."""
    current = current_period(row, now=now)
    return {
        "max_budget": dollars(row.max_budget_nano),
        "budget_duration": row.budget_duration or None,
        "budget_reset_at": current[1] if current else None,
        "budget_limits": [_shown_window(row, window, now=now) for window in row.budget_limits] or None,
        "model_max_budget": row.model_max_budget,
        "tpm_limit": row.tpm_limit,
        "rpm_limit": row.rpm_limit,
        "tpd_limit": row.tpd_limit,
        "max_parallel_requests": row.max_parallel_requests,
    }


def _shown_window(row: Limits, window: Object, *, now: datetime) -> Object:
    duration, start = parse_duration(window["budget_duration"]), row.budget_started_at or now
    _, ends = period(duration, start=start, now=now, calendar=current_calendar())
    return {**window, "reset_at": ends.isoformat()}


def dollars(amount: int | None) -> float | None:
    return None if amount is None else to_dollars(amount)
