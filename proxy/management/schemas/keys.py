"""Bodies and answers of the key routes (api.md 2.1, 2.2)."""

from typing import Any, Literal

from pydantic import Field, model_validator

from proxy.management.base import Body
from proxy.management.schemas.fields import Answer, Count, Id, Name, Names, Object, OneOrMore, Text, Time
from proxy.management.schemas.limits import LimitFields

RateLimitType = Literal["guaranteed_throughput", "best_effort_throughput", "dynamic"]


class KeyFields(LimitFields):
    """What may be said of a key when it is made and when it is changed."""

    key_alias: Name | None = None
    duration: Text | None = Field(None, description="Lifetime such as 30d; null or -1: for ever.")
    user_id: Id | None = None
    team_id: Id | None = None
    organization_id: Id | None = None
    models: Names | None = Field(None, description="Model groups, access groups, wildcards; empty: all of the owner's.")
    budget_id: Id | None = Field(None, description="A shared budget.")
    end_user_budget_id: Id | None = None
    model_rpm_limit: dict[str, Count] | None = None
    model_tpm_limit: dict[str, Count] | None = None
    tag_rpm_limit: dict[str, Count] | None = None
    budget_fallbacks: dict[str, list[str]] | None = None
    aliases: dict[Id, Id] | None = None
    metadata: Object | None = None
    tags: Names | None = None
    allowed_routes: Names | None = None
    key_type: Literal["llm_api", "management", "read_only", "default"] | None = None
    blocked: bool | None = None
    permissions: Object | None = None
    config: Object | None = None
    allowed_cache_controls: Names | None = None
    enforced_params: Names | None = None
    guardrails: Names | None = None
    auto_rotate: bool | None = None
    rotation_interval: Text | None = None
    throttle_on_budget_exceeded: bool | None = None
    router_settings: Object | None = None
    rpm_limit_type: RateLimitType | None = None
    tpm_limit_type: RateLimitType | None = None


class GenerateKey(KeyFields):
    key: str | None = Field(None, max_length=200, description="Your own value: sk- and at least 16 characters.")
    send_invite_email: bool | None = Field(None, description="Tell the key's owner by mail.")


class GenerateServiceAccountKey(GenerateKey):
    team_id: Id


class UpdateKey(KeyFields):
    key: Id | None = Field(None, description="The key, or its hash.")
    spend: float | None = Field(None, description="What the current period counts as spent, from now on.")

    @model_validator(mode="after")
    def _names_a_key(self) -> "UpdateKey":
        if self.key is None and not self.key_alias:
            raise ValueError("either key or key_alias must be provided")
        return self


class UpdateKeys(Body):
    keys: list[Object] = Field(max_length=500)


class RegenerateKey(KeyFields):
    key: Id | None = None
    new_key: str | None = Field(None, max_length=200)
    grace_period: Text | None = Field(None, description="How long the former key still works, such as 24h.")


class DeleteKeys(Body):
    keys: OneOrMore | None = Field(None, max_length=500)
    key_aliases: OneOrMore | None = Field(None, max_length=500)

    @model_validator(mode="after")
    def _names_keys(self) -> "DeleteKeys":
        if self.keys is None and self.key_aliases is None:
            raise ValueError("At least one of 'keys' or 'key_aliases' must be provided.")
        return self


class NamedKey(Body):
    key: str = Field(max_length=255)


class NamedKeys(Body):
    keys: Names


class ResetSpend(Body):
    reset_to: float = 0.0


class KeyQuery(Body):
    key: Name | None = None


class KeyList(Body):
    page: int = Field(1, ge=1, le=10**9)
    size: int = Field(10, ge=1, le=100)
    user_id: Name | None = None
    team_id: Name | None = None
    organization_id: Name | None = None
    key_hash: Name | None = None
    key_alias: Name | None = None
    search: Name | None = Field(None, description="Part of an alias, a masked name or the beginning of a hash.")
    return_full_object: bool = False
    include_team_keys: bool = False
    include_created_by_keys: bool = False
    sort_by: Literal["spend", "max_budget", "created_at", "updated_at", "token", "key_alias"] | None = None
    sort_order: Literal["asc", "desc"] = "desc"
    status: Literal["active", "expired", "revoked", "deleted"] | None = None
    substring_matching: bool = False
    expand: OneOrMore | None = None


class AliasList(Body):
    page: int = Field(1, ge=1, le=10**9)
    size: int = Field(50, ge=1, le=100)
    search: Name | None = None


class KeyObject(Answer):
    token: str
    key_name: str
    key_alias: str | None
    soft_budget_cooldown: bool = False
    spend: float
    total_spend: float
    expires: Time | None
    models: list[str]
    aliases: Object
    config: Object
    router_settings: Object
    user_id: str | None
    team_id: str | None
    agent_id: str | None = None
    project_id: str | None = None
    permissions: Object
    max_parallel_requests: int | None
    metadata: Object
    blocked: bool | None
    tpm_limit: int | None
    rpm_limit: int | None
    tpd_limit: int | None
    max_budget: float | None
    budget_duration: str | None
    budget_reset_at: Time | None
    allowed_cache_controls: list[str]
    allowed_routes: list[str]
    key_type: str
    policies: list[str] = []
    access_group_ids: list[str] = []
    model_spend: Object = {}
    model_max_budget: Object
    budget_fallbacks: Object
    budget_id: str | None
    organization_id: str | None
    object_permission_id: str | None = None
    created_at: Time
    created_by: str | None
    updated_at: Time
    updated_by: str | None
    settings_updated_at: Time | None = None
    last_active: Time | None
    rotation_count: int
    auto_rotate: bool
    rotation_interval: str | None
    last_rotation_at: Time | None
    key_rotation_at: Time | None
    budget_limits: list[Object] | None
    litellm_budget_table: Object | None
    litellm_organization_table: Object | None = None
    litellm_project_table: Object | None = None
    object_permission: Object | None = None
    jwt_key_mappings: Object | None = None


class KeyInfo(Answer):
    key: str
    info: Object


class KeyInfos(Answer):
    key: list[str]
    info: list[Object]


class KeyPage(Answer):
    keys: list[Any]
    total_count: int
    current_page: int
    total_pages: int


class AliasPage(Answer):
    aliases: list[str]
    total_count: int
    current_page: int
    total_pages: int
    size: int


class DeletedKeys(Answer):
    deleted_keys: list[str]


class BulkUpdate(Answer):
    total_requested: int
    successful_updates: list[Object]
    failed_updates: list[Object]


class SpendReset(Answer):
    key_hash: str
    spend: float
    previous_spend: float
    max_budget: float | None
    budget_reset_at: Time | None
