"""What providers and deployments with a budget of their own have cost in the running period.

Read from the ledger every few seconds by the thread that refreshes the snapshots; what this process spends in between
is added at once. A budget that is crossed takes its deployments out of the choice until the period ends.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Sum

from budgets.core.pricing import NANO
from budgets.models import LedgerEntry
from proxy.deployments import Deployment
from proxy.registry import RoutingTable
from proxy.state import RouterState
from teams.periods import parse_duration, period

REFRESH_SECONDS = 5.0
_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Limit:
    """`column` of the ledger says whose spending `name` is. Nano-dollars."""

    column: str
    name: str
    budget_nano: int
    duration: str
    title: str


class UpstreamSpending:
    """`add` is for the event loop, `refresh` and `judge` for the refresher's thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._limits: dict[tuple[str, str], Limit] = {}
        self._stored: dict[tuple[str, str], int] = {}
        self._since: dict[tuple[str, str], int] = {}
        self._read_at = -math.inf
        self._table: RoutingTable | None = None

    def add(self, deployment: Deployment, amount_nano: int) -> None:
        if not self._limits:
            return
        for key in (("provider", deployment.provider.name), ("deployment_id", deployment.id)):
            if key in self._limits:
                self._since[key] = self._since.get(key, 0) + amount_nano

    def refresh(self, table: RoutingTable, state: RouterState, *, now: datetime) -> None:
        """Raises django.db.Error."""
        if table is not self._table:
            self._limits = {(limit.column, limit.name): limit for limit in _limits(table)}
            self._table, self._read_at = table, -math.inf
        if self._limits and self._clock() - self._read_at >= REFRESH_SECONDS:
            self._read_at = self._clock()
            # Of what is on its way into the ledger meanwhile, some may be counted twice or not at all, until the next.
            before = dict(self._since)
            self._stored = {key: _spent(limit, now=now) for key, limit in self._limits.items()}
            for key, amount in before.items():
                self._since[key] = self._since.get(key, 0) - amount
        self.judge(state)

    def judge(self, state: RouterState) -> None:
        """By what was last read and what was added since: all that can be known while the database is away."""
        crossed = [limit for key, limit in self._limits.items() if self._total(key) >= limit.budget_nano]
        state.crossed_providers = frozenset(limit.name for limit in crossed if limit.column == "provider")
        state.crossed_deployments = frozenset(limit.name for limit in crossed if limit.column == "deployment_id")

    def crossings(self, deployment_ids: Sequence[str]) -> list[str]:
        """Sentences about the budgets that keep these deployments from serving."""
        return [
            f"Exceeded budget for {limit.title}: {self._total(key) / NANO:g} >= {limit.budget_nano / NANO:g}"
            for key, limit in self._limits.items()
            if self._total(key) >= limit.budget_nano and (limit.column == "provider" or limit.name in deployment_ids)
        ]

    def _total(self, key: tuple[str, str]) -> int:
        return self._stored.get(key, 0) + max(0, self._since.get(key, 0))


def _limits(table: RoutingTable) -> list[Limit]:
    found = [_of_provider(name, given) for name, given in table.router.provider_budget_config.items()]
    found += [
        Limit(
            "deployment_id",
            one.id,
            one.budget_nano,
            one.budget_duration,
            f"deployment model_name: {one.model_group}, litellm_params.model: {one.qualified_model}, "
            f"model_id: {one.id}",
        )
        for one in table.all_deployments()
        if one.budget_nano is not None
    ]
    return found


def _of_provider(name: str, given: Mapping[str, Any]) -> Limit:
    budget = given.get("budget_limit", given.get("max_budget", 0))
    duration = str(given.get("time_period", given.get("budget_duration", "")) or "")
    return Limit("provider", name, round(float(budget) * NANO), duration, f"provider {name}")


def _spent(limit: Limit, *, now: datetime) -> int:
    rows = LedgerEntry.objects.filter(**{limit.column: limit.name}).order_by()
    if limit.duration:
        began, _ = period(parse_duration(limit.duration), start=_EPOCH, now=now)
        rows = rows.filter(started_at__gte=began)
    return int(rows.aggregate(total=Sum("amount_nano"))["total"] or 0)
