"""What the request path observes: one call for a request's end, whichever it was.

What the ledger knows is not counted here but read from there: see calls.py. Children of prometheus_client are looked up
once for each kind of request; after that an observation is an addition, and all of one request cost some microseconds.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.samples import Sample

from budgets.core.pricing import NANO
from proxy.metrics.catalogue import Kind, Metric, Source
from proxy.metrics.errors import isolated
from proxy.metrics.labels import NONE, OTHER
from proxy.metrics.settings import MetricSettings

Observe = Callable[[float], None]
NO_MORE: Mapping[str, str] = MappingProxyType({})
# LiteLLM's services have a label of their own name, which says it again.
_SELF: Mapping[str, str] = MappingProxyType({"self": "self"})


class NanoCounter(Counter):
    """Counts integer nano-dollars and shows dollars: sums stay exact however many processes add to them."""

    scale = NANO

    def _child_samples(self) -> Sequence[Sample]:
        return [sample._replace(value=sample.value / NANO) for sample in super()._child_samples()]


@dataclass(slots=True, eq=False)
class Labels:
    """The facts of one request, as label values; of one kind of requests one object. `custom` are in the order of

    the settings' names.
    """

    hashed_api_key: str = NONE
    api_key_alias: str = NONE
    team: str = NONE
    team_alias: str = NONE
    org_id: str = NONE
    org_alias: str = NONE
    user: str = NONE
    user_email: str = NONE
    end_user: str = NONE
    requested_model: str = NONE
    model_group: str = NONE
    model: str = NONE
    model_id: str = NONE
    api_base: str = NONE
    api_provider: str = NONE
    service_tier: str = NONE
    route: str = NONE
    operation: str = NONE
    stream: str = NONE
    input_sequence_length: str = NONE
    client_ip: str = NONE
    user_agent: str = NONE
    custom: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. `total` is from the arrival to the last byte, `upstream` of the call that answered, `queue` until it

    or the first of its kind was asked, `own` what the gateway took itself. Of a stream, `first_token` is since the
    upstream was asked, `first_token_total` since the arrival; `per_token` is None where it cannot be said.
    """

    total: float
    upstream: float
    queue: float
    own: float
    first_token: float | None = None
    first_token_total: float | None = None
    per_token: float | None = None


@dataclass(slots=True)
class _Answered:
    """The children of one kind of answered request."""

    counts: tuple[Observe, ...]
    total: tuple[Observe, ...]
    upstream: tuple[Observe, ...]
    queue: Observe
    own: Observe
    first_token: tuple[Observe, ...]
    per_token: tuple[Observe, ...]
    input_tokens: Observe
    output_tokens: Observe


def _nothing(_: float) -> None:
    """In place of a metric that is not wanted."""


@dataclass(slots=True)
class RequestMetrics:
    """Of one process, which makes it once: `registry` keeps what is declared."""

    registry: CollectorRegistry
    settings: MetricSettings
    _families: dict[str, Counter | Histogram] = field(default_factory=dict, init=False)
    _wanted: dict[str, Metric] = field(default_factory=dict, init=False)
    _labels: dict[tuple[Any, ...], Labels] = field(default_factory=dict, init=False)
    _answers: dict[Labels, _Answered] = field(default_factory=dict, init=False)
    _children: dict[tuple[Any, ...], Any] = field(default_factory=dict, init=False)
    _series: dict[str, int] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        for metric in self.settings.metrics.values():
            if metric.source is Source.REQUEST:
                self._families[metric.name] = _declared(metric, self.registry)
                self._wanted[metric.name] = metric

    def labels_of(self, key: tuple[Any, ...], make: Callable[[], Labels]) -> Labels:
        """Those that were made for what agrees in `key`."""
        if (known := self._labels.get(key)) is None:
            if len(self._labels) >= self.settings.most_series:
                self._labels.clear()
                self._answers.clear()
            known = self._labels[key] = make()
        return known

    @isolated
    def answered(self, labels: Labels, timing: Timing, *, prompt_tokens: int, completion_tokens: int) -> None:
        known = self._answers.get(labels)
        if known is None:
            known = self._remember(labels)
        for count in known.counts:
            count(1)
        for observe in known.total:
            observe(timing.total)
        for observe in known.upstream:
            observe(timing.upstream)
        known.queue(timing.queue)
        known.own(timing.own)
        if timing.first_token is not None and timing.first_token_total is not None:
            known.first_token[0](timing.first_token)
            known.first_token[1](timing.first_token_total)
        if timing.per_token is not None:
            for observe in known.per_token:
                observe(timing.per_token)
        known.input_tokens(prompt_tokens)
        known.output_tokens(completion_tokens)

    @isolated
    def aborted(self, labels: Labels, *, seconds: float) -> None:
        """Its client left before the end."""
        self._count("litellm_proxy_total_requests_metric", labels, status_code="499")
        self._count("litellm_self_total_requests", labels, **_SELF)
        self._ended(labels, seconds, outcome="client_abort")

    @isolated
    def failed(
        self, labels: Labels, *, status: int, error_class: str, seconds: float, category: str = NONE, limit: str = NONE
    ) -> None:
        """`error_class` as LiteLLM spells it; `category` and `limit` say whose limit refused it, if one did."""
        extra = {"exception_status": str(status), "exception_class": error_class}
        self._count("litellm_proxy_total_requests_metric", labels, status_code=str(status))
        self._count("litellm_self_total_requests", labels, **_SELF)
        self._count(
            "litellm_self_failed_requests", labels, **_SELF, error_class=error_class, function_name=labels.operation
        )
        self._count(
            "litellm_proxy_failed_requests_metric", labels, **extra, rate_limit_category=category, rate_limit_type=limit
        )
        if category != NONE:
            self._count("tollkeeper_rate_limited_requests", labels, rate_limit_category=category, rate_limit_type=limit)
        outcome = "client_abort" if status == 499 else "refused" if status < 500 else "failure"
        self._ended(labels, seconds, outcome=outcome)
        self._observe(
            "gen_ai_server_request_duration_seconds", labels, seconds, **_gen_ai(labels), error_type=error_class
        )

    @isolated
    def call_failed(self, labels: Labels, *, error_class: str, seconds: float) -> None:
        """One call of an upstream, whatever becomes of the request."""
        self._observe(
            "gen_ai_client_operation_duration_seconds", labels, seconds, **_gen_ai(labels), error_type=error_class
        )

    @isolated
    def fell_back(self, labels: Labels, *, fallback_model: str, status: int, error_class: str, answered: bool) -> None:
        """From the model that `labels` say was asked for; `status` and `error_class` of why."""
        name = f"litellm_deployment_{'successful' if answered else 'failed'}_fallbacks"
        exception = {"exception_status": str(status), "exception_class": error_class}
        self._count(name, labels, fallback_model=fallback_model, **exception)

    @isolated
    def cooled_down(self, labels: Labels, *, status: int) -> None:
        self._count("litellm_deployment_cooled_down", labels, exception_status=str(status))

    @isolated
    def hold_shortfall(self, labels: Labels, *, amount_nano: int) -> None:
        self._count("tollkeeper_hold_shortfall_usd", labels, amount_nano)

    def _ended(self, labels: Labels, seconds: float, *, outcome: str) -> None:
        self._observe("tollkeeper_request_duration_seconds", labels, seconds, outcome=outcome)

    def _remember(self, labels: Labels) -> _Answered:
        if len(self._answers) >= self.settings.most_series:
            self._answers.clear()
        gen_ai = _gen_ai(labels)

        def observer(name: str, extra: Mapping[str, str] = NO_MORE) -> Observe:
            child = self._child(name, labels, extra)
            return _nothing if child is None else _fast(child)

        def counter(name: str, extra: Mapping[str, str]) -> Observe:
            child = self._child(name, labels, extra)
            return _nothing if child is None else _fast_count(child)

        found = self._answers[labels] = _Answered(
            counts=(
                counter("litellm_proxy_total_requests_metric", {"status_code": "200"}),
                counter("litellm_self_total_requests", _SELF),
            ),
            total=(
                observer("litellm_self_latency", _SELF),
                observer("litellm_request_total_latency_metric"),
                observer("tollkeeper_request_duration_seconds", {"outcome": "success"}),
                observer("gen_ai_server_request_duration_seconds", gen_ai | {"error_type": ""}),
            ),
            upstream=(
                observer("litellm_llm_api_latency_metric"),
                observer("gen_ai_client_operation_duration_seconds", gen_ai | {"error_type": ""}),
            ),
            queue=observer("litellm_request_queue_time_seconds"),
            own=observer("litellm_overhead_latency_metric"),
            first_token=(
                observer("litellm_llm_api_time_to_first_token_metric") if labels.stream == "True" else _nothing,
                observer("gen_ai_server_time_to_first_token_seconds", gen_ai) if labels.stream == "True" else _nothing,
            ),
            per_token=(
                observer("litellm_deployment_latency_per_output_token"),
                observer("gen_ai_server_time_per_output_token_seconds", gen_ai),
            ),
            input_tokens=observer("gen_ai_client_token_usage", gen_ai | {"gen_ai_token_type": "input"}),
            output_tokens=observer("gen_ai_client_token_usage", gen_ai | {"gen_ai_token_type": "output"}),
        )
        return found

    def _count(self, name: str, labels: Labels, amount: float = 1, /, **extra: str) -> None:
        if (child := self._child(name, labels, extra)) is not None:
            child.inc(amount)

    def _observe(self, name: str, labels: Labels, value: float, **extra: str) -> None:
        if (child := self._child(name, labels, extra)) is not None:
            child.observe(value)

    def _child(self, name: str, labels: Labels, extra: Mapping[str, str]) -> Any:
        """None for a metric that is not wanted. Beyond the most series of a metric, all others are one."""
        if (metric := self._wanted.get(name)) is None:
            return None
        values = self._values(metric, labels, extra)
        key = (name, *values)
        if (child := self._children.get(key)) is not None:
            return child
        family = self._families[name]
        if not metric.labels:
            child = family
        elif self._series.get(name, 0) >= self.settings.most_series:
            return family.labels(*([OTHER] * len(metric.labels)))
        else:
            child = family.labels(*values)
            self._series[name] = self._series.get(name, 0) + 1
        self._children[key] = child
        return child

    def _values(self, metric: Metric, labels: Labels, extra: Mapping[str, str]) -> list[str]:
        custom = self.settings.custom
        own = dict(zip(custom.names, labels.custom or custom.absent, strict=True)) if metric.custom else {}
        own |= extra
        own["litellm_model_name"] = labels.model
        return [own[name] if name in own else str(getattr(labels, name)) for name in metric.labels]


def _declared(metric: Metric, registry: CollectorRegistry) -> Counter | Histogram:
    if metric.kind is Kind.HISTOGRAM:
        return Histogram(metric.name, metric.documentation, metric.labels, buckets=metric.buckets, registry=registry)
    kind = NanoCounter if metric.name.endswith("_usd") else Counter
    return kind(metric.name, metric.documentation, metric.labels, registry=registry)


def _fast(child: Any) -> Observe:
    """The child's `observe` in a fifth of its time: only the loop's thread observes requests, so there is no lock."""
    bounds = child._upper_bounds
    sums, sum_at = child._sum.cell
    buckets = [bucket.cell for bucket in child._buckets]

    def observe(value: float) -> None:
        sums[sum_at] += value
        counts, at = buckets[bisect_left(bounds, value)]
        counts[at] += 1

    return observe


def _fast_count(child: Any) -> Observe:
    numbers, at = child._value.cell

    def count(amount: float) -> None:
        numbers[at] += amount

    return count


# OpenTelemetry's names of providers and operations, where they are not ours.
_OPERATIONS = {"completion": "text_completion", "embedding": "embeddings", "messages": "chat", "responses": "chat"}
_PROVIDERS = {
    "azure": "azure.ai.openai", "azure_ai": "azure.ai.inference", "bedrock": "aws.bedrock", "gemini": "gcp.gemini",
    "vertex_ai": "gcp.vertex_ai", "mistral": "mistral_ai", "xai": "x_ai", "moonshot": "moonshot_ai",
}  # fmt: skip


def _gen_ai(labels: Labels) -> dict[str, str]:
    """Without teams and keys: those are LiteLLM's metrics' business."""
    return {
        "gen_ai_operation_name": _OPERATIONS.get(labels.operation, labels.operation),
        "gen_ai_provider_name": _PROVIDERS.get(labels.api_provider, labels.api_provider),
        "gen_ai_request_model": labels.requested_model,
        "gen_ai_response_model": labels.model,
    }
