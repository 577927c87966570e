"""The demo's requests: who asked which model, what it answered, failed or fell back to, and what that cost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from uuid import UUID

from budgets.core.pricing import Usage, cost
from budgets.core.uuid7 import uuid7
from budgets.entries import Entry
from budgets.models import Basis
from gateway_project.demo_data import cast
from gateway_project.demo_data.cast import Key, ModelGroup, Upstream
from gateway_project.demo_data.shape import arrivals, is_night
from proxy.core.trace import Attempted, Selected, Trace

STRATEGY = "simple-shuffle"
# How long before the end, and for how long, one deployment failed and another was slow.
OUTAGE_BEFORE, OUTAGE_LASTS = timedelta(days=5, hours=3), timedelta(minutes=100)
SLOW_BEFORE, SLOW_LASTS = timedelta(days=2, hours=6), timedelta(hours=5)
_FAILURES = (
    ("RateLimitError", 429, 5.0, "Rate limit reached: retry after some seconds."),
    ("Timeout", 408, 3.0, "The provider did not answer in time."),
    ("InternalServerError", 500, 2.0, "The provider failed to answer."),
    ("BadRequestError", 400, 2.0, "The request was refused: messages must not be empty."),
)
_OUTAGE = ("ServiceUnavailableError", 503, "The provider is not available.")
_FAILS = 0.014
_FAILS_IN_OUTAGE = 0.85


@dataclass(frozen=True, slots=True)
class Request:
    """The attempts in the ledger, and the way of the whole."""

    entries: tuple[Entry, ...]
    trace: Trace


@dataclass(frozen=True, slots=True)
class _Failure:
    error: str
    status: int
    message: str


class Traffic:
    """`price_ids` are those of the price snapshots, by the deployment's id. Same seed and end, same requests."""

    def __init__(self, *, seed: int, now: datetime, days: int, count: int, price_ids: Mapping[str, int]) -> None:
        self._random = Random(seed)  # noqa: S311 - it is a play
        self._now, self._days, self._count = now, days, count
        self._price_ids = price_ids
        self._prices = {group.name: group.price for group in cast.GROUPS}
        self._by_day = list(accumulate(key.weight for key in cast.KEYS))
        self._by_night = list(accumulate(key.weight * (1.0 if key.is_machine else 0.25) for key in cast.KEYS))
        self._customers = tuple(cast.CUSTOMERS)
        # Some customers ask far more than others.
        self._asking = list(accumulate(1 / (number + 1) for number in range(len(self._customers))))

    def requests(self) -> Iterator[Request]:
        for at in arrivals(self._count, days=self._days, now=self._now, random=self._random):
            yield self._request(at)

    def _request(self, at: datetime) -> Request:
        random = self._random
        (key,) = random.choices(cast.KEYS, cum_weights=self._by_night if is_night(at) else self._by_day)
        (name,) = random.choices([one for one, _ in key.models], [weight for _, weight in key.models])
        trace = self._trace(at, key, cast.GROUP[name])
        entries: list[Entry] = []
        for group, upstream in self._to_ask(trace, cast.GROUP[name]):
            entries.append(self._attempt(trace, key, group, upstream, number=len(entries)))
            if entries[-1].status == "success" or entries[-1].status_code == 400:
                break
        self._finish(trace, entries)
        return Request(tuple(entries), trace)

    def _trace(self, at: datetime, key: Key, group: ModelGroup) -> Trace:
        random = self._random
        request_id = UUID(int=random.getrandbits(128), version=4)
        return Trace(
            call_id=str(request_id),
            request_id=request_id,
            began_at=at,
            route="/v1/embeddings" if group.embeds else "/v1/chat/completions",
            operation="embedding" if group.embeds else "chat",
            model=group.name,
            model_group=group.name,
            key_hash=key.token_hash,
            key_alias=key.name,
            user_id=cast.person_id(key.user),
            team_id=cast.TEAM[key.team].id,
            end_user=random.choices(self._customers, cum_weights=self._asking)[0] if key.customers else "",
            tags=key.tags,
            stream=not group.embeds and random.random() < key.streams,
        )

    def _to_ask(self, trace: Trace, group: ModelGroup) -> Iterator[tuple[ModelGroup, Upstream]]:
        """As the router goes on while nobody answers: another deployment of the group, then the fallback's."""
        upstreams = self._random.sample(group.upstreams, len(group.upstreams))
        for number, upstream in enumerate(upstreams):
            if number:
                trace.note("retry", number=number, of=2, delay_seconds=0.0)
            skipped = tuple((one.id, "tried") for one in upstreams[:number])
            names = tuple(one.id for one in upstreams[number:])
            trace.steps.append(Selected(group.name, STRATEGY, len(names), names, skipped, upstream.id))
            yield group, upstream
        if group.fallback:
            fallback = cast.GROUP[group.fallback]
            upstream = self._random.choice([one for one in fallback.upstreams if one is not cast.AZURE])
            trace.note("fallback", model_group=fallback.name, after=group.name, because="the upstream failed")
            trace.steps.append(Selected(fallback.name, STRATEGY, 1, (upstream.id,), (), upstream.id))
            yield fallback, upstream

    def _attempt(self, trace: Trace, key: Key, group: ModelGroup, upstream: Upstream, *, number: int) -> Entry:
        began = trace.began_at + timedelta(seconds=trace.seconds)
        failure = self._failure(upstream, began)
        usage = Usage() if failure else self._usage(key, group)
        first, took = self._times(upstream, usage, began, failure)
        is_first_told = trace.stream and failure is None
        trace.steps.append(
            Attempted(
                number=number,
                deployment=upstream.id,
                provider=upstream.provider,
                model=upstream.model,
                began=trace.seconds,
                ended=trace.seconds + took,
                status=failure.status if failure else 200,
                error=failure.error if failure else "",
                first_token=trace.seconds + first if is_first_told else None,
            )
        )
        trace.seconds += took
        if failure:
            trace.error_class, trace.message, trace.status = failure.error, failure.message, failure.status
        return Entry(
            id=uuid7(unix_ms=int(began.timestamp() * 1000), random_bits=self._random.getrandbits(74)),
            request_id=trace.request_id,
            attempt=number,
            call_id=trace.call_id,
            call_type="aembedding" if group.embeds else "acompletion",
            status="failure" if failure else "success",
            status_code=failure.status if failure else 200,
            error_class=failure.error if failure else "",
            started_at=began,
            first_token_at=began + timedelta(seconds=first) if is_first_told else None,
            ended_at=began + timedelta(seconds=took),
            key_hash=trace.key_hash,
            key_alias=trace.key_alias,
            user_id=trace.user_id,
            team_id=trace.team_id,
            organization_id=cast.TEAM[key.team].organization.id,
            end_user=trace.end_user,
            tags=list(trace.tags),
            requested_model=trace.model,
            model_group=group.name,
            deployment_id=upstream.id,
            provider=upstream.provider,
            model=upstream.model,
            stream=trace.stream,
            basis=Basis.NONE if failure else Basis.USAGE,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            amount_nano=0 if failure else cost(usage, self._prices[group.name]).total,
            price_id=None if failure else self._price_ids[upstream.id],
        )

    def _failure(self, upstream: Upstream, at: datetime) -> _Failure | None:
        outage = self._now - OUTAGE_BEFORE
        is_out = upstream is cast.AZURE and outage <= at < outage + OUTAGE_LASTS
        if self._random.random() >= (_FAILS_IN_OUTAGE if is_out else _FAILS):
            return None
        if is_out:
            return _Failure(*_OUTAGE)
        ((error, status, _, message),) = self._random.choices(_FAILURES, [weight for _, _, weight, _ in _FAILURES])
        return _Failure(error, status, message)

    def _usage(self, key: Key, group: ModelGroup) -> Usage:
        random = self._random
        asked = max(8, round(key.asked * random.lognormvariate(0, 0.7)))
        said = 0 if group.embeds else max(3, round(key.said * random.lognormvariate(0, 0.6)))
        is_cached = not group.embeds and random.random() < key.cached and asked > 1024
        return Usage(
            prompt_tokens=asked,
            completion_tokens=said,
            cached_tokens=int(asked * random.uniform(0.4, 0.9)) // 128 * 128 if is_cached else 0,
        )

    def _times(self, upstream: Upstream, usage: Usage, at: datetime, failure: _Failure | None) -> tuple[float, float]:
        """Seconds to the first token, and to the end."""
        if failure is not None:
            took = 30.0 if failure.status == 408 else self._random.uniform(0.05, 0.6)
            return took, took
        slow = self._now - SLOW_BEFORE
        factor = 4.0 if upstream is cast.SLOW and slow <= at < slow + SLOW_LASTS else 1.0
        first = upstream.first_token * self._random.lognormvariate(0, 0.35) * factor + usage.prompt_tokens / 40_000
        said = usage.completion_tokens / upstream.speed * self._random.uniform(0.8, 1.3) if upstream.speed else 0.0
        return first, first + said * factor

    @staticmethod
    def _finish(trace: Trace, entries: list[Entry]) -> None:
        last = entries[-1]
        trace.amount_nano = sum(entry.amount_nano for entry in entries)
        if last.status == "success":
            trace.status, trace.error_class, trace.message = 200, "", ""
            trace.deployment, trace.model_group = last.deployment_id, last.model_group
        else:
            trace.note("refused", error=trace.error_class, status=trace.status)
