"""What a single value of a config.yaml may be: texts, durations, networks, names of alert types."""

import math
from collections.abc import Callable
from datetime import date, datetime
from ipaddress import ip_network
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from alerts.events import AlertType
from budgets.core.terms import read_discount, read_margin
from proxy.core.kinds import did_you_mean
from teams.calendars import read_calendar
from teams.periods import parse_duration


def _alert_type(value: Any) -> Any:
    if isinstance(value, str) and value not in set(AlertType):
        # Whatever else stands here by mistake may be a webhook's address, which is a secret.
        shown = repr(value) if value.isidentifier() else "this"
        raise ValueError(f"{shown} is not an alert type{did_you_mean(value, list(AlertType))}")
    return value


def plain(value: Any) -> Any:
    """YAML's values as JSON can hold them: dates become text, and so do keys. Raises ValueError."""
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        # JSON has no such number; where a number is wanted, the field says so in its place.
        return str(value)
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise ValueError(f"a {type(value).__name__} is nothing that a setting can have")


def as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _network(value: str) -> str:
    try:
        ip_network(value, strict=False)
    except ValueError:
        raise ValueError("this is no IP address or network such as 10.0.0.0/8") from None
    return value


def _duration(value: str) -> str:
    parse_duration(value)
    return value


def _time_zone(value: Any) -> Any:
    read_calendar({"timezone": value})
    return value


def _reset_time(value: Any) -> Any:
    read_calendar({"budget_reset_time": value})
    return value


def _checked(read: Callable[[Any], object]) -> Callable[[Any], Any]:
    """The value as it is, once it can be read."""

    def check(value: Any) -> Any:
        read(value)
        return value

    return check


AlertTypeName = Annotated[AlertType, BeforeValidator(_alert_type)]
Texts = Annotated[list[str], BeforeValidator(as_list)]
LabelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Positive = PositiveSeconds
Network = Annotated[str, AfterValidator(_network)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", max_length=100)]
Discount = Annotated[Any, AfterValidator(_checked(read_discount))]
Margin = Annotated[Any, AfterValidator(_checked(read_margin))]
WebhookUrl = Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]
Duration = Annotated[str, AfterValidator(_duration)]
TimeZone = Annotated[str, BeforeValidator(_time_zone)]
ResetTime = Annotated[str, BeforeValidator(_reset_time)]
Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class Section(BaseModel):
    """A part of a config.yaml: keys that nobody knows are kept, and told."""

    model_config = ConfigDict(extra="allow", strict=False)
