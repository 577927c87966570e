"""Mails: what they say, to whom, in which thread, and who is not written to twice."""

import csv
import ssl
from collections.abc import Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from alerts.core.message import Message
from alerts.models import AlertChannel
from alerts.transports import TRANSPORTS
from alerts.transports import email as email_transport
from alerts.transports.base import Receipt, TransportError
from alerts.transports.email import compose
from alerts.transports.smtp import MailServer
from tests.alerts.mail import SENDER, point_at
from tests.alerts.transports.cases import FULL, KINDS
from tests.alerts.transports.certificate import certificate_of_loopback
from tests.alerts.transports.hostile import TEXTS
from tests.alerts.transports.test_contract import OBEYED, hostile
from tests.fakes.smtp import FakeSmtp

PASSWORD = "hidden0123456789"


@pytest.fixture
def smtp(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSmtp]:
    with FakeSmtp() as server:
        point_at(server, monkeypatch)
        yield server


def notify(message: Message = FULL, *to: str, **options: Any) -> Receipt:
    channel = AlertChannel(kind="email", options={"to": list(to or ("ops@example.com",)), **options})
    return TRANSPORTS["email"].notify(channel, message)


def failure(*to: str) -> TransportError:
    with pytest.raises(TransportError) as caught:
        notify(FULL, *to)
    assert PASSWORD not in str(caught.value)
    return caught.value


def test_a_mail_says_it_all_in_html_and_in_text(smtp: FakeSmtp) -> None:
    receipt = notify()

    (mail,) = smtp.mails
    assert (mail.sender, mail.recipients) == (SENDER, ("ops@example.com",))
    assert mail.message["Subject"] == "gpt-4o fails"
    assert mail.message["To"] == "ops@example.com"
    assert mail.message["From"] == f"Tollkeeper <{SENDER}>"
    assert parsedate_to_datetime(mail.message["Date"]).tzinfo is not None
    for kind in ("plain", "html"):
        said = mail.text(kind)
        assert all(word in said for word in ("gpt-4o fails", "InternalServerError: it broke", "Top models", "$12.00"))
        assert "https://gateway.example/admin/1" in said
        assert "2026-11-23T12:05:00+00:00" in said
    assert receipt.status == 250


def test_a_file_is_attached_as_csv(smtp: FakeSmtp) -> None:
    notify()

    (attached,) = smtp.mails[0].message.iter_attachments()
    assert (attached.get_content_type(), attached.get_filename()) == ("text/csv", "spend.csv")
    rows = attached.get_content().splitlines()
    assert list(csv.reader(rows)) == [["model", "spend"], ["gpt-4o", "12.00"]]


def test_nobody_sees_whom_else_it_went_to(smtp: FakeSmtp) -> None:
    notify(FULL, "a@example.com", "b@example.com")

    assert [mail.recipients for mail in smtp.mails] == [("a@example.com",), ("b@example.com",)]
    assert b"b@example.com" not in smtp.mails[0].raw
    assert b"a@example.com" not in smtp.mails[1].raw


def test_owners_get_it_where_the_channel_says_so(smtp: FakeSmtp) -> None:
    notify(
        replace(FULL, recipients=("owner@example.com", "OPS@example.com", "no address", "x@y\r\nBcc: z@example.com"))
    )
    assert smtp.asked == ["ops@example.com"]

    smtp.asked.clear()
    notify(replace(FULL, recipients=("owner@example.com", "OPS@example.com", "no address", "")), owners=True)
    assert smtp.asked == ["ops@example.com", "owner@example.com"]


def test_an_alert_that_concerns_nobody_with_an_address_is_not_an_error(smtp: FakeSmtp) -> None:
    channel = AlertChannel(kind="email", options={"owners": True})
    receipt = TRANSPORTS["email"].notify(channel, replace(FULL, recipients=()))

    assert (receipt.status, smtp.mails) == (None, [])


def test_a_mail_tried_again_is_the_same_mail_and_an_incident_one_thread(smtp: FakeSmtp) -> None:
    for message in (FULL, FULL, replace(FULL, kind="resolved", id="another")):
        notify(message)

    ids = [mail.message["Message-ID"] for mail in smtp.mails]
    assert ids[0] == ids[1] == f"<{FULL.id}@gateway.example>"
    assert ids[2] == "<another@gateway.example>"
    for name in ("References", "In-Reply-To"):
        assert {mail.message[name] for mail in smtp.mails} == {f"<incident-{FULL.incident_id}@gateway.example>"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_of_each_kind_is_a_mail(smtp: FakeSmtp, kind: str) -> None:
    notify(replace(FULL, kind=kind))

    assert smtp.mails[0].message["Subject"] == replace(FULL, kind=kind).heading


def test_a_message_with_nothing_but_a_title_is_a_mail(smtp: FakeSmtp) -> None:
    notify(Message(kind="test", alert_type="budget_alerts", level="Low", title="A test", at="now"))

    assert "A test" in smtp.mails[0].text("plain")


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.addresses: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.addresses |= {value or "" for name, value in attrs if name in ("href", "src")}


def test_no_text_is_a_header_or_a_tag() -> None:
    plain = compose(FULL, sender=SENDER)
    html = plain.get_body(("html",))
    assert html is not None
    tags = Tags(html.get_content()).seen
    for text in TEXTS:
        mail = compose(hostile(text), sender=SENDER)
        assert mail.keys() == plain.keys(), text[:50]
        assert not OBEYED.intersection(mail["Subject"])
        assert len(mail["Subject"]) <= 150
        body = mail.get_body(("html",))
        assert body is not None
        seen = Tags(body.get_content())
        assert seen.seen == tags, text[:50]
        assert all(address.startswith(("https://", "http://")) for address in seen.addresses), text[:50]
        assert not OBEYED.difference("\r\n").intersection(body.get_content()), text[:50]
        assert mail.as_bytes()


def test_the_worst_texts_arrive_over_the_wire(smtp: FakeSmtp) -> None:
    for text in (
        "a\x00\r\n.\r\nMAIL FROM:<b@c>",
        "x" * 100_000,
        "\ud800👩" * 500,
        ".\r\n.\r\n",
        "\r\nBcc: all@example.com",
    ):
        notify(hostile(text))
    assert {mail.recipients for mail in smtp.mails} == {("ops@example.com",)}
    assert len(smtp.mails) == 5
    assert all("Bcc" not in mail.message for mail in smtp.mails)


def test_who_is_refused_for_good_is_not_tried_again(smtp: FakeSmtp) -> None:
    smtp.answers["ops@example.com"] = "550 5.1.1 no such user"
    error = failure()

    assert (error.permanent, error.status) == (True, 550)
    assert "no such user" in str(error)


@pytest.mark.parametrize("answer", ["451 4.7.1 greylisted", "421 4.3.2 going down", "452 4.2.2 full"])
def test_who_is_refused_for_now_is_tried_again(smtp: FakeSmtp, answer: str) -> None:
    smtp.answers["ops@example.com"] = answer
    error = failure()

    assert (error.permanent, error.status) == (False, int(answer[:3]))


@pytest.mark.parametrize(("answer", "permanent"), [("554 5.6.0 spam", True), ("452 4.3.1 later", False)])
def test_a_content_that_is_refused_is_read_the_same_way(smtp: FakeSmtp, answer: str, permanent: bool) -> None:
    smtp.data_answer = answer

    assert failure().permanent == permanent


def test_who_took_it_is_not_sent_it_again_because_of_another(smtp: FakeSmtp) -> None:
    smtp.answers |= {"b@example.com": "550 no such user", "c@example.com": "451 later"}
    error = failure("a@example.com", "b@example.com", "c@example.com", "d@example.com")

    assert [mail.recipients[0] for mail in smtp.mails] == ["a@example.com", "d@example.com"]
    assert (error.permanent, error.status, error.left) == (False, 451, ("c@example.com",))
    assert str(error).startswith("Sent to 2 of 4.")
    assert "not to b@example.com: The mail server answered 550: no such user" in str(error)
    assert "not to c@example.com: The mail server answered 451: later" in str(error)


def test_whom_a_mail_is_left_for_gets_it_and_nobody_else(smtp: FakeSmtp) -> None:
    notify(replace(FULL, only_to=("c@example.com",)), "a@example.com", "c@example.com")

    assert smtp.asked == ["c@example.com"]


def test_who_is_refused_for_good_beside_others_is_named_in_the_receipt(smtp: FakeSmtp) -> None:
    smtp.answers["b@example.com"] = "550 no such user"
    receipt = notify(FULL, "a@example.com", "b@example.com")

    assert receipt.status == 250
    assert receipt.body == "Sent to 1 of 2. not to b@example.com: The mail server answered 550: no such user"


def test_what_concerns_people_is_one_mail_each_however_much_there_is() -> None:
    transport = TRANSPORTS["email"]

    assert transport.may_merge(AlertChannel(kind="email", options={"to": ["ops@example.com"]}))
    assert not transport.may_merge(AlertChannel(kind="email", options={"owners": True}))


def test_when_nobody_took_it_and_one_may_it_is_tried_again(smtp: FakeSmtp) -> None:
    smtp.answers |= {"a@example.com": "550 no such user", "b@example.com": "451 later"}

    error = failure("a@example.com", "b@example.com")
    assert (error.permanent, error.left) == (False, ("b@example.com",))
    assert smtp.mails == []


def test_a_server_that_takes_too_long_is_left_and_who_is_missing_named(
    smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(email_transport, "TOTAL_SECONDS", -1.0)

    assert "too long" in str(failure())
    assert smtp.mails == []


def test_a_closed_port_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeSmtp() as server:
        point_at(server, monkeypatch)

    error = failure()
    assert (error.permanent, error.status) == (False, None)
    assert "ConnectionRefusedError" in str(error)


@pytest.mark.parametrize(("password", "permanent"), [(PASSWORD, None), (f"{PASSWORD}wrong", True)])
def test_it_logs_in_where_user_and_password_are_set(
    monkeypatch: pytest.MonkeyPatch, password: str, permanent: bool | None
) -> None:
    with FakeSmtp(login=("ada", PASSWORD)) as server:
        point_at(server, monkeypatch, SMTP_USERNAME="ada", SMTP_PASSWORD=password)
        if permanent is None:
            assert notify().status == 250
        else:
            error = failure()
            assert (error.permanent, error.status) == (True, 535)


def test_it_speaks_tls_to_a_server_whose_certificate_is_good(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key, certificate = certificate_of_loopback()
    ours, theirs = tmp_path / "ours.pem", tmp_path / "theirs.pem"
    ours.write_bytes(certificate.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    theirs.write_bytes(ours.read_bytes() + private)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(theirs)
    with FakeSmtp(tls=context) as server:
        point_at(server, monkeypatch, SMTP_TLS="True")
        error = failure()
        assert "TLS" in str(error)
        assert (error.permanent, server.mails) == (False, [])

        monkeypatch.setenv("SSL_CERT_FILE", str(ours))
        assert notify().status == 250
        assert len(server.mails) == 1


def test_a_server_without_tls_gets_no_mail_in_clear_text_unless_told(
    smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_TLS", "True")

    assert "SMTP_TLS" in str(failure())
    assert smtp.mails == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMTP_HOST", ""),
        ("SMTP_SENDER_EMAIL", ""),
        ("SMTP_SENDER_EMAIL", "x\r\nBcc: y@example.com"),
        ("SMTP_PORT", "many"),
        ("SMTP_PORT", "-1"),
        ("SMTP_TIMEOUT", "nan"),
    ],
)
def test_what_is_missing_in_the_environment_is_named(
    smtp: FakeSmtp, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    error = failure()

    assert name in str(error)
    assert error.permanent
    assert smtp.asked == []


def test_the_environment_is_read_as_litellm_reads_it() -> None:
    least = {"SMTP_HOST": "mail", "SMTP_SENDER_EMAIL": SENDER}

    assert MailServer.read(least) == MailServer("mail", 587, SENDER)
    assert MailServer.read({**least, "SMTP_TLS": "False"}).starts_tls is False
    assert MailServer.read({**least, "SMTP_PORT": "465"}).is_tls
    assert MailServer.read({**least, "SMTP_USE_SSL": "True"}).starts_tls is False
    assert MailServer.read({**least, "SMTP_TIMEOUT": "600"}).timeout == 15


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"to": []},
        {"owners": False},
        {"to": "ops@example.com"},
        {"to": ["ops"]},
        {"to": ["a@example.com\r\nBcc: b@example.com"]},
        {"to": ["ü@example.com"]},
        {"to": [None]},
        {"to": ["ops@example.com"], "owners": "yes"},
        {"cc": ["ops@example.com"]},
    ],
)
def test_options_that_name_nobody_or_no_address_are_a_problem(options: dict[str, Any], smtp: FakeSmtp) -> None:
    channel = AlertChannel(kind="email", options=options)

    assert set(TRANSPORTS["email"].problems(channel)) == {"options"}
    with pytest.raises(TransportError) as caught:
        TRANSPORTS["email"].notify(channel, FULL)
    assert caught.value.permanent
    assert smtp.asked == []


@pytest.mark.parametrize("options", [{"to": ["ops@example.com"]}, {"owners": True}, {"to": [], "owners": True}])
def test_options_that_name_somebody_are_well(options: dict[str, Any]) -> None:
    assert TRANSPORTS["email"].problems(AlertChannel(kind="email", options=options)) == {}


WORDS = {"title": "80 % of the budget is used", "lines": ["It is raised on request."], "facts": {"Spend": "$8.00"}}


def test_whom_it_concerns_is_written_a_letter_and_who_looks_after_the_gateway_the_alert(smtp: FakeSmtp) -> None:
    concerns = replace(FULL, recipients=("owner@example.com", "OPS@example.com"), for_people=WORDS)
    notify(concerns, owners=True)
    notify(replace(concerns, only_to=("owner@example.com",)), owners=True)

    ops, owner, again = smtp.mails
    assert ops.recipients == ("ops@example.com",)
    assert ops.message["Subject"] == FULL.heading
    assert "https://gateway.example/admin/1" in ops.text("plain")
    for mail in (owner, again):
        assert mail.recipients == ("owner@example.com",)
        assert mail.message["Subject"] == "80 % of the budget is used"
        assert mail.message["X-Tollkeeper-Alert-Type"] == FULL.alert_type
        for kind in ("plain", "html"):
            assert "It is raised on request." in mail.text(kind)
            assert "$8.00" in mail.text(kind)
            assert "/admin/" not in mail.text(kind)
            assert "gpt-4o fails" not in mail.text(kind)


def test_the_preview_is_what_is_sent() -> None:
    message = replace(FULL, recipients=("owner@example.com",), for_people=WORDS)
    for options, subject in (({"owners": True}, WORDS["title"]), ({"to": ["ops@example.com"]}, FULL.heading)):
        shown = TRANSPORTS["email"].preview(AlertChannel(kind="email", options=options), message)
        assert shown["subject"] == subject
