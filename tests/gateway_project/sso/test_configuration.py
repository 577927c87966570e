"""What the environment says about single sign-on."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from gateway_project.sso.configuration import Sso

GENERIC = {
    "GENERIC_CLIENT_ID": "id",
    "GENERIC_CLIENT_SECRET": "secret",
    "TOLLKEEPER_SSO_DISCOVERY_URL": "https://id.example/.well-known/openid-configuration",
}
GOOGLE = {"GOOGLE_CLIENT_ID": "id", "GOOGLE_CLIENT_SECRET": "secret", "ALLOWED_EMAIL_DOMAINS": "example.com"}

MICROSOFT = {
    "MICROSOFT_CLIENT_ID": "id",
    "MICROSOFT_CLIENT_SECRET": "secret",
    "MICROSOFT_TENANT": "9188040d-0000-4c5b-b112-36a304b66dad",
    "ALLOWED_EMAIL_DOMAINS": "example.com",
}


def test_nothing_is_said_and_nothing_is_on() -> None:
    assert Sso.read({"GENERIC_CLIENT_ID": "  "}) is None


@pytest.mark.parametrize("roles", ['{"proxy_admin": ["a", "b"]}', "{'proxy_admin': ['a', 'b']}"])
def test_roles_are_read_as_litellm_writes_them(roles: str) -> None:
    sso = Sso.read({**GENERIC, "GENERIC_ROLE_MAPPINGS_ROLES": roles})
    assert sso is not None
    assert (sso.role_of(frozenset({"b"})), sso.role_of(frozenset({"c"}))) == ("proxy_admin", "")


def test_the_mightiest_role_counts_and_a_default_is_for_the_rest() -> None:
    roles = '{"internal_user": ["all"], "proxy_admin": ["admins"]}'
    more = {"GENERIC_ROLE_MAPPINGS_ROLES": roles, "GENERIC_ROLE_MAPPINGS_DEFAULT_ROLE": "internal_user_viewer"}
    sso = Sso.read({**GENERIC, **more})
    assert sso is not None
    assert sso.role_of(frozenset({"all", "admins"})) == "proxy_admin"
    assert sso.role_of(frozenset()) == "internal_user_viewer"


def test_google_needs_no_address() -> None:
    sso = Sso.read(GOOGLE)
    assert sso is not None
    assert (sso.name, sso.role_of(frozenset())) == ("Google", "internal_user")
    assert sso.domains == {"example.com"}
    assert sso.discovery_url.startswith("https://accounts.google.com/")


def test_microsoft_is_asked_for_one_tenant_whose_names_count_as_its_own() -> None:
    sso = Sso.read(MICROSOFT)
    assert sso is not None
    tenant = MICROSOFT["MICROSOFT_TENANT"]
    assert sso.discovery_url == f"https://login.microsoftonline.com/{tenant}/v2.0/.well-known/openid-configuration"
    assert (sso.name, sso.email_claim, sso.group_claim) == ("Microsoft", "preferred_username", "roles")


@pytest.mark.parametrize("tenant", ["", "common", "Organizations", "consumers", "a/../common", "a?b"])
def test_microsoft_is_not_asked_for_everybody(tenant: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="MICROSOFT_TENANT must be the id or a domain"):
        Sso.read({**MICROSOFT, "MICROSOFT_TENANT": tenant})


def test_a_national_cloud_has_an_address_of_its_own() -> None:
    sso = Sso.read({**MICROSOFT, "TOLLKEEPER_SSO_DISCOVERY_URL": "https://login.microsoftonline.us/x/v2.0/found"})
    assert sso is not None
    assert sso.discovery_url == "https://login.microsoftonline.us/x/v2.0/found"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({**GENERIC, "GENERIC_CLIENT_SECRET": ""}, "GENERIC_CLIENT_SECRET is not"),
        ({**GENERIC, "TOLLKEEPER_SSO_DISCOVERY_URL": ""}, "TOLLKEEPER_SSO_DISCOVERY_URL is not"),
        ({**GENERIC, "TOLLKEEPER_SSO_DISCOVERY_URL": "http://id.example/x"}, "https://"),
        ({**GENERIC, "GENERIC_ROLE_MAPPINGS_ROLES": "proxy_admin"}, "must name roles"),
        ({**GENERIC, "GENERIC_ROLE_MAPPINGS_ROLES": '{"proxy_admin": "admins"}'}, "must name roles"),
        ({**GENERIC, "GENERIC_ROLE_MAPPINGS_ROLES": "{: ["}, "must name roles"),
        ({**GENERIC, "GENERIC_ROLE_MAPPINGS_ROLES": '{"root": ["a"]}'}, "'root' is no role"),
        ({**GENERIC, "GENERIC_ROLE_MAPPINGS_DEFAULT_ROLE": "root"}, "'root' is no role"),
        ({**GOOGLE, "ALLOWED_EMAIL_DOMAINS": ""}, "anybody has a Google account"),
        ({**MICROSOFT, "ALLOWED_EMAIL_DOMAINS": ""}, "MICROSOFT_CLIENT_ID needs ALLOWED_EMAIL_DOMAINS"),
        ({**MICROSOFT, "MICROSOFT_CLIENT_SECRET": ""}, "MICROSOFT_CLIENT_SECRET is not"),
    ],
)
def test_what_is_wrong_is_said_at_the_start(said: dict[str, str], sentence: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=sentence):
        Sso.read(said)
