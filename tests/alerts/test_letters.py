"""Mail to one person: by the outbox, a mail each, and no secret for longer than it takes to arrive."""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.utils import timezone

from alerts import dispatch, lifecycle
from alerts.events import Mail
from alerts.letters import (
    CHANNEL,
    InvitationLetter,
    KeyCreatedLetter,
    is_mailed,
    mail_problem,
    mails_owners,
    write,
)
from alerts.models import AlertChannel, AlertSettings, Delivery, DeliveryState, Incident
from alerts.telling import put_again
from tests.alerts.builders import channel, delivery, incident
from tests.alerts.mail import point_at
from tests.fakes.smtp import FakeSmtp

pytestmark = pytest.mark.django_db
# What is delivered is judged by the clock: a day later it would be given up.
NOW = timezone.now()
LINK = "https://gateway.example/invitation/accept/hidden0123456789"


@pytest.fixture
def smtp(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSmtp]:
    with FakeSmtp() as server:
        point_at(server, monkeypatch)
        yield server


def invitation(to: str = "ada@example.com", **more: object) -> InvitationLetter:
    plain = {"made": to, "text": ("Welcome.",), "facts": (("User name", "ada"),)}
    return InvitationLetter(to=to, **{**plain, "secret_links": (("Choose a password", LINK),), **more})  # type: ignore[arg-type]


def delivered() -> None:
    """Whatever waits, now."""
    Delivery.objects.update(next_attempt_at=timezone.now())
    for row in AlertChannel.objects.all():
        dispatch.deliver_to_channel(channel_id=row.pk)


def stored() -> str:
    """Everything that the database holds of deliveries and incidents, as it holds it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM alerts_delivery")
        deliveries = cursor.fetchall()
        cursor.execute("SELECT * FROM alerts_incident")
        return str([deliveries, cursor.fetchall()])


def test_a_letter_goes_to_its_person_and_to_no_channel(smtp: FakeSmtp) -> None:
    channel("ops")
    assert write(invitation(), now=NOW)
    delivered()

    (mail,) = smtp.mails
    assert mail.recipients == ("ada@example.com",)
    assert mail.message["Subject"] == "You are invited"
    for kind in ("html", "plain"):
        assert LINK in mail.text(kind)
        assert "Welcome." in mail.text(kind)
        assert "/admin/" not in mail.text(kind)
    assert Delivery.objects.get().channel.name == CHANNEL


def test_what_is_secret_in_it_is_encrypted_and_gone_once_it_arrived(smtp: FakeSmtp) -> None:
    smtp.answers["ada@example.com"] = "451 later"
    write(invitation(), now=NOW)
    delivered()

    row = Delivery.objects.get()
    assert (row.state, row.attempt) == (DeliveryState.PENDING, 1)
    assert LINK in row.sealed
    assert LINK not in stored()

    smtp.answers.clear()
    delivered()
    row.refresh_from_db()
    assert (row.state, row.sealed) == (DeliveryState.DELIVERED, "")
    assert LINK in smtp.mails[0].text("plain")
    assert LINK not in stored()


def test_a_letter_whose_secret_is_gone_is_not_sent_again(smtp: FakeSmtp) -> None:
    write(invitation(), now=NOW)
    delivered()

    assert put_again(Incident.objects.get(), AlertChannel.objects.all(), now=NOW) == 0
    write(KeyCreatedLetter(to="bob@example.com", made="1", text=("A key.",)), now=NOW)
    delivered()
    incident = Incident.objects.get(alert_type="new_virtual_key_created")
    assert put_again(incident, AlertChannel.objects.all(), now=NOW) == 1


def test_many_letters_are_many_mails(smtp: FakeSmtp) -> None:
    people = {f"u{number}@example.com" for number in range(70)}
    for one in sorted(people):
        write(invitation(one), now=NOW)
    delivered()

    assert {mail.recipients for mail in smtp.mails} == {(one,) for one in people}
    assert len(smtp.mails) == 70


def test_a_switch_keeps_its_kind_of_mail_from_being_written(smtp: FakeSmtp) -> None:
    AlertSettings(email_settings={Mail.INVITATION: False}).save()

    assert not write(invitation(), now=NOW)
    assert write(KeyCreatedLetter(to="bob@example.com", made="1", text=("A key.",)), now=NOW)
    assert (is_mailed(Mail.INVITATION), is_mailed(Mail.KEY_CREATED)) == (False, True)
    assert Delivery.objects.count() == 1


def test_whoever_switches_the_channel_off_writes_to_nobody(smtp: FakeSmtp) -> None:
    write(invitation(), now=NOW)
    AlertChannel.objects.filter(name=CHANNEL).update(enabled=False)

    assert not write(invitation("bob@example.com"), now=NOW)
    assert Delivery.objects.count() == 1


def test_the_subject_is_the_operators(smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMAIL_SUBJECT_INVITATION", "Welcome to Example\r\nBcc: all@example.com")
    write(invitation(), now=NOW)
    delivered()

    assert smtp.mails[0].message["Subject"] == "Welcome to Example Bcc: all@example.com"
    assert "Bcc" not in smtp.mails[0].message


def test_a_letter_is_news_that_is_over() -> None:
    write(invitation(), now=NOW)

    row = Incident.objects.get()
    assert (row.status, row.level, row.alert_type) == ("resolved", "Low", "new_internal_user_created")
    assert not lifecycle.acknowledge(row, actor="ada", now=NOW)


def test_what_keeps_mail_from_being_sent_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMTP_HOST", raising=False)
    assert mail_problem() == "SMTP_HOST is not set."


def test_who_writes_to_owners_is_another_channel_than_ours() -> None:
    write(invitation(), now=NOW)
    assert not mails_owners()

    AlertChannel.objects.create(name="email", kind="email", options={"owners": True})
    assert mails_owners()


def test_who_refused_a_mail_for_now_is_tried_again_alone(smtp: FakeSmtp) -> None:
    to = ["a@example.com", "b@example.com", "c@example.com"]
    ops = AlertChannel.objects.create(name="mail", kind="email", options={"to": to})
    row = delivery(ops, incident(), created_at=timezone.now(), next_attempt_at=timezone.now())
    smtp.answers |= {"b@example.com": "451 later", "c@example.com": "550 no such user"}
    delivered()
    row.refresh_from_db()
    assert (row.state, row.message["only_to"]) == (DeliveryState.PENDING, ["b@example.com"])
    assert "not to c@example.com" in row.last_error

    smtp.answers["b@example.com"] = "250 fine"
    delivered()
    row.refresh_from_db()
    assert row.state == DeliveryState.DELIVERED
    assert [mail.recipients for mail in smtp.mails] == [("a@example.com",), ("b@example.com",)]
    assert smtp.asked == ["a@example.com", "b@example.com", "c@example.com", "b@example.com"]
