"""From the fields of a body to the columns of a team, and what a caller may not grant."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from proxy.core.access import within
from proxy.management.base import Call
from proxy.management.schemas.limits import LIMIT_FIELDS, dollars, set_limits, valid_duration
from proxy.management.schemas.teams import TeamFields
from proxy.runtime import running
from teams.errors import Forbidden, Invalid
from teams.models import Organization, Team
from teams.services import give_budget, grants_of, own_budget

NOT_YOURS = "You do not have access to this team"
DEFAULT_PERMISSIONS = ("/key/info", "/key/health")
# LiteLLM's words. Blocking and spend are for a team's admins whatever a member is granted.
PERMISSIONS = (
    "/key/generate", "/key/update", "/key/delete", "/key/regenerate", "/key/service-account/generate",
    "/key/{key_id}/regenerate", "/key/block", "/key/unblock", "/key/bulk_update", "/key/{key_id}/reset_spend",
    "/key/info", "/key/health", "/key/list", "/key/aliases", "/key/access_group_assignment", "/team/key/bulk_update",
    "/team/daily/activity", "/spend/logs", "/spend/logs/v2",
)  # fmt: skip

_PLAIN = {
    "team_alias": ("alias", str), "models": ("allowed_models", list), "model_aliases": ("model_aliases", dict),
    "blocked": ("blocked", bool), "router_settings": ("router_settings", dict),
    "default_team_member_models": ("default_member_models", list),
    "team_member_permissions": ("member_permissions", list),
}  # fmt: skip
# Where LiteLLM keeps what has no column of its own.
_IN_METADATA = ("model_rpm_limit", "model_tpm_limit", "tags", "guardrails", "team_member_key_duration")
# What is written on the team overrules its keys, so that only who may limit the team writes it.
_PROTECTED = (
    "model_rpm_limit", "model_tpm_limit", "guardrails", "enforced_params", "end_user_budget_id", "tag_rpm_limit",
    "throttle_on_budget_exceeded", "rpm_limit_type", "tpm_limit_type",
)  # fmt: skip
_SHOWN_IN_METADATA = ("team_member_budget_id", "temp_budget_increase", "temp_budget_expiry")
_MEMBER_LIMITS = {
    "team_member_budget": "max_budget", "team_member_budget_duration": "budget_duration",
    "team_member_rpm_limit": "rpm_limit", "team_member_tpm_limit": "tpm_limit",
}  # fmt: skip
_RATES = ("tpm_limit", "rpm_limit", "tpd_limit", "max_parallel_requests")
# What a team's own admins may change; rates only downwards, models only to fewer.
_TEAM_ADMIN = frozenset(
    {"alias", "metadata", "allowed_models", "model_aliases", "member_permissions", "default_member_models", *_RATES}
)
TEAM_ADMIN_FIELDS = (
    "team_alias", "metadata", "tags", "models", "model_aliases", "team_member_permissions",
    "default_team_member_models", *_RATES, *_MEMBER_LIMITS, "team_member_key_duration",
)  # fmt: skip


def with_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """A new team's fields, those that nobody set from `litellm_settings.default_team_params`. Raises Invalid."""
    defaults = running().table.settings["litellm_settings"].get("default_team_params")
    try:
        known = TeamFields.model_validate(defaults if isinstance(defaults, dict) else {}).given()
    except ValidationError as error:
        raise Invalid(f"litellm_settings.default_team_params is not valid: {error.errors()[0]['msg']}") from None
    return {**known, **{name: value for name, value in given.items() if value is not None}}


def available_team_ids() -> list[str]:
    """Teams that every user may join."""
    params = running().table.settings["litellm_settings"].get("default_internal_user_params")
    names = params.get("available_teams") if isinstance(params, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def apply_fields(row: Team, given: Mapping[str, Any], call: Call, *, now: datetime) -> None:
    """Put a body's fields into a row that is saved afterwards. Raises ManagementError."""
    former = _columns(row)
    limits_team = row._state.adding or call.reach.administers_organization(row.organization_id)
    if "organization_id" in given and given["organization_id"] != row.organization_id:
        row.organization = organization_for_team(given["organization_id"], call)
    set_limits(row, {name: given[name] for name in given if name in LIMIT_FIELDS}, now=now)
    for name, (column, empty) in _PLAIN.items():
        if name in given:
            setattr(row, column, empty() if given[name] is None else given[name])
    ensure_permissions_known(row.member_permissions, but=former["member_permissions"])
    limits_team = limits_team and call.reach.administers_organization(row.organization_id)
    _set_metadata(row, given, protected=() if limits_team else _PROTECTED)
    if not limits_team:
        _ensure_team_admin_may(row, former)
    if row.organization is not None:
        _ensure_within_organization(row, row.organization, given)
    _ensure_member_models(row, given)


def set_member_default(row: Team, given: Mapping[str, Any], *, now: datetime) -> None:
    """The budget that binds each member without an own one; the team must be saved. Raises Invalid."""
    wanted = {_MEMBER_LIMITS[name]: value for name, value in given.items() if name in _MEMBER_LIMITS}
    if not wanted:
        return
    if wanted.get("max_budget") == 0:
        # LiteLLM's word for "no budget", here and nowhere else.
        wanted["max_budget"] = None
    budget = own_budget(row.member_budget, owner=f"team-{row.alias or row.pk}")
    set_limits(budget, wanted, now=now)
    give_budget(row, budget if grants_of(budget) else None, link="member_budget")


def organization_for_team(organization_id: str | None, call: Call) -> Organization | None:
    """That the caller may make teams in. Raises Invalid or Forbidden."""
    reach = call.reach
    if organization_id is None:
        if not reach.is_admin:
            raise Forbidden("Only proxy admins can have teams outside of an organization.", param="organization_id")
        return None
    found = reach.organizations().select_related("budget").filter(pk=organization_id).first()
    if found is None:
        raise Invalid(f"Organization not found for organization_id={organization_id}", param="organization_id")
    if not reach.administers_organization(found.pk):
        raise Forbidden("You do not have access to this organization", param="organization_id")
    return found


def ensure_permissions_known(names: Collection[str], *, but: Collection[str]) -> None:
    """Raises Invalid for words that are neither LiteLLM's nor those that the team has already, from elsewhere."""
    if unknown := sorted(set(names) - set(PERMISSIONS) - set(but)):
        raise Invalid(
            f"Unknown permissions: {unknown[:10]}. Available: {list(PERMISSIONS)}", param="team_member_permissions"
        )


def _columns(row: Team) -> dict[str, Any]:
    return {field.attname: field.value_from_object(row) for field in row._meta.concrete_fields}


def _set_metadata(row: Team, given: Mapping[str, Any], *, protected: Collection[str]) -> None:
    """`metadata` replaces the whole, but for what has a field of its own; `protected` stays as it was set."""
    stored = row.metadata
    own = (*_IN_METADATA, *protected)
    if given.get("team_member_key_duration"):
        valid_duration("team_member_key_duration", given["team_member_key_duration"])
    metadata = dict(stored)
    if "metadata" in given:
        metadata = {name: stored[name] for name in own if name in stored} | (given["metadata"] or {})
        for name in _SHOWN_IN_METADATA:
            metadata.pop(name, None)
    for name in _IN_METADATA:
        if name in given:
            metadata[name] = given[name]
            if given[name] is None:
                del metadata[name]
    changed = [name for name in protected if metadata.get(name) != stored.get(name)]
    if changed:
        raise Forbidden(f"Only proxy admins and organization admins can change {changed} of a team.", param=changed[0])
    row.metadata = metadata


def _ensure_team_admin_may(row: Team, former: Mapping[str, Any]) -> None:
    """Raises Forbidden. What is sent as it is already changes nothing, and is fine."""
    changed = [name for name, value in _columns(row).items() if value != former[name]]
    if more := [name.removesuffix("_nano") for name in changed if name not in _TEAM_ADMIN]:
        raise Forbidden(f"Only proxy admins and organization admins can change {more} of a team.", param=more[0])
    if "allowed_models" in changed and not within(row.allowed_models, former["allowed_models"]):
        raise Forbidden(
            f"models {row.allowed_models} are not all among the team's own {former['allowed_models']}.",
            type_="team_model_access_denied",
            param="models",
        )
    for name in _RATES:
        wanted, limit = getattr(row, name), former[name]
        if name in changed and limit is not None and (wanted is None or wanted > limit):
            raise Forbidden(f"{name} ({wanted}) cannot exceed the team's present {name} ({limit}).", param=name)


def _ensure_within_organization(row: Team, organization: Organization, given: Mapping[str, Any]) -> None:
    """Raises Invalid for a grant that the organization would not honour."""
    models = organization.allowed_models
    if {"models", "organization_id"} & given.keys() and row.allowed_models and not within(row.allowed_models, models):
        raise Invalid(
            f"models {row.allowed_models} are not all among the organization's own {models}.",
            type_="org_model_access_denied",
            param="models",
        )
    if (budget := organization.budget) is None:
        return
    for name in ("max_budget", *_RATES):
        column = "max_budget_nano" if name == "max_budget" else name
        wanted, limit = getattr(row, column), getattr(budget, column)
        if {name, "organization_id"} & given.keys() and None not in (wanted, limit) and wanted > limit:
            shown = (dollars(wanted), dollars(limit)) if name == "max_budget" else (wanted, limit)
            raise Invalid(f"{name} ({shown[0]}) cannot exceed the organization's {name} ({shown[1]}).", param=name)


def _ensure_member_models(row: Team, given: Mapping[str, Any]) -> None:
    if given.get("default_team_member_models"):
        ensure_models_of_team(row, row.default_member_models, param="default_team_member_models")


def ensure_models_of_team(row: Team, models: Collection[str], *, param: str) -> None:
    """Raises Invalid for models that the team itself may not call."""
    if models and not within(models, row.allowed_models):
        raise Invalid(f"{param} {list(models)} are not all among the team's own {row.allowed_models}.", param=param)
