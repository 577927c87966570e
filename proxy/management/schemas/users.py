"""Bodies and answers of the user routes (api.md 2.4)."""

from typing import Literal

from pydantic import Field, model_validator

from proxy.management.base import Body
from proxy.management.schemas.fields import (
    Answer,
    CommaSeparated,
    Count,
    Id,
    Name,
    Names,
    Object,
    OneOrMore,
    Text,
    Time,
)
from proxy.management.schemas.limits import LimitFields, LimitsObject
from proxy.management.schemas.teams import Email, MemberRole

UserRole = Literal["proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer"]


class UserFields(LimitFields):
    """What may be said of a user when it is made and when it is changed."""

    user_email: Email | None = None
    user_alias: Name | None = None
    user_role: UserRole | None = None
    models: Names | None = Field(None, description="Model groups the user's own keys may call; empty: all.")
    metadata: Object | None = None


class UserTeam(Body):
    team_id: Id
    max_budget_in_team: float | None = None
    user_role: MemberRole = "user"


class FirstKey(Body):
    """What may be said of the key that a new user gets."""

    key_alias: Name | None = None
    duration: Text | None = Field(None, description="Lifetime such as 30d; null or -1: for ever.")
    team_id: Id | None = Field(None, description="A team to join, to which the key belongs.")
    key_type: Literal["llm_api", "management", "read_only", "default"] | None = None
    allowed_routes: Names | None = None
    aliases: dict[Id, Id] | None = None
    model_rpm_limit: dict[str, Count] | None = None
    model_tpm_limit: dict[str, Count] | None = None
    tags: Names | None = None
    guardrails: Names | None = None
    enforced_params: Names | None = None
    blocked: bool | None = None
    permissions: Object | None = None
    config: Object | None = None
    allowed_cache_controls: Names | None = None


class NewUser(UserFields, FirstKey):
    user_id: Id | None = None
    teams: list[Id | UserTeam] | None = Field(None, max_length=100, description="Teams to join, by id or as objects.")
    organizations: OneOrMore | None = None
    auto_create_key: bool = True
    send_invite_email: bool | None = None


class UpdateUser(UserFields):
    user_id: Id | None = None
    spend: float | None = Field(None, description="What the current period counts as spent, from now on.")

    @model_validator(mode="after")
    def _names_a_user(self) -> "UpdateUser":
        if self.user_id is None and self.user_email is None:
            raise ValueError("Either user id or user email must be provided")
        return self


class UpdateUsers(Body):
    users: list[Object] | None = Field(None, max_length=500)
    all_users: bool = False
    user_updates: Object | None = None

    @model_validator(mode="after")
    def _names_users(self) -> "UpdateUsers":
        if self.all_users == bool(self.users) or (self.all_users and not self.user_updates):
            raise ValueError("Either 'users', or 'all_users' with 'user_updates', must be provided")
        return self


class DeleteUsers(Body):
    user_ids: OneOrMore = Field(min_length=1, max_length=500)


class UserQuery(Body):
    user_id: Name | None = None


class UserList(Body):
    role: UserRole | None = None
    user_ids: CommaSeparated | None = Field(None, description="Several, with commas between.")
    sso_user_ids: CommaSeparated | None = None
    user_email: Name | None = Field(None, description="Part of an address.")
    team: Name | None = None
    page: int = Field(1, ge=1, le=10**9)
    page_size: int = Field(25, ge=1, le=100)
    sort_by: Literal["user_id", "user_email", "user_alias", "user_role", "created_at", "spend"] | None = None
    sort_order: Literal["asc", "desc"] = "asc"


class UserObject(LimitsObject):
    user_id: str
    user_alias: str | None
    team_id: str | None = None
    sso_user_id: str | None = None
    organization_id: str | None
    object_permission_id: str | None = None
    teams: list[str]
    user_role: str
    soft_budget: float | None
    spend: float
    total_spend: float
    user_email: str | None
    models: list[str]
    metadata: Object
    allowed_cache_controls: list[str] = []
    policies: list[str] = []
    model_spend: Object = {}
    created_at: Time
    updated_at: Time
    organization_memberships: list[Object]
    object_permission: Object | None = None


class ListedUser(UserObject):
    key_count: int


class UserDetails(UserObject):
    model_max_budget_usage: Object


class UpdatedUser(Answer):
    user_id: str
    data: UserObject


class UserUpdates(Answer):
    results: list[Object]
    total_requested: int
    successful_updates: int
    failed_updates: int


class UserInfo(Answer):
    user_id: str
    user_info: UserObject
    keys: list[Object]
    teams: list[Object]


class UserPage(Answer):
    users: list[ListedUser]
    total: int
    page: int
    page_size: int
    total_pages: int
