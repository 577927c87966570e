"""Whoever may log in does so by the username or by the e-mail address, and is counted once by both."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from teams.models import AuditEntry, User
from tests.gateway_project.pages import staff, superuser

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _people() -> None:
    superuser()
    tess = staff("Viewer", email="Tess@Example.com")
    tess.set_password("tess-password")
    tess.save()


def log_in(name: str, password: str = "tess-password") -> str:
    """Whose session begins; empty where none does."""
    client = Client()
    client.post("/admin/login/", {"username": name, "password": password})
    return str(client.session.get("_auth_user_id", ""))


@pytest.mark.parametrize("name", ["tess", "Tess@Example.com", "tess@example.COM"])
def test_a_name_and_an_address_lead_to_the_same_person(name: str) -> None:
    assert log_in(name) == "tess"


@pytest.mark.parametrize(
    "name", ["", "@", "tess@example.org", "Tess@Example.com\x00", "%@example.com", "tess@example.com' --"]
)
def test_what_nobody_has_lets_nobody_in(name: str) -> None:
    assert log_in(name) == ""


def test_who_has_no_address_is_not_found_by_none() -> None:
    User.objects.create_user("plain", password="tess-password", id="plain", is_staff=True)
    assert log_in("plain") == "plain"
    assert log_in(" ") == ""


def test_a_username_that_is_another_ones_address_is_nobodys_way_in_by_address() -> None:
    User.objects.create_user("tess@example.com", password="other-password", id="other", is_staff=True)

    assert log_in("tess@example.com", "other-password") == "other"
    assert log_in("tess@example.com") == ""
    assert log_in("tess") == "tess"


def test_who_was_deactivated_does_not_come_in_by_the_address() -> None:
    User.objects.filter(pk="tess").update(is_active=False)
    assert log_in("tess@example.com") == ""


def test_a_login_reads_no_table_whole() -> None:
    with CaptureQueriesContext(connection) as asked:
        log_in("tess@example.com")
    sql = next(one["sql"] for one in asked.captured_queries if "LOWER" in one["sql"])

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {'QUERY PLAN ' if connection.vendor == 'sqlite' else ''}{sql}")
        plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
    assert "one_user_per_email" in plan
    assert not re.search("SCAN teams_user$|Seq Scan", plan, re.MULTILINE)


def test_tries_by_both_names_are_counted_together_and_recorded_in_english() -> None:
    chinese = Client(headers={"accept-language": "zh-CN"})
    for name in ("tess", "TESS@example.com", "tess", "tess@example.com", "tess"):
        chinese.post("/admin/login/", {"username": name, "password": "wrong"})

    assert log_in("tess@example.com") == ""
    assert chinese.post("/admin/login/", {"username": "tess", "password": "tess-password"}).status_code == 429
    entry = AuditEntry.objects.filter(object_id="tess").latest("id")
    assert "from 127.0.0.1" in str(entry.after)
