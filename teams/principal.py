"""Who calls and what those they belong to may use: what a request carries with it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from teams.limits import NO_LIMITS, LimitSet
from teams.money import to_dollars

MASTER_KEY_NAME = "litellm_proxy_master_key"
NOTHING: Mapping[str, Any] = MappingProxyType({})
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class OwnersLimits:
    """What the key and those it belongs to may use, each by its own word and that of the budget it is linked to."""

    key: LimitSet = NO_LIMITS
    team: LimitSet = NO_LIMITS
    member: LimitSet = NO_LIMITS
    user: LimitSet = NO_LIMITS
    organization: LimitSet = NO_LIMITS


NOT_LIMITED = OwnersLimits()


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling. `key_hash` is a metric label; for the master key it is its well-known name, never its hash."""

    key_hash: str
    key_alias: str | None = None
    key_name: str = ""
    user_id: str | None = None
    user_email: str | None = None
    team_id: str | None = None
    team_alias: str | None = None
    organization_id: str | None = None
    organization_alias: str | None = None
    role: str = "internal_user"
    key_models: frozenset[str] = _NOBODY
    team_models: frozenset[str] = _NOBODY
    member_models: frozenset[str] = _NOBODY
    user_models: frozenset[str] = _NOBODY
    organization_models: frozenset[str] = _NOBODY
    aliases: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    allowed_routes: tuple[str, ...] = ()
    blocked: bool = False
    team_blocked: bool = False
    expires_at: datetime | None = None
    key_id: int = 0
    member_id: int = 0
    created_at: datetime = LONG_AGO
    limits: "OwnersLimits" = NOT_LIMITED
    budget_fallbacks: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    metadata: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    key_metadata: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    team_metadata: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    # Of the key and of its team: every request carries them.
    tags: tuple[str, ...] = ()
    router_settings: Mapping[str, Any] = field(default_factory=lambda: NOTHING)

    @property
    def is_admin(self) -> bool:
        return self.role == "proxy_admin"

    @property
    def sees_everything(self) -> bool:
        return self.role in ("proxy_admin", "proxy_admin_viewer")

    @property
    def is_master(self) -> bool:
        return self.key_hash == MASTER_KEY_NAME

    @property
    def limit_headers(self) -> list[tuple[str, str]]:
        key = self.limits.key
        budget = None if key.max_nano is None else to_dollars(key.max_nano)
        limits = (
            ("x-litellm-key-tpm-limit", key.tpm),
            ("x-litellm-key-rpm-limit", key.rpm),
            ("x-litellm-key-max-budget", budget),
        )
        return [(name, str(limit)) for name, limit in limits if limit is not None]


@dataclass(frozen=True, slots=True)
class KnownCustomer:
    """An end user of whom more is known than the id. Who has no restriction is not kept here."""

    blocked: bool
    allowed_models: frozenset[str]
    budget_id: str = ""
    created_at: datetime = LONG_AGO
