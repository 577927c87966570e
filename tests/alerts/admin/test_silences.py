"""Silences: who made them, whether they hold, what they cover, and their end."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alerts.models import Silence
from alerts.setup import load_silences
from alerts.silencing import ACTIVE, EXPIRED, UPCOMING, end, state_of
from tests.alerts.admin.pages import form_of, queries, said, text_of, url
from tests.alerts.builders import incident

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def silence(begins: float = -1, ends: float = 1, *, now: datetime = NOW, **columns: Any) -> Silence:
    """From so many hours on, for so many."""
    plain: dict[str, Any] = {"matchers": {"model": "gpt-*"}, "comment": "At work"}
    times = {"starts_at": now + begins * HOUR, "ends_at": now + ends * HOUR}
    return Silence.objects.create(**{**plain, **times, **columns})


STATES = [
    (-1, 1, False, ACTIVE),
    (1, 2, False, UPCOMING),
    (-2, -1, False, EXPIRED),
    (-1, 1, True, ACTIVE),
    (-1 - 7 * 24, 1 - 7 * 24, True, ACTIVE),
    (-3, -1, True, UPCOMING),
    (1, 2, True, UPCOMING),
]


@pytest.mark.parametrize(("begins", "ends", "is_weekly", "state"), STATES)
def test_a_silence_says_whether_it_holds(begins: float, ends: float, is_weekly: bool, state: str) -> None:
    assert state_of(silence(begins, ends, is_weekly=is_weekly), now=NOW) == state


@pytest.mark.parametrize(("begins", "ends", "is_weekly", "state"), STATES)
def test_an_ended_silence_never_holds_again(begins: float, ends: float, is_weekly: bool, state: str) -> None:
    row = silence(begins, ends, is_weekly=is_weekly)

    assert end(row, now=NOW) is (state != EXPIRED)
    row.refresh_from_db()
    assert state_of(row, now=NOW) == EXPIRED
    for hours in range(24 * 15):
        assert not load_silences(now=NOW + hours * HOUR)
    assert not end(row, now=NOW)


def sent(**fields: Any) -> dict[str, Any]:
    plain = {
        "comment": "At work",
        "matchers": "model = gpt-*",
        "starts_at_0": "2026-11-23",
        "starts_at_1": "12:00",
        "ends_at_0": "2026-11-23",
        "ends_at_1": "14:00",
    }
    return {**plain, **fields}


def test_a_silence_is_made_under_ones_own_name(page: Client) -> None:
    response = page.post(url("silence", "add"), sent(alert_types=["llm_exceptions"], created_by="somebody else"))
    made = Silence.objects.get()

    assert response.status_code == 302
    assert (made.created_by, made.alert_types, made.matchers) == ("ada", ["llm_exceptions"], {"model": "gpt-*"})
    assert made.ends_at - made.starts_at == 2 * HOUR


def test_changing_a_silence_leaves_whose_it_is(page: Client) -> None:
    row = silence(created_by="bob")
    address = url("silence", "change", row.pk)
    assert page.post(address, {**form_of(page.get(address)), "comment": "Longer"}).status_code == 302
    row.refresh_from_db()

    assert (row.created_by, row.comment, row.matchers) == ("bob", "Longer", {"model": "gpt-*"})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"matchers": ""}, "A silence of everything is none"),
        ({"ends_at_1": "11:00"}, "It ends after it has begun."),
        ({"ends_at_1": "12:00"}, "It ends after it has begun."),
        ({"ends_at_0": "2026-12-23", "is_weekly": "on"}, "lasts no longer than a week"),
        ({"comment": ""}, "This field is required."),
        ({"ends_at_0": "soon"}, "Enter a valid date."),
        ({"matchers": "nonsense"}, "Enter a label and a pattern"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(page: Client, fields: dict[str, str], words: str) -> None:
    response = page.post(url("silence", "add"), sent(**fields))

    assert response.status_code == 200
    assert words in str(response.context["adminform"].form.errors)
    assert not Silence.objects.exists()


def test_how_many_open_incidents_a_silence_covers_is_shown(page: Client) -> None:
    for number, (model, status) in enumerate(
        [("gpt-4o", "open"), ("gpt-5", "acknowledged"), ("gpt-4o", "resolved"), ("claude", "open")]
    ):
        incident(fingerprint=str(number), labels={"model": model}, status=status)
    row = silence(now=timezone.now(), comment="<b>At work</b>", created_by="bob")
    text = text_of(page, url("silence", "changelist"))

    assert "Active" in text
    assert "<b>At work</b> model = gpt-* 2" in text
    assert "It is meant for 2 open incidents. Made by bob." in text_of(page, url("silence", "change", row.pk))


def test_a_silence_is_ended_by_a_button(page: Client, viewer: Client) -> None:
    row = silence(now=timezone.now())
    address = url("silence", "end", row.pk)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = page.cookies

    assert address in page.get(url("silence", "change", row.pk)).content.decode()
    assert address not in viewer.get(url("silence", "change", row.pk)).content.decode()
    assert page.get(address).status_code == 405
    assert strict.post(address).status_code == 403
    assert viewer.post(address).status_code == 403
    assert load_silences(now=timezone.now())
    assert "It holds no longer" in said(page.post(address, follow=True))
    assert not load_silences(now=timezone.now())
    assert "It had ended already" in said(page.post(address, follow=True))
    assert address not in page.get(url("silence", "change", row.pk)).content.decode()


@pytest.mark.parametrize(("state", "comments"), [("", {"a", "b", "c"}), ("current", {"a", "c"}), ("expired", {"b"})])
def test_silences_are_filtered(page: Client, state: str, comments: set[str]) -> None:
    now = timezone.now()
    silence(now=now, comment="a")
    silence(-3, -1, now=now, comment="b")
    silence(-3, -1, now=now, comment="c", is_weekly=True)
    response = page.get(url("silence", "changelist", state=state))

    assert {row.comment for row in response.context["cl"].result_list} == comments


def test_the_list_asks_no_more_for_many_than_for_few(page: Client) -> None:
    silence()
    few = queries(page, url("silence", "changelist"))
    for number in range(30):
        silence(comment=str(number))
        incident(fingerprint=str(number))

    assert queries(page, url("silence", "changelist")) == few
