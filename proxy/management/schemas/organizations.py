"""Bodies and answers of the organization routes (api.md 2.7)."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from proxy.management.base import Body
from proxy.management.schemas.fields import Answer, Id, Name, Names, Object, Time
from proxy.management.schemas.limits import LimitFields
from proxy.management.schemas.teams import NamedUser, TeamObject, one_or_more

OrganizationRole = Literal["org_admin", "internal_user", "internal_user_viewer"]


class OrganizationFields(LimitFields):
    """What may be said of an organization when it is made and when it is changed."""

    models: Names | None = Field(None, description="Model groups its teams may call; empty: all.")
    metadata: Object | None = None
    budget_id: Id | None = Field(None, description="A shared budget, instead of limits of its own.")


class NewOrganization(OrganizationFields):
    organization_alias: Id
    organization_id: Id | None = None


class UpdateOrganization(OrganizationFields):
    organization_id: Id
    organization_alias: Id | None = None


class DeleteOrganizations(Body):
    organization_ids: Names


class NamedOrganization(Body):
    organization_id: Id


class OrganizationIds(Body):
    organizations: Names


class OrganizationList(Body):
    page: int = Field(1, ge=1, le=10**9)
    page_size: int = Field(10_000, ge=1, le=10_000)
    org_id: Name | None = None
    org_alias: Name | None = Field(None, description="Part of an alias.")


class OrganizationMember(NamedUser):
    role: OrganizationRole = "internal_user"


class AddOrganizationMembers(Body):
    organization_id: Id
    member: Annotated[list[OrganizationMember], BeforeValidator(one_or_more), Field(min_length=1, max_length=500)]
    max_budget_in_organization: float | None = None


class UpdateOrganizationMember(NamedUser):
    organization_id: Id
    role: OrganizationRole | None = None
    max_budget_in_organization: float | None = None


class DeleteOrganizationMember(NamedUser):
    organization_id: Id


class OrganizationObject(Answer):
    organization_id: str
    organization_alias: str
    budget_id: str | None
    spend: float
    total_spend: float
    metadata: Object
    models: list[str]
    model_spend: Object = {}
    users: Any = None
    litellm_budget_table: Object | None
    created_at: Time
    created_by: str | None
    updated_at: Time
    updated_by: str | None


class OrganizationMembershipObject(Answer):
    user_id: str
    user_email: str | None
    organization_id: str
    user_role: str
    budget_id: str | None
    spend: float
    litellm_budget_table: Object | None
    created_at: Time


class WholeOrganization(OrganizationObject):
    members: list[OrganizationMembershipObject]
    teams: list[TeamObject]


class OrganizationAdditions(Answer):
    organization_id: str
    updated_users: list[Object]
    updated_organization_memberships: list[OrganizationMembershipObject]
