"""The mail server of the environment, as tests set it."""

import pytest

from tests.fakes.smtp import FakeSmtp

SENDER = "alerts@gateway.example"


def point_at(server: FakeSmtp, monkeypatch: pytest.MonkeyPatch, **more: str) -> None:
    settings = {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(server.port),
        "SMTP_SENDER_EMAIL": SENDER,
        "SMTP_TLS": "False",
    }
    for name, value in {**settings, **more}.items():
        monkeypatch.setenv(name, value)
