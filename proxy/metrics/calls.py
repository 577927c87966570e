"""What was paid and what upstreams answered, as metrics: read at the scrape from what the ledger adds up to.

Names, labels and meaning are LiteLLM's (metrics.md 1.3 to 1.6). Only what changed since the last scrape is read.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from budgets.call_totals import SUMS
from budgets.core.pricing import NANO
from budgets.models import CallTotal
from proxy.exposition import TextFamily, label_text
from proxy.metrics.catalogue import Metric, Source
from proxy.metrics.labels import NONE, OTHER, exception_class, label_value
from proxy.metrics.settings import MetricSettings

# Of a row: where each label comes from. `model` and `litellm_model_name` are two spellings of one thing.
_SOURCES = {
    "hashed_api_key": "key_hash", "api_key_alias": "key_alias", "team": "team_id", "team_alias": "team_alias",
    "user": "user_id", "user_email": "user_email", "org_id": "organization_id", "org_alias": "org_alias",
    "requested_model": "requested_model", "model_group": "model_group", "model": "model",
    "litellm_model_name": "model", "model_id": "deployment_id", "api_provider": "provider",
    "service_tier": "service_tier", "exception_status": "status_code",
}  # fmt: skip
# And those that only the request knows.
_OF_REQUEST = ("end_user", "client_ip", "user_agent")
Sums = Mapping[str, int]


def _sum(name: str) -> Callable[[Sums, bool], int]:
    return lambda sums, _: sums[name]


def _tokens(sums: Sums, _: bool) -> int:
    return sums["prompt_tokens"] + sums["completion_tokens"]


def _successes(sums: Sums, is_served: bool) -> int:
    return sums["calls"] if is_served else 0


def _failures(sums: Sums, is_served: bool) -> int:
    return 0 if is_served else sums["calls"]


# What a row adds to each metric: nothing makes no series.
_ADDS: Mapping[str, Callable[[Sums, bool], int]] = {
    "litellm_spend_metric": _sum("amount_nano"),
    "litellm_total_tokens_metric": _tokens,
    "litellm_input_tokens_metric": _sum("prompt_tokens"),
    "litellm_output_tokens_metric": _sum("completion_tokens"),
    "litellm_input_cached_tokens_metric": _sum("cached_tokens"),
    "litellm_input_cache_creation_tokens_metric": _sum("cache_creation_tokens"),
    "litellm_output_reasoning_tokens_metric": _sum("reasoning_tokens"),
    "litellm_images_generated_metric": _sum("images"),
    "litellm_provider_cache_read_input_tokens_metric": _sum("cached_tokens"),
    "litellm_provider_cache_creation_input_tokens_metric": _sum("cache_creation_tokens"),
    "litellm_requests_metric": _successes,
    "litellm_llm_api_failed_requests_metric": _failures,
    "litellm_zero_cost_requests": _sum("unpriced"),
    "litellm_deployment_success_responses": _successes,
    "litellm_deployment_failure_responses": _failures,
    "litellm_deployment_total_requests": _sum("calls"),
}
_SCALES = {"litellm_spend_metric": NANO}


@dataclass(slots=True)
class _Known:
    """A row as it was read last, and the text of its labels in each metric."""

    sums: Sums
    texts: tuple[str, ...]
    is_served: bool


@dataclass(slots=True, eq=False)
class CallMetrics:
    """A collector. `api_bases` says where each deployment is, by its id.

    Raises django.db.Error when the database does not answer: then none of its metrics are shown.
    """

    settings: MetricSettings
    api_bases: Callable[[], Mapping[str, str]]
    label: str = "calls"
    _metrics: tuple[Metric, ...] = field(init=False)
    _values: list[dict[str, int]] = field(init=False)
    _rows: dict[UUID, _Known] = field(default_factory=dict)
    _version: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._metrics = tuple(one for one in self.settings.metrics.values() if one.source is Source.LEDGER)
        self._values = [{} for _ in self._metrics]

    def describe(self) -> list[Any]:
        """Nothing is read before the first scrape."""
        return []

    def collect(self) -> Iterator[Any]:
        with self._lock:
            self._read()
            for metric, values in zip(self._metrics, self._values, strict=True):
                scale = _SCALES.get(metric.name)
                shown = {text: value / scale for text, value in values.items()} if scale else values
                for name in (metric.name, *(metric.aliases if self.settings.shows_older_names else ())):
                    yield TextFamily(name, "counter", metric.documentation, shown)

    def _read(self) -> None:
        bases = self.api_bases()
        if self._rows and CallTotal.objects.count() < len(self._rows):
            # Some were taken away, as only the demo's are: what they had added is to be seen no more.
            self._rows, self._values, self._version = {}, [{} for _ in self._metrics], 0
        # A roll-up that is not done yet has a higher version than all that are.
        for row in CallTotal.objects.filter(version__gt=self._version).order_by("version", "pk").iterator():
            sums = {name: getattr(row, name) for name in SUMS}
            known = self._rows.get(row.pk)
            before = known.sums if known else dict.fromkeys(SUMS, 0)
            if known is None:
                known = self._rows[row.pk] = self._spelled(row.labels, sums, bases)
            known.sums = sums
            added = {name: sums[name] - before[name] for name in SUMS}
            for metric, values, text in zip(self._metrics, self._values, known.texts, strict=True):
                if more := _ADDS[metric.name](added, known.is_served):
                    values[text] = values.get(text, 0) + more
            self._version = row.version

    def _spelled(self, facts: Mapping[str, Any], sums: Sums, bases: Mapping[str, str]) -> _Known:
        labels: dict[str, str] = {label: label_value(facts.get(source)) for label, source in _SOURCES.items()}
        is_other = facts.get("key_hash") == OTHER
        labels["api_base"] = OTHER if is_other else label_value(bases.get(facts.get("deployment_id", "")))
        labels["exception_class"] = _exception_class(facts) or NONE
        labels["reason"] = "missing_pricing_key"
        own = facts.get("own", {})
        custom = self.settings.custom
        labels |= dict.fromkeys(_OF_REQUEST, NONE) | dict(zip(custom.names, custom.absent, strict=True)) | own
        if is_other:
            labels |= dict.fromkeys((*_OF_REQUEST, *custom.names), OTHER)
        texts = tuple(label_text({name: labels[name] for name in metric.labels}) for metric in self._metrics)
        return _Known(sums, texts, is_served="error_class" not in facts)


def _exception_class(facts: Mapping[str, Any]) -> str:
    error = str(facts.get("error_class", ""))
    return error if error in {"", OTHER} else exception_class(error, provider=str(facts.get("provider", "")))
