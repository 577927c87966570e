"""Which alert types a test proves: that they are told, or that something does not tell them."""

from collections.abc import Callable
from typing import TypeVar

from alerts.events import AlertType

F = TypeVar("F", bound=Callable[..., object])

TOLD: dict[AlertType, list[str]] = {}
SPARED: dict[AlertType, list[str]] = {}


def tells(*alert_types: AlertType) -> Callable[[F], F]:
    """From the cause to the bytes that a channel received, in time, once, with what a person needs."""
    return _noted(TOLD, alert_types)


def spares(*alert_types: AlertType) -> Callable[[F], F]:
    """Something that comes near the cause, and of which nobody is told."""
    return _noted(SPARED, alert_types)


def _noted(proofs: dict[AlertType, list[str]], alert_types: tuple[AlertType, ...]) -> Callable[[F], F]:
    def note(test: F) -> F:
        for alert_type in alert_types:
            proofs.setdefault(alert_type, []).append(test.__name__)
        return test

    return note
