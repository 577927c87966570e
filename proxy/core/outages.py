"""Whether a deployment, or a provider's region, is out of order, by what its last window brought. Pure.

A count tells what is broken while traffic is heavy, a rate while it is light; where almost everything is answered,
no count makes a catastrophe of it. What a cooldown keeps from being asked shows by its probes instead.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from proxy.core.errors import UpstreamError


class Trouble(StrEnum):
    """Why an upstream did not answer, told apart as whoever has to repair it would. The order is the wire's."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    SERVER_ERROR = "server error"
    AUTHENTICATION = "authentication"
    RATE_LIMIT = "rate limit"


TROUBLES = tuple(Trouble)
# A wrong key and a used-up quota are somebody's to mend as well, but the deployment stands.
COUNTED = frozenset({Trouble.TIMEOUT, Trouble.CONNECTION, Trouble.SERVER_ERROR})
_BY_STATUS = {
    401: Trouble.AUTHENTICATION,
    403: Trouble.AUTHENTICATION,
    408: Trouble.TIMEOUT,
    429: Trouble.RATE_LIMIT,
}
# So few of all that was asked are never a major outage, however many they are.
_NEGLIGIBLE = 0.05


def trouble_of(error: UpstreamError) -> Trouble | None:
    """None: whoever refuses a request like this is well."""
    if not error.reached:
        return Trouble.CONNECTION
    return _BY_STATUS.get(error.status_code) or (Trouble.SERVER_ERROR if error.status_code >= 500 else None)


class Severity(IntEnum):
    MINOR = 1
    MAJOR = 2


class Because(StrEnum):
    """What made it an outage."""

    ERRORS = "errors"
    FAILURE_RATE = "failure rate"
    FAILED_PROBES = "failed probes"


@dataclass(frozen=True, slots=True)
class OutageSettings:
    """`alerting_args` of outages; seconds, and of the rate a share of 1."""

    window: float = 60.0
    region_window: float = 60.0
    minor: int = 5
    major: int = 10
    failure_rate: float = 0.5
    minimum_requests: int = 10
    failed_probes: int = 3
    counted: Collection[Trouble] = COUNTED


@dataclass(frozen=True, slots=True)
class Window:
    """What came of a deployment's requests. `failed_probes` are the trials in a row that did not let it in again."""

    answered: int = 0
    troubles: Mapping[Trouble, int] = field(default_factory=dict)
    failed_probes: int = 0

    @classmethod
    def of(cls, numbers: Iterable[int], *, failed_probes: int = 0) -> "Window":
        """From answers and then each trouble in its order."""
        answered, *failed = numbers
        return cls(answered, {kind: n for kind, n in zip(TROUBLES, failed, strict=True) if n}, failed_probes)

    def failures(self, counted: Collection[Trouble]) -> int:
        return sum(number for kind, number in self.troubles.items() if kind in counted)


@dataclass(frozen=True, slots=True)
class Outage:
    severity: Severity
    because: Because
    failures: int
    total: int


def judge(window: Window, settings: OutageSettings) -> Outage | None:
    """The gravest that any rule makes of it."""
    failures = window.failures(settings.counted)
    total = window.answered + failures
    rules = (
        (failures >= settings.major and failures >= _NEGLIGIBLE * total, Severity.MAJOR, Because.ERRORS),
        (
            failures > 0 and total >= settings.minimum_requests and failures >= settings.failure_rate * total,
            Severity.MAJOR,
            Because.FAILURE_RATE,
        ),
        (failures >= min(settings.minor, settings.major), Severity.MINOR, Because.ERRORS),
        (
            failures > 0 and not window.answered and window.failed_probes >= settings.failed_probes,
            Severity.MINOR,
            Because.FAILED_PROBES,
        ),
    )
    return next((Outage(severity, why, failures, total) for holds, severity, why in rules if holds), None)


def goes_on(before: Outage | None, found: Outage | None, *, is_kept_out: bool) -> Outage | None:
    """An outage as it stands now: it only ever grows worse until it is over.

    Whoever is kept out, or was let in on trial a moment ago, is not well because nobody asks it.
    """
    if before is None or (found is None and not is_kept_out):
        return found
    return found if found is not None and found.severity > before.severity else before


@dataclass(frozen=True, slots=True)
class Place:
    """A provider's region."""

    provider: str
    region: str


@dataclass(frozen=True, slots=True)
class Member:
    """A deployment that is in outage, or was until `last_seen_at`."""

    place: Place
    severity: Severity
    is_out: bool
    last_seen_at: float


def regions_out(members: Iterable[Member], *, window: float, now: float) -> dict[Place, tuple[Severity, int]]:
    """Where two or more deployments went out within one window and at least one still is; how bad, and how many."""
    by_place: dict[Place, list[Member]] = {}
    for member in members:
        if member.place.region and (member.is_out or now - member.last_seen_at <= window):
            by_place.setdefault(member.place, []).append(member)
    return {
        place: (sorted((one.severity for one in found), reverse=True)[1], len(found))
        for place, found in by_place.items()
        if len(found) > 1 and any(one.is_out for one in found)
    }
