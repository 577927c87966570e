"""Keys, former keys in their grace period, customers and tags."""

import re
from collections.abc import Sequence

from django.db.models import Model

from gateway_project.litellm_import.kinds import Candidate, Context, Kind, Missing, named
from gateway_project.litellm_import.people import stamps
from gateway_project.litellm_import.values import LIMITS, Row, Skip, limits
from teams.keys import KEY_PREFIX, hash_key, mask_key
from teams.models import Customer, KeyType, RetiredToken, Tag, VirtualKey

# The team of the keys with which LiteLLM's own pages log in.
_DASHBOARD = "litellm-dashboard"
_MASTER_KEY_NAME = "litellm_proxy_master_key"
_HASH = re.compile(r"[0-9a-f]{64}")
_MASKED = re.compile(r"sk-\.\.\.\S{0,8}")
_REGIONS = ("eu", "us")
_NO_HASH = "its token is no SHA-256 hash, so no key can be known by it"
_ROTATION = ("rotation_count", "auto_rotate", "rotation_interval", "last_rotation_at", "key_rotation_at")
_TOLD_IN_METADATA = ("temp_budget_increase", "temp_budget_expiry")


def _key(row: Row, context: Context) -> Model:
    token_hash = _token_hash(row.text("token"))
    if token_hash in context.master_hashes or _MASTER_KEY_NAME in (row.text("token"), row.text("key_alias")):
        raise Skip("is LiteLLM's master key, which is no virtual key")
    if row.text("team_id") == _DASHBOARD:
        raise Skip("is a session of LiteLLM's own pages")
    if not token_hash:
        raise Skip(_NO_HASH)
    row.lift("metadata", *_TOLD_IN_METADATA)
    interval = row.duration("rotation_interval", otherwise="it is not rotated")
    rotates = row.flag("auto_rotate") and bool(interval)
    return VirtualKey(
        token_hash=token_hash,
        name=_masked_name(row),
        alias=row.text("key_alias") or None,
        key_type=row.choice("key_type", KeyType.values, otherwise=KeyType.DEFAULT),
        user_id=row.link("user_id"),
        team_id=row.link("team_id"),
        organization_id=row.link("organization_id"),
        budget_id=row.link("budget_id"),
        allowed_models=row.names("models"),
        allowed_routes=row.names("allowed_routes"),
        allowed_cache_controls=row.names("allowed_cache_controls"),
        aliases=row.object("aliases"),
        budget_fallbacks=row.object("budget_fallbacks"),
        metadata=row.object("metadata"),
        permissions=row.object("permissions"),
        config=row.object("config"),
        router_settings=row.object("router_settings"),
        blocked=row.flag("blocked"),
        expires_at=row.moment("expires"),
        auto_rotate=rotates,
        rotation_interval=interval,
        rotation_count=min(row.whole("rotation_count") or 0, 2**31 - 1),
        last_rotation_at=row.moment("last_rotation_at"),
        rotates_at=row.moment("key_rotation_at") if rotates else None,
        **limits(row, now=context.now),
        **stamps(row, context),
    )


def _token_hash(token: str) -> str:
    """Empty for what is neither a hash nor a key; early versions kept keys in clear."""
    if token.startswith(KEY_PREFIX):
        return hash_key(token)
    return token if _HASH.fullmatch(token) else ""


def _masked_name(row: Row) -> str:
    name = row.text("key_name")
    token = row.text("token")
    if token.startswith(KEY_PREFIX):
        return mask_key(token)
    # Never more than the last four characters, whatever stands there.
    return name if _MASKED.fullmatch(name) else mask_key(name) if name else f"{KEY_PREFIX}..."


def _key_label(row: Row) -> str:
    alias = row.text("key_alias")
    token_hash = _token_hash(row.text("token"))
    return f"{token_hash[:8] or 'key'} ({alias})" if alias else token_hash[:8] or "without alias"


def _settle_keys(candidates: Sequence[Candidate]) -> None:
    """A hash that was retired here stays retired, and aliases are unique here."""
    hashes = [candidate.instance.token_hash for candidate in candidates]
    retired = set(RetiredToken.objects.filter(pk__in=hashes).order_by().values_list("pk", flat=True))
    aliases = {candidate.instance.alias for candidate in candidates} - {None}
    holders = dict(VirtualKey._base_manager.filter(alias__in=aliases).order_by().values_list("alias", "token_hash"))
    for candidate in candidates:
        key = candidate.instance
        if key.token_hash in retired:
            candidate.refuse("was regenerated here")
        elif key.alias and holders.setdefault(key.alias, key.token_hash) != key.token_hash:
            candidate.row.repair("its alias is another key's too, so its hash is added", key.alias)
            key.alias = f"{key.alias[:240]} {key.token_hash[:8]}"


def _former_key(row: Row, context: Context) -> Model:
    token_hash = _token_hash(row.text("token"))
    if not token_hash:
        raise Skip(_NO_HASH)
    valid_until = row.moment("revoke_at")
    if valid_until is None or valid_until <= context.now:
        raise Skip("its grace period is over")
    former = RetiredToken(token_hash=token_hash, valid_until=valid_until)
    # Which key that is, only a query can tell.
    former.key_id = None  # type: ignore[assignment]
    return former


def _settle_former_keys(candidates: Sequence[Candidate]) -> None:
    successors = {_token_hash(candidate.row.text("active_token_id")) for candidate in candidates}
    hashes = {candidate.instance.token_hash for candidate in candidates}
    keys = VirtualKey._base_manager.order_by()
    ids = dict(keys.filter(token_hash__in=successors - {""}).values_list("token_hash", "pk"))
    current = set(keys.filter(token_hash__in=hashes).values_list("token_hash", flat=True))
    for candidate in candidates:
        key_id = ids.get(_token_hash(candidate.row.text("active_token_id")))
        if key_id is None:
            candidate.refuse("its successor is not here")
        elif candidate.instance.token_hash in current:
            candidate.refuse("is a key of its own here")
        candidate.instance.key_id = key_id


def _customer(row: Row, context: Context) -> Model:
    return Customer(
        id=row.identifier("user_id"),
        alias=row.text("alias"),
        blocked=row.flag("blocked"),
        budget_id=row.link("budget_id"),
        allowed_models=row.names("models"),
        allowed_model_region=row.choice("allowed_model_region", _REGIONS, otherwise=""),
        default_model=row.text("default_model"),
        **stamps(row, context),
    )


def _tag(row: Row, context: Context) -> Model:
    return Tag(
        name=row.identifier("tag_name"),
        description=row.text("description"),
        deployment_ids=row.names("models"),
        model_info=row.object("model_info"),
        budget_id=row.link("budget_id"),
        **stamps(row, context),
    )


KEYS = (
    Kind(
        name="keys",
        model=VirtualKey,
        table="LiteLLM_VerificationToken",
        order=("token",),
        columns=("token", "key_name", "key_alias", "key_type", "user_id", "team_id", "organization_id", "budget_id",
                 "models", "allowed_routes", "allowed_cache_controls", "aliases", "budget_fallbacks", "metadata",
                 "permissions", "config", "router_settings", "blocked", "expires", *_ROTATION, *LIMITS, "created_at",
                 "created_by"),
        identity=("token_hash",),
        build=_key,
        label=_key_label,
        references={"user": Missing.MADE, "team": Missing.MADE, "organization": Missing.BLOCKED,
                    "budget": Missing.DROPPED},
        settle=_settle_keys,
        once=frozenset({"uncollected_key"}),
        unsupported=("object_permission_id", "policies", "access_group_ids", "project_id", "agent_id"),
    ),
    Kind(
        name="former keys",
        model=RetiredToken,
        table="LiteLLM_DeprecatedVerificationToken",
        order=("token",),
        columns=("token", "active_token_id", "revoke_at"),
        identity=("token_hash",),
        build=_former_key,
        label=lambda row: _token_hash(row.text("token"))[:8] or "without hash",
        settle=_settle_former_keys,
    ),
    Kind(
        name="customers",
        model=Customer,
        table="LiteLLM_EndUserTable",
        order=("user_id",),
        columns=("user_id", "alias", "blocked", "budget_id", "models", "allowed_model_region", "default_model"),
        identity=("id",),
        build=_customer,
        label=named("user_id", "alias"),
        references={"budget": Missing.DROPPED},
        unsupported=("object_permission_id",),
        rare=frozenset({"models"}),
    ),
    Kind(
        name="tags",
        model=Tag,
        table="LiteLLM_TagTable",
        order=("tag_name",),
        columns=("tag_name", "description", "models", "model_info", "budget_id", "created_at", "created_by"),
        identity=("name",),
        build=_tag,
        label=named("tag_name"),
        references={"budget": Missing.DROPPED},
    ),
)  # fmt: skip
