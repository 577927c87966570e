"""Budgets that stand in settings and on deployments, as rows: so that they are counted, told and shown like all others.

Rows of source "config" are made from litellm_settings (`max_budget`, `tag_budget_config`), router_settings
(`provider_budget_config`) and deployments (`max_budget`), and follow them.
"""

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from budgets.models import BudgetSource, GatewayBudget, Scope
from proxy.models import ConfigField, Deployment, Section
from teams.money import to_nano
from teams.periods import parse_duration

logger = logging.getLogger(__name__)

# Periods of the calendar, whenever the setting was made: what the running one has cost already counts.
STARTED_AT = datetime(2024, 1, 1, tzinfo=UTC)
Wanted = tuple[str, str, str]


def follow_settings() -> None:
    """Once the transaction is committed, however many rows of it changed."""
    if not connection.in_atomic_block or all(waiting[1] is not sync for waiting in connection.run_on_commit):
        transaction.on_commit(sync)


@transaction.atomic
def sync() -> None:
    """Make the rows of source "config" what the settings say. A budget that an admin made stays an admin's."""
    wanted = dict(_wanted())
    for row in GatewayBudget.objects.select_for_update().order_by("pk"):
        limit = wanted.pop((row.scope, row.entity_id, row.window), None)
        if row.source != BudgetSource.CONFIG:
            continue
        if limit is None:
            row.delete()
        elif limit != row.max_budget_nano:
            row.max_budget_nano = limit
            row.save(update_fields=["max_budget_nano", "updated_at"])
    for (scope, entity_id, window), limit in sorted(wanted.items()):
        GatewayBudget.objects.create(
            scope=scope,
            entity_id=entity_id,
            window=window,
            max_budget_nano=limit,
            started_at=STARTED_AT,
            source=BudgetSource.CONFIG,
        )


def _wanted() -> Iterator[tuple[Wanted, int]]:
    fields = ConfigField.objects.filter(section__in=(Section.LITELLM, Section.ROUTER)).order_by()
    settings = {(row.section, row.name): row.value for row in fields}
    everybody = {
        "max_budget": settings.get((Section.LITELLM, "max_budget")),
        "budget_duration": settings.get((Section.LITELLM, "budget_duration")),
    }
    # LiteLLM's default of 0 is none.
    if everybody["max_budget"]:
        yield from _budget(Scope.PROXY, "", everybody)
    for name, given in _named(settings.get((Section.LITELLM, "tag_budget_config"))):
        yield from _budget(Scope.TAG, name, given)
    for name, given in _named(settings.get((Section.ROUTER, "provider_budget_config"))):
        yield from _budget(Scope.PROVIDER, name, given)
    for row in Deployment.objects.order_by("pk"):
        if row.litellm_params.get("max_budget") is not None:
            yield from _budget(Scope.DEPLOYMENT, row.pk, row.litellm_params)


def _named(value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, given in (value if isinstance(value, Mapping) else {}).items():
        if isinstance(given, Mapping):
            yield str(name), given


def _budget(scope: Scope, name: str, given: Mapping[str, Any]) -> Iterator[tuple[Wanted, int]]:
    """Nothing for what makes no sense, which is told: the others must hold."""
    limit = given.get("budget_limit", given.get("max_budget"))
    window = given.get("time_period", given.get("budget_duration")) or ""
    try:
        if window:
            parse_duration(window)
        if isinstance(limit, bool) or limit is None or (nano := to_nano(limit)) < 0:
            raise ValueError("the limit is no amount of dollars")  # noqa: TRY301 - one place tells all of it
    except (TypeError, ValueError) as error:
        logger.warning(
            "A budget of the settings is left out", extra={"scope": scope, "of": name, "problem": str(error)}
        )
        return
    yield (scope, name[:255], window), nano
