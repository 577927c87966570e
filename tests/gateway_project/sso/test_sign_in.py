"""Signing in at a real (fake) identity provider over HTTP."""

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from gateway_project.models import SsoIdentity
from gateway_project.sso.configuration import Sso
from teams import invitations
from teams.models import AuditEntry, Role, User, VirtualKey
from tests.fakes.identity import CLIENT_ID, CLIENT_SECRET, FakeIdentityProvider
from tests.gateway_project.pages import superuser

pytestmark = pytest.mark.django_db
ROLES = '{"internal_user": ["staff"], "proxy_admin": ["admins"], "proxy_admin_viewer": ["viewers"]}'


@pytest.fixture(scope="module")
def server() -> Iterator[FakeIdentityProvider]:
    with FakeIdentityProvider() as running:
        yield running


@pytest.fixture
def provider(server: FakeIdentityProvider, settings: Any) -> FakeIdentityProvider:
    server.clear()
    settings.SSO = Sso.read(environment(server.url))
    return server


def environment(url: str, **changed: str) -> dict[str, str]:
    return {
        "GENERIC_CLIENT_ID": CLIENT_ID,
        "GENERIC_CLIENT_SECRET": CLIENT_SECRET,
        "TOLLKEEPER_SSO_DISCOVERY_URL": f"{url}/.well-known/openid-configuration",
        "GENERIC_ROLE_MAPPINGS_ROLES": ROLES,
        "TOLLKEEPER_SSO_NAME": "Example",
        **changed,
    }


def way_back(client: Client, **query: str) -> str:
    """To the provider, as a browser goes; returns the address that it sends one back to."""
    there = client.get("/sso/login", query)
    assert there.status_code == 302, there
    return httpx.get(there["Location"], trust_env=False).headers["location"]


def come_back(client: Client, address: str) -> Any:
    parts = urlsplit(address)
    return client.get(parts.path, dict(parse_qsl(parts.query)), follow=True)


def sign_in(client: Client | None = None, **query: str) -> Any:
    client = client or Client()
    return come_back(client, way_back(client, **query))


def is_in(answer: Any) -> bool:
    return "_auth_user_id" in answer.client.session


def test_the_login_page_leads_to_the_provider_and_the_first_sign_in_makes_a_user(
    client: Client, provider: FakeIdentityProvider
) -> None:
    page = client.get("/admin/login/?next=/admin/teams/team/").content.decode()
    assert "Sign in with Example" in page
    assert "/sso/login?next=%2Fadmin%2Fteams%2Fteam%2F" in page

    answer = sign_in(client, next="/admin/teams/team/")
    assert answer.redirect_chain[-1][0] == "/admin/teams/team/"
    user = User.objects.get(email="ada@example.com")
    assert client.session["_auth_user_id"] == user.pk
    assert (user.role, user.is_staff, user.is_superuser, user.has_usable_password()) == (
        "internal_user",
        True,
        False,
        False,
    )
    assert AuditEntry.objects.filter(object_type="user", object_id=user.pk, action="created", actor_id="sso").exists()
    assert CLIENT_SECRET not in page


def test_the_role_follows_the_groups_at_each_sign_in_and_other_groups_stay(provider: FakeIdentityProvider) -> None:
    sign_in()
    user = User.objects.get(email="ada@example.com")
    user.groups.add(Group.objects.get(name="Finance"))
    for groups, role, group in (
        (["admins", "staff"], "proxy_admin", "Admin"),
        (["viewers"], "proxy_admin_viewer", "Viewer"),
        ("staff", "internal_user", "Team admin"),
    ):
        provider.person["groups"] = groups
        assert is_in(sign_in())
        user.refresh_from_db()
        assert (user.role, set(user.groups.values_list("name", flat=True))) == (role, {"Finance", group})


def test_a_person_is_known_by_what_the_provider_calls_them_and_not_by_the_mail(provider: FakeIdentityProvider) -> None:
    sign_in()
    provider.person["email"] = "ada.lovelace@example.com"
    assert is_in(sign_in())
    assert User.objects.count() == 1
    provider.person.update(sub="person-2", email="ada@example.com")
    refused = sign_in()
    assert not is_in(refused)
    assert "belongs to another person here" in refused.content.decode()


def test_a_user_is_bound_by_a_verified_mail_and_a_superuser_stays_one(provider: FakeIdentityProvider) -> None:
    root = superuser()
    provider.person["email"] = "ROOT@example.com"
    answer = sign_in()
    assert answer.client.session["_auth_user_id"] == root.pk
    root.refresh_from_db()
    assert root.is_superuser
    assert SsoIdentity.objects.get().user_id == root.pk


def test_who_waited_with_an_account_for_a_mightier_person_does_not_become_mighty(
    provider: FakeIdentityProvider,
) -> None:
    waiting = User.objects.create_user("waiting", "ada@example.com", "pw", is_staff=True)
    invitation = invitations.invite(waiting, now=timezone.now())
    session = Client()
    session.force_login(waiting)
    key = VirtualKey.objects.create(token_hash="0" * 64, user=waiting)
    provider.person["groups"] = ["admins"]

    refused = sign_in()
    assert not is_in(refused)
    assert "has keys from before" in refused.content.decode()
    waiting.refresh_from_db()
    assert (waiting.role, waiting.has_usable_password()) == ("internal_user", True)

    key.delete()
    assert is_in(sign_in())
    waiting.refresh_from_db()
    assert (waiting.role, waiting.has_usable_password()) == ("proxy_admin", False)
    assert session.get("/admin/").status_code == 302
    assert Client().get(invitations.link(invitation)).status_code == 404


def wrong_nonce(provider: FakeIdentityProvider) -> None:
    provider.signed["nonce"] = "another"


def no_nonce(provider: FakeIdentityProvider) -> None:
    provider.signed["nonce"] = None


def expired(provider: FakeIdentityProvider) -> None:
    provider.signed.update(iat=int(time.time()) - 900, exp=int(time.time()) - 600)


def wrong_audience(provider: FakeIdentityProvider) -> None:
    provider.signed["aud"] = "another-client"


def wrong_issuer(provider: FakeIdentityProvider) -> None:
    provider.signed["iss"] = "https://evil.example"


def forged(provider: FakeIdentityProvider) -> None:
    provider.forge_signatures()


def no_id_token(provider: FakeIdentityProvider) -> None:
    provider.sends_id_token = False


def info_of_another(provider: FakeIdentityProvider) -> None:
    provider.info["sub"] = "person-2"


def unverified(provider: FakeIdentityProvider) -> None:
    provider.person["email_verified"] = False


def unsaid(provider: FakeIdentityProvider) -> None:
    del provider.person["email_verified"]


def no_mail(provider: FakeIdentityProvider) -> None:
    del provider.person["email"]


def unknown_group(provider: FakeIdentityProvider) -> None:
    provider.person["groups"] = ["strangers"]


def deactivated(provider: FakeIdentityProvider) -> None:
    User.objects.create(id="ada", username="ada", email="ada@example.com", is_active=False)


NOT_VALID = "is not valid. Try again."


@pytest.mark.parametrize(
    ("spoil", "told", "reason"),
    [
        (wrong_nonce, NOT_VALID, "nonce"), (no_nonce, NOT_VALID, "nonce"), (expired, NOT_VALID, "ExpiredTokenError"),
        (wrong_audience, NOT_VALID, "aud"), (wrong_issuer, NOT_VALID, "iss"), (forged, NOT_VALID, "bad_signature"),
        (no_id_token, NOT_VALID, "no id_token"), (info_of_another, NOT_VALID, "somebody else"),
        (unverified, "is not verified", "not verified"), (unsaid, "is not verified", "not verified"),
        (no_mail, "no e-mail address", "no e-mail"), (unknown_group, "ask its admins", "groups"),
        (deactivated, "is deactivated", "deactivated"),
    ],
)  # fmt: skip
def test_what_is_wrong_lets_nobody_in_and_is_told(
    provider: FakeIdentityProvider, caplog: Any, spoil: Any, told: str, reason: str
) -> None:
    spoil(provider)
    before = User.objects.count()
    answer = sign_in()

    assert not is_in(answer)
    assert told in answer.content.decode()
    assert (User.objects.count(), SsoIdentity.objects.count()) == (before, 0)
    (line,) = [record for record in caplog.records if record.message == "A single sign-on failed"]
    assert reason in line.reason
    assert not {"ada@example.com", CLIENT_SECRET, "access"} & set(str(vars(line)).replace("'", " ").split())


def test_an_answer_counts_once_and_for_the_browser_that_asked(provider: FakeIdentityProvider) -> None:
    asked = Client()
    address = way_back(asked)
    assert not is_in(come_back(Client(), address))
    assert is_in(come_back(asked, address))
    again = come_back(asked, address)
    assert NOT_VALID in again.content.decode()


def test_who_cancels_is_told(client: Client, provider: FakeIdentityProvider) -> None:
    way_back(client)
    answer = client.get("/sso/callback", {"error": "access_denied", "error_description": "<b>no</b>"}, follow=True)
    assert "was cancelled" in answer.content.decode()
    assert "<b>no</b>" not in answer.content.decode()


def test_a_provider_that_is_away_is_told(client: Client, settings: Any) -> None:
    settings.SSO = Sso.read(environment("http://127.0.0.1:1"))
    assert "does not answer" in client.get("/sso/login", follow=True).content.decode()


def test_nobody_is_sent_elsewhere(provider: FakeIdentityProvider) -> None:
    assert sign_in(next="https://evil.example/").redirect_chain[-1][0] == "/admin/"


@pytest.mark.parametrize(
    ("username", "verified", "comes_in"),
    [
        ("ada@example.com", None, True),
        ("ada@example.com", False, False),
        ("guest@elsewhere.example", None, False),
        ("guest_elsewhere.example#EXT#@tenant.example", None, False),
        ("+49 30 1234", None, False),
    ],
)
def test_a_tenant_of_microsoft_speaks_for_names_of_its_own_domains(
    provider: FakeIdentityProvider, settings: Any, username: str, verified: bool | None, comes_in: bool
) -> None:
    del provider.person["email_verified"], provider.person["groups"]
    provider.person["email"] = "ada@example.com"
    provider.signed = {"preferred_username": username, "email_verified": verified, "roles": ["Gateway.Admin"]}
    settings.SSO = Sso.read(
        {
            "MICROSOFT_CLIENT_ID": CLIENT_ID,
            "MICROSOFT_CLIENT_SECRET": CLIENT_SECRET,
            "MICROSOFT_TENANT": "tenant.example",
            "ALLOWED_EMAIL_DOMAINS": "example.com",
            "GENERIC_ROLE_MAPPINGS_ROLES": '{"proxy_admin": ["Gateway.Admin"]}',
            "TOLLKEEPER_SSO_DISCOVERY_URL": f"{provider.url}/.well-known/openid-configuration",
        }
    )

    assert is_in(sign_in()) == comes_in
    assert list(User.objects.values_list("email", "role")) == ([(username, "proxy_admin")] if comes_in else [])


def test_domains_can_be_named(provider: FakeIdentityProvider, settings: Any) -> None:
    settings.SSO = Sso.read(environment(provider.url, ALLOWED_EMAIL_DOMAINS="example.org, example.net"))
    assert "this domain may not sign in" in sign_in().content.decode()
    provider.person["email"] = "ada@EXAMPLE.net"
    assert is_in(sign_in())


def test_passwords_can_be_switched_off_but_for_superusers(provider: FakeIdentityProvider, settings: Any) -> None:
    settings.PASSWORD_LOGIN = False
    superuser()
    User.objects.create_user("tess", "tess@example.com", "pw", is_staff=True, role=Role.INTERNAL_USER)
    refused = Client().post("/admin/login/", {"username": "tess", "password": "pw"})
    assert "Passwords are switched off here" in refused.content.decode()
    assert Client().post("/admin/login/", {"username": "root", "password": "pw"}).status_code == 302


def test_without_a_client_there_is_nothing(client: Client) -> None:
    assert client.get("/sso/login").status_code == client.get("/sso/callback").status_code == 404
    assert "Sign in with" not in client.get("/admin/login/").content.decode()
