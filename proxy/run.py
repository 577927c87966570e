"""One client's request from its arrival until its books are closed: who asks, for what, and what was decided."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from budgets.core.pricing import Usage
from proxy.bounds import asked_tokens
from proxy.core.calls import Call
from proxy.core.errors import UpstreamError, UpstreamRateLimit
from proxy.core.measure import estimate_prompt
from proxy.core.settings import RouterSettings
from proxy.core.timeouts import attempt_seconds
from proxy.core.trace import Trace
from proxy.deployments import Deployment
from proxy.metrics.labels import NONE, exception_class, label_value
from proxy.metrics.requests import Labels, Timing
from proxy.policy import client_address
from proxy.request import LeanRequest
from teams.errors import ApiError, BudgetExceeded, RateLimited
from teams.snapshot import Principal

if TYPE_CHECKING:
    from proxy.admission import Grant
    from proxy.attempt import Attempt
    from proxy.runtime import Runtime

# Who waits less than this must not make a deployment look broken.
LITTLE_SECONDS = 5.0


@dataclass(slots=True, kw_only=True)
class Run:
    """Times are `time.perf_counter()` seconds; `deadline` is when the client has said that it stops waiting.

    `asked` is the deployment that was asked last, `heard_at` when it last sent a piece of a stream: see core.hanging.
    """

    runtime: "Runtime"
    request: LeanRequest
    principal: Principal
    call: Call
    settings: RouterSettings
    route: str
    call_id: str
    request_id: UUID
    arrived: float
    trace: Trace
    deadline: float | None = None
    stream_timeout: float | None = None
    attempts: int = 0
    retries: int = 0
    fallbacks: int = 0
    amount_nano: int = 0
    prompt_bytes: int = 0
    grant: "Grant | None" = None
    cap: int | None = None
    finished: bool = False
    asked: Deployment | None = None
    heard_at: float | None = None
    custom: tuple[str, ...] = field(default=())
    # What its client asked for, as metrics call it.
    requested: str = NONE
    # When the first upstream was asked, and the seconds of earlier calls and of pauses before a retry.
    asked_first: float = 0.0
    elsewhere: float = 0.0

    @property
    def whereabouts(self) -> tuple[str, str]:
        """The model group and the deployment that it waits for; "" while none was asked."""
        if (asked := self.asked) is None:
            return self.trace.model_group, ""
        return asked.model_group, asked.id

    def remaining(self) -> float | None:
        """Seconds until the deadline, perhaps none left; None when the client did not say."""
        return None if self.deadline is None else self.deadline - time.perf_counter()

    def timeout_for(self, deployment: Deployment) -> tuple[float, bool]:
        """Seconds for one attempt, and whether the client allows so little that missing it is nobody's fault."""
        limit = attempt_seconds(deployment, self.settings, stream=self.call.stream)
        wanted = [
            one for one in (self.remaining(), self.stream_timeout if self.call.stream else None) if one is not None
        ]
        if wanted and min(wanted) < limit:
            return max(0.001, min(wanted)), min(wanted) < LITTLE_SECONDS
        return limit, False

    def estimated_tokens(self) -> int:
        """What it will probably take of a limit of tokens: the prompt, and as much as the client allows to be said."""
        return self.runtime.policy.rated_tokens.of(
            prompt=(self.prompt_bytes + 3) // 4, completion=asked_tokens(self.call.operation, self.call.body) or 0
        )

    def prompt_tokens(self) -> int:
        """An estimate, for what must fit into a window."""
        return estimate_prompt(self.call.operation, self.call.body) if self.settings.enable_pre_call_checks else 0

    def own_labels(self, deployment: Deployment) -> dict[str, str] | None:
        """What labels of metrics cannot be told from the ledger's other columns, by name; None for nothing.

        Of a pattern the pattern's own name: whatever clients ask for by it would make series without end.
        """
        metrics = self.runtime.metrics.settings
        found = dict(zip(metrics.custom.names, self.custom, strict=False))
        if metrics.tracks_end_users and self.call.end_user:
            found["end_user"] = self.call.end_user
        if metrics.shows_clients:
            found["client_ip"], found["user_agent"] = self.client
        if self.requested != self.call.model:
            found["requested_model"] = self.requested
        if deployment.label_group != deployment.model_group:
            found |= {"model_group": deployment.label_group, "model": deployment.label_model}
        return found or None

    @property
    def client(self) -> tuple[str, str]:
        """Its address and the name of its program: of its own choosing, and personal."""
        meta = self.request.META
        return (
            label_value(client_address(meta, trust_forwarded_for=self.runtime.policy.trust_forwarded_for)),
            label_value(meta.get("HTTP_USER_AGENT")),
        )

    @property
    def answer_id(self) -> str:
        """For an answer to which its provider gave none."""
        return f"chatcmpl-{self.request_id.hex}"

    def shown_model(self, deployment: Deployment) -> str:
        """The name an answer carries: the client's, or after a fallback the model's own."""
        return deployment.model if self.fallbacks else self.call.model

    def count_answer(self, attempt: "Attempt", usage: Usage, *, ended: float) -> None:
        """Once a request, of which a slower sibling may be answered too."""
        if self.finished:
            return
        self.finished = True
        labels = self.labels(attempt.deployment, tier=usage.service_tier)
        total = time.perf_counter() - self.arrived
        if self.request.client_gone.is_set():
            self.runtime.metrics.aborted(labels, seconds=total)
            return
        upstream = ended - attempt.began - attempt.client_seconds
        first = attempt.first_token_seconds
        timing = Timing(
            total=total,
            upstream=upstream,
            queue=self.asked_first - self.arrived,
            own=max(0.0, total - attempt.client_seconds - self.elsewhere - upstream),
            first_token=first,
            first_token_total=None if first is None else attempt.began + first - self.arrived,
            per_token=_per_token(upstream, first, usage.completion_tokens, stream=self.call.stream),
        )
        self.runtime.metrics.answered(
            labels, timing, prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens
        )

    def close(self, attempt: "Attempt", *, status: int, error: ApiError | None = None) -> None:
        """The request is over, as far as its client can see."""
        self.runtime.under_way.discard(self)
        trace, deployment = self.trace, attempt.deployment
        trace.deployment, trace.model_group = deployment.id, deployment.model_group
        trace.amount_nano = self.amount_nano
        trace.price = deployment.price_text
        if error is not None and not self.finished:
            self.finished = True
            self.count_failure(error, deployment)
        finish(self.runtime, trace, status=status, error=error, seconds=time.perf_counter() - self.arrived)

    def count_failure(self, error: ApiError, deployment: Deployment | None) -> None:
        """The request's, of which `deployment` was asked last."""
        labels = self.labels(deployment) if deployment is not None else self.labels_of_refusal()
        count_failure(self.runtime, labels, error, seconds=time.perf_counter() - self.arrived)

    def labels(self, deployment: Deployment, *, tier: str = "") -> Labels:
        principal, call, metrics = self.principal, self.call, self.runtime.metrics
        client = self.client if metrics.settings.shows_clients else (NONE, NONE)
        end_user = call.end_user if metrics.settings.tracks_end_users else ""
        size = sequence_length(self.prompt_bytes)
        key = (
            principal.key_hash, principal.key_alias, principal.team_id, principal.team_alias, principal.user_id,
            principal.user_email, principal.organization_id, deployment.id, deployment.label_group,
            deployment.label_model, deployment.api_base, self.requested, self.route, call.operation, call.stream, tier,
            end_user, client, size, self.custom,
        )  # fmt: skip
        return metrics.labels_of(key, lambda: self._labels(deployment, tier, end_user, client, size))

    def _labels(self, deployment: Deployment, tier: str, end_user: str, client: tuple[str, str], size: str) -> Labels:
        return Labels(
            **caller_labels(self.principal),
            requested_model=self.requested,
            model_group=deployment.label_group,
            model=deployment.label_model,
            model_id=deployment.id,
            api_base=label_value(deployment.api_base),
            api_provider=deployment.provider.name,
            service_tier=label_value(tier),
            end_user=label_value(end_user),
            route=self.route,
            operation=self.call.operation,
            stream=str(self.call.stream),
            input_sequence_length=size,
            client_ip=client[0],
            user_agent=client[1],
            custom=self.custom,
        )

    def labels_of_refusal(self) -> Labels:
        """Before anybody was asked."""
        return Labels(
            **caller_labels(self.principal),
            requested_model=self.requested,
            route=self.route,
            operation=self.call.operation,
            stream=str(self.call.stream),
            custom=self.custom,
        )


def _per_token(upstream: float, first: float | None, tokens: int, *, stream: bool) -> float | None:
    """Of a stream between the first and the last token, else of the whole answer; seconds."""
    if not stream:
        return upstream / tokens if tokens else None
    return (upstream - first) / (tokens - 1) if first is not None and tokens > 1 else None


_SIZES = ((1_000, "0-1k"), (4_000, "1k-4k"), (16_000, "4k-16k"), (64_000, "16k-64k"))


def sequence_length(prompt_bytes: int) -> str:
    """About how many tokens, four bytes each, as LiteLLM tells them apart."""
    tokens = prompt_bytes // 4
    return next((name for most, name in _SIZES if tokens < most), "64k+")


def count_failure(runtime: "Runtime", labels: Labels, error: ApiError, *, seconds: float) -> None:
    """What a client was told instead of an answer."""
    category, limit = _limited(error)
    runtime.metrics.failed(
        labels,
        status=error.status_code,
        error_class=error_class(error, labels.api_provider),
        seconds=seconds,
        category=category,
        limit=limit,
    )


def error_class(error: Exception, provider: str) -> str:
    name = getattr(error, "name", type(error).__name__)
    return exception_class(name, provider=provider if isinstance(error, UpstreamError) and provider != NONE else "")


_LIMITS = {"max_parallel_requests": "concurrent_requests"}


def _limited(error: ApiError) -> tuple[str, str]:
    """LiteLLM's words for whose limit it was, and what it limits; `None` for another error."""
    if isinstance(error, UpstreamRateLimit):
        return "vendor_rate_limit", NONE
    if isinstance(error, BudgetExceeded):
        return "litellm_rate_limit", "budget"
    if isinstance(error, RateLimited):
        told = error.headers.get("rate_limit_type", "")
        return "litellm_rate_limit", _LIMITS.get(told, told) or NONE
    return NONE, NONE


def finish(runtime: "Runtime", trace: Trace, *, status: int, error: ApiError | None, seconds: float) -> None:
    """Hand a trace over to be stored; once."""
    if trace.status:
        return
    trace.status, trace.seconds = status, seconds
    if error is not None:
        trace.error_class = getattr(error, "name", type(error).__name__)
        trace.message = error.message[:500]
    if runtime.policy.traces.keeps(trace):
        runtime.traces.put(trace)


def caller_labels(principal: Principal) -> dict[str, Any]:
    """The labels that say who asked."""
    return {
        "hashed_api_key": principal.key_hash,
        "api_key_alias": label_value(principal.key_alias),
        "team": label_value(principal.team_id),
        "team_alias": label_value(principal.team_alias),
        "user": label_value(principal.user_id),
        "user_email": label_value(principal.user_email),
        "org_id": label_value(principal.organization_id),
        "org_alias": label_value(principal.organization_alias),
    }


def merged_metadata(client: Mapping[str, Any], admin: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an admin set on key or team wins over what the client says."""
    return {**client, **admin} if admin else client
