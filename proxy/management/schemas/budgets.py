"""Bodies and answers of the budget routes (api.md 2.6)."""

from datetime import datetime
from typing import Any

from pydantic import Field

from proxy.management.base import Body
from proxy.management.schemas.fields import Answer, Id, Names, Object, Time
from proxy.management.schemas.limits import LimitFields, LimitsObject, dollars, limits_of
from teams.models import Budget


class NewBudget(LimitFields):
    budget_id: Id | None = None
    allowed_models: Names | None = None


class UpdateBudget(LimitFields):
    budget_id: Id | None = None
    allowed_models: Names | None = None


class BudgetIds(Body):
    budgets: list[Id] = Field(max_length=1000)


class BudgetQuery(Body):
    budget_id: Id


class BudgetList(Body):
    page: int = Field(1, ge=1, le=10**9)
    page_size: int = Field(10_000, ge=1, le=10_000)


class DeleteBudget(Body):
    id: Id


class BudgetSetting(Answer):
    field_name: str
    field_type: str
    field_description: str
    field_value: Any
    stored_in_db: bool
    field_default_value: Any
    premium_field: bool
    nested_fields: Any


class BudgetObject(LimitsObject):
    budget_id: str
    soft_budget: float | None
    allowed_models: list[str]
    temp_budget_increase: float | None
    temp_budget_expiry: Time | None
    created_at: Time
    created_by: str | None
    updated_at: Time
    updated_by: str | None
    organization: Any = None
    projects: Any = None
    keys: Any = None
    end_users: Any = None
    tags: Any = None
    team_membership: Any = None
    organization_membership: Any = None


def budget_object(row: Budget, *, now: datetime) -> Object:
    return BudgetObject(
        **limits_of(row, now=now),
        budget_id=row.pk,
        soft_budget=dollars(row.soft_budget_nano),
        allowed_models=row.allowed_models,
        temp_budget_increase=dollars(row.temp_budget_increase_nano),
        temp_budget_expiry=row.temp_budget_expiry,
        created_at=row.created_at,
        created_by=row.created_by or None,
        updated_at=row.updated_at,
        updated_by=row.updated_by or None,
    ).model_dump(mode="json")
