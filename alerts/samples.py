"""One sample event of every alert type, and what makes a sample one: marked, and never taken for the real thing.

Built from the fields of the event's class, so that a new class has its sample at once. A field with a name that is not
in the table gets a value by its type; one with a default keeps that.
"""

import dataclasses
import types
import typing
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from alerts import incidents
from alerts.core.routing import INHIBITS, Reason
from alerts.events import AlertType, Event
from alerts.models import Incident

LABEL = "sample"
# Nobody sees a sample again, so it is over soon.
QUIET_SECONDS = 300
# By these an open outage speaks for other alerts: what a sample calls them, nothing real is called.
_SPOKEN_FOR = frozenset(name for _, _, names in INHIBITS for name in names) - {"provider"}

_VALUES: Mapping[str, Any] = {
    "actual_provider": "openai",
    "action": "updated",
    "api_base": "https://api.openai.com/v1",
    "average_spend": "4.20",
    "baseline": "4.20",
    "budget_of": "Key",
    "call_id": "sample-call-0123456789",
    "change_id": "sample-change",
    "changes": (("max_budget", "10", "20"),),
    "channel": "ops",
    "channel_id": 0,
    "day": "2026-11-26",
    "deployment": "sample-deployment",
    "deployment_id": "sample-deployment",
    "deprecation_date": "2026-12-31",
    "done_by": "ada (proxy_admin) via Admin",
    "duration": "30d",
    "end_date": "2026-11-26",
    "entity_id": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
    "error": "The channel answered 500: server error",
    "error_class": "InternalServerError",
    "exhausted_at": "2026-11-28T09:00:00+00:00",
    "facts": (("Team", "research"),),
    "given_up": 3,
    "key_alias": "reporting",
    "kind": "slack",
    "limit": "10.00",
    "max_budget": "10.00",
    "message": "The server had an error while processing your request",
    "model": "gpt-4o",
    "model_group": "gpt-4o",
    "name": "reporting",
    "object_id": "sample-object",
    "operation": "insert ledger entries",
    "percent": 80,
    "period": "day",
    "period_start": "2026-11-01T00:00:00+00:00",
    "projected_spend": "12.60",
    "provider": "openai",
    "reason": "server_error",
    "region": "sample-region",
    "resets_at": "2026-12-01T00:00:00+00:00",
    "routing": (("team", "research"), ("key_alias", "reporting")),
    "seconds": 60.0,
    "since": "2026-11-25",
    "soft_budget": "8.00",
    "spend": "8.40",
    "spent": "8.40",
    "start_date": "2026-11-19",
    "status_code": 500,
    "team": "research",
    "team_alias": "research",
    "threshold": "80",
    "until": "2026-11-26",
    "user_email": "ada@example.com",
    "user_id": "ada",
}
# A name may be a number in one class and a text in another; what fits neither is made by the type.
_BY_TYPE: Mapping[Any, Any] = {
    str: "sample",
    int: 7,
    float: 7.0,
    bool: False,
    Decimal: Decimal("8.40"),
    date: date(2026, 11, 26),
    datetime: datetime(2026, 11, 26, 12, tzinfo=UTC),
}


class NoSample(LookupError):
    """No event class has this alert type yet."""


@dataclasses.dataclass(frozen=True)
class Sample(Event):
    """An event under a name of its own, so that it is told like the real one and is counted on none that is real."""

    event: Event
    number: str
    fired_by: str

    def __post_init__(self) -> None:
        for name in ("alert_type", "level", "repeat_interval", "is_notice"):
            object.__setattr__(self, name, getattr(self.event, name))
        object.__setattr__(self, "quiet_interval", min(self.event.quiet_interval, QUIET_SECONDS))

    def identity(self) -> tuple[object, ...]:
        return LABEL, self.number

    def title(self) -> str:
        return f"[Sample] {self.event.title()}"

    def details(self) -> dict[str, str]:
        return {"Sample": f"Nothing is wrong: {self.fired_by} tries the alerts.", **self.event.details()}

    def labels(self) -> dict[str, str]:
        own = {name: _apart(name, value) for name, value in self.event.labels().items()}
        return {**own, LABEL: "true"}

    def compatibility(self) -> dict[str, Any]:
        return self.event.compatibility()

    def sections(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return self.event.sections()

    def files(self) -> tuple[tuple[str, str], ...]:
        return self.event.files()


def _apart(name: str, value: str) -> str:
    return f"{LABEL}-{value}" if name in _SPOKEN_FOR and value and not value.startswith(LABEL) else value


def sample_of(alert_type: str) -> Event:
    """As it would be raised. Raises NoSample."""
    try:
        return _samples()[alert_type]
    except KeyError:
        raise NoSample(alert_type) from None


def sampled_types() -> list[str]:
    """Those that have an event class, in the order of AlertType."""
    return [one.value for one in AlertType if one.value in _samples()]


def fire(alert_type: str, *, fired_by: str, now: datetime) -> tuple[Reason, Incident | None]:
    """Raise a sample the way that every event goes; with its incident, unless none is kept. Raises NoSample."""
    event = Sample(sample_of(alert_type), number=uuid.uuid4().hex, fired_by=fired_by)
    reason = incidents.raise_event(event, count=1, now=now)
    return reason, Incident.objects.filter(fingerprint=event.fingerprint()).first()


def event_classes() -> Iterator[type[Event]]:
    """Those of `alerts.events` that stand for an alert type."""
    waiting = list(Event.__subclasses__())
    while waiting:
        kind = waiting.pop(0)
        waiting += kind.__subclasses__()
        # What others are kinds of is never raised itself.
        if kind.__module__.startswith("alerts.events") and not kind.__subclasses__():
            yield kind


def build(kind: type[Event]) -> Event:
    hints = typing.get_type_hints(kind)
    return kind(**{one.name: _value(one, hints[one.name]) for one in dataclasses.fields(kind) if _is_given(one)})


@lru_cache(maxsize=1)
def _samples() -> Mapping[str, Event]:
    found: dict[str, Event] = {}
    for kind in event_classes():
        found.setdefault(str(kind.alert_type), build(kind))
    return found


def _is_given(one: "dataclasses.Field[Any]") -> bool:
    required = one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
    return one.init and (required or one.name in _VALUES)


def _value(one: "dataclasses.Field[Any]", hint: Any) -> Any:
    known = _VALUES.get(one.name)
    if known is not None and _fits(known, hint):
        return known
    if one.default is not dataclasses.MISSING:
        return one.default
    if one.default_factory is not dataclasses.MISSING:
        return one.default_factory()
    return _of_type(hint, known)


def _fits(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin is tuple:
        inner = typing.get_args(hint)
        if not isinstance(value, tuple):
            return False
        many = len(inner) == 2 and inner[1] is Ellipsis
        return all(_fits(item, inner[0]) for item in value) if many else _fit_each(value, inner)
    if origin is not None:
        return any(_fits(value, inner) for inner in typing.get_args(hint)) if _is_union(hint) else False
    return isinstance(hint, type) and type(value) is hint


def _fit_each(value: tuple[Any, ...], inner: tuple[Any, ...]) -> bool:
    return len(value) == len(inner) and all(_fits(item, one) for item, one in zip(value, inner, strict=True))


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _of_type(hint: Any, known: Any) -> Any:
    """Something of the type, as near as can be to what the name stands for."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = typing.get_type_hints(hint)
        return hint(**{one.name: _value(one, hints[one.name]) for one in dataclasses.fields(hint) if one.init})
    if isinstance(hint, type) and issubclass(hint, str) and hint is not str:
        return next(iter(hint))  # type: ignore[call-overload]
    if hint in _BY_TYPE:
        try:
            return _BY_TYPE[hint] if known is None else hint(known)
        except (TypeError, ValueError):
            return _BY_TYPE[hint]
    return _of_collection(hint)


def _of_collection(hint: Any) -> Any:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and len(inner) == 2 and inner[1] is Ellipsis:
        return (_of_type(inner[0], None),)
    if origin is tuple:
        return tuple(_of_type(one, None) for one in inner)
    if origin in (list, set, frozenset):
        return origin([_of_type(inner[0], None)])
    if _is_union(hint):
        return None if type(None) in inner else _of_type(inner[0], None)
    return {}
