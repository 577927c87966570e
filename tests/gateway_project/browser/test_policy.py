"""The header that tells a browser what a page may do."""

import re
from typing import Any

import pytest
from django.test import Client

from alerts.models import AlertChannel
from tests.gateway_project.pages import superuser, url

pytestmark = pytest.mark.django_db


def policy(answer: Any) -> dict[str, list[str]]:
    parts = (part.split() for part in answer["Content-Security-Policy"].split(";"))
    return {name: sources for name, *sources in parts}


@pytest.mark.parametrize(
    "path",
    ["/admin/login/", "/admin/", "/admin/teams/team/", "/admin/teams/team/add/", "/docs", "/invitation/accept/x",
     "/alerts/acknowledge/x", "/admin/password_change/"],
)  # fmt: skip
def test_a_page_runs_files_of_ours_and_nothing_else(client: Client, path: str) -> None:
    if path not in {"/admin/login/", "/docs"}:
        client.force_login(superuser())
    answer = client.get(path)
    found = policy(answer)

    assert found["default-src"] == found["base-uri"] == found["frame-ancestors"] == ["'none'"]
    for name in ("script-src", "style-src"):
        assert found[name][0] == "'self'"
        assert all(source == "'self'" or source.startswith("'nonce-") for source in found[name])
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert (answer["X-Content-Type-Options"], answer["X-Frame-Options"]) == ("nosniff", "DENY")
    assert answer["Referrer-Policy"] in {"same-origin", "no-referrer"}


def test_the_nonce_of_a_page_is_its_own(client: Client) -> None:
    nonces = []
    for answer in (client.get("/admin/login/"), client.get("/admin/login/")):
        (stated,) = re.findall(r"'nonce-([^']+)'", " ".join(policy(answer)["style-src"]))
        assert f'nonce="{stated}"' in answer.content.decode()
        nonces.append(stated)

    assert nonces[0] != nonces[1]


def test_a_mail_is_previewed_with_its_styles_and_no_other_page_has_any(client: Client) -> None:
    client.force_login(superuser())
    channel = AlertChannel.objects.create(name="mail", kind="email", options={"to": ["ops@example.com"]})
    page = url("alerts_alertchannel", "change", channel.pk)

    assert "style-src-attr" not in policy(client.get(page))
    previewed = client.get(page, {"preview": "llm_exceptions"})
    assert 'sandbox=""' in previewed.content.decode()
    assert policy(previewed)["style-src-attr"] == ["'unsafe-inline'"]
    assert all("unsafe" not in source for source in policy(previewed)["script-src"])
