"""One client's request from its arrival until its books are closed: who asks, for what, and what was decided."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from proxy.bounds import asked_tokens
from proxy.core.calls import Call
from proxy.core.measure import estimate_prompt
from proxy.core.settings import RouterSettings
from proxy.core.timeouts import attempt_seconds
from proxy.core.trace import Trace
from proxy.deployments import Deployment
from proxy.metrics import Labels, label_value
from proxy.request import LeanRequest
from teams.errors import ApiError
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

    @property
    def answer_id(self) -> str:
        """For an answer to which its provider gave none."""
        return f"chatcmpl-{self.request_id.hex}"

    def shown_model(self, deployment: Deployment) -> str:
        """The name an answer carries: the client's, or after a fallback the model's own."""
        return deployment.model if self.fallbacks else self.call.model

    def count_answer(self, attempt: "Attempt", *, tokens: int) -> None:
        """Once a request; what a slower sibling was paid for is counted as a charge."""
        if self.finished:
            self.count_charge(attempt, tokens=tokens)
            return
        self.finished = True
        self.runtime.metrics.success(
            self.labels(attempt.deployment),
            amount_nano=attempt.cost.total,
            tokens=tokens,
            seconds=time.perf_counter() - self.arrived,
        )

    def count_charge(self, attempt: "Attempt", *, tokens: int) -> None:
        self.runtime.metrics.charged(self.labels(attempt.deployment), amount_nano=attempt.cost.total, tokens=tokens)

    def close(self, attempt: "Attempt", *, status: int, error: ApiError | None = None) -> None:
        """The request is over, as far as its client can see."""
        self.runtime.under_way.discard(self)
        trace, deployment = self.trace, attempt.deployment
        trace.deployment, trace.model_group = deployment.id, deployment.model_group
        trace.amount_nano = self.amount_nano
        trace.price = deployment.price_text
        if error is not None and not self.finished:
            self.finished = True
            self.runtime.metrics.failure(
                self.labels(deployment),
                status=error.status_code,
                error_class=getattr(error, "name", type(error).__name__),
            )
        finish(self.runtime, trace, status=status, error=error, seconds=time.perf_counter() - self.arrived)

    def labels(self, deployment: Deployment) -> Labels:
        return Labels(
            **caller_labels(self.principal),
            requested_model=deployment.label_group,
            model_group=deployment.label_group,
            model=deployment.label_model,
            model_id=deployment.id,
            api_provider=deployment.provider.name,
            route=self.route,
            custom=self.custom,
        )


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
    }


def merged_metadata(client: Mapping[str, Any], admin: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an admin set on key or team wins over what the client says."""
    return {**client, **admin} if admin else client
