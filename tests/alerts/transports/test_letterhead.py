"""Whose mail it is: the operator's, where the environment says so."""

import pytest

from alerts.core.message import Message
from alerts.transports.email import compose
from alerts.transports.letterhead import Letterhead
from tests.alerts.transports.cases import FULL


def test_litellms_variables_are_read() -> None:
    environment = {
        "EMAIL_LOGO_URL": "https://example.com/logo.png",
        "EMAIL_SUPPORT_CONTACT": "help@example.com",
        "EMAIL_SIGNATURE": "<p>The platform team</p>",
    }

    assert Letterhead.read(environment) == Letterhead(
        "https://example.com/logo.png", "help@example.com", "The platform team"
    )
    assert Letterhead.read({"SMTP_SENDER_LOGO": "https://example.com/l.png"}).logo == "https://example.com/l.png"
    assert Letterhead.read({}) == Letterhead()


def test_a_logo_that_is_no_web_address_is_left_out() -> None:
    assert Letterhead.read({"EMAIL_LOGO_URL": "javascript:alert(1)"}).logo == ""


@pytest.mark.parametrize("style", ["", "letter"])
def test_every_mail_bears_it(monkeypatch: pytest.MonkeyPatch, style: str) -> None:
    monkeypatch.setenv("EMAIL_LOGO_URL", "https://example.com/logo.png")
    monkeypatch.setenv("EMAIL_SUPPORT_CONTACT", 'help@example.com"><script>')
    monkeypatch.setenv("EMAIL_SIGNATURE", "The platform team")
    mail = compose(Message.from_json({**FULL.as_json(), "style": style}), sender="a@example.com")
    html, text = (mail.get_body((kind,)) for kind in ("html", "plain"))

    assert html is not None
    assert text is not None
    assert 'src="https://example.com/logo.png"' in html.get_content()
    for said in (html.get_content(), text.get_content()):
        assert "The platform team" in said
        assert "help@example.com" in said
        assert "<script>" not in said
