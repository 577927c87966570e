"""From the fields of a body to the columns of a key, and what a caller may not grant."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from proxy.core.access import within
from proxy.core.routes import KEY_TYPES
from proxy.management.base import Call
from proxy.management.schemas.limits import LIMIT_FIELDS, dollars, set_limits, valid_duration
from teams.access import MODELS_ONLY
from teams.errors import Forbidden, Invalid, NotFound
from teams.models import Budget, Limits, Membership, Organization, Role, Team, User, VirtualKey
from teams.periods import parse_duration
from teams.services import ensure_team, ensure_user

# Where LiteLLM keeps what has no column of its own.
_IN_METADATA = (
    "model_rpm_limit", "model_tpm_limit", "tag_rpm_limit", "tags", "enforced_params", "guardrails",
    "throttle_on_budget_exceeded", "rpm_limit_type", "tpm_limit_type", "end_user_budget_id",
)  # fmt: skip
_ADMIN_ONLY = ("end_user_budget_id", "throttle_on_budget_exceeded", "permissions", "config", "organization_id",
               "temp_budget_increase", "temp_budget_expiry", "spend", "budget_id")  # fmt: skip
_PROTECTED = ("enforced_params", "guardrails", "end_user_budget_id", "throttle_on_budget_exceeded")
_PLAIN = {
    "models": ("allowed_models", list), "aliases": ("aliases", dict), "config": ("config", dict),
    "permissions": ("permissions", dict), "router_settings": ("router_settings", dict),
    "budget_fallbacks": ("budget_fallbacks", dict), "allowed_cache_controls": ("allowed_cache_controls", list),
    "blocked": ("blocked", bool), "auto_rotate": ("auto_rotate", bool),
}  # fmt: skip
_INTERNAL = (Role.INTERNAL_USER, Role.INTERNAL_USER_VIEWER)
_NUMBERS = ("tpm_limit", "rpm_limit", "tpd_limit", "max_parallel_requests")


def apply_fields(row: VirtualKey, given: Mapping[str, Any], call: Call, *, route: str, now: datetime) -> None:
    """Put a body's fields into a row that is saved afterwards. Raises ManagementError."""
    given, former_owner = dict(given), row.user_id
    _ensure_may_set(row, given, call)
    _set_owners(row, given, call, route=route)
    set_limits(row, {name: given[name] for name in given if name in LIMIT_FIELDS}, now=now)
    for name, (column, empty) in _PLAIN.items():
        if name in given:
            setattr(row, column, empty() if given[name] is None else given[name])
    if "key_alias" in given:
        row.alias = _free_alias(row, given["key_alias"])
    if "budget_id" in given:
        row.budget = _budget(given["budget_id"])
    if "duration" in given:
        row.expires_at = _expiry(given["duration"], now=now)
    _set_routes(row, given)
    _set_metadata(row, given, protected=() if call.reach.is_admin or call.reach.governs_key(row) else _PROTECTED)
    _set_rotation(row, given, now=now)
    caller_key = _caller_key(call)
    if caller_key is not None and row._state.adding:
        _inherit(row, caller_key, given)
    _keep_from_acting_for_others(row, given, call, changed_owner=row.user_id != former_owner)
    ensure_within_grants(row, call, given, caller_key=caller_key)


def _caller_key(call: Call) -> VirtualKey | None:
    """What binds the caller besides who they are; nothing binds a proxy admin."""
    if call.reach.is_admin:
        return None
    return VirtualKey.objects.filter(token_hash=call.principal.key_hash).first()


def _ensure_may_set(row: VirtualKey, given: Mapping[str, Any], call: Call) -> None:
    if call.reach.is_admin:
        return
    for name in _ADMIN_ONLY:
        if given.get(name) is not None:
            raise Forbidden(f"Only proxy admins can set {name}. Your role={call.reach.role}", param=name)
    if given.get("blocked") is not None and bool(given["blocked"]) != row.blocked and not call.reach.governs_key(row):
        raise Forbidden("Only proxy admins and admins of the key's team can block or unblock it.", param="blocked")


def _set_owners(row: VirtualKey, given: Mapping[str, Any], call: Call, *, route: str) -> None:
    reach = call.reach
    if "team_id" in given and given["team_id"] != row.team_id:
        if not row._state.adding and row.team is not None and not reach.administers_team(row.team):
            raise Forbidden("Only an admin of the key's team can move it to another.", param="team_id")
        row.team = _team(given["team_id"], call, route=route)
    if "organization_id" in given:
        row.organization = _organization(given["organization_id"])
    if "user_id" in given and given["user_id"] != row.user_id:
        row.user = _user(given["user_id"], row, call)


def _team(team_id: str | None, call: Call, *, route: str) -> Team | None:
    if team_id is None:
        return None
    reach = call.reach
    if reach.is_admin:
        return ensure_team(team_id)
    team = reach.teams().filter(pk=team_id).first()
    if team is None:
        raise Invalid(f"Team not found for team_id={team_id}", param="team_id")
    if not reach.administers_team(team):
        if team_id not in reach.team_ids:
            raise Invalid(f"User={reach.user_id} not assigned to team={team_id}", param="team_id")
        if not reach.may_in_team(team_id, route):
            raise Forbidden(
                f"Team member does not have permissions for endpoint: {route}. Ask an admin of team={team_id} for it.",
                type_="team_member_permission_error",
                param=route,
            )
    return team


def _user(user_id: str | None, row: VirtualKey, call: Call) -> User | None:
    reach = call.reach
    if reach.is_admin:
        return ensure_user(user_id) if user_id else None
    if user_id != reach.user_id and not _is_member_of_governed_team(user_id, row, call):
        raise Forbidden(
            f"User can only create keys for themselves. Got user_id={user_id}, Your ID={reach.user_id}", param="user_id"
        )
    return User.objects.filter(pk=user_id).first() if user_id else None


def _keep_from_acting_for_others(row: VirtualKey, given: Mapping[str, Any], call: Call, *, changed_owner: bool) -> None:
    """A key of somebody else that the caller gets to see calls models, and manages nothing in the owner's name."""
    if call.reach.may_act_with(row):
        return
    if given.get("allowed_routes") or given.get("key_type"):
        if row.allowed_routes != [MODELS_ONLY]:
            raise Forbidden(
                f"A key for somebody else can only have the routes {[MODELS_ONLY]}.", param="allowed_routes"
            )
    elif changed_owner or "allowed_routes" in given:
        row.allowed_routes = [MODELS_ONLY]


def _is_member_of_governed_team(user_id: str | None, row: VirtualKey, call: Call) -> bool:
    """A team's admin may make keys of the team for its members, and for nobody in particular."""
    if row.team is None or not call.reach.administers_team(row.team):
        return False
    members = Membership.objects.filter(team=row.team, user=user_id, user__role__in=_INTERNAL)
    return user_id is None or members.exists()


def _organization(organization_id: str | None) -> Organization | None:
    if organization_id is None:
        return None
    if (found := Organization.objects.filter(pk=organization_id).first()) is None:
        raise Invalid(f"Organization not found for organization_id={organization_id}", param="organization_id")
    return found


def _budget(budget_id: str | None) -> Budget | None:
    if budget_id is None:
        return None
    if (found := Budget.objects.filter(pk=budget_id).first()) is None:
        raise NotFound(f"Budget not found for budget_id={budget_id}", param="budget_id")
    return found


def _free_alias(row: VirtualKey, alias: str | None) -> str | None:
    if not alias:
        return None
    if VirtualKey.objects.filter(alias=alias).exclude(pk=row.pk).exists():
        raise Invalid(
            f"Key with alias '{alias}' already exists. Unique key aliases across all keys are required.",
            param="key_alias",
        )
    return alias


def _expiry(duration: str | None, *, now: datetime) -> datetime | None:
    if duration in (None, "", "-1"):
        return None
    return now + timedelta(seconds=parse_duration(valid_duration("duration", str(duration))).seconds)


def _set_routes(row: VirtualKey, given: Mapping[str, Any]) -> None:
    if kind := given.get("key_type"):
        row.key_type = kind
        row.allowed_routes = list(KEY_TYPES[kind])
    if "allowed_routes" in given:
        row.allowed_routes = given["allowed_routes"] or []


def _set_metadata(row: VirtualKey, given: Mapping[str, Any], *, protected: Collection[str]) -> None:
    """`metadata` replaces the whole, but for what has a field of its own; `protected` stays as an admin set it."""
    stored = row.metadata
    if "metadata" in given:
        kept = {name: stored[name] for name in _IN_METADATA if name in stored}
        row.metadata = {**kept, **(given["metadata"] or {})}
        for name in protected:
            row.metadata.pop(name, None)
        row.metadata.update({name: stored[name] for name in protected if name in stored})
    for name in _IN_METADATA:
        if name in given and name not in protected:
            row.metadata = {**row.metadata, name: given[name]}
            if given[name] is None:
                del row.metadata[name]


def _set_rotation(row: VirtualKey, given: Mapping[str, Any], *, now: datetime) -> None:
    if "rotation_interval" in given:
        text = given["rotation_interval"]
        row.rotation_interval = valid_duration("rotation_interval", text) if text else ""
    if not row.auto_rotate:
        row.rotates_at = None
        return
    if not row.rotation_interval:
        raise Invalid("rotation_interval is required when auto_rotate is true", param="rotation_interval")
    if row.rotates_at is None or given.get("rotation_interval"):
        row.rotates_at = parse_duration(row.rotation_interval).after(now)


def ensure_within_grants(
    row: VirtualKey, call: Call, given: Mapping[str, Any], *, caller_key: VirtualKey | None
) -> None:
    """A key grants no more than its team has and, unless an admin makes it, than its maker has. Raises."""
    if row.team is not None:
        _ensure_within_team(row, row.team, given)
    if call.reach.is_admin:
        return
    if caller_key is not None:
        _ensure_no_more_than_key(row, caller_key, given)
    owner = User.objects.filter(pk=call.principal.user_id).first() if row.team is None else None
    if owner is not None:
        _ensure_not_above(row, owner, "the caller's own", given)
        # An empty list is all of the owner's, and no more.
        if "models" in given and row.allowed_models and not within(row.allowed_models, owner.allowed_models):
            raise _more_models(row, owner.allowed_models)


def ensure_no_stronger(row: VirtualKey, call: Call) -> None:
    """Whoever gets to see a key in clear can use it: through a key, none that may do more. Raises ManagementError."""
    caller_key = _caller_key(call)
    if caller_key is not None and caller_key.pk != row.pk:
        _ensure_no_more_than_key(row, caller_key, dict.fromkeys(("max_budget", *_NUMBERS, "models", "duration")))


def _ensure_no_more_than_key(row: VirtualKey, caller_key: VirtualKey, given: Mapping[str, Any]) -> None:
    _ensure_not_above(row, caller_key, "the caller's own", given)
    if "models" in given and not within(row.allowed_models, caller_key.allowed_models):
        raise _more_models(row, caller_key.allowed_models)
    allowed = set(caller_key.allowed_routes)
    if allowed and not (row.allowed_routes and allowed.issuperset(row.allowed_routes)):
        raise Forbidden(
            f"allowed_routes {row.allowed_routes} are not all among the caller's own {sorted(allowed)}.",
            param="allowed_routes",
        )
    ends = caller_key.expires_at
    if ends is not None and "duration" in given and (row.expires_at is None or row.expires_at > ends):
        raise Invalid("A key cannot outlive the key that makes it.", param="duration")


def _more_models(row: VirtualKey, models: list[str]) -> Forbidden:
    return Forbidden(
        f"models {row.allowed_models} are not all among the caller's own {models}.",
        type_="key_model_access_denied",
        param="models",
    )


def _inherit(row: VirtualKey, giver: VirtualKey, given: Mapping[str, Any]) -> None:
    """What a new key's maker did not say is what the maker's key has."""
    if row.team is None and row.organization_id is None:
        row.organization = giver.organization
    for column, name in (("allowed_models", "models"), ("allowed_routes", "allowed_routes")):
        if not given.get(name) and not (column == "allowed_routes" and given.get("key_type")):
            setattr(row, column, list(getattr(giver, column)))
    for name in ("max_budget", *_NUMBERS):
        column = "max_budget_nano" if name == "max_budget" else name
        if given.get(name) is None:
            setattr(row, column, getattr(giver, column))
    if given.get("duration") is None:
        row.expires_at = giver.expires_at


def _ensure_not_above(row: VirtualKey, giver: Limits, whose: str, given: Mapping[str, Any]) -> None:
    for name in ("max_budget", *_NUMBERS):
        if name not in given:
            continue
        column = "max_budget_nano" if name == "max_budget" else name
        wanted, limit = getattr(row, column), getattr(giver, column)
        if limit is not None and (wanted is None or wanted > limit):
            shown = (dollars(wanted), dollars(limit)) if name == "max_budget" else (wanted, limit)
            raise Invalid(f"{name} ({shown[0]}) cannot exceed {whose} {name} ({shown[1]}).", param=name)


def _ensure_within_team(row: VirtualKey, team: Team, given: Mapping[str, Any]) -> None:
    if {"max_budget", "team_id"} & given.keys() and row.max_budget_nano is not None:
        _ensure_not_above(row, team, "the team's", {"max_budget": True})
    if (
        {"models", "team_id"} & given.keys()
        and row.allowed_models
        and not within(row.allowed_models, team.allowed_models)
    ):
        raise Forbidden(
            f"Models {row.allowed_models} are not all available for team={team.pk}. "
            f"Team models = {team.allowed_models}",
            type_="team_model_access_denied",
            param="models",
        )
    for name in ("tpm_limit", "rpm_limit"):
        _ensure_not_promised_twice(row, team, name)


def _ensure_not_promised_twice(row: VirtualKey, team: Team, name: str) -> None:
    """`guaranteed_throughput`: what the keys of a team are promised together, the team must have."""
    kind, limit, wanted = f"{name}_type", getattr(team, name), getattr(row, name)
    if row.metadata.get(kind) != "guaranteed_throughput" or limit is None or wanted is None:
        return
    others = VirtualKey.objects.filter(team=team, **{f"metadata__{kind}": "guaranteed_throughput"}).exclude(pk=row.pk)
    promised = sum(value or 0 for value in others.order_by().values_list(name, flat=True))
    if promised + wanted > limit:
        raise Invalid(
            f"{name} ({wanted}) would promise more than the team has: {promised} of {limit} are promised already.",
            param=name,
        )
