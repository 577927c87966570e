"""One call of one upstream from the gateway's books' point of view: its clock, its ledger entry, what it teaches."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import alerts.services
from alerts.events import LLMException, SpendNotTracked
from budgets.core.pricing import FREE, MILLION, Cost, Usage, cost
from budgets.core.uuid7 import uuid7
from budgets.entries import Entry
from budgets.killed import KilledCharge
from budgets.ledger import LedgerUnavailable
from budgets.models import Basis
from proxy import cooling
from proxy.admission import Grant
from proxy.core.alert_metadata import alerting_metadata
from proxy.core.errors import UpstreamBadRequest, UpstreamError, UpstreamTimeout
from proxy.core.operations import CALL_TYPES, is_free
from proxy.core.trace import Attempted
from proxy.core.usage import searched
from proxy.deployments import Deployment
from proxy.run import Run, error_class

NO_USAGE = Usage()
# Seeded by the system and then fast: an id must be unique, not secret.
_random_bits = random.Random().getrandbits  # noqa: S311


def new_id() -> UUID:
    return uuid7(unix_ms=time.time_ns() // 1_000_000, random_bits=_random_bits(74))


@dataclass(slots=True, kw_only=True)
class Attempt:
    """Settled exactly once: `succeed` or `fail`; both return when the ledger entry is durable.

    `siblings` is how many deployments its group has in service. `limited_by_client` says that the time-out was the
    client's own choice, so that running into it is no fault of the deployment. `held` is of the budgets
    of whom it asks.
    """

    run: Run
    deployment: Deployment
    siblings: int
    group_ids: tuple[str, ...]
    timeout: float
    limited_by_client: bool
    held: Grant | None = None
    number: int = 0
    began: float = field(default_factory=time.perf_counter)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    first_token_at: datetime | None = None
    first_token_seconds: float | None = None
    # Of a stream: how long its client was waited for.
    client_seconds: float = 0.0
    upstream_id: str = ""
    cost: Cost = FREE
    settled: bool = False
    entry: Entry = field(init=False)
    slot: int = field(init=False)

    def __post_init__(self) -> None:
        """Raises LedgerUnavailable: then the upstream must not be asked."""
        run = self.run
        self.number = run.attempts
        run.attempts += 1
        if self.number == 0:
            run.asked_first = self.began
        run.asked = self.deployment
        self.entry = self._opened()
        try:
            self.slot = run.runtime.ledger.open(self.entry, self._if_killed())
        except LedgerUnavailable:
            if self.held is not None:
                self.held.release()
            raise
        run.runtime.state.begin(self.deployment.id)

    def passed_on(self, tokens: int) -> None:
        """So many tokens of a stream have gone to the client."""
        self.run.runtime.ledger.count(self.slot, tokens)

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
        entry = self._closed("success", 200, usage=usage, basis=basis)
        await self._write(entry, usage, is_last=True)
        run.count_answer(self, usage, ended=ended)
        runtime.watch.answered(self, seconds=ended - self.began)

    async def fail(self, error: UpstreamError, *, usage: Usage = NO_USAGE, basis: Basis = Basis.NONE) -> None:
        """`usage` is what a stream had served before it broke; it is charged. Raises LedgerUnavailable."""
        self.settled = True
        if basis != Basis.NONE:
            self.cost = self._charge(usage)
        seconds = time.perf_counter() - self.began
        self.run.elsewhere += seconds
        self._count_failed_call(error, seconds)
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
        entry = self._closed("failure", error.status_code, usage=usage, basis=basis)
        entry.error_class = error.name
        await self._write(entry, usage, is_last=False)

    def _count_failed_call(self, error: UpstreamError, seconds: float) -> None:
        labels = self.run.labels(self.deployment)
        self.run.runtime.metrics.call_failed(
            labels, error_class=error_class(error, labels.api_provider), seconds=seconds
        )

    def is_the_clients_own(self, error: UpstreamError) -> bool:
        """A failure that says nothing about the deployment."""
        return self.is_impatience(error) or isinstance(error, UpstreamBadRequest)

    def is_impatience(self, error: UpstreamError) -> bool:
        """Whether the client's own short time-out ran out; whatever else fails meanwhile is the deployment's doing."""
        return self.limited_by_client and isinstance(error, UpstreamTimeout)

    async def _write(self, entry: Entry, usage: Usage, *, is_last: bool) -> None:
        """Admission learns of it first: what the ledger adds up to is never more than was counted there.

        While the database admits, the ledger is what it counts by, so there it is the other way round.
        """
        runtime = self.run.runtime
        if self.run.grant is None and self.held is None:
            await runtime.ledger.write(entry, self.slot)
            return
        late = runtime.admission.is_degraded
        tokens = runtime.policy.rated_tokens.of(prompt=usage.prompt_tokens, completion=usage.completion_tokens)
        if not late:
            self._tell(tokens=tokens, is_last=is_last)
        try:
            await runtime.ledger.write(entry, self.slot)
        finally:
            if late:
                self._tell(tokens=tokens, is_last=is_last)

    def _tell(self, *, tokens: int, is_last: bool) -> None:
        if self.held is not None:
            self.held.settle(self.cost.total, tokens=tokens)
        if (grant := self.run.grant) is None:
            return
        if is_last:
            if not grant.ended and grant.ask.counters and self.cost.total > grant.granted.hold_nano:
                self.run.runtime.metrics.hold_shortfall(
                    self.run.labels(self.deployment),
                    amount_nano=self.cost.total - grant.granted.hold_nano,
                )
            grant.settle(self.cost.total, tokens=tokens)
        else:
            grant.charge(self.cost.total)

    def abandon(self, error: BaseException) -> None:
        """It ended without an answer and without an error to tell.

        One that was cancelled may have reached its upstream: it stays open, to be settled by estimate.
        """
        if not self.settled:
            self.settled = True
            if self.held is not None:
                self.held.release()
            if not isinstance(error, asyncio.CancelledError):
                self.run.runtime.ledger.close(self.slot)
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
        if known is None and is_free(self.run.call.operation):
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
        usage = searched(usage, self.run.call.body, provider=self.deployment.provider.name)
        found = cost(usage, known.price)
        self.run.runtime.spending.add(self.deployment, found.total)
        return found

    def _if_killed(self) -> KilledCharge:
        """Its prompt, and what of it had gone to the client; what was held for a whole answer nobody saw."""
        if (known := self.deployment.price) is None:
            return KilledCharge()
        price, prompt = known.price, self.entry.prompt_tokens
        grant = self.run.grant
        return KilledCharge(
            prompt_nano=prompt * price.input.at(prompt) // MILLION,
            token_rate=price.output.at(prompt),
            hold_nano=grant.granted.hold_nano if grant is not None else 0,
        )

    def _opened(self) -> Entry:
        """What is known before anybody is asked."""
        run, deployment = self.run, self.deployment
        principal, call = run.principal, run.call
        return Entry(
            id=new_id(),
            request_id=run.request_id,
            attempt=self.number,
            call_id=run.call_id,
            call_type=CALL_TYPES[call.operation],
            status="failure",
            status_code=500,
            started_at=self.started_at,
            ended_at=self.started_at,
            key_hash=principal.key_hash,
            key_alias=principal.key_alias or "",
            user_id=principal.user_id or "",
            team_id=principal.team_id or "",
            organization_id=principal.organization_id or "",
            end_user=call.end_user,
            tags=list(call.tags),
            labels=run.own_labels(deployment),
            requested_model=call.model,
            model_group=deployment.model_group,
            deployment_id=deployment.id,
            provider=deployment.provider.name,
            model=deployment.model,
            stream=call.stream,
            basis=Basis.ESTIMATED.value,
            prompt_tokens=(run.prompt_bytes + 3) // 4,
            price_id=deployment.price.snapshot_id if deployment.price else None,
        )

    def _closed(self, status: str, status_code: int, *, usage: Usage, basis: Basis) -> Entry:
        """The same entry with what came of it."""
        entry = self.entry
        entry.status, entry.status_code, entry.basis = status, status_code, basis.value
        entry.first_token_at, entry.ended_at = self.first_token_at, datetime.now(UTC)
        entry.upstream_id = self.upstream_id
        entry.prompt_tokens, entry.completion_tokens = usage.prompt_tokens, usage.completion_tokens
        entry.cached_tokens, entry.cache_creation_tokens = usage.cached_tokens, usage.cache_creation_tokens
        entry.reasoning_tokens = usage.reasoning_tokens
        entry.units, entry.unit = usage.counted
        entry.service_tier = usage.service_tier
        entry.amount_nano, entry.original_nano = self.cost.total, self.cost.original
        return entry

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
            team_id=principal.team_id or "",
            region=deployment.region,
            call_id=self.run.call_id,
            metadata=alerting_metadata(self.run.call.metadata),
        )
