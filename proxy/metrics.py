"""What the request path counts. Names, labels and buckets are LiteLLM's (metrics.md 1.3 and 1.4).

Custom labels come from the settings, so the metrics are made when a process starts. Children are kept per label
tuple: after the first request of a kind, counting costs a dictionary look-up and a few additions.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.samples import Sample

from budgets.core.pricing import NANO

NONE = "None"
LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 420, 600)
_MOST_SERIES = 10_000

# `end_user` stays None unless switched on, as LiteLLM has it; `client_ip` and `user_agent` are not here: both are
# chosen by the client and personal.
_WHO = ("end_user", "hashed_api_key", "api_key_alias", "team", "team_alias", "user")
_OUTCOME = (*_WHO, "user_email", "requested_model", "route", "model_id", "api_provider")
_SERVED = (*_WHO, "model", "requested_model", "model_id", "api_provider")


class NanoCounter(Counter):
    """Counts integer nano-dollars and shows dollars: sums stay exact however many processes add to them."""

    def _child_samples(self) -> Sequence[Sample]:
        return [sample._replace(value=sample.value / NANO) for sample in super()._child_samples()]


@dataclass(frozen=True, slots=True)
class Labels:
    """The facts of one request, as label values."""

    hashed_api_key: str = NONE
    api_key_alias: str = NONE
    team: str = NONE
    team_alias: str = NONE
    user: str = NONE
    user_email: str = NONE
    end_user: str = NONE
    requested_model: str = NONE
    model_group: str = NONE
    model: str = NONE
    model_id: str = NONE
    api_provider: str = NONE
    service_tier: str = NONE
    route: str = NONE
    custom: tuple[str, ...] = ()


class CustomLabels:
    """`custom_prometheus_metadata_labels` and `custom_prometheus_tags`: their label names and values."""

    def __init__(self, *, metadata: Sequence[str] = (), tags: Sequence[str] = ()) -> None:
        self._paths = [path.removeprefix("metadata.").split(".") for path in metadata]
        self._tags = list(tags)
        self.names = (*map(label_name, metadata), *(f"tag_{label_name(tag)}" for tag in tags))

    def values(self, metadata: Mapping[str, Any], tags: Sequence[str]) -> tuple[str, ...]:
        if not self.names:
            return ()
        found = (_lookup(metadata, path) for path in self._paths)
        return (*found, *("true" if tag in tags else "false" for tag in self._tags))


class RequestMetrics:
    """Raises ValueError when two labels would carry the same name."""

    def __init__(self, registry: CollectorRegistry, custom: CustomLabels) -> None:
        self.custom = custom
        outcome, served = (*_OUTCOME, *custom.names), (*_SERVED, *custom.names)
        ensure_no_clash(custom)
        self._total = Counter(
            "litellm_proxy_total_requests_metric",
            "Requests clients made to the proxy",
            (*outcome, "status_code"),
            registry=registry,
        )
        self._failed = Counter(
            "litellm_proxy_failed_requests_metric",
            "Requests that got no successful answer from the proxy",
            (*outcome, "exception_status", "exception_class"),
            registry=registry,
        )
        self._spend = NanoCounter(
            "litellm_spend_metric",
            "Spend on LLM requests, in US dollars",
            (*served, "user_email", "service_tier"),
            registry=registry,
        )
        self._tokens = Counter(
            "litellm_total_tokens_metric",
            "Input and output tokens of LLM requests",
            (*served, "user_email"),
            registry=registry,
        )
        self._latency = Histogram(
            "litellm_request_total_latency_metric",
            "Seconds from a request's arrival to the last byte of its answer",
            (*served, "model_group", "service_tier"),
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self._unpriced = Counter(
            "tollkeeper_unpriced_requests",
            "Calls of an upstream that were served and for which no price is known",
            ("model", "provider"),
            registry=registry,
        )
        self._shortfall = NanoCounter(
            "tollkeeper_hold_shortfall_usd",
            "What answers cost beyond what budgets held for them: more than their provider was allowed to say",
            ("model", "provider"),
            registry=registry,
        )
        self._successes: dict[Labels, tuple[Counter, Counter, Counter, Histogram]] = {}
        self._failures: dict[tuple[Labels, str, str], tuple[Counter, Counter]] = {}

    def success(self, labels: Labels, *, amount_nano: int, tokens: int, seconds: float) -> None:
        if (children := self._successes.get(labels)) is None:
            children = self._successes[labels] = self._success_children(labels)
        total, spend, counted, latency = children
        total.inc()
        spend.inc(amount_nano)
        counted.inc(tokens)
        latency.observe(seconds)

    def charged(self, labels: Labels, *, amount_nano: int, tokens: int) -> None:
        """What was paid for beside the answer: a stream that broke, a request that was asked twice."""
        if (children := self._successes.get(labels)) is None:
            children = self._successes[labels] = self._success_children(labels)
        _, spend, counted, _ = children
        spend.inc(amount_nano)
        counted.inc(tokens)

    def unpriced(self, *, model: str, provider: str) -> None:
        self._unpriced.labels(label_value(model), label_value(provider)).inc()

    def hold_shortfall(self, *, model: str, provider: str, amount_nano: int) -> None:
        self._shortfall.labels(label_value(model), label_value(provider)).inc(amount_nano)

    def failure(self, labels: Labels, *, status: int, error_class: str) -> None:
        key = (labels, str(status), error_class)
        if (children := self._failures.get(key)) is None:
            children = self._failures[key] = self._failure_children(*key)
        for child in children:
            child.inc()

    def _success_children(self, labels: Labels) -> tuple[Counter, Counter, Counter, Histogram]:
        if len(self._successes) >= _MOST_SERIES:
            self._successes.clear()
        return (
            self._total.labels(*self._pick(_OUTCOME, labels), "200"),
            self._spend.labels(*self._pick(_SERVED, labels), labels.user_email, labels.service_tier),
            self._tokens.labels(*self._pick(_SERVED, labels), labels.user_email),
            self._latency.labels(*self._pick(_SERVED, labels), labels.model_group, labels.service_tier),
        )

    def _failure_children(self, labels: Labels, status: str, error_class: str) -> tuple[Counter, Counter]:
        if len(self._failures) >= _MOST_SERIES:
            self._failures.clear()
        outcome = self._pick(_OUTCOME, labels)
        return self._total.labels(*outcome, status), self._failed.labels(*outcome, status, error_class)

    def _pick(self, names: Sequence[str], labels: Labels) -> tuple[str, ...]:
        custom = labels.custom or tuple("false" if name.startswith("tag_") else NONE for name in self.custom.names)
        return (*(getattr(labels, name) for name in names), *custom)


def ensure_no_clash(custom: CustomLabels) -> None:
    """Raises ValueError when a custom label would carry the name of another label."""
    names = [
        *_OUTCOME,
        *_SERVED,
        "status_code",
        "exception_status",
        "exception_class",
        "model_group",
        "service_tier",
        "le",
    ]
    if unfit := [name for name in custom.names if not name or name.startswith("__")]:
        raise ValueError(f"custom Prometheus labels need a name, and not one beginning with __: {unfit}")
    clashes = {name for name in custom.names if name in names or custom.names.count(name) > 1}
    if clashes:
        raise ValueError(f"custom Prometheus labels clash with other labels: {', '.join(sorted(clashes))}")


def label_name(text: str) -> str:
    """LiteLLM's rule: anything but letters, digits and `_` becomes `_`, and a leading digit gets one before it."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", text)
    return f"_{name}" if name[:1].isdigit() else name


_LONGEST_VALUE = 128


def label_value(value: str | None) -> str:
    """One line, at most 128 characters; LiteLLM's `None` where there is nothing."""
    if not value:
        return NONE
    if not value.isprintable():
        value = "".join(character if character.isprintable() else " " for character in value)
    return value[:_LONGEST_VALUE]


def _lookup(metadata: Mapping[str, Any], path: Sequence[str]) -> str:
    found: Any = metadata
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    return label_value(found) if isinstance(found, str) else NONE
