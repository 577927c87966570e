"""Mail to people, from the API to what a mail server got: switches, invitations, keys."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.smtp import FakeSmtp, Mail
from tests.functional.management.answers import asked, refusal, unique
from tests.functional.management.callers import Callers, made
from tests.gateway import Gateway, Store

OFF = {"settings": [{"event": "Virtual Key Created", "enabled": False}]}


@pytest.fixture(scope="module")
def smtp() -> Iterator[FakeSmtp]:
    with FakeSmtp() as server:
        yield server


@pytest.fixture(scope="module")
def posting(tmp_path_factory: pytest.TempPathFactory, own_store: Store, smtp: FakeSmtp) -> Iterator[Gateway]:
    """A gateway with a mail server."""
    environment = {
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(smtp.port),
        "SMTP_SENDER_EMAIL": "gateway@example.com",
        "SMTP_TLS": "False",
        "PROXY_BASE_URL": "https://gateway.example",
    }
    data: Path = tmp_path_factory.mktemp("posting")
    with Gateway(data, {"model_list": []}, store=own_store, environment=environment) as running:
        yield running
    assert "Traceback" not in running.log(), running.log()


@pytest.fixture
def admin(posting: Gateway) -> Iterator[httpx.Client]:
    with posting.client() as client:
        yield client


def mail_to(smtp: FakeSmtp, address: str, subject: str) -> Mail:
    def found() -> list[Mail]:
        return [one for one in smtp.mails if one.recipients == (address,) and one.message["Subject"] == subject]

    deadline = time.monotonic() + 15
    while not (mails := found()):
        assert time.monotonic() < deadline, (address, subject, [mail.recipients for mail in smtp.mails])
        time.sleep(0.05)
    (mail,) = mails
    return mail


def somebody(client: httpx.Client, **more: Any) -> tuple[str, str]:
    user_id = unique("user")
    made(client, "/user/new", user_id=user_id, user_email=f"{user_id}@example.com", auto_create_key=False, **more)
    return user_id, f"{user_id}@example.com"


def test_an_invited_user_chooses_a_password_and_logs_in(posting: Gateway, smtp: FakeSmtp, admin: httpx.Client) -> None:
    user_id, address = somebody(admin, send_invite_email=True)
    text = mail_to(smtp, address, "You are invited").text("plain")
    (link,) = [word for word in text.split() if "/invitation/accept/" in word]
    assert link.startswith("https://gateway.example/")

    path = link.removeprefix("https://gateway.example")
    with httpx.Client(base_url=posting.url, trust_env=False) as browser:
        assert browser.get(path).status_code == 200
        words = {"new_password1": "a-long-enough-passphrase", "new_password2": "a-long-enough-passphrase"}
        token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        assert "Your password is set" in browser.post(path, data={**words, **token}).text
        assert browser.get(path).status_code == 404
        browser.get("/admin/login/")
        login = {"username": user_id, "password": "a-long-enough-passphrase", "next": "/admin/"}
        token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        assert browser.post("/admin/login/", data={**login, **token}).status_code == 302
        assert browser.get("/admin/").status_code == 200


def test_an_invitation_is_made_read_and_taken_back(posting: Gateway, admin: httpx.Client) -> None:
    user_id, _ = somebody(admin)
    found = made(admin, "/invitation/new", user_id=user_id)
    path = found["invitation_link"].removeprefix("https://gateway.example")
    assert (found["is_accepted"], found["email_sent"]) == (False, False)
    shown = asked(admin, "/invitation/info", invitation_id=found["id"])
    assert shown == {name: value for name, value in found.items() if name not in ("invitation_link", "email_sent")}

    made(admin, "/invitation/delete", invitation_id=found["id"])
    assert httpx.get(posting.url + path, trust_env=False).status_code == 404
    assert admin.get("/invitation/info", params={"invitation_id": found["id"]}).status_code == 404
    assert admin.get("/invitation/info", params={"invitation_id": "x"}).status_code == 404
    assert refusal(admin, "/invitation/new", user_id="nobody")[0] == 404


def test_a_key_is_told_of_to_its_owner_and_its_rotation_too(admin: httpx.Client, smtp: FakeSmtp) -> None:
    user_id, address = somebody(admin)
    key = made(admin, "/key/generate", user_id=user_id, send_invite_email=True)["key"]
    assert key not in mail_to(smtp, address, "An API key was made for you").text("plain")

    made(admin, "/key/regenerate", key=key, grace_period="2h")
    assert "another 2h" in mail_to(smtp, address, "Your API key was replaced").text("plain")


def test_a_mail_to_nobody_is_refused_and_no_key_is_made(admin: httpx.Client) -> None:
    alias = unique("key")
    status, said = refusal(admin, "/key/generate", key_alias=alias, send_invite_email=True)

    assert (status, "nobody with a mail address" in said) == (400, True)
    assert alias not in asked(admin, "/key/aliases")["aliases"]


def test_the_switches_work_and_are_set_back(admin: httpx.Client, smtp: FakeSmtp) -> None:
    names = ["Virtual Key Created", "New User Invitation", "Virtual Key Rotated", "Soft Budget Crossed"]
    every = [{"event": name, "enabled": True} for name in [*names, "Max Budget Alert"]]
    assert asked(admin, "/email/event_settings") == {"settings": every}

    answer = admin.patch("/email/event_settings", json=OFF)
    assert answer.json() == {"message": "Email event settings updated successfully"}
    assert asked(admin, "/email/event_settings")["settings"][0] == OFF["settings"][0]
    user_id, address = somebody(admin)
    made(admin, "/key/generate", user_id=user_id, send_invite_email=True)
    key = made(admin, "/key/generate", user_id=user_id)["key"]
    made(admin, "/key/regenerate", key=key)
    mail_to(smtp, address, "Your API key was replaced")
    assert [mail.message["Subject"] for mail in smtp.mails if mail.recipients == (address,)] == [
        "Your API key was replaced"
    ]

    assert admin.post("/email/event_settings/reset").status_code == 200
    assert asked(admin, "/email/event_settings") == {"settings": every}
    wrong = admin.patch("/email/event_settings", json={"settings": [{"event": "Birthday", "enabled": True}]})
    assert wrong.status_code == 422


def test_only_admins_touch_them_and_viewers_look(gateway: Gateway, callers: Callers) -> None:
    for name, status in (("vic", 200), ("ada", 403), ("nobody", 403)):
        with gateway.client(callers.keys[name]) as client:
            assert client.get("/email/event_settings").status_code in (status, 401), name
            assert client.patch("/email/event_settings", json=OFF).status_code in (401, 403), name
            assert client.post("/email/event_settings/reset").status_code in (401, 403), name
            assert client.post("/invitation/new", json={"user_id": "ada"}).status_code in (401, 403), name
