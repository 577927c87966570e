"""Inviting a user from the user's page."""

import html
import re

import pytest
from django.test import Client

from alerts.models import Delivery
from teams.models import Invitation, User
from tests.alerts.mail import point_at
from tests.fakes.smtp import FakeSmtp
from tests.gateway_project.pages import staff, superuser, url

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-enough-passphrase"


def invite_page(user: User) -> str:
    return url("teams_user", "invite", user.pk)


@pytest.fixture
def ada() -> User:
    return User.objects.create(id="ada", username="ada", email="ada@example.com")


def test_the_link_is_shown_once_and_works(client: Client, ada: User) -> None:
    client.force_login(superuser())
    assert client.get(invite_page(ada)).status_code == 200
    assert not Invitation.objects.exists()

    shown = html.unescape(client.post(invite_page(ada)).content.decode())
    found = re.search(r"http://testserver(/invitation/accept/[^<\s\"]+)", shown)
    assert found, shown[:2000]
    answer = Client().post(found[1], {"new_password1": PASSWORD, "new_password2": PASSWORD})
    assert answer.status_code == 200
    assert Client().login(username="ada", password=PASSWORD)
    assert not Delivery.objects.exists()


def test_it_is_written_where_that_is_wanted_and_can_be(
    client: Client, ada: User, monkeypatch: pytest.MonkeyPatch, settings: pytest.FixtureRequest
) -> None:
    client.force_login(superuser())
    monkeypatch.delenv("SMTP_HOST", raising=False)
    refused = client.post(invite_page(ada), {"send_mail": "on"}, follow=True)
    assert "No mail can be sent" in html.unescape(refused.content.decode())
    assert not Invitation.objects.exists()
    settings.PROXY_BASE_URL = "https://gateway.example"  # type: ignore[attr-defined]
    with FakeSmtp() as smtp:
        point_at(smtp, monkeypatch)
        shown = client.post(invite_page(ada), {"send_mail": "on"}).content.decode()

    assert "https://gateway.example/invitation/accept/" in shown
    assert Delivery.objects.get().message["recipients"] == ["ada@example.com"]


def test_only_superusers_invite(client: Client, ada: User) -> None:
    client.force_login(staff("Admin"))

    assert client.post(invite_page(ada)).status_code == 403
    assert not Invitation.objects.exists()
