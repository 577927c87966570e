"""Events as JSON, for keeping what was told or is to be told."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from typing import Any

from alerts.events.base import Event


def as_json(event: Event) -> dict[str, Any]:
    return {"event": type(event).__name__, **asdict(event)}


def from_json(stored: dict[str, Any]) -> Event:
    """Raises ValueError for what this version does not know."""
    facts = {name: _frozen(value) for name, value in stored.items() if name != "event"}
    try:
        return _kinds()[stored["event"]](**facts)
    except (KeyError, TypeError):
        raise ValueError("This was stored by another version and cannot be told again.") from None


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


@cache
def _kinds() -> dict[str, type[Event]]:
    return {kind.__name__: kind for kind in _below(Event)}


def _below(kind: type[Event]) -> Iterator[type[Event]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)
