"""What the environment says about single sign-on, mostly by LiteLLM's names."""

import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import yaml
from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True)
class _Provider:
    """One that LiteLLM has names of its own for. `why_domains`: it needs them."""

    name: str
    secret: str
    discovery_url: str = ""
    why_domains: str = ""
    email_claim: str = "email"
    group_claim: str = "groups"


_PROVIDERS = {
    "GENERIC_CLIENT_ID": _Provider("SSO", "GENERIC_CLIENT_SECRET"),
    "GOOGLE_CLIENT_ID": _Provider(
        "Google",
        "GOOGLE_CLIENT_SECRET",
        "https://accounts.google.com/.well-known/openid-configuration",
        why_domains="anybody has a Google account",
    ),
    # It calls no e-mail verified. A tenant gives names of its own domains to nobody else's people, so those do.
    "MICROSOFT_CLIENT_ID": _Provider(
        "Microsoft",
        "MICROSOFT_CLIENT_SECRET",
        "https://login.microsoftonline.com/{tenant}/v2.0/.well-known/openid-configuration",
        why_domains="those of the tenant, since guests have others",
        email_claim="preferred_username",
        group_claim="roles",
    ),
}
_OF_EVERYBODY = frozenset({"common", "organizations", "consumers"})
# As in teams.models.Role, which exists only once settings are read.
_ROLES = ("proxy_admin", "proxy_admin_viewer", "internal_user", "internal_user_viewer")


@dataclass(frozen=True)
class Sso:
    """`roles` is which groups give a role, the mightiest role first; `default_role` is whose groups give none.

    Without `roles` a new user gets `default_role`, and nobody's role is touched later. `asks_verified`: only an e-mail
    that the provider calls verified counts; else its word that the e-mail is one of `domains` does.
    """

    name: str
    discovery_url: str
    client_id: str
    client_secret: str
    scope: str = "openid email profile"
    email_claim: str = "email"
    name_claim: str = "name"
    group_claim: str = "groups"
    roles: tuple[tuple[str, frozenset[str]], ...] = ()
    default_role: str = ""
    domains: frozenset[str] = frozenset()
    asks_verified: bool = True

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Self | None:
        """None when no client is named. Raises ImproperlyConfigured for what is incomplete or wrong."""
        said = {name: value.strip() for name, value in environment.items() if value.strip()}
        client = next((one for one in _PROVIDERS if one in said), None)
        if client is None:
            return None
        provider = _PROVIDERS[client]
        if importlib.util.find_spec("authlib") is None:
            raise ImproperlyConfigured(
                f"{client} asks for single sign-on: install it with `pip install tollkeeper[sso]`."
            )
        if provider.secret not in said:
            raise ImproperlyConfigured(f"{client} is set and {provider.secret} is not.")
        if provider.why_domains and "ALLOWED_EMAIL_DOMAINS" not in said:
            raise ImproperlyConfigured(f"{client} needs ALLOWED_EMAIL_DOMAINS: {provider.why_domains}.")
        roles = _roles(said.get("GENERIC_ROLE_MAPPINGS_ROLES", ""))
        default = said.get("GENERIC_ROLE_MAPPINGS_DEFAULT_ROLE", "" if roles else "internal_user")
        return cls(
            name=said.get("TOLLKEEPER_SSO_NAME", provider.name),
            discovery_url=_discovery_url(said, client, provider),
            client_id=said[client],
            client_secret=said[provider.secret],
            scope=said.get("GENERIC_SCOPE", cls.scope),
            email_claim=said.get("GENERIC_USER_EMAIL_ATTRIBUTE", provider.email_claim),
            name_claim=said.get("GENERIC_USER_DISPLAY_NAME_ATTRIBUTE", cls.name_claim),
            group_claim=said.get("GENERIC_ROLE_MAPPINGS_GROUP_CLAIM", provider.group_claim),
            roles=roles,
            default_role=_role(default, "GENERIC_ROLE_MAPPINGS_DEFAULT_ROLE") if default else "",
            domains=frozenset(
                domain.strip().lower() for domain in said.get("ALLOWED_EMAIL_DOMAINS", "").split(",") if domain.strip()
            ),
            asks_verified=client != "MICROSOFT_CLIENT_ID",
        )

    def role_of(self, groups: frozenset[str]) -> str:
        """Empty for who may not come in."""
        return next((role for role, wanted in self.roles if groups & wanted), self.default_role)


def _discovery_url(said: Mapping[str, str], client: str, provider: _Provider) -> str:
    """A provider's own unless another one is named, as of a national cloud."""
    tenant = said.get("MICROSOFT_TENANT", "") if "{tenant}" in provider.discovery_url else "-"
    if tenant.lower() in _OF_EVERYBODY or not re.fullmatch(r"[\w.-]+", tenant):
        raise ImproperlyConfigured(
            f"{client} is set: MICROSOFT_TENANT must be the id or a domain of the tenant whose people may sign in."
        )
    url = said.get("TOLLKEEPER_SSO_DISCOVERY_URL") or provider.discovery_url.replace("{tenant}", tenant)
    if not url:
        raise ImproperlyConfigured(
            f"{client} is set and TOLLKEEPER_SSO_DISCOVERY_URL is not: the address of the provider's "
            "/.well-known/openid-configuration, which says its endpoints and keys."
        )
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
        raise ImproperlyConfigured("TOLLKEEPER_SSO_DISCOVERY_URL must begin with https://.")
    return url


def _roles(text: str) -> tuple[tuple[str, frozenset[str]], ...]:
    """LiteLLM takes a dict of Python's; JSON is one too, and YAML reads both."""
    if not text:
        return ()
    name = "GENERIC_ROLE_MAPPINGS_ROLES"
    try:
        read: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        read = None
    if not isinstance(read, dict) or not all(
        isinstance(groups, list) and all(isinstance(group, str) and group for group in groups)
        for groups in read.values()
    ):
        example = json.dumps({"proxy_admin": ["gateway-admins"]})
        raise ImproperlyConfigured(f"{name} must name roles, each with a list of groups, such as {example}.")
    known = {_role(role, name): frozenset(groups) for role, groups in read.items()}
    return tuple((role, known[role]) for role in _ROLES if role in known)


def _role(role: Any, name: str) -> str:
    if role not in _ROLES:
        raise ImproperlyConfigured(f"{name}: {str(role)[:40]!r} is no role. Roles are {', '.join(_ROLES)}.")
    return str(role)
