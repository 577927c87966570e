"""One call of one upstream from the gateway's books' point of view: its clock, its ledger entry, what it teaches."""

import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import alerts.services
from alerts.events import LLMException, SpendNotTracked
from budgets.core.pricing import FREE, Cost, Usage, cost
from budgets.core.uuid7 import uuid7
from budgets.entries import Entry
from budgets.models import Basis
from proxy import cooling
from proxy.core.errors import UpstreamBadRequest, UpstreamError, UpstreamTimeout
from proxy.core.operations import CALL_TYPES, Operation
from proxy.core.trace import Attempted
from proxy.deployments import Deployment
from proxy.run import Run

NO_USAGE = Usage()
# Seeded by the system and then fast: an id must be unique, not secret.
_random_bits = random.Random().getrandbits  # noqa: S311


def new_id() -> UUID:
    return uuid7(unix_ms=time.time_ns() // 1_000_000, random_bits=_random_bits(74))


@dataclass(slots=True, kw_only=True)
class Attempt:
    """Settled exactly once: `succeed` or `fail`; both return when the ledger entry is durable.

    `siblings` is how many deployments its group has in service. `limited_by_client` says that the time-out was the
    client's own choice, so that running into it is no fault of the deployment.
    """

    run: Run
    deployment: Deployment
    siblings: int
    group_ids: tuple[str, ...]
    timeout: float
    limited_by_client: bool
    number: int = 0
    began: float = field(default_factory=time.perf_counter)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    first_token_at: datetime | None = None
    first_token_seconds: float | None = None
    upstream_id: str = ""
    cost: Cost = FREE
    settled: bool = False

    def __post_init__(self) -> None:
        self.number = self.run.attempts
        self.run.attempts += 1
        self.run.runtime.state.begin(self.deployment.id)

    def saw_first_token(self) -> None:
        self.first_token_at = datetime.now(UTC)
        self.first_token_seconds = time.perf_counter() - self.began
        self.run.runtime.state.first_token(self.deployment.id, seconds=self.first_token_seconds)

    async def succeed(self, usage: Usage, *, basis: Basis) -> None:
        """Raises LedgerUnavailable: then the answer must not be given."""
        self.settled = True
        run, deployment = self.run, self.deployment
        runtime, ended = run.runtime, time.perf_counter()
        self.cost = self._charge(usage)
        runtime.state.end(deployment.id)
        if runtime.state.succeeded(
            deployment.id,
            tokens=usage.prompt_tokens + usage.completion_tokens,
            seconds=ended - self.began,
            completion_tokens=usage.completion_tokens,
        ):
            runtime.fleet.restored(deployment.id)
        self._note(ended, status=200)
        await runtime.ledger.write(self._entry("success", 200, usage=usage, basis=basis))
        run.count_answer(self, tokens=usage.total_tokens)

    async def fail(self, error: UpstreamError, *, usage: Usage = NO_USAGE, basis: Basis = Basis.NONE) -> None:
        """`usage` is what a stream had served before it broke; it is charged. Raises LedgerUnavailable."""
        self.settled = True
        if basis != Basis.NONE:
            self.cost = self._charge(usage)
        self.run.runtime.state.end(self.deployment.id)
        cooldown = cooling.learn(self, error)
        if error.alerts and not self.is_impatience(error):
            alerts.services.emit(self._exception(error))
        self._note(
            time.perf_counter(),
            status=error.status_code,
            error=error.name,
            seconds=cooldown.seconds if cooldown else 0.0,
            reason=str(cooldown.reason) if cooldown else "",
        )
        entry = self._entry("failure", error.status_code, usage=usage, basis=basis)
        entry.error_class = error.name
        await self.run.runtime.ledger.write(entry)
        if basis != Basis.NONE:
            self.run.count_charge(self, tokens=usage.total_tokens)

    def is_the_clients_own(self, error: UpstreamError) -> bool:
        """A failure that says nothing about the deployment."""
        return self.is_impatience(error) or isinstance(error, UpstreamBadRequest)

    def is_impatience(self, error: UpstreamError) -> bool:
        """Whether the client's own short time-out ran out; whatever else fails meanwhile is the deployment's doing."""
        return self.limited_by_client and isinstance(error, UpstreamTimeout)

    def abandon(self) -> None:
        """It ended without an answer and without an error to tell: nothing is owed."""
        if not self.settled:
            self.settled = True
            self.run.runtime.state.end(self.deployment.id)
            self.run.runtime.state.give_up_probe(self.deployment.id)

    def _note(self, ended: float, *, status: int, error: str = "", seconds: float = 0.0, reason: str = "") -> None:
        run, deployment = self.run, self.deployment
        run.amount_nano += self.cost.total
        if run.trace.status:
            # It is being stored already: this was the slower of two, or a stream read on for nobody.
            return
        run.trace.steps.append(
            Attempted(
                number=self.number,
                deployment=deployment.id,
                provider=deployment.provider.name,
                model=deployment.model,
                began=self.began - run.arrived,
                ended=ended - run.arrived,
                status=status,
                error=error,
                cooldown_seconds=seconds,
                cooldown_reason=reason,
                first_token=self.first_token_seconds,
            )
        )

    def _charge(self, usage: Usage) -> Cost:
        known = self.deployment.price
        if known is None and self.run.call.operation is Operation.MODERATION:
            # Free everywhere, and in no table of prices.
            return FREE
        if known is None:
            alerts.services.emit(
                SpendNotTracked(
                    model_group=self.deployment.model_group,
                    provider=self.deployment.provider.name,
                    model=self.deployment.model,
                )
            )
            return FREE
        found = cost(usage, known.price)
        self.run.runtime.spending.add(self.deployment, found.total)
        return found

    def _entry(self, status: str, status_code: int, *, usage: Usage, basis: Basis) -> Entry:
        run, deployment = self.run, self.deployment
        principal, call = run.principal, run.call
        units, unit = usage.counted
        return Entry(
            id=new_id(),
            request_id=run.request_id,
            attempt=self.number,
            call_id=run.call_id,
            call_type=CALL_TYPES[call.operation],
            status=status,
            status_code=status_code,
            started_at=self.started_at,
            first_token_at=self.first_token_at,
            ended_at=datetime.now(UTC),
            key_hash=principal.key_hash,
            key_alias=principal.key_alias or "",
            user_id=principal.user_id or "",
            team_id=principal.team_id or "",
            end_user=call.end_user,
            tags=list(call.tags),
            requested_model=call.model,
            model_group=deployment.model_group,
            deployment_id=deployment.id,
            provider=deployment.provider.name,
            model=deployment.model,
            stream=call.stream,
            upstream_id=self.upstream_id,
            basis=basis.value,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            cache_creation_tokens=usage.cache_creation_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            units=units,
            unit=unit,
            amount_nano=self.cost.total,
            price_id=deployment.price.snapshot_id if deployment.price else None,
        )

    def _exception(self, error: UpstreamError) -> LLMException:
        principal, deployment = self.run.principal, self.deployment
        return LLMException(
            model_group=deployment.model_group,
            deployment_id=deployment.id,
            provider=deployment.provider.name,
            api_base=deployment.api_base,
            error_class=error.name,
            status_code=error.status_code,
            message=error.message,
            key_alias=principal.key_alias or "",
            team=principal.team_alias or principal.team_id or "",
            call_id=self.run.call_id,
        )
