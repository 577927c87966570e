"""What the owner of a key is written: never the key, unless the operator wants it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.models import Delivery, Incident
from teams.letters import write_key_created, write_key_rotated
from teams.models import User, VirtualKey
from teams.services import issue_key, rotate_due_keys
from tests.alerts.mail import point_at
from tests.alerts.test_letters import delivered
from tests.fakes.smtp import FakeSmtp

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def smtp(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSmtp]:
    with FakeSmtp() as server:
        point_at(server, monkeypatch)
        yield server


def owned(email: str = "ada@example.com", **columns: Any) -> tuple[VirtualKey, str]:
    user = User.objects.create(id="ada", username="ada", email=email)
    row = VirtualKey(user=user, alias="ci", created_at=NOW, **columns)
    return row, issue_key(row)


def test_the_owner_is_told_of_a_key_and_not_given_it(smtp: FakeSmtp) -> None:
    row, key = owned(max_budget_nano=12_500_000_000, budget_duration="30d", allowed_models=["gpt-4o"])
    assert write_key_created(row, key, now=NOW)
    delivered()

    (mail,) = smtp.mails
    assert mail.recipients == ("ada@example.com",)
    for kind in ("plain", "html"):
        said = mail.text(kind)
        assert all(word in said for word in ("ci", row.name, "$12.5 every 30d", "gpt-4o", "not sent by mail"))
        assert key not in said


def test_with_the_operators_word_the_key_is_in_the_mail_and_nowhere_else(
    smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMAIL_INCLUDE_API_KEY", "True")
    row, key = owned()
    write_key_created(row, key, now=NOW)
    assert key not in str([list(Delivery.objects.values("message")), list(Incident.objects.values())])
    delivered()

    assert key in smtp.mails[0].text("plain")
    assert key in smtp.mails[0].text("html")
    assert Delivery.objects.get().sealed == ""


def test_a_rotation_is_told_with_how_long_the_former_key_works(smtp: FakeSmtp) -> None:
    row, key = owned()
    write_key_rotated(row, key, grace="24h", now=NOW)
    write_key_rotated(row, key, grace=None, now=NOW + timedelta(seconds=1))
    delivered()

    said = sorted(mail.text("plain") for mail in smtp.mails)
    assert "works for another 24h" in " ".join(said)
    assert "works no more" in " ".join(said)


def test_an_automatic_rotation_is_told_with_how_to_collect_the_key(smtp: FakeSmtp) -> None:
    row, _ = owned(auto_rotate=True, rotation_interval="30d")
    assert rotate_due_keys(now=NOW + timedelta(days=31)) == 1
    delivered()

    row.refresh_from_db()
    assert "/key/rotated" in smtp.mails[0].text("plain")
    assert row.uncollected_key not in smtp.mails[0].text("plain")


def test_nobody_is_written_to_without_an_address_or_a_mail_server(monkeypatch: pytest.MonkeyPatch) -> None:
    row, key = owned(email="")
    assert not write_key_created(row, key, now=NOW)
    User.objects.update(email="ada@example.com")
    row.refresh_from_db()
    monkeypatch.delenv("SMTP_HOST")
    assert not write_key_rotated(row, key, grace=None, now=NOW)
    assert not Delivery.objects.exists()
