"""A row of LiteLLM's, read column by column into what our columns hold.

What cannot be kept as it is becomes something that allows no more than before; each such change is in `repairs`.
"""

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from gateway_project.litellm_import.source import UNREADABLE, without_nul
from teams.money import LARGEST_NANO, to_dollars, to_nano
from teams.periods import parse_duration
from teams.secrets import without_secrets

LONGEST_ID = 255
# What a list of models, routes or the like becomes when nothing in it can be kept: an empty one would allow all.
NOTHING_ALLOWED = "no-default-models"
_LARGEST_NUMBER = 2**63 - 1
_LONG_PAST = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = re.compile(r"([1-9]\d{0,2})mo")
_TRUE = frozenset({True, "true", "t", "1"})


class Skip(Exception):
    """The row is not imported; `fact` is the particular of this row."""

    def __init__(self, reason: str, fact: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.fact = fact


@dataclass
class Row:
    values: dict[str, Any]
    repairs: list[tuple[str, str]] = field(default_factory=list)

    def repair(self, reason: str, fact: object = "") -> None:
        self.repairs.append((reason, str(fact)))

    def lift(self, column: str, *names: str) -> None:
        """Move entries of a JSON column to where columns are read, if there is no such column."""
        holder = self.values.get(column)
        for name in names:
            if isinstance(holder, dict) and name in holder:
                value = holder.pop(name)
                if self.values.get(name) is None:
                    self.values[name] = value

    def identifier(self, column: str) -> str:
        """Raises Skip for an id that cannot be one here."""
        value = self.text(column)
        if not value.strip():
            raise Skip("has no id")
        if len(value) > LONGEST_ID:
            raise Skip(f"its id is longer than {LONGEST_ID} characters")
        return value

    def link(self, column: str) -> str | None:
        """The id of another row."""
        return self.text(column) or None

    def text(self, column: str) -> str:
        value = self.values.get(column)
        return "" if value is None or value is UNREADABLE else str(without_nul(value))

    def choice(self, column: str, known: Container[str], *, otherwise: str) -> str:
        value = self.text(column)
        if not value or value in known:
            return value or otherwise
        self.repair(f"its {column} is not known here, and taken as {otherwise or 'none'}", value)
        return otherwise

    def flag(self, column: str) -> bool:
        value = self.values.get(column)
        return isinstance(value, (bool, int, str)) and value in _TRUE

    def amount(self, column: str) -> int | None:
        """Dollars as nano-dollars. What is below zero or no number refuses everything there too, or should."""
        value = self.values.get(column)
        if value is None:
            return None
        try:
            nano = to_nano(value)
        except (ValueError, ArithmeticError):
            if _is_large(value):
                self.repair(f"its {column} is more than can be kept, and cut", value)
                return LARGEST_NANO
            nano = -1
        if nano < 0:
            self.repair(f"its {column} is no amount of 0 or more, and taken as 0", value)
        return max(nano, 0)

    def whole(self, column: str) -> int | None:
        value = self.values.get(column)
        if value is None:
            return None
        try:
            number = int(value)
        except (ValueError, TypeError, OverflowError):
            number = -1
        if not 0 <= number <= _LARGEST_NUMBER:
            self.repair(f"its {column} is out of range, and taken as the nearest that can be kept", value)
        return min(max(number, 0), _LARGEST_NUMBER)

    def duration(self, column: str, *, otherwise: str) -> str:
        """Empty for what cannot be read; `otherwise` says what that means."""
        value = self.text(column).strip()
        if not value:
            return ""
        if (months := _MONTHS.fullmatch(value)) and months[1] != "1":
            days = f"{int(months[1]) * 30}d"
            self.repair(f"its {column} in months is counted as days", f"{value} = {days}")
            value = days
        try:
            parse_duration(value)
        except ValueError:
            self.repair(f"its {column} cannot be read, so {otherwise}", value)
            return ""
        return value

    def moment(self, column: str) -> datetime | None:
        """LiteLLM keeps times without a zone, in UTC."""
        value = self.values.get(column)
        if value in (None, ""):
            return None
        text = str(value)
        if text == "infinity" or re.match(r"\d{5,}-", text):
            return None
        try:
            parsed = value if isinstance(value, datetime) else datetime.fromisoformat(text)
            return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.repair(f"its {column} cannot be read, and is taken as long past", text)
            return _LONG_PAST

    def names(self, column: str) -> list[str]:
        value = self.values.get(column)
        if value is None:
            return []
        given = value if isinstance(value, list) else [None]
        names = [str(without_nul(name)) for name in given if isinstance(name, str) and name]
        if given and not names:
            self.repair(f"its {column} hold nothing that can be kept, so nothing is allowed")
            return [NOTHING_ALLOWED]
        if len(names) < len(given):
            self.repair(f"some of its {column} are empty, and left out")
        return names

    def object(self, column: str) -> dict[str, Any]:
        """Without what may be secret."""
        value = self.raw_object(column)
        kept: dict[str, Any] = without_secrets(value)
        if kept != value:
            self.repair(f"parts of its {column} may be secret, and stay behind")
        return kept

    def raw_object(self, column: str) -> dict[str, Any]:
        value = self._json(column)
        if isinstance(value, dict):
            return value
        if value not in (None, [], ""):
            self.repair(f"its {column} is no JSON object that can be kept, and left out")
        return {}

    def windows(self, column: str) -> list[dict[str, Any]]:
        """Budgets beside the first, `[{"budget_duration": "1h", "max_budget": 1.0}]`; LiteLLM counts in them too."""
        value = self._json(column)
        if value in (None, {}, [], ""):
            return []
        windows = []
        for given in value if isinstance(value, list) else [None]:
            fields = given if isinstance(given, dict) else {}
            window = Row({name: fields.get(name) for name in ("budget_duration", "max_budget")})
            length, largest = window.duration("budget_duration", otherwise=""), window.amount("max_budget")
            if length and largest is not None:
                windows.append({"budget_duration": length, "max_budget": to_dollars(largest)})
            if window.repairs or not length or largest is None:
                self.repair(f"a window of its {column} cannot be read as it is, and is mended or left out")
        return windows

    def model_budgets(self, column: str) -> dict[str, Any]:
        """Budgets by model, as `{"gpt-4o": {"budget_limit": 1.0, "time_period": "1d"}}`."""
        budgets = {}
        for model, given in self.raw_object(column).items():
            fields = given if isinstance(given, dict) else {"budget_limit": given}
            budget = Row(
                {
                    "budget_limit": fields.get("budget_limit", fields.get("max_budget")),
                    "time_period": fields.get("time_period", fields.get("budget_duration")),
                }
            )
            limit, length = budget.amount("budget_limit"), budget.duration("time_period", otherwise="")
            kept = {
                **({} if limit is None else {"budget_limit": to_dollars(limit)}),
                **({"time_period": length} if length else {}),
                **{name: fields[name] for name in ("tpm_limit", "rpm_limit") if name in fields},
            }
            if budget.repairs or not kept:
                self.repair(f"an entry of its {column} cannot be read as it is, and is mended or left out", model)
            if kept:
                budgets[model] = kept
        return budgets

    def _json(self, column: str) -> Any:
        """Some versions wrote JSON as a text within JSON."""
        value = self.values.get(column)
        if isinstance(value, str) and value:
            try:
                return without_nul(orjson.loads(value))
            except ValueError:
                return UNREADABLE
        return value


def limits(row: Row, *, now: datetime) -> dict[str, Any]:
    """The columns of teams.models.Limits."""
    duration = row.duration("budget_duration", otherwise="its budget is never reset")
    columns = {
        "max_budget_nano": row.amount("max_budget"),
        "soft_budget_nano": row.amount("soft_budget"),
        "budget_duration": duration,
        "budget_limits": row.windows("budget_limits"),
        "model_max_budget": row.model_budgets("model_max_budget"),
        "temp_budget_increase_nano": row.amount("temp_budget_increase"),
        "temp_budget_expiry": row.moment("temp_budget_expiry"),
        **{name: row.whole(name) for name in ("tpm_limit", "rpm_limit", "tpd_limit", "max_parallel_requests")},
    }
    return {**columns, "budget_started_at": _started_at(row, columns, now=now)}


LIMITS = (
    "max_budget", "soft_budget", "budget_duration", "budget_reset_at", "budget_limits", "model_max_budget",
    "temp_budget_increase", "temp_budget_expiry", "tpm_limit", "rpm_limit", "tpd_limit", "max_parallel_requests",
)  # fmt: skip
# Of these, what not every table or version has.
RARE = frozenset({"soft_budget", "budget_limits", "temp_budget_increase", "temp_budget_expiry", "tpd_limit"})


def _started_at(row: Row, columns: Mapping[str, Any], *, now: datetime) -> datetime | None:
    """When counting began: so that the period ends when it would have ended there."""
    if not columns["budget_duration"]:
        return now if columns["max_budget_nano"] is not None or columns["budget_limits"] else None
    ends = Row(row.values).moment("budget_reset_at")
    if ends is None or ends == _LONG_PAST:
        return now
    try:
        return min(ends - timedelta(seconds=parse_duration(columns["budget_duration"]).seconds), now)
    except OverflowError:
        return now


def _is_large(value: Any) -> bool:
    try:
        return Decimal(str(value)) > 0
    except InvalidOperation:
        return False
