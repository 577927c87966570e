"""One call of one upstream from the gateway's books' point of view: its identity, its clock, its ledger entry."""

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import alerts.services
from alerts.events import LLMException, SpendNotTracked
from budgets.core.pricing import FREE, Cost, Usage, cost
from budgets.core.uuid7 import uuid7
from budgets.entries import Entry
from budgets.models import Basis
from proxy.core.chat import ChatRequest
from proxy.core.errors import UpstreamError
from proxy.metrics import Labels, label_value
from proxy.registry import Deployment
from proxy.runtime import Runtime
from teams.snapshot import Principal

NO_USAGE = Usage()
# Seeded by the system and then fast: an id must be unique, not secret.
_random_bits = random.Random().getrandbits  # noqa: S311


def new_id() -> UUID:
    return uuid7(unix_ms=time.time_ns() // 1_000_000, random_bits=_random_bits(74))


@dataclass(slots=True)
class Attempt:
    """Settled exactly once: `succeed` or `fail`; both return when the ledger entry is durable."""

    runtime: Runtime
    principal: Principal
    chat: ChatRequest
    deployment: Deployment
    route: str
    call_id: str
    arrived: float
    request_id: UUID = field(default_factory=new_id)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    first_token_at: datetime | None = None
    upstream_id: str = ""
    cost: Cost = FREE

    async def succeed(self, usage: Usage, *, basis: Basis) -> None:
        """Raises LedgerUnavailable: then the answer must not be given."""
        self.cost = self._charge(usage)
        await self.runtime.ledger.write(self._entry("success", 200, usage=usage, basis=basis))
        self.runtime.metrics.success(
            self.labels(),
            amount_nano=self.cost.total,
            tokens=usage.total_tokens,
            seconds=time.perf_counter() - self.arrived,
        )

    async def fail(self, error: UpstreamError, *, usage: Usage = NO_USAGE, basis: Basis = Basis.NONE) -> None:
        """`usage` is what a stream had served before it broke; it is charged. Raises LedgerUnavailable."""
        if basis != Basis.NONE:
            self.cost = self._charge(usage)
        self.runtime.metrics.failure(self.labels(), status=error.status_code, error_class=error.name)
        if error.alerts:
            alerts.services.emit(self._exception(error))
        entry = self._entry("failure", error.status_code, usage=usage, basis=basis)
        entry.error_class = error.name
        await self.runtime.ledger.write(entry)

    def labels(self) -> Labels:
        principal, deployment, chat = self.principal, self.deployment, self.chat
        custom = self.runtime.metrics.custom
        return Labels(
            **caller_labels(principal),
            requested_model=deployment.model_group,
            model_group=deployment.model_group,
            model=deployment.model,
            model_id=deployment.id,
            api_provider=deployment.provider.name,
            route=self.route,
            custom=custom.values(_merged(chat.metadata, principal.metadata), chat.tags) if custom.names else (),
        )

    def _charge(self, usage: Usage) -> Cost:
        known = self.deployment.price
        if known is None:
            alerts.services.emit(
                SpendNotTracked(
                    model_group=self.deployment.model_group,
                    provider=self.deployment.provider.name,
                    model=self.deployment.model,
                )
            )
            return FREE
        return cost(usage, known.price)

    def _entry(self, status: str, status_code: int, *, usage: Usage, basis: Basis) -> Entry:
        principal, deployment, chat = self.principal, self.deployment, self.chat
        return Entry(
            id=new_id(),
            request_id=self.request_id,
            attempt=0,
            call_id=self.call_id,
            call_type="acompletion",
            status=status,
            status_code=status_code,
            started_at=self.started_at,
            first_token_at=self.first_token_at,
            ended_at=datetime.now(UTC),
            key_hash=principal.key_hash,
            key_alias=principal.key_alias or "",
            user_id=principal.user_id or "",
            team_id=principal.team_id or "",
            end_user=chat.end_user,
            tags=list(chat.tags),
            requested_model=chat.model,
            model_group=deployment.model_group,
            deployment_id=deployment.id,
            provider=deployment.provider.name,
            model=deployment.model,
            stream=chat.stream,
            upstream_id=self.upstream_id,
            basis=basis.value,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            cached_tokens=usage.cached_tokens,
            cache_creation_tokens=usage.cache_creation_tokens,
            reasoning_tokens=usage.reasoning_tokens,
            amount_nano=self.cost.total,
            price_id=deployment.price.snapshot_id if deployment.price else None,
        )

    def _exception(self, error: UpstreamError) -> LLMException:
        return LLMException(
            model_group=self.deployment.model_group,
            deployment_id=self.deployment.id,
            provider=self.deployment.provider.name,
            api_base=self.deployment.api_base,
            error_class=error.name,
            status_code=error.status_code,
            message=error.message,
            key_alias=self.principal.key_alias or "",
            team=self.principal.team_alias or self.principal.team_id or "",
            call_id=self.call_id,
        )


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


def _merged(client: Mapping[str, Any], admin: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an admin set on key or team wins over what the client says."""
    return {**client, **admin} if admin else client
