"""A LiteLLM database, made by hand: its tables as their public schema has them, and rows as its API writes them."""

import base64
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import uuid4

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.secret import SecretBox
from psycopg import sql
from psycopg.types.json import Jsonb

from teams.keys import hash_key

_LIMITS = {
    "max_budget": "double precision",
    "budget_duration": "text",
    "budget_reset_at": "timestamp(3)",
    "max_parallel_requests": "integer",
    "tpm_limit": "bigint",
    "rpm_limit": "bigint",
    "model_max_budget": "jsonb DEFAULT '{}'",
}
_STAMPS = {
    "created_at": "timestamp(3) DEFAULT CURRENT_TIMESTAMP",
    "created_by": "text",
    "updated_at": "timestamp(3) DEFAULT CURRENT_TIMESTAMP",
    "updated_by": "text",
}
SCHEMA: dict[str, dict[str, str]] = {
    "LiteLLM_BudgetTable": {
        "budget_id": "text PRIMARY KEY",
        "soft_budget": "double precision",
        "allowed_models": "text[] DEFAULT '{}'",
        **_LIMITS,
        **_STAMPS,
    },
    "LiteLLM_OrganizationTable": {
        "organization_id": "text PRIMARY KEY",
        "organization_alias": "text NOT NULL",
        "budget_id": "text",
        "metadata": "jsonb DEFAULT '{}'",
        "models": "text[]",
        "spend": "double precision DEFAULT 0",
        "object_permission_id": "text",
        **_STAMPS,
    },
    "LiteLLM_OrganizationMembership": {
        "user_id": "text",
        "organization_id": "text",
        "user_role": "text",
        "spend": "double precision DEFAULT 0",
        "budget_id": "text",
        "created_at": "timestamp(3) DEFAULT CURRENT_TIMESTAMP",
    },
    "LiteLLM_ModelTable": {"id": "serial PRIMARY KEY", "aliases": "jsonb", **_STAMPS},
    "LiteLLM_TeamTable": {
        "team_id": "text PRIMARY KEY",
        "team_alias": "text",
        "organization_id": "text",
        "admins": "text[]",
        "members": "text[]",
        "members_with_roles": "jsonb DEFAULT '{}'",
        "metadata": "jsonb DEFAULT '{}'",
        "soft_budget": "double precision",
        "spend": "double precision DEFAULT 0",
        "models": "text[]",
        "blocked": "boolean DEFAULT false",
        "router_settings": "jsonb DEFAULT '{}'",
        "team_member_permissions": "text[] DEFAULT '{}'",
        "default_team_member_models": "text[] DEFAULT '{}'",
        "access_group_ids": "text[] DEFAULT '{}'",
        "policies": "text[] DEFAULT '{}'",
        "object_permission_id": "text",
        "budget_limits": "jsonb",
        "model_id": "integer",
        **_LIMITS,
        **_STAMPS,
    },
    "LiteLLM_TeamMembership": {
        "user_id": "text",
        "team_id": "text",
        "spend": "double precision DEFAULT 0",
        "budget_id": "text",
    },
    "LiteLLM_UserTable": {
        "user_id": "text PRIMARY KEY",
        "user_alias": "text",
        "team_id": "text",
        "sso_user_id": "text",
        "organization_id": "text",
        "password": "text",
        "teams": "text[] DEFAULT '{}'",
        "user_role": "text",
        "spend": "double precision DEFAULT 0",
        "user_email": "text",
        "models": "text[]",
        "metadata": "jsonb DEFAULT '{}'",
        "allowed_cache_controls": "text[] DEFAULT '{}'",
        "policies": "text[] DEFAULT '{}'",
        "object_permission_id": "text",
        **_LIMITS,
        **_STAMPS,
    },
    "LiteLLM_VerificationToken": {
        "token": "text PRIMARY KEY",
        "key_name": "text",
        "key_alias": "text",
        "key_type": "text",
        "soft_budget_cooldown": "boolean DEFAULT false",
        "spend": "double precision DEFAULT 0",
        "expires": "timestamp(3)",
        "models": "text[]",
        "aliases": "jsonb DEFAULT '{}'",
        "config": "jsonb DEFAULT '{}'",
        "router_settings": "jsonb DEFAULT '{}'",
        "user_id": "text",
        "team_id": "text",
        "project_id": "text",
        "agent_id": "text",
        "permissions": "jsonb DEFAULT '{}'",
        "metadata": "jsonb DEFAULT '{}'",
        "blocked": "boolean",
        "allowed_cache_controls": "text[] DEFAULT '{}'",
        "allowed_routes": "text[] DEFAULT '{}'",
        "policies": "text[] DEFAULT '{}'",
        "access_group_ids": "text[] DEFAULT '{}'",
        "model_spend": "jsonb DEFAULT '{}'",
        "budget_id": "text",
        "budget_limits": "jsonb",
        "budget_fallbacks": "jsonb DEFAULT '{}'",
        "organization_id": "text",
        "object_permission_id": "text",
        "rotation_count": "integer DEFAULT 0",
        "auto_rotate": "boolean DEFAULT false",
        "rotation_interval": "text",
        "last_rotation_at": "timestamp(3)",
        "key_rotation_at": "timestamp(3)",
        **_LIMITS,
        **_STAMPS,
    },
    "LiteLLM_DeprecatedVerificationToken": {
        "id": "text PRIMARY KEY",
        "token": "text",
        "active_token_id": "text",
        "revoke_at": "timestamp(3)",
    },
    "LiteLLM_EndUserTable": {
        "user_id": "text PRIMARY KEY",
        "alias": "text",
        "spend": "double precision DEFAULT 0",
        "allowed_model_region": "text",
        "default_model": "text",
        "budget_id": "text",
        "object_permission_id": "text",
        "blocked": "boolean DEFAULT false",
    },
    "LiteLLM_TagTable": {
        "tag_name": "text PRIMARY KEY",
        "description": "text",
        "models": "text[]",
        "model_info": "jsonb",
        "spend": "double precision DEFAULT 0",
        "budget_id": "text",
        "created_at": "timestamp(3) DEFAULT CURRENT_TIMESTAMP",
        "created_by": "text",
    },
    "LiteLLM_CredentialsTable": {
        "credential_id": "text PRIMARY KEY",
        "credential_name": "text",
        "credential_values": "jsonb",
        **_STAMPS,
    },
    "LiteLLM_ProxyModelTable": {
        "model_id": "text PRIMARY KEY",
        "model_name": "text",
        "litellm_params": "jsonb",
        "model_info": "jsonb",
        "blocked": "boolean DEFAULT false",
        **_STAMPS,
    },
}
SALT = "sk-salt-of-the-test-0123456789"


@dataclass
class LiteLLM:
    """`url` is its DATABASE_URL. Names of columns are LiteLLM's; a dict or list for jsonb is written as JSON."""

    url: str
    _connection: "psycopg.Connection[Any]" = field(repr=False)

    def url_with(self, **parameters: str) -> str:
        return f"{self.url}{'&' if '?' in self.url else '?'}{urlencode(parameters, quote_via=quote)}"

    def execute(self, statement: str) -> None:
        self._connection.execute(statement)

    def create(self, *, without: Mapping[str, set[str]] | None = None) -> None:
        """All tables, without some columns, or without a table where `without` has an empty set for it."""
        for table, columns in SCHEMA.items():
            left_out = (without or {}).get(table)
            if left_out == set():
                continue
            kept = [f'"{name}" {kind}' for name, kind in columns.items() if name not in (left_out or ())]
            self.execute(f'CREATE TABLE "{table}" ({", ".join(kept)})')

    def insert(self, table: str, **columns: Any) -> None:
        kinds = SCHEMA[table]
        values = [
            Jsonb(value) if kinds[name].startswith("jsonb") and isinstance(value, (dict, list, str)) else value
            for name, value in columns.items()
        ]
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(sql.Placeholder() * len(columns)),
        )
        self._connection.execute(statement, values)

    @staticmethod
    def hash_of(key: str) -> str:
        return hash_key(key)

    def key(self, key: str, **columns: Any) -> str:
        """The hash of a key that works there."""
        token = hash_key(key)
        self.insert("LiteLLM_VerificationToken", token=token, key_name=f"sk-...{key[-4:]}", **columns)
        return token

    def team(self, team_id: str, **columns: Any) -> None:
        self.insert("LiteLLM_TeamTable", team_id=team_id, **columns)

    def user(self, user_id: str, **columns: Any) -> None:
        self.insert("LiteLLM_UserTable", user_id=user_id, **columns)

    def budget(self, budget_id: str, **columns: Any) -> None:
        self.insert("LiteLLM_BudgetTable", **{"budget_id": budget_id, "created_by": "admin", **columns})

    def model(self, model_id: str, params: Mapping[str, Any], **columns: Any) -> None:
        self.insert(
            "LiteLLM_ProxyModelTable",
            **{"model_id": model_id, "model_name": "gpt-4o", "litellm_params": dict(params), **columns},
        )

    def dump(self) -> str:
        return "\n".join(
            str(self._connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchall())
            for table in SCHEMA
        )


@contextmanager
def litellm_database(server_url: str) -> Iterator[LiteLLM]:
    """A database of its own on a server, without tables yet."""
    name = f"litellm_{uuid4().hex}"
    url = urlsplit(server_url)._replace(path=f"/{name}").geturl()
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                yield LiteLLM(url, connection)
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def boxed(value: str, key: str = SALT) -> str:
    """As LiteLLM encrypted until 2026."""
    box = SecretBox(hashlib.sha256(key.encode()).digest())
    return base64.urlsafe_b64encode(box.encrypt(value.encode())).decode()


def gcm(value: str, key: str = SALT, *, version: str = "v3") -> str:
    """As LiteLLM encrypts since."""
    derived = {
        "v2": hashlib.sha256(key.encode()).digest(),
        "v3": HKDF(SHA256(), 32, None, b"litellm-at-rest-v3").derive(key.encode()),
    }[version]
    nonce = os.urandom(12)
    raw = nonce + AESGCM(derived).encrypt(nonce, value.encode(), None)
    return f"{version}:gcm:{base64.urlsafe_b64encode(raw).decode()}"


def encrypted(params: Mapping[str, Any], key: str = SALT) -> dict[str, Any]:
    return {name: boxed(value, key) if isinstance(value, str) else value for name, value in params.items()}
