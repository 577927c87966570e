"""Rate limits as metrics: of who has one, what it is and what is used of it in the window that ends now.

Who has no limit has no series; who has one and did nothing shows 0.
"""

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from budgets.core.admission import MeterCheck
from budgets.request_limits import rates, rates_of_models
from proxy.exposition import TextFamily
from proxy.metrics.catalogue import Metric
from proxy.metrics.gauges import Gauges, Labels, spelled
from proxy.metrics.labels import NONE, label_value
from teams.holders import Holder, Holders

_MINUTE = 60
_KINDS = ("requests", "tokens")
# Which family each holder's limits are of, and what LiteLLM calls its meter.
_WORDS = {"key": "api_key", "team": "team"}
Used = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True, eq=False)
class _Limit:
    """One number that must not be exceeded. `meter` is its place among the checks, `kind` that within the meter."""

    meter: int
    kind: int
    limit: int
    labels: Labels
    texts: dict[tuple[str, ...], str] = field(default_factory=dict)

    def used(self, used: Used) -> int:
        return int(used[self.meter][self.kind])

    def left(self, used: Used) -> int:
        return max(0, self.limit - self.used(used))

    def share(self, used: Used) -> float:
        return self.used(used) / self.limit if self.limit else 1.0

    def text(self, names: tuple[str, ...]) -> str:
        if (text := self.texts.get(names)) is None:
            text = self.texts[names] = spelled(names, self.labels)
        return text


def _allowed(one: _Limit, _: Used) -> int:
    return one.limit


_FAMILIES: tuple[tuple[str, str, Callable[[_Limit, Used], int]], ...] = (
    ("litellm_api_key_rate_limit_allowed_metric", "api_key", _allowed),
    ("litellm_api_key_rate_limit_used_metric", "api_key", _Limit.used),
    ("litellm_team_rate_limit_allowed_metric", "team", _allowed),
    ("litellm_team_rate_limit_used_metric", "team", _Limit.used),
    ("litellm_remaining_api_key_requests_for_model", "model requests", _Limit.left),
    ("litellm_remaining_api_key_tokens_for_model", "model tokens", _Limit.left),
)


@dataclass(slots=True, eq=False)
class LimitMetrics:
    """A collector. `used` says what each meter has counted. Raises redis.RedisError: then none of it is shown."""

    gauges: Gauges
    holders: Holders
    used: Callable[[Sequence[MeterCheck]], Used]
    label: str = "rate_limits"
    _made_of: list[Holder] | None = None
    _checks: list[MeterCheck] = field(default_factory=list)
    _limits: dict[str, list[_Limit]] = field(default_factory=dict)

    def describe(self) -> list[TextFamily]:
        return []

    def collect(self) -> Iterator[TextFamily]:
        holders = self.holders.read()
        if holders is not self._made_of:
            self._put_together(holders)
        used = self.used(self._checks)
        for name, group, value in _FAMILIES:
            if (metric := self.gauges.wanted(name)) is not None:
                yield from self._family(metric, self._limits.get(group, ()), value, used)

    def _family(
        self, metric: Metric, limits: Sequence[_Limit], value: Callable[[_Limit, Used], int], used: Used
    ) -> Iterable[TextFamily]:
        """The most used, where there are too many."""
        left_out = len(limits) - self.gauges.settings.most_series
        if left_out > 0:
            limits = _most_used(limits, used, most=self.gauges.settings.most_series)
        values = {one.text(metric.labels): value(one, used) for one in limits}
        return self.gauges.family(metric, values, left_out=max(0, left_out))

    def _put_together(self, holders: list[Holder]) -> None:
        self._checks, self._limits = [], {}
        for holder in holders:
            if (word := _WORDS.get(holder.kind)) is None:
                continue
            for meter in rates(word, holder.name, holder.limits).meters:
                for kind, limit in enumerate((meter.check.requests, meter.check.tokens)):
                    name = _KINDS[kind] if meter.check.window_seconds == _MINUTE else "tokens_per_day"
                    self._add(word, kind, limit, {**_names(holder), "rate_limit_type": name})
                self._checks.append(meter.check)
            if holder.kind == "key":
                self._add_models(holder)
        self._made_of = holders

    def _add_models(self, holder: Holder) -> None:
        for model, own in rates_of_models(holder.metadata, holder.limits).items():
            labels = {**_names(holder), "model": label_value(model), "model_id": NONE}
            for meter in rates("model_per_key", f"{holder.name}:{model}", own).meters:
                for kind, limit in enumerate((meter.check.requests, meter.check.tokens)):
                    self._add(f"model {_KINDS[kind]}", kind, limit, labels)
                self._checks.append(meter.check)

    def _add(self, group: str, kind: int, limit: int | None, labels: Labels) -> None:
        """Of the check that is added next."""
        if limit is not None:
            self._limits.setdefault(group, []).append(_Limit(len(self._checks), kind, limit, labels))


def _most_used(limits: Sequence[_Limit], used: Used, *, most: int) -> Sequence[_Limit]:
    """Most of those that have a limit do nothing most of the time."""
    found = [one for one in limits if used[one.meter][one.kind]]
    if len(found) > most:
        return heapq.nlargest(most, found, key=lambda one: one.share(used))
    idle = (one for one in limits if not used[one.meter][one.kind])
    return [*found, *itertools.islice(idle, most - len(found))]


def _names(holder: Holder) -> Labels:
    """As the counters of requests have them."""
    if holder.kind == "key":
        return {"hashed_api_key": label_value(holder.name), "api_key_alias": label_value(holder.alias)}
    return {"team": label_value(holder.name), "team_alias": label_value(holder.alias)}
