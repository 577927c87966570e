"""Invitations: a link that is signed, good once and for a week, behind which a person chooses a password."""

from datetime import timedelta

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from alerts.models import Delivery
from teams import invitations
from teams.errors import Invalid
from teams.models import AuditEntry, Invitation, User
from tests.alerts.mail import point_at
from tests.fakes.smtp import FakeSmtp

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-enough-passphrase"


def person(**columns: object) -> User:
    return User.objects.create(**{"id": "ada", "username": "ada", "email": "ada@example.com", **columns})


def path_for(user: User) -> str:
    return invitations.link(invitations.invite(user, now=timezone.now()))


def choose(path: str, first: str = PASSWORD, second: str = PASSWORD) -> int:
    return Client().post(path, {"new_password1": first, "new_password2": second}).status_code


def test_whoever_follows_the_link_chooses_a_password_and_may_log_in() -> None:
    user = person()
    path = path_for(user)
    page = Client().get(path)
    assert (page.status_code, page["Cache-Control"]) == (200, "no-store")
    assert "ada" in page.content.decode()

    assert choose(path) == 200
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert list(user.groups.values_list("name", flat=True)) == ["Team admin"]
    client = Client()
    assert client.login(username="ada", password=PASSWORD)
    assert client.get("/admin/").status_code == 200


def test_it_works_once_and_so_does_none_of_the_others() -> None:
    user = person()
    first, second = path_for(user), path_for(user)

    assert choose(first) == 200
    for path in (first, second):
        assert Client().get(path).status_code == 404
        assert choose(path, "another-long-passphrase", "another-long-passphrase") == 404
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_looking_at_it_changes_nothing() -> None:
    path = path_for(person())
    for _ in range(3):
        assert Client().get(path).status_code == 200
    assert Invitation.objects.get().accepted_at is None


@pytest.mark.parametrize(
    ("first", "second"), [(PASSWORD, "another"), ("short", "short"), ("password123", "password123"), ("", "")]
)
def test_a_password_that_is_weak_or_not_the_same_twice_is_refused(first: str, second: str) -> None:
    user = person()
    path = path_for(user)

    assert choose(path, first, second) == 400
    user.refresh_from_db()
    assert not user.has_usable_password() or not user.check_password(first)
    assert Client().get(path).status_code == 200


def test_it_is_too_old_after_a_week_and_void_when_it_is_taken_back() -> None:
    user = person()
    old = invitations.invite(user, now=timezone.now() - timedelta(days=7, seconds=1))
    gone = invitations.invite(user, now=timezone.now())
    paths = [invitations.link(old), invitations.link(gone)]
    gone.delete()

    assert [Client().get(path).status_code for path in paths] == [404, 404]


@pytest.mark.parametrize("token", ["x", "00000000000000000000000000000000", "a:b:c", "%00", "e30:1:x"])
def test_what_was_not_signed_here_leads_nowhere(token: str) -> None:
    person()

    assert Client().get(f"/invitation/accept/{token}").status_code == 404


def test_a_token_signed_for_something_else_leads_nowhere() -> None:
    made = invitations.invite(person(), now=timezone.now())
    token = signing.dumps(made.pk.hex, salt="alerts.acknowledge")

    assert Client().get(f"/invitation/accept/{token}").status_code == 404


def test_who_is_deactivated_is_not_invited_and_an_earlier_link_is_void() -> None:
    user = person()
    path = path_for(user)
    user.is_active = False
    user.save()

    assert Client().get(path).status_code == 404
    with pytest.raises(Invalid, match="deactivated"):
        invitations.invite(user, now=timezone.now())


def test_the_page_wants_the_token_of_its_own_form() -> None:
    path = path_for(person())
    client = Client(enforce_csrf_checks=True)

    assert client.post(path, {"new_password1": PASSWORD, "new_password2": PASSWORD}).status_code == 403


def test_who_is_in_a_group_stays_in_it_and_the_trail_tells_it_all() -> None:
    user = person(role="proxy_admin_viewer")
    choose(path_for(user))

    assert list(user.groups.values_list("name", flat=True)) == ["Viewer"]
    entries = AuditEntry.objects.filter(object_type="user", object_id="ada").order_by("id")
    assert any("invited_until" in (entry.after or {}) for entry in entries)
    assert any(entry.actor_id == "ada" for entry in entries)
    assert PASSWORD not in str(list(entries.values()))


def test_it_is_written_where_mail_can_be_sent_and_the_link_would_lead_here(
    monkeypatch: pytest.MonkeyPatch, settings: object
) -> None:
    made = invitations.invite(person(), now=timezone.now())
    monkeypatch.delenv("SMTP_HOST", raising=False)
    with pytest.raises(Invalid, match="SMTP_HOST is not set"):
        invitations.write_invitation(made, now=timezone.now())
    with FakeSmtp() as smtp:
        point_at(smtp, monkeypatch)
        with pytest.raises(Invalid, match="PROXY_BASE_URL is not set"):
            invitations.write_invitation(made, now=timezone.now())
        settings.PROXY_BASE_URL = "https://gateway.example"  # type: ignore[attr-defined]
        assert invitations.write_invitation(made, now=timezone.now())
    assert invitations.link(made).startswith("https://gateway.example/invitation/accept/")
    assert invitations.link(made) not in str(Delivery.objects.values_list("message", flat=True))


def test_who_has_no_address_is_not_written_to() -> None:
    made = invitations.invite(person(email=""), now=timezone.now())

    with pytest.raises(Invalid, match="nobody with a mail address"):
        invitations.write_invitation(made, now=timezone.now())
