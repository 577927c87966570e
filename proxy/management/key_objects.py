"""Keys as the API shows them."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from budgets.spend import NOTHING, Spend, spend_of_keys
from proxy.management.schemas.budgets import budget_object
from proxy.management.schemas.keys import KeyObject
from proxy.management.schemas.limits import dollars, limits_of
from teams.models import VirtualKey
from teams.money import to_dollars


def key_objects(rows: Iterable[VirtualKey], *, now: datetime) -> list[dict[str, Any]]:
    """With what each has spent: two queries for all of them, when `budget` is selected with the rows."""
    rows = list(rows)
    spends = spend_of_keys(rows, now=now)
    return [key_object(row, spends.get(row.pk, NOTHING), now=now) for row in rows]


def key_object(row: VirtualKey, spend: Spend, *, now: datetime) -> dict[str, Any]:
    budget = row.budget
    return KeyObject(
        **limits_of(row, now=now),
        token=row.token_hash,
        key_name=row.name,
        key_alias=row.alias,
        spend=to_dollars(spend.period_nano),
        total_spend=to_dollars(spend.total_nano),
        expires=row.expires_at,
        models=row.allowed_models,
        aliases=row.aliases,
        config=row.config,
        router_settings=row.router_settings,
        user_id=row.user_id,
        team_id=row.team_id,
        permissions=row.permissions,
        metadata=_metadata(row),
        blocked=row.blocked,
        allowed_cache_controls=row.allowed_cache_controls,
        allowed_routes=row.allowed_routes,
        key_type=row.key_type,
        budget_fallbacks=row.budget_fallbacks,
        budget_id=row.budget_id,
        organization_id=row.organization_id,
        created_at=row.created_at,
        created_by=row.created_by or None,
        updated_at=row.updated_at,
        updated_by=row.updated_by or None,
        last_active=spend.last_at,
        rotation_count=row.rotation_count,
        auto_rotate=row.auto_rotate,
        rotation_interval=row.rotation_interval or None,
        last_rotation_at=row.last_rotation_at,
        key_rotation_at=row.rotates_at,
        litellm_budget_table=budget_object(budget, now=now) if budget else _own_soft_budget(row),
    ).model_dump(mode="json")


def _metadata(row: VirtualKey) -> dict[str, Any]:
    """LiteLLM shows a temporary increase here."""
    if row.temp_budget_increase_nano is None:
        return row.metadata  # type: ignore[no-any-return]
    ends = row.temp_budget_expiry
    return {
        **row.metadata,
        "temp_budget_increase": dollars(row.temp_budget_increase_nano),
        "temp_budget_expiry": ends.isoformat() if ends else None,
    }


def _own_soft_budget(row: VirtualKey) -> dict[str, Any] | None:
    return None if row.soft_budget_nano is None else {"soft_budget": dollars(row.soft_budget_nano)}


def status_of(row: VirtualKey, *, now: datetime) -> str:
    if row.blocked:
        return "revoked"
    return "expired" if row.expires_at and row.expires_at <= now else "active"


def utc_now() -> datetime:
    return datetime.now(UTC)
