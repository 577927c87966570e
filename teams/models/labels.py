"""How the models and their columns are called on pages."""

from django.utils.translation import gettext_lazy as _

from alerts.labels import label_columns, label_models
from teams.models.grants import Budget
from teams.models.keys import VirtualKey
from teams.models.payers import Customer, Tag
from teams.models.people import Membership, Organization, OrganizationMembership, Team, User
from teams.models.records import AuditEntry

_MODELS = {
    Budget: (_("budget"), _("budgets")),
    User: (_("user"), _("users")),
    Organization: (_("organization"), _("organizations")),
    OrganizationMembership: (_("organization membership"), _("organization memberships")),
    Team: (_("team"), _("teams")),
    Membership: (_("membership"), _("memberships")),
    VirtualKey: (_("virtual key"), _("virtual keys")),
    Customer: (_("customer"), _("customers")),
    Tag: (_("tag"), _("tags")),
    AuditEntry: (_("audit entry"), _("audit trail")),
}
_COLUMNS = {
    "action": _("action"),
    "actor_key_hash": _("actor key hash"),
    "actor_role": _("actor role"),
    "address": _("address"),
    "after": _("after"),
    "alias": _("alias"),
    "aliases": _("aliases"),
    "allowed_cache_controls": _("allowed cache controls"),
    "allowed_model_region": _("allowed model region"),
    "allowed_models": _("allowed models"),
    "allowed_routes": _("allowed routes"),
    "at": _("at"),
    "auto_rotate": _("auto rotate"),
    "before": _("before"),
    "blocked": _("blocked"),
    "budget": _("budget"),
    "budget_duration": _("budget duration"),
    "budget_fallbacks": _("budget fallbacks"),
    "change_id": _("change id"),
    "changed_by": _("changed by"),
    "config": _("config"),
    "created_at": _("created at"),
    "created_by": _("created by"),
    "default_member_models": _("default member models"),
    "default_model": _("default model"),
    "description": _("description"),
    "expires_at": _("expires at"),
    "key_type": _("key type"),
    "last_rotation_at": _("last rotation at"),
    "max_parallel_requests": _("max parallel requests"),
    "member_budget": _("member budget"),
    "member_permissions": _("member permissions"),
    "metadata": _("metadata"),
    "model_aliases": _("model aliases"),
    "model_info": _("model info"),
    "name": _("name"),
    "object_id": _("object id"),
    "object_label": _("object label"),
    "object_type": _("object type"),
    "organization": _("organization"),
    "permissions": _("permissions"),
    "role": _("role"),
    "rotates_at": _("rotates at"),
    "rotation_count": _("rotation count"),
    "rotation_interval": _("rotation interval"),
    "router_settings": _("router settings"),
    "team": _("team"),
    "token_hash": _("token hash"),
    "uncollected_key": _("uncollected key"),
    "updated_at": _("updated at"),
    "updated_by": _("updated by"),
    "user": _("user"),
    "username": _("username"),
}

label_models(_MODELS)
label_columns(_MODELS, _COLUMNS)
