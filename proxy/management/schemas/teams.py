"""Bodies and answers of the team routes (api.md 2.3)."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from proxy.management.base import Body
from proxy.management.schemas.fields import (
    Answer,
    Count,
    Id,
    Name,
    Names,
    Object,
    Text,
    Time,
)
from proxy.management.schemas.limits import LimitFields, LimitsObject

# Who is behind it is not asked; that it can be one, and fits, is.
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
MemberRole = Literal["admin", "user"]


class NamedUser(Body):
    """By id or by e-mail address; the id is asked first."""

    user_id: Id | None = None
    user_email: Email | None = None

    @model_validator(mode="after")
    def _names_a_user(self) -> "NamedUser":
        if self.user_id is None and self.user_email is None:
            raise ValueError("Either user_id or user_email needs to be passed in")
        return self


class Member(NamedUser):
    role: MemberRole = "user"


class TeamFields(LimitFields):
    """What may be said of a team when it is made and when it is changed."""

    team_alias: Name | None = None
    organization_id: Id | None = None
    models: Names | None = Field(None, description="Model groups, access groups, wildcards; empty: all.")
    model_aliases: dict[Id, Id] | None = None
    metadata: Object | None = None
    blocked: bool | None = None
    router_settings: Object | None = None
    tags: Names | None = None
    guardrails: Names | None = None
    model_rpm_limit: dict[str, Count] | None = None
    model_tpm_limit: dict[str, Count] | None = None
    team_member_permissions: Names | None = Field(None, description="What members may do with the team's keys.")
    default_team_member_models: Names | None = None
    team_member_budget: float | None = Field(None, description="US dollars for each member without an own budget.")
    team_member_budget_duration: Text | None = None
    team_member_rpm_limit: Count | None = None
    team_member_tpm_limit: Count | None = None
    team_member_key_duration: Text | None = None


class NewTeam(TeamFields):
    team_id: Id | None = None
    members_with_roles: list[Member] | None = Field(None, max_length=500)


class UpdateTeam(TeamFields):
    team_id: Id


class NamedTeam(Body):
    team_id: Id


class DeleteTeams(Body):
    team_ids: Names


class TeamFilter(Body):
    user_id: Name | None = None
    organization_id: Name | None = None


class TeamList(TeamFilter):
    page: int = Field(1, ge=1, le=10**9)
    page_size: int = Field(10_000, ge=1, le=10_000)


class TeamPages(TeamFilter):
    page: int = Field(1, ge=1, le=10**9)
    page_size: int = Field(10, ge=1, le=100)
    team_id: Name | None = None
    team_alias: Name | None = Field(None, description="Part of an alias.")
    sort_by: Literal["team_id", "team_alias", "created_at", "updated_at", "max_budget"] | None = None
    sort_order: Literal["asc", "desc"] = "asc"
    status: Literal["active", "blocked", "deleted"] | None = None


class TeamModels(Body):
    team_id: Id
    models: Names


class Permissions(Body):
    team_id: Id
    team_member_permissions: Names


def one_or_more(value: Any) -> Any:
    """LiteLLM's scripts send one object where a list is meant."""
    return value if isinstance(value, list) else [value]


class MemberLimits(LimitFields):
    """What one member may use within the team. Null: as much as every member."""

    max_budget_in_team: float | None = Field(None, description="US dollars a period.")
    allowed_models: Names | None = None


class AddMembers(MemberLimits):
    team_id: Id
    member: Annotated[list[Member], BeforeValidator(one_or_more), Field(min_length=1, max_length=500)]


class BulkAddMembers(MemberLimits):
    team_id: Id
    members: list[Object] | None = Field(None, max_length=500)
    all_users: bool = False

    @model_validator(mode="after")
    def _names_users(self) -> "BulkAddMembers":
        if not self.members and not self.all_users:
            raise ValueError("Either members or all_users needs to be passed in")
        return self


class UpdateMember(NamedUser, MemberLimits):
    team_id: Id
    role: MemberRole | None = None


class DeleteMember(NamedUser):
    team_id: Id


class TeamObject(LimitsObject):
    team_id: str
    team_alias: str | None
    organization_id: str | None
    admins: list[Any] = []
    members: list[Any] = []
    members_with_roles: list[Object]
    team_member_permissions: list[str]
    metadata: Object
    soft_budget: float | None
    models: list[str]
    blocked: bool
    router_settings: Object
    access_group_ids: list[str] = []
    default_team_member_models: list[str]
    spend: float
    total_spend: float
    model_id: int | None = None
    model_spend: Object = {}
    policies: list[str] = []
    allow_team_guardrail_config: bool = False
    litellm_model_table: Object | None
    object_permission: Object | None = None
    object_permission_id: str | None = None
    created_at: Time
    created_by: str | None
    updated_at: Time
    updated_by: str | None


class MembershipObject(Answer):
    user_id: str
    team_id: str
    budget_id: str | None
    spend: float
    total_spend: float
    litellm_budget_table: Object | None
    budget_source: Literal["none", "custom", "team_default"]


class WholeTeam(TeamObject):
    team_memberships: list[MembershipObject]
    keys: list[Object]


class UpdatedTeam(Answer):
    team_id: str
    data: TeamObject


class DeletedTeams(Answer):
    deleted_teams: list[str]


class TeamInfo(Answer):
    team_id: str
    team_info: Object
    keys: list[Object]
    team_memberships: list[MembershipObject]


class TeamPage(Answer):
    teams: list[Object]
    total: int
    page: int
    page_size: int
    total_pages: int


class MemberAdditions(TeamObject):
    updated_users: list[Object]
    updated_team_memberships: list[MembershipObject]


class MemberResults(Answer):
    team_id: str
    results: list[Object]
    total_requested: int
    successful_additions: int
    failed_additions: int
    updated_team: TeamObject


class MemberObject(Answer):
    team_id: str
    user_id: str
    user_email: str | None
    role: str
    max_budget_in_team: float | None
    budget_duration: str | None
    tpm_limit: int | None
    rpm_limit: int | None
    allowed_models: list[str]
    temp_budget_increase: float | None
    temp_budget_expiry: Time | None


class MemberSpendReset(Answer):
    team_id: str
    user_id: str
    spend: float
    previous_spend: float
    max_budget: float | None
    budget_reset_at: Time | None


class PermissionList(Answer):
    team_id: str
    team_member_permissions: list[str]
    all_available_permissions: list[str]
