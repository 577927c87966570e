"""Routes in words, their form, and the page that tries them: it says what the engine would do."""

import html
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alerts.admin.route_words import hours, matched
from alerts.core.schedule import Schedule
from alerts.models import AlertRoute, AlertSettings, Incident, Silence
from alerts.samples import sampled_types
from tests.alerts.admin.pages import form_of, plain, queries, text_of, url
from tests.alerts.builders import channel, incident, route

pytestmark = pytest.mark.django_db
HOURS = {"timezone": "Europe/Paris", "windows": [{"days": ["mon-fri"], "from": "08:00", "to": "18:00"}]}
HOSTILE = "<script>alert('x')</script>"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "Every type"),
        ({"alert_types": ["llm_exceptions"], "levels": ["High", "Low"]}, "llm_exceptions at High or Low"),
        ({"alert_types": list("abcdef")}, "a, b, c, d and 2 more"),
        ({"team_id": "red"}, "Every type of team red"),
        ({"matchers": {"model": "gpt-*"}}, "Every type, where model is gpt-*"),
        (
            {"matchers": {"model": ["a", "b", "!c", "!d"], "region": "!us-*", "team": ""}},
            "Every type, where model is a or b and is not c nor d and region is not us-* and team is empty",
        ),
    ],
)
def test_what_a_route_matches_is_said_in_words(columns: dict[str, Any], words: str) -> None:
    assert matched(AlertRoute(name="r", **columns)) == words


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ({}, "Always"),
        (HOURS, "mon-fri 08:00-18:00 Europe/Paris, else the next route is asked"),
        (
            {
                "windows": [{"days": ["sat", "mon"]}, {"days": ["sun"], "from": "22:00", "to": "06:00"}],
                "outside": "hold",
            },
            "mon sat 00:00-24:00, sun 22:00-06:00 UTC, kept until then",
        ),
    ],
)
def test_the_hours_of_a_route_are_said_in_words(schedule: dict[str, Any], words: str) -> None:
    assert hours(Schedule.read(schedule)) == words


def test_the_list_is_in_the_order_in_which_they_are_asked(page: Client) -> None:
    ops, pager = channel("ops", types=()), channel("pager", types=(), enabled=False)
    route("last", ops, position=900)
    route("first", ops, pager, position=1, matchers={"model": "gpt-*"}, goes_on=True, escalate_after_seconds=900)
    AlertRoute.objects.get(name="first").escalate_to.add(pager)
    text = text_of(page, url("alertroute", "changelist"))

    assert text.index("first") < text.index("last")
    for shown in ("where model is gpt-*", "ops, pager (off)", "asks the next", "after 15 min: pager (off)"):
        assert shown in text


def sent(**fields: Any) -> dict[str, Any]:
    return {"name": "r", "position": "10", "enabled": "on", **fields}


def test_a_route_is_made_of_ticks_and_lines(page: Client) -> None:
    ops = channel("ops", types=())
    fields = sent(
        alert_types=["llm_exceptions", "budget_alerts"],
        levels=["High"],
        matchers="model = gpt-4*\nmodel = !gpt-4o-mini\n\n region=eu ",
        channels=[ops.pk],
        escalate_to=[ops.pk],
        escalate_after_seconds="60",
        runbook_url="runbooks.example/x",
    )
    assert page.post(url("alertroute", "add"), fields).status_code == 302
    made = AlertRoute.objects.get()

    assert made.alert_types == ["llm_exceptions", "budget_alerts"]
    assert made.levels == ["High"]
    assert made.matchers == {"model": ["gpt-4*", "!gpt-4o-mini"], "region": "eu"}
    assert (made.runbook_url, made.schedule) == ("https://runbooks.example/x", {})


def test_saving_a_route_as_it_is_changes_nothing(page: Client) -> None:
    ops = channel("ops", types=())
    made = route(
        "r", ops, matchers={"a": ["x", "!y"], "b": "with = sign", "c": " spaces "}, schedule=HOURS, levels=["Low"]
    )
    made.refresh_from_db()
    before = AlertRoute.objects.values().get()
    address = url("alertroute", "change", made.pk)
    response = page.post(address, form_of(page.get(address)))

    assert response.status_code == 302
    assert AlertRoute.objects.values().get() == before
    assert list(made.channels.all()) == [ops]


@pytest.mark.parametrize(
    ("fields", "at", "words"),
    [
        ({"alert_types": ["nothing"]}, "alert_types", "nothing is not one of the available choices"),
        ({"matchers": "gpt-4o"}, "matchers", "Enter a label and a pattern in each line"),
        ({"matchers": "mo-del = x"}, "matchers", "'mo-del' is not a label"),
        ({"matchers": '{"model": 5}'}, "matchers", "wants a text or a list of texts"),
        ({"matchers": "{nonsense"}, "matchers", "Enter a JSON object, or one label a line"),
        ({"matchers": '{"model": "\\u0000"}'}, "matchers", "Enter a JSON object"),
        ({"matchers": '{"model": "\\ud800"}'}, "matchers", "Enter a JSON object"),
        ({"schedule": '{"timezone": "Mars"}'}, "schedule", "'Mars' is not a time zone"),
        ({"schedule": "[]"}, "schedule", "Enter a JSON object"),
        ({"schedule": '{"windows": NaN}'}, "schedule", "Enter a JSON object"),
        ({"schedule": "{"}, "schedule", "Enter a JSON object"),
        ({"escalate_after_seconds": "60", "escalate_to": []}, "escalate_to", "Say who is told then."),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(page: Client, fields: dict[str, Any], at: str, words: str) -> None:
    response = page.post(url("alertroute", "add"), sent(**fields))

    assert response.status_code == 200
    assert words in html.unescape(str(response.context["adminform"].form.errors.get(at)))
    assert not AlertRoute.objects.exists()


def test_an_escalation_without_a_time_is_refused(page: Client) -> None:
    ops = channel("ops", types=())
    response = page.post(url("alertroute", "add"), sent(escalate_to=[ops.pk]))

    assert "after how many seconds" in str(response.context["adminform"].form.errors["escalate_after_seconds"])


def preview(page: Client, **query: Any) -> str:
    plain_query = {"alert_type": "llm_exceptions", "level": "High", "labels": "model = gpt-4o", "at": ""}
    return text_of(page, url("alertroute", "preview", **{**plain_query, **query}))


def test_a_preview_says_what_each_route_said_and_whom_it_comes_to(page: Client) -> None:
    ops, pager = channel("ops", types=()), channel("pager", types=())
    route("money", ops, alert_types=["budget_alerts"], position=1)
    route("small", ops, levels=["Low"], position=2)
    route("others", ops, team_id="blue", position=3)
    route("claude", ops, matchers={"model": "claude-*"}, position=4)
    route("day", ops, schedule=HOURS, position=5)
    first = route("first", ops, position=6, escalate_after_seconds=900, repeat_seconds=7200)
    first.escalate_to.add(pager)
    route("rest", pager, position=7)
    text = preview(page, at="2026-11-22 12:00")  # a Sunday

    for shown in (
        "Told High It is told. While it goes on, it is told again every 2 h.",
        "Not acknowledged within 15 min, it is escalated.",
        "At 2026-11-22 12:00",
        "ops at once, by first",
        "pager , by first",
        "money other type It is for budget_alerts.",
        "small other level It is for level Low.",
        "others other team It is team blue's own, and the label team_id is empty.",
        "claude other label It wants that model is claude-*, and it is “gpt-4o”.",
        "day out of hours It is not its hours: mon-fri 08:00-18:00 Europe/Paris",
        "first taken It takes it.",
        "rest not asked It was not asked: one before it decided.",
    ):
        assert shown in text


def test_a_preview_says_until_when_a_route_keeps_it(page: Client) -> None:
    route("day", channel("ops", types=()), schedule={**HOURS, "outside": "hold"})

    assert "ops when its hours begin, 2026-11-23 07:00, by day" in preview(page, at="2026-11-22 12:00")


def test_a_preview_says_why_nobody_is_told(page: Client) -> None:
    now = timezone.now()
    hour = timedelta(hours=1)
    assert "Not told High No route leads to a channel." in preview(page)
    channel("ops")
    incident(alert_type="outage_alerts", labels={"deployment": "d1"})
    text = preview(page, labels='{"deployment": "d1"}')
    assert "An outage that is open speaks for it." in text
    assert "As they would, if they were asked." in text
    silence = Silence.objects.create(
        matchers={"model": "gpt-*"}, starts_at=now - hour, ends_at=now + hour, comment=HOSTILE
    )
    response = page.get(
        url("alertroute", "preview", alert_type="llm_exceptions", level="High", labels="model = gpt-4o")
    )
    assert f"A silence holds: {HOSTILE}" in plain(response)
    assert url("silence", "change", silence.pk) in response.content.decode()
    assert HOSTILE not in response.content.decode()
    later = (now + 2 * hour).strftime("%Y-%m-%d %H:%M")
    assert "It is told." in preview(page, at=later)
    AlertSettings.objects.create(alert_types=[])
    assert "Alerts of this type are switched off." in preview(page)


def test_a_preview_changes_nothing_and_takes_no_post(page: Client) -> None:
    channel("ops")
    preview(page)

    assert not Incident.objects.exists()
    assert page.post(url("alertroute", "preview")).status_code == 405


@pytest.mark.parametrize("alert_type", ["", "nothing", *sampled_types()])
def test_a_preview_begins_with_what_a_sample_has(page: Client, viewer: Client, alert_type: str) -> None:
    for browser in (page, viewer):
        response = browser.get(url("alertroute", "preview", alert_type=alert_type))
        assert response.status_code == 200
        assert response.context["shown"] is None
    assert Client().get(url("alertroute", "preview")).status_code == 302


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"alert_type": "nothing"}, "Select a valid choice"),
        ({"level": "Huge"}, "Select a valid choice"),
        ({"labels": "gpt-4o"}, "a label and its value in each line"),
        ({"labels": "a = 1\na = 2"}, "The label a has one value"),
        ({"labels": '{"a": 1}'}, "The label a has one value, and it is text."),
        ({"labels": "{"}, "Enter a JSON object"),
        ({"labels": "x" * 20_000}, "at most 10000 characters"),
        ({"at": "tomorrow"}, "Enter a valid date/time."),
    ],
)
def test_a_preview_of_nonsense_is_refused_at_its_field(page: Client, query: dict[str, str], words: str) -> None:
    assert words in preview(page, **query)


def test_pages_of_routes_ask_no_more_for_many_than_for_few(page: Client) -> None:
    def pages() -> list[int]:
        asked = url("alertroute", "preview", alert_type="llm_exceptions", level="High", labels="")
        return [queries(page, url("alertroute", "changelist")), queries(page, asked)]

    ops = channel("ops")
    ends_at = datetime(2036, 1, 1, tzinfo=UTC)
    Silence.objects.create(matchers={"model": "nothing"}, ends_at=ends_at, comment="x")
    few = pages()
    for number in range(20):
        route(f"r{number}", ops, position=number, goes_on=True)
        Silence.objects.create(matchers={"model": "nothing"}, ends_at=ends_at, comment="x")

    assert pages() == few
