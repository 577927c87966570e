"""Which requests wait for nothing. Pure."""

from collections.abc import Iterable
from typing import Protocol, TypeVar


class Flight(Protocol):
    """A request that is under way. Monotonic seconds.

    `heard_at` is None until the first of an answer is there; infinite while it is the client that is waited for.
    """

    arrived: float
    heard_at: float | None

    @property
    def whereabouts(self) -> tuple[str, str]:
        """Its model group, and the deployment that was asked last or "" while none was."""


F = TypeVar("F", bound=Flight)


def silent_since(flight: Flight) -> float:
    """When it was last heard of, or came."""
    return flight.arrived if flight.heard_at is None else flight.heard_at


def hanging(flying: Iterable[F], *, threshold: float, now: float) -> dict[tuple[str, str], list[F]]:
    """Those silent for longer than `threshold` by where they hang, the longest first."""
    found: dict[tuple[str, str], list[F]] = {}
    for flight in flying:
        if now - silent_since(flight) > threshold:
            found.setdefault(flight.whereabouts, []).append(flight)
    for flights in found.values():
        flights.sort(key=silent_since)
    return found
