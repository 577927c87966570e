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

from budgets.core.allowances import EVER
from budgets.core.pricing import NANO
from budgets.directory import Entity
from budgets.models import BudgetSource, GatewayBudget, Scope
from budgets.spend import spends_since
from proxy.deployments import Deployment
from proxy.registry import RoutingTable
from proxy.state import RouterState
from teams.periods import Calendar, parse_duration, period

REFRESH_SECONDS = 5.0
_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
_COLUMNS = {Scope.PROVIDER: "provider", Scope.DEPLOYMENT: "deployment_id"}
_SCOPES = {column: scope for scope, column in _COLUMNS.items()}


@dataclass(frozen=True, slots=True)
class Limit:
    """`column` of the ledger says whose spending `name` is; no period begins before `started_at`. Nano-dollars."""

    column: str
    name: str
    budget_nano: int
    duration: str
    title: str
    started_at: datetime = _EPOCH

    @property
    def whose(self) -> tuple[str, str]:
        return self.column, self.name


@dataclass(frozen=True, slots=True)
class ProviderBudget:
    """What a provider may cost in a period, and did; a budget without a duration is never reset. Nano-dollars."""

    name: str
    budget_nano: int
    duration: str
    spent_nano: int
    resets_at: datetime | None


def provider_budgets(table: RoutingTable, *, now: datetime) -> list[ProviderBudget]:
    """In the order of the settings."""
    limits = [limit for limit in _limits(table) if limit.column == "provider"]
    spent, found = _spent(limits, now=now, calendar=table.calendar), []
    for one in limits:
        ends = None
        if one.duration:
            ends = period(parse_duration(one.duration), start=_EPOCH, now=now, calendar=table.calendar)[1]
        found.append(ProviderBudget(one.name, one.budget_nano, one.duration, spent[one], ends))
    return found


class UpstreamSpending:
    """`add` is for the event loop, `refresh` and `judge` for the refresher's thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._limits: Sequence[Limit] = ()
        self._stored: dict[Limit, int] = {}
        self._since: dict[tuple[str, str], int] = {}
        self._read_at = -math.inf
        self._table: RoutingTable | None = None

    def add(self, deployment: Deployment, amount_nano: int) -> None:
        if not self._limits:
            return
        for whose in (("provider", deployment.provider.name), ("deployment_id", deployment.id)):
            self._since[whose] = self._since.get(whose, 0) + amount_nano

    def refresh(self, table: RoutingTable, state: RouterState, *, now: datetime) -> None:
        """Raises django.db.Error."""
        if table is not self._table:
            self._limits = [*_limits(table), *_of_rows(table)]
            self._table, self._read_at = table, -math.inf
        if self._limits and self._clock() - self._read_at >= REFRESH_SECONDS:
            self._read_at = self._clock()
            # Of what is on its way into the ledger meanwhile, some may be counted twice or not at all, until the next.
            before = dict(self._since)
            self._stored = _spent(self._limits, now=now, calendar=table.calendar)
            for whose, amount in before.items():
                self._since[whose] = self._since.get(whose, 0) - amount
        self.judge(state)

    def judge(self, state: RouterState) -> None:
        """By what was last read and what was added since: all that can be known while the database is away."""
        crossed = [limit for limit in self._limits if self._total(limit) >= limit.budget_nano]
        state.crossed_providers = frozenset(limit.name for limit in crossed if limit.column == "provider")
        state.crossed_deployments = frozenset(limit.name for limit in crossed if limit.column == "deployment_id")

    def crossings(self, deployment_ids: Sequence[str]) -> list[str]:
        """Sentences about the budgets that keep these deployments from serving."""
        return [
            f"Exceeded budget for {limit.title}: {self._total(limit) / NANO:g} >= {limit.budget_nano / NANO:g}"
            for limit in self._limits
            if self._total(limit) >= limit.budget_nano and (limit.column == "provider" or limit.name in deployment_ids)
        ]

    def _total(self, limit: Limit) -> int:
        return self._stored.get(limit, 0) + max(0, self._since.get(limit.whose, 0))


def _limits(table: RoutingTable) -> list[Limit]:
    found = [_of_provider(name, given) for name, given in table.router.provider_budget_config.items()]
    found += [
        Limit("deployment_id", one.id, one.budget_nano, one.budget_duration, _title(one))
        for one in table.all_deployments()
        if one.budget_nano is not None
    ]
    return found


def _of_rows(table: RoutingTable) -> list[Limit]:
    """Those that an admin made; rows of the settings are the limits above. Raises django.db.Error."""
    titles = {one.id: _title(one) for one in table.all_deployments()}
    rows = GatewayBudget.objects.filter(scope__in=_COLUMNS, max_budget_nano__isnull=False)
    rows = rows.exclude(source=BudgetSource.CONFIG).order_by("pk")
    return [
        Limit(
            _COLUMNS[Scope(row.scope)],
            row.entity_id,
            row.max_budget_nano,
            row.window,
            titles.get(row.entity_id, f"deployment {row.entity_id}")
            if row.scope == Scope.DEPLOYMENT
            else f"provider {row.entity_id}",
            row.started_at if row.window else _EPOCH,
        )
        for row in rows
    ]


def _title(deployment: Deployment) -> str:
    return (
        f"deployment model_name: {deployment.model_group}, litellm_params.model: {deployment.qualified_model}, "
        f"model_id: {deployment.id}"
    )


def _of_provider(name: str, given: Mapping[str, Any]) -> Limit:
    budget = given.get("budget_limit", given.get("max_budget", 0))
    duration = str(given.get("time_period", given.get("budget_duration", "")) or "")
    return Limit("provider", name, round(float(budget) * NANO), duration, f"provider {name}")


def _spent(limits: Sequence[Limit], *, now: datetime, calendar: Calendar) -> dict[Limit, int]:
    """Flat in the number of entries: from what they add up to."""
    wanted: dict[Limit, tuple[Entity, datetime]] = {}
    for limit in limits:
        start = EVER
        if limit.duration:
            start, _ = period(parse_duration(limit.duration), start=limit.started_at, now=now, calendar=calendar)
        wanted[limit] = ((_SCOPES[limit.column], limit.name), start)
    found = spends_since(wanted.values())
    return {limit: found[pair].period_nano for limit, pair in wanted.items()}
