"""The inbox and the page of one incident: what they say, what their buttons do, and who may press them."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from alerts import incidents
from alerts.admin import incident_panel
from alerts.admin.incident_panel import BUTTONS
from alerts.core.routing import Reason
from alerts.models import (
    AlertSettings,
    Delivery,
    DeliveryAttempt,
    DeliveryState,
    Incident,
    IncidentEntry,
    IncidentStatus,
    Silence,
)
from tests.alerts.admin.pages import plain, queries, said, text_of, url
from tests.alerts.builders import channel, delivery, exception, incident, route

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert('x')</script>"


def made(number: int = 0, **columns: Any) -> Incident:
    return incident(fingerprint=f"{number:064}", **columns)


def raised(*, now: datetime | None = None, **facts: Any) -> Incident:
    event = exception(**facts)
    incidents.raise_event(event, count=1, now=now or timezone.now())
    return Incident.objects.get(fingerprint=event.fingerprint())


def listed(page: Client, **query: Any) -> list[str]:
    response = page.get(url("incident", "changelist", **query))
    assert response.status_code == 200
    return [row.title for row in response.context["cl"].result_list]


def do(page: Client, row: Incident, verb: str, note: str = "") -> str:
    return said(page.post(url("incident", "do", row.pk), {"verb": verb, "note": note}, follow=True))


def test_the_inbox_begins_with_what_lives_the_last_seen_first(page: Client) -> None:
    now = timezone.now()
    for number, status in enumerate(IncidentStatus):
        made(number, title=status.value, status=status, last_seen_at=now + timedelta(seconds=number))

    assert listed(page) == ["acknowledged", "open"]
    assert listed(page, status="resolved") == ["resolved"]
    assert listed(page, status="dismissed") == ["dismissed"]
    assert listed(page, status="nonsense") == ["acknowledged", "open"]


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ({"level__exact": "Low"}, ["b"]),
        ({"alert_type__exact": "budget_alerts"}, ["c"]),
        ({"reason": "no_route"}, ["d"]),
        ({"q": "C"}, ["c"]),
        ({"q": "%"}, []),
    ],
)
def test_the_inbox_is_filtered_and_searched(page: Client, query: dict[str, str], titles: list[str]) -> None:
    made(1, title="a")
    made(2, title="b", level="Low")
    made(3, title="c", alert_type="budget_alerts")
    made(4, title="d", reason="no_route")

    assert listed(page, **query) == titles


def test_the_inbox_says_what_is_worth_seeing_and_markup_is_text(page: Client) -> None:
    labels = {"model": "gpt-4o", "team": "research", "region": "eu"}
    made(title=HOSTILE, count=1234, labels=labels, status="acknowledged", acknowledged_by="bob")
    response = page.get(url("incident", "changelist"))

    assert HOSTILE not in response.content.decode()
    for shown in ("Acknowledged", "High", "llm_exceptions", HOSTILE, "1,234", "gpt-4o, research", "bob"):
        assert shown in plain(response)


@pytest.mark.parametrize("status", ["", "resolved"])
def test_the_inbox_neither_counts_nor_sorts_all_there_is(page: Client, status: str) -> None:
    made()
    rows = page.get(url("incident", "changelist", status=status)).context["cl"].queryset[:50]
    plan = str(rows.explain())

    assert "incident_status_seen" in plan or connection.vendor == "postgresql"
    if status and connection.vendor == "sqlite":
        assert "USE TEMP B-TREE FOR ORDER BY" not in plan
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.db.models.query.QuerySet.count", None)
        assert page.get(url("incident", "changelist", status=status)).status_code == 200


@pytest.mark.parametrize(
    ("action", "status", "entry"),
    [
        ("acknowledge_selected", "acknowledged", "acknowledged"),
        ("resolve_selected", "resolved", "resolved"),
        ("dismiss_selected", "dismissed", "dismissed"),
        ("silence_1h_selected", "open", "silenced"),
    ],
)
def test_many_are_worked_through_at_once_by_name(page: Client, action: str, status: str, entry: str) -> None:
    rows = [made(1), made(2), made(3, status="resolved")]
    sent = {"action": action, "_selected_action": [row.pk for row in rows]}
    response = page.post(url("incident", "changelist", status="open"), sent, follow=True)

    assert "2 done" in said(response)
    assert [Incident.objects.get(pk=row.pk).status for row in rows] == [status, status, "resolved"]
    written = IncidentEntry.objects.order_by("incident__fingerprint").values_list("what", "actor")
    assert list(written) == [(entry, "ada")] * 2


@pytest.mark.parametrize(
    ("status", "verbs"),
    [
        ("open", "acknowledge silence-1h silence-8h silence-24h resolve dismiss resend note"),
        ("acknowledged", "unacknowledge silence-1h silence-8h silence-24h resolve dismiss resend note"),
        ("resolved", "reopen resend note"),
        ("dismissed", "reopen resend note"),
    ],
)
def test_a_page_has_the_buttons_that_fit(page: Client, status: str, verbs: str) -> None:
    row = made(status=status)
    text = page.get(url("incident", "change", row.pk)).content.decode()

    assert [one.name for one in BUTTONS if f'value="{one.name}"' in text] == verbs.split()


@pytest.mark.parametrize(
    ("before", "verb", "after", "entry"),
    [
        ("open", "acknowledge", "acknowledged", "acknowledged"),
        ("acknowledged", "unacknowledge", "open", "unacknowledged"),
        ("open", "silence-8h", "open", "silenced"),
        ("acknowledged", "resolve", "resolved", "resolved"),
        ("open", "dismiss", "dismissed", "dismissed"),
        ("resolved", "reopen", "open", "reopened"),
        ("open", "note", "open", "note"),
    ],
)
def test_a_button_does_what_it_says_and_who_pressed_it_is_written_down(
    page: Client, before: str, verb: str, after: str, entry: str
) -> None:
    row = made(status=before)
    do(page, row, verb, note="I look after it")
    row.refresh_from_db()

    assert row.status == after
    assert {(one.what, one.actor) for one in row.entries.all()} >= {(entry, "ada")}
    assert "I look after it" in [one.text for one in row.entries.all()]


def test_a_silence_of_one_incident_lasts_as_long_as_its_button_says(page: Client) -> None:
    row = made()
    do(page, row, "silence-24h")
    row.refresh_from_db()

    assert row.silenced_until is not None
    assert abs(row.silenced_until - timezone.now() - timedelta(hours=24)) < timedelta(minutes=1)
    assert "It is silenced by hand until" in text_of(page, url("incident", "change", row.pk))


@pytest.mark.parametrize(
    ("verb", "status", "words"),
    [
        ("acknowledge", "resolved", "Acknowledge: somebody else was faster"),
        ("reopen", "open", "Reopen: the same is open already"),
        ("resend", "open", "Tell again: it was told nowhere yet"),
        ("note", "open", "Write the note first"),
        ("explode", "open", "no such button"),
        ("", "open", "no such button"),
    ],
)
def test_a_button_that_comes_too_late_or_makes_no_sense_says_so(
    page: Client, verb: str, status: str, words: str
) -> None:
    row = made(status=status)

    assert words in do(page, row, verb)
    assert not row.entries.exists()


def test_a_note_with_a_nul_or_of_any_length_is_kept_as_far_as_it_can_be(page: Client) -> None:
    row = made()
    do(page, row, "note", note=f"\x00{'x' * 5000}")

    assert row.entries.get().text == "x" * 2000


def test_telling_again_sends_the_last_message_once_more(page: Client) -> None:
    channel("ops")
    row = raised()
    do(page, row, "resend")

    assert row.deliveries.count() == 2


@pytest.mark.parametrize(("view", "sent"), [("do", {"verb": "resolve"}), ("retry", {"delivery": "x"})])
def test_buttons_neither_follow_links_nor_forged_forms_nor_those_who_only_look(
    page: Client, viewer: Client, view: str, sent: dict[str, str]
) -> None:
    row = made()
    address = url("incident", view, row.pk)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = page.cookies

    assert page.get(address, sent).status_code == 405
    assert strict.post(address, sent).status_code == 403
    assert viewer.post(address, sent).status_code == 403
    assert Client().post(address, sent).status_code == 302
    assert Incident.objects.get().status == "open"


def test_who_only_looks_sees_everything_but_the_buttons(viewer: Client) -> None:
    row = made(details={"Call ID": "call-1"})
    dead = delivery(channel(), row, state=DeliveryState.DEAD)
    response = viewer.get(url("incident", "change", row.pk))
    listed = viewer.get(url("incident", "changelist")).content.decode()

    assert "It broke" in plain(response)
    assert url("delivery", "change", dead.pk) in response.content.decode()
    for absent in ('name="verb"', "Retry now", "proxy/requesttrace"):
        assert absent not in response.content.decode()
    assert "acknowledge_selected" not in listed
    sent = {"action": "resolve_selected", "_selected_action": row.pk}
    viewer.post(url("incident", "changelist"), sent)
    assert Incident.objects.get().status == "open"


def test_a_page_tells_the_story_with_its_actors(page: Client) -> None:
    channel("ops")
    row = raised(message=HOSTILE, key_alias="reporting")
    do(page, row, "acknowledge", note=HOSTILE)
    response = page.get(url("incident", "change", row.pk))
    text = plain(response)

    assert HOSTILE not in response.content.decode()
    for shown in ("Acknowledged", "Looked after by ada", "Firing: ops", f"ada : {HOSTILE}", "key_alias reporting"):
        assert shown in text
    assert text.index(f"ada : {HOSTILE}") < text.index("Firing: ops")


def test_a_request_that_an_incident_names_is_one_click_away(page: Client) -> None:
    row = made(details={"Call ID": "call/1 &x", "Model": "gpt-4o"})

    assert "/admin/proxy/requesttrace/?q=call%2F1+%26x" in page.get(url("incident", "change", row.pk)).content.decode()


def test_a_page_stands_without_a_page_of_requests(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    row = made(details={"Call ID": "call-1"})
    monkeypatch.setattr(incident_panel, "EXPLAINED_BY", "admin:nobody_has_this")

    assert "call-1" in text_of(page, url("incident", "change", row.pk))


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_a_sentence(page: Client, reason: Reason) -> None:
    text = text_of(page, url("incident", "change", made(reason=reason).pk))

    assert any(words in text for words in ("told", "silence holds", "speaks for it", "switched off", "No route"))


def test_the_silence_that_holds_is_named_and_one_that_does_not_is_not(page: Client) -> None:
    now = timezone.now()
    row = made(labels={"model": "gpt-4o"})
    hour = timedelta(hours=1)
    times = {"starts_at": now - hour, "ends_at": now + hour}
    holds = Silence.objects.create(matchers={"model": "gpt-*"}, comment="At work", **times)
    Silence.objects.create(matchers={"model": "claude"}, comment="Elsewhere", **times)
    Silence.objects.create(
        matchers={"model": "gpt-*"}, comment="Long ago", starts_at=now - hour, ends_at=now - hour / 2
    )
    response = page.get(url("incident", "change", row.pk))

    assert "At work" in plain(response)
    assert url("silence", "change", holds.pk) in response.content.decode()
    assert "Elsewhere" not in plain(response)
    assert "Long ago" not in plain(response)


def test_the_outage_that_speaks_for_it_is_named(page: Client) -> None:
    outage = made(1, alert_type="outage_alerts", title="All is lost", labels={"deployment": "d1"})
    other = made(2, alert_type="outage_alerts", title="Another", labels={"deployment": "d2"})
    row = made(3, labels={"deployment": "d1"}, reason="inhibited")
    response = page.get(url("incident", "change", row.pk))

    assert "This speaks for it: All is lost" in plain(response)
    assert url("incident", "change", outage.pk) in response.content.decode()
    assert url("incident", "change", other.pk) not in response.content.decode()


def test_a_type_that_was_switched_off_leads_to_the_settings(page: Client) -> None:
    AlertSettings.objects.create(alert_types=[])
    row = made(reason="type_disabled")

    assert url("alertsettings", "changelist") in page.get(url("incident", "change", row.pk)).content.decode()
    assert "Alerts of this type are off" in text_of(page, url("incident", "change", row.pk))


def test_each_attempt_is_told_with_status_duration_and_error(page: Client) -> None:
    now = timezone.now()
    row = made()
    dead = delivery(channel(), row, state=DeliveryState.DEAD)
    plain_facts: dict[str, Any] = {"delivery": dead, "began_at": now}
    DeliveryAttempt.objects.create(number=1, ended_at=now, error=f"{HOSTILE} 500", latency_ms=1234, **plain_facts)
    DeliveryAttempt.objects.create(number=2, **plain_facts)
    DeliveryAttempt.objects.create(number=3, ended_at=now, status=200, latency_ms=5, **plain_facts)
    response = page.get(url("incident", "change", row.pk))

    assert HOSTILE not in response.content.decode()
    assert f"1. after 1,234 ms: {HOSTILE} 500" in plain(response)
    assert "has no end" in plain(response)
    assert "3. after 5 ms: 200" in plain(response)


def test_what_was_given_up_is_tried_again_and_what_arrived_is_not(page: Client) -> None:
    row = made()
    dead = delivery(channel(), row, state=DeliveryState.DEAD, attempt=9)
    done = delivery(dead.channel, row, state=DeliveryState.DELIVERED)
    foreign = delivery(dead.channel, made(5), state=DeliveryState.DEAD)
    address = url("incident", "retry", row.pk)

    assert "tried again" in said(page.post(address, {"delivery": dead.pk}, follow=True))
    for other in (done.pk, foreign.pk, "nonsense", ""):
        assert "nothing to try again" in said(page.post(address, {"delivery": other}, follow=True))
    found = dict(Delivery.objects.values_list("pk", "state"))
    assert found == {dead.pk: "pending", done.pk: "delivered", foreign.pk: "dead"}


def test_a_page_asks_no_more_for_much_than_for_little(page: Client) -> None:
    row = made(details={"Call ID": "x"}, labels={"deployment": "d"})
    ops = channel()

    def more(count: int) -> None:
        for _ in range(count):
            one = delivery(ops, row)
            DeliveryAttempt.objects.create(delivery=one, number=1, began_at=timezone.now())
            IncidentEntry.objects.create(incident=row, at=timezone.now(), what="note", text="x")

    more(2)
    few = queries(page, url("incident", "change", row.pk))
    more(20)

    assert queries(page, url("incident", "change", row.pk)) == few
    assert few <= 14


def test_an_incident_that_is_gone_sends_back_to_the_list(page: Client) -> None:
    row = made()
    addresses = [url("incident", "change", row.pk), url("incident", "change", "nonsense")]
    posted = url("incident", "do", row.pk)
    row.delete()

    assert [page.get(address).status_code for address in addresses] == [302, 302]
    assert page.post(posted, {"verb": "resolve"}).status_code == 302


def test_deliveries_are_read_and_retried_together(page: Client, viewer: Client) -> None:
    row = made(title=HOSTILE)
    dead = delivery(channel(), row, state=DeliveryState.DEAD, last_error="The channel answered 404: no_service")
    done = delivery(dead.channel, row, state=DeliveryState.DELIVERED)
    route("everything else")
    text = text_of(page, url("delivery", "changelist"))
    sent = {"action": "retry_selected", "_selected_action": [dead.pk, done.pk]}

    assert "404: no_service" in text
    assert "Given up" in text
    viewer.post(url("delivery", "changelist"), sent)
    assert Delivery.objects.filter(state="dead").count() == 1
    assert "1 of 2 are tried again" in said(page.post(url("delivery", "changelist"), sent, follow=True))
    assert HOSTILE in text_of(page, url("delivery", "change", dead.pk))


def test_a_chinese_page_reads_chinese_and_what_it_writes_and_sends_is_english(page: Client) -> None:
    channel("chat")
    row = raised()
    page.cookies["django_language"] = "zh-hans"

    for verb in ("acknowledge", "unacknowledge", "silence-1h", "resend", "resolve", "reopen"):
        assert do(page, row, verb), verb
    shown = page.get(url("incident", "change", row.pk)).content.decode()
    inbox = page.get(url("incident", "changelist")).content.decode()

    assert "时间线（最新在前）" in shown
    assert "触发中，无人处理" in inbox
    written = [text for line in row.entries.values_list("text", "actor") for text in line]
    sent = [str(one.message) for one in Delivery.objects.all()]
    assert any(written)
    assert sent
    assert [text for text in (*written, *sent) if re.search(r"[\u4e00-\u9fff]", text)] == []
