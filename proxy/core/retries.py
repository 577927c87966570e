"""Whether a failed request is worth another try, when, and how many such there may be. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from proxy.core.errors import UpstreamError
from proxy.core.settings import RouterSettings
from teams.errors import ApiError

_AGAIN = frozenset({408, 409, 429})
# What the credentials of one deployment may not, those of another may.
_ELSEWHERE = frozenset({401, 402, 403})
# LiteLLM's class of an error is also its base class's.
_BROADER = {"ContentPolicyViolationError": "BadRequestError"}

LONGEST_RETRY_AFTER = 60.0
_FIRST_DELAY = 0.5
# To eight seconds.
_DOUBLINGS = 4
_JITTER = 0.75


def retries_for(
    error: ApiError, *, settings: RouterSettings, group: str, siblings: int, asked: int | None, configured: int | None
) -> int:
    """How often the request may be tried again in all, after this error. `siblings` counts the failed one as well.

    `asked` is the request's own number, `configured` the deployment's. A retry policy (the group's before the
    router's) decides before anything else; what no upstream has refused is never tried again.
    """
    if not isinstance(error, UpstreamError):
        return 0
    policy = settings.model_group_retry_policy.get(group, settings.retry_policy)
    if policy and (number := _by_policy(error.kind, policy)) is not None:
        return number
    status = error.status_code
    if not (status >= 500 or status in _AGAIN or (status in _ELSEWHERE and siblings > 1)):
        return 0
    if asked is not None:
        return asked
    return configured if configured is not None else settings.num_retries


def _by_policy(kind: str, policy: Mapping[str, int]) -> int | None:
    for name in (kind, _BROADER.get(kind), "Default"):
        if name and (number := policy.get(f"{name}Retries")) is not None:
            return number
    return None


def retry_delay(
    number: int, *, retry_after: float | None, others: bool, settings: RouterSettings, chance: Random
) -> float:
    """Seconds before retry `number`, the first being 1: none when another healthy deployment can be asked.

    Else what the upstream said, unless it is more than a minute; else half a second, doubled each time.
    """
    if others:
        return 0.0
    if retry_after is not None and 0 < retry_after <= LONGEST_RETRY_AFTER:
        delay = retry_after
    else:
        doubled = min(max(0, number - 1), _DOUBLINGS)
        delay = _FIRST_DELAY * 2.0**doubled + _JITTER * chance.random()
    return max(delay, settings.retry_after)


_BUCKETS = 11


@dataclass(slots=True)
class RetryBudget:
    """Retries as a share of live traffic, as Envoy has it: when everything fails, retries must not be the load.

    In any 10 seconds at most `percent` of that time's requests, or `minimum` if that is more. Counted by the second:
    retries of the last 11 against requests of the last 10, so that the bound holds wherever the 10 seconds begin.
    `now` is monotonic, in seconds.
    """

    percent: float = 20.0
    minimum: int = 10
    _requests: list[int] = field(default_factory=lambda: [0] * _BUCKETS, init=False)
    _retries: list[int] = field(default_factory=lambda: [0] * _BUCKETS, init=False)
    _second: int = field(default=0, init=False)

    def note_request(self, now: float) -> None:
        """A client's request, not a retry of one."""
        self._requests[self._turn_to(now)] += 1

    def take(self, now: float) -> bool:
        """Whether one more retry is allowed; then it is counted."""
        place = self._turn_to(now)
        oldest = (place + 1) % _BUCKETS
        requests = sum(self._requests) - self._requests[oldest]
        if sum(self._retries) + 1 > max(self.minimum, requests * self.percent / 100):
            return False
        self._retries[place] += 1
        return True

    def _turn_to(self, now: float) -> int:
        """The bucket of this second; those of the seconds that nobody saw are emptied."""
        second = int(now)
        for passed in range(max(self._second + 1, second - _BUCKETS + 1), second + 1):
            self._requests[passed % _BUCKETS] = self._retries[passed % _BUCKETS] = 0
        self._second = max(self._second, second)
        return self._second % _BUCKETS
