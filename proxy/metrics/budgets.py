"""Budgets as metrics: what is so at the scrape. Who has no budget has no series, and none stays of one that is gone.

LiteLLM's names are those of the main budget of teams, keys, users, organizations, customers and providers (metrics.md
1.4 and 1.6); `tollkeeper_budget_*` have every window of everybody.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from budgets.core.pricing import NANO
from budgets.every_budget import Window
from budgets.models import Scope
from proxy.exposition import TextFamily
from proxy.metrics.catalogue import Metric
from proxy.metrics.gauges import Gauges, alias_value, spelled
from proxy.metrics.labels import label_value

Value = Callable[[Window, datetime], float | None]


def _limit(one: Window, now: datetime) -> float | None:
    limit = one.allowance.max_at(now)
    return None if limit is None else limit / NANO


def _remaining(one: Window, now: datetime) -> float | None:
    limit = one.allowance.max_at(now)
    return None if limit is None or one.spent_nano is None else (limit - one.spent_nano) / NANO


def _hours(one: Window, now: datetime) -> float | None:
    return None if one.ends is None else (one.ends - now).total_seconds() / 3600


def _soft_limit(one: Window, _: datetime) -> float | None:
    soft = one.allowance.soft_nano
    return None if soft is None else soft / NANO


def _spent(one: Window, _: datetime) -> float | None:
    return None if one.spent_nano is None else one.spent_nano / NANO


def _reset_at(one: Window, _: datetime) -> float | None:
    return None if one.ends is None else one.ends.timestamp()


_LITELLM: Mapping[str, str] = {
    Scope.TEAM: "team",
    Scope.KEY: "api_key",
    Scope.USER: "user",
    Scope.ORGANIZATION: "org",
    Scope.CUSTOMER: "customer",
}
_OF_PROVIDERS = "litellm_provider_remaining_budget_metric"
_LIMITED = ("tollkeeper_budget_limit_usd", "tollkeeper_budget_utilization_ratio")
_SOFT, _SPENT = "tollkeeper_budget_soft_limit_usd", "tollkeeper_budget_spent_usd"
_RESET = "tollkeeper_budget_reset_timestamp_seconds"
_VALUES: Mapping[str, Value] = {
    **{f"litellm_remaining_{word}_budget_metric": _remaining for word in _LITELLM.values()},
    **{f"litellm_{word}_max_budget_metric": _limit for word in _LITELLM.values()},
    **{f"litellm_{word}_budget_remaining_hours_metric": _hours for word in _LITELLM.values()},
    _OF_PROVIDERS: _remaining,
    _LIMITED[0]: _limit,
    _LIMITED[1]: Window.used_at,
    _SOFT: _soft_limit,
    _SPENT: _spent,
    _RESET: _reset_at,
}


def _names(one: Window) -> Iterator[str]:
    """Which metrics have it."""
    is_limited, is_reset = one.allowance.max_nano is not None, one.ends is not None
    yield _SPENT
    if is_reset:
        yield _RESET
    if one.allowance.soft_nano is not None:
        yield _SOFT
    if not is_limited:
        return
    yield from _LIMITED
    if not one.is_main:
        return
    if one.scope == Scope.PROVIDER:
        yield _OF_PROVIDERS
    elif (word := _LITELLM.get(one.scope)) is not None:
        yield f"litellm_remaining_{word}_budget_metric"
        yield f"litellm_{word}_max_budget_metric"
        if is_reset:
            yield f"litellm_{word}_budget_remaining_hours_metric"


@dataclass(slots=True, eq=False)
class BudgetMetrics:
    """A collector. `read` says every window. Raises django.db.Error when the database does not answer: then none of

    its metrics are shown.
    """

    gauges: Gauges
    read: Callable[[datetime], Sequence[Window]]
    label: str = "budgets"
    _texts: dict[Window, dict[tuple[str, ...], str]] = field(default_factory=dict)
    _read: Sequence[Window] = ()
    _shown: dict[str, tuple[list[Window], int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def describe(self) -> list[TextFamily]:
        """Nothing is read before the first scrape."""
        return []

    def collect(self) -> Iterator[TextFamily]:
        with self._lock:
            now = datetime.now(UTC)
            windows = self.read(now)
            if windows is not self._read:
                self._choose(windows)
            for name, value in _VALUES.items():
                yield from self._family(name, value, now)

    def _choose(self, windows: Sequence[Window]) -> None:
        """Which are shown in each metric, and how many are left out: the most utilised come first."""
        most, tracks_end_users = self.gauges.settings.most_series, self.gauges.settings.tracks_end_users
        shown: dict[str, list[Window]] = {name: [] for name in _VALUES}
        left_out = dict.fromkeys(_VALUES, 0)
        for one in windows:
            if one.scope == Scope.CUSTOMER and not tracks_end_users:
                continue
            for name in _names(one):
                if len(shown[name]) < most:
                    shown[name].append(one)
                else:
                    left_out[name] += 1
        self._shown = {name: (some, left_out[name]) for name, some in shown.items()}
        known, self._texts = self._texts, {}
        for some in shown.values():
            for one in some:
                self._texts[one] = known.get(one) or {}
        self._read = windows

    def _family(self, name: str, value: Value, now: datetime) -> Iterable[TextFamily]:
        if (metric := self.gauges.wanted(name)) is None:
            return ()
        windows, left_out = self._shown[name]
        values: dict[str, float] = {}
        for one in windows:
            if (number := value(one, now)) is None:
                continue
            text = self._text(one, metric)
            # Labels may be left out, and a provider may have several budgets: what is tightest is shown.
            values[text] = number if (before := values.get(text)) is None else min(before, number)
        return self.gauges.family(metric, values, left_out=left_out)

    def _text(self, one: Window, metric: Metric) -> str:
        texts = self._texts[one]
        if (text := texts.get(metric.labels)) is None:
            text = texts[metric.labels] = spelled(metric.labels, self._labels(one, metric))
        return text

    def _labels(self, one: Window, metric: Metric) -> Mapping[str, str]:
        if metric.name.startswith("tollkeeper_"):
            # Names of people are shown where a setting asks for them.
            is_person = one.scope == Scope.USER
            is_shown = not is_person or "user_alias" in self._user_labels
            return {
                "scope": one.scope,
                "entity": label_value(one.name) if one.name else "",
                "alias": alias_value(one.alias) if is_shown else "",
                "model": alias_value(one.model),
                "window": one.allowance.window,
            }
        return _NAMES[one.scope](one)

    @property
    def _user_labels(self) -> Sequence[str]:
        metric = self.gauges.wanted("litellm_remaining_user_budget_metric")
        return metric.labels if metric else ()


_NAMES: Mapping[str, Callable[[Any], Mapping[str, str]]] = {
    Scope.TEAM: lambda one: {"team": label_value(one.name), "team_alias": alias_value(one.alias)},
    Scope.KEY: lambda one: {"hashed_api_key": label_value(one.name), "api_key_alias": alias_value(one.alias)},
    Scope.USER: lambda one: {
        "user": label_value(one.name),
        "user_email": alias_value(one.email),
        "user_alias": alias_value(one.alias),
    },
    Scope.ORGANIZATION: lambda one: {"org_id": label_value(one.name), "org_alias": alias_value(one.alias)},
    Scope.CUSTOMER: lambda one: {"end_user": label_value(one.name)},
    Scope.PROVIDER: lambda one: {"api_provider": label_value(one.name)},
}
