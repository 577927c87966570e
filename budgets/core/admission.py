"""What a request asks for before it is sent on, and the answers: holds of budgets, rate limits, requests in flight.

A counter is what one budget window of one scope has spent and holds; a meter is one rate limit's sliding window; a
parallel limit counts requests in flight. Keys are opaque, and none comes twice in one Ask. Amounts are nano-dollars.
"""

from dataclasses import dataclass
from enum import StrEnum

# Redis counts in doubles, which are exact up to here: $9,007,199. A larger limit counts as this one.
MAX_NANO = 2**53 - 1

CounterSettlement = tuple[str, int, int, int]  # key, nano-dollars to release, nano-dollars spent, expires_at
MeterSettlement = tuple[str, int, int, int]  # key, window_seconds, the grant's bucket_ms, difference in tokens


@dataclass(frozen=True, slots=True)
class CounterCheck:
    """`expires_at`: when the counter may be forgotten, in unix seconds (the period's end and some slack)."""

    key: str
    limit_nano: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class MeterCheck:
    """At most so many requests and tokens within any `window_seconds`; None for no limit."""

    key: str
    window_seconds: int
    requests: int | None
    tokens: int | None


@dataclass(frozen=True, slots=True)
class ParallelCheck:
    key: str
    limit: int


@dataclass(frozen=True, slots=True)
class Ask:
    """All of it or nothing. `ceiling_nano` is held if it fits into every counter, else what is left if that is

    `floor_nano` or more. `tokens` are those to be expected; what was used in truth comes with the Settle.
    """

    id: int
    counters: tuple[CounterCheck, ...] = ()
    meters: tuple[MeterCheck, ...] = ()
    parallels: tuple[ParallelCheck, ...] = ()
    ceiling_nano: int = 0
    floor_nano: int = 0
    tokens: int = 0


class RefusedBy(StrEnum):
    COUNTER = "counter"
    PARALLEL = "parallel"
    REQUESTS = "requests"
    TOKENS = "tokens"
    UNAVAILABLE = "unavailable"  # nobody can say what was spent, and the policy is to wait until somebody can


@dataclass(frozen=True, slots=True)
class Granted:
    """`spent`, `remaining` and `parallel_left` are in the order of the Ask's checks, this request included.

    `bucket_ms` says where the tokens were counted; it means something only to who granted.
    """

    id: int
    hold_nano: int
    spent: tuple[int, ...]
    remaining: tuple[tuple[int | None, int | None], ...]
    parallel_left: tuple[int, ...]
    bucket_ms: int


@dataclass(frozen=True, slots=True)
class Refused:
    """By the first check that does not fit: counters, then parallels, then meters. Nothing is counted.

    `used` is what the meter or parallel limit counts; `retry_after_ms` is 0 where nobody knows.
    """

    id: int
    kind: RefusedBy
    index: int
    spent: int = 0
    held: int = 0
    used: int = 0
    retry_after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Unseeded:
    """These counters' spending is not known here: Seed them and ask again. Nothing is counted."""

    id: int
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settle:
    """End a grant. To be given after the ledger has the entry, or a Seed read in between could miss it."""

    counters: tuple[CounterSettlement, ...] = ()
    meters: tuple[MeterSettlement, ...] = ()
    parallels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seed:
    """What the ledger says was spent. It never lowers what is known; spending less needs another key.

    `only_raises`: nothing for a counter that is not seeded, for what is less than all that was committed.
    """

    key: str
    spent_nano: int
    expires_at: int
    only_raises: bool = False


Op = Ask | Settle | Seed
Answer = Granted | Refused | Unseeded


def settlement(ask: Ask, granted: Granted, *, spent_nano: int = 0, tokens: int = 0) -> Settle:
    """What ends this grant, after so much was spent and so many tokens were used."""
    difference = tokens - ask.tokens
    return Settle(
        counters=tuple((check.key, granted.hold_nano, spent_nano, check.expires_at) for check in ask.counters),
        meters=tuple(
            (check.key, check.window_seconds, granted.bucket_ms, difference) for check in ask.meters if difference
        ),
        parallels=tuple(check.key for check in ask.parallels),
    )
