"""What the request path knows of keys: an immutable picture in memory, so that no request asks the database."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from teams.models import Role, User, VirtualKey

logger = logging.getLogger(__name__)

MASTER_KEY_NAME = "litellm_proxy_master_key"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling. `key_hash` is a metric label; for the master key it is its well-known name, never its hash."""

    key_hash: str
    key_alias: str | None = None
    user_id: str | None = None
    user_email: str | None = None
    team_id: str | None = None
    team_alias: str | None = None
    role: str = Role.INTERNAL_USER
    key_models: frozenset[str] = frozenset()
    team_models: frozenset[str] = frozenset()
    user_models: frozenset[str] = frozenset()
    blocked: bool = False
    team_blocked: bool = False
    expires_at: datetime | None = None
    rpm_limit: int | None = None
    tpm_limit: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def is_admin(self) -> bool:
        return self.role == Role.PROXY_ADMIN

    @property
    def limit_headers(self) -> list[tuple[str, str]]:
        limits = (("x-litellm-key-tpm-limit", self.tpm_limit), ("x-litellm-key-rpm-limit", self.rpm_limit))
        return [(name, str(limit)) for name, limit in limits if limit is not None]


@dataclass(frozen=True, slots=True)
class KeySnapshot:
    """Principals by SHA-256 of their key."""

    principals: Mapping[str, Principal]
    admin: Principal

    def find(self, key_hash: str) -> Principal | None:
        return self.principals.get(key_hash)


def load_keys(*, admin_id: str) -> KeySnapshot:
    """Read every virtual key with its owner: one query for the keys, none on the request path."""
    principals = {}
    for row in VirtualKey.objects.order_by().values_list(*_COLUMNS).iterator(chunk_size=2000):
        try:
            principal = _principal(dict(zip(_COLUMNS, row, strict=True)))
        except (TypeError, ValueError):
            logger.exception("A virtual key cannot be used: its lists or metadata are malformed", extra={"key": row[1]})
            continue
        principals[principal.key_hash] = principal
    email = User.objects.filter(id=admin_id).values_list("email", flat=True).first()
    admin = Principal(key_hash=MASTER_KEY_NAME, user_id=admin_id, user_email=email or None, role=Role.PROXY_ADMIN)
    return KeySnapshot(principals=principals, admin=admin)


_COLUMNS = (
    "token_hash",
    "alias",
    "user_id",
    "user__email",
    "user__role",
    "user__is_active",
    "user__allowed_models",
    "team_id",
    "team__alias",
    "team__allowed_models",
    "team__blocked",
    "team__metadata",
    "allowed_models",
    "blocked",
    "expires_at",
    "rpm_limit",
    "tpm_limit",
    "metadata",
)


def _principal(row: dict[str, Any]) -> Principal:
    return Principal(
        key_hash=row["token_hash"],
        key_alias=row["alias"],
        user_id=row["user_id"],
        user_email=row["user__email"] or None,
        team_id=row["team_id"],
        team_alias=row["team__alias"] or None,
        role=row["user__role"] or Role.INTERNAL_USER,
        key_models=frozenset(row["allowed_models"]),
        team_models=frozenset(row["team__allowed_models"] or ()),
        user_models=frozenset(row["user__allowed_models"] or ()),
        blocked=row["blocked"] or row["user__is_active"] is False,
        team_blocked=bool(row["team__blocked"]),
        expires_at=row["expires_at"],
        rpm_limit=row["rpm_limit"],
        tpm_limit=row["tpm_limit"],
        # What an admin wrote for the team wins over what is on the key.
        metadata={**row["metadata"], **(row["team__metadata"] or {})},
    )
