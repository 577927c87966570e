"""Bodies and answers of the customer routes (api.md 2.5)."""

from typing import Literal

from pydantic import Field

from proxy.management.base import Body
from proxy.management.schemas.fields import Answer, Id, Name, Names, Object, OneOrMore
from proxy.management.schemas.limits import LimitFields


class CustomerFields(LimitFields):
    """Limits make a budget for this customer alone; `budget_id` links a shared one."""

    user_id: Id
    alias: Name | None = None
    blocked: bool | None = None
    budget_id: Id | None = None
    allowed_model_region: Literal["eu", "us"] | None = None
    default_model: Name | None = None
    models: Names | None = Field(None, description="Model groups this customer may be served by; empty: all.")
    spend: float | None = Field(None, description="What the current period counts as spent, from now on.")


class NewCustomer(CustomerFields):
    pass


class UpdateCustomer(CustomerFields):
    pass


class CustomerQuery(Body):
    end_user_id: Id


class CustomerList(Body):
    page: int = Field(1, ge=1, le=10**9)
    page_size: int = Field(10_000, ge=1, le=10_000)


class NamedCustomers(Body):
    user_ids: OneOrMore = Field(min_length=1, max_length=500)


class CustomerObject(Answer):
    user_id: str
    blocked: bool
    alias: str | None
    spend: float
    allowed_model_region: str | None
    default_model: str | None
    models: list[str]
    budget_id: str | None
    litellm_budget_table: Object | None
    object_permission_id: str | None = None
    object_permission: Object | None = None


class DeletedCustomers(Answer):
    deleted_customers: int
    message: str


class BlockedCustomers(Answer):
    blocked_users: list[CustomerObject]


class StillBlockedCustomers(Answer):
    blocked_users: list[str]
