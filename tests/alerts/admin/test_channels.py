"""A channel's page: its form, how it stands, and the ways to try it against a real server."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from alerts.models import AlertChannel, AlertSettings, ChannelKind, Delivery, DeliveryState, Incident, Silence
from alerts.samples import sampled_types
from alerts.transports import TRANSPORTS
from alerts.transports.slack import SlackTransport
from tests.alerts.admin.pages import form_of, plain, queries, said, text_of, url
from tests.alerts.builders import channel, delivery, incident, route
from tests.fakes.server import Reply
from tests.fakes.slack import FakeSlack

pytestmark = pytest.mark.django_db
SECRET = "hidden0123456789"


@pytest.fixture
def ops(slack: FakeSlack) -> AlertChannel:
    return channel("ops", f"{slack.url}/services/{SECRET}")


def page_of(row: AlertChannel, **query: Any) -> str:
    return url("alertchannel", "change", row.pk, **query)


def post(page: Client, row: AlertChannel, view: str, **sent: Any) -> Any:
    return page.post(url("alertchannel", view, row.pk), sent, follow=True)


def test_a_test_message_arrives_and_the_vendors_answer_is_shown(
    page: Client, ops: AlertChannel, slack: FakeSlack
) -> None:
    assert 'ops answered 200: "ok"' in said(post(page, ops, "test"))
    assert "This is a test slack alert message" in slack.messages[0]["text"]
    assert not Incident.objects.exists()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(404, "no_service"), "404: no_service"),
        (Reply(403, f"invalid_token {SECRET}"), "403: invalid_token ***"),
        (Reply(500, "<b>oops</b>"), "500: <b>oops</b>"),
    ],
)
def test_a_test_message_that_is_refused_shows_the_answer_as_it_is_and_no_secret(
    page: Client, ops: AlertChannel, slack: FakeSlack, reply: Reply, words: str
) -> None:
    slack.script(reply)
    response = post(page, ops, "test")

    assert words in said(response)
    assert SECRET not in response.content.decode()
    assert "<b>oops" not in response.content.decode()


def test_a_channel_that_is_switched_off_can_still_be_tested(page: Client, ops: AlertChannel) -> None:
    AlertChannel.objects.update(enabled=False)

    assert "answered 200" in said(post(page, ops, "test"))


def test_a_sample_goes_by_the_real_routes_and_leads_to_its_incident(page: Client, ops: AlertChannel) -> None:
    response = post(page, ops, "sample", type="llm_exceptions")
    made = Incident.objects.get()

    assert "To ops." in said(response)
    assert response.redirect_chain[-1][0] == url("incident", "change", made.pk)
    assert "[Sample]" in plain(response)
    assert "ada tries the alerts" in plain(response)
    assert Delivery.objects.get().channel == ops


def test_a_sample_that_does_not_come_to_this_channel_says_so(page: Client, ops: AlertChannel) -> None:
    other = AlertChannel.objects.create(name="other", kind="slack", url="http://127.0.0.1:9/x")

    assert "To ops. other is not among them" in said(post(page, other, "sample", type="llm_exceptions"))


def test_a_sample_that_nobody_is_told_of_says_why(page: Client, ops: AlertChannel) -> None:
    now = timezone.now()
    Silence.objects.create(matchers={"sample": "true"}, starts_at=now, ends_at=now + timedelta(hours=1), comment="x")

    assert "A silence holds. Nobody is told." in said(post(page, ops, "sample", type="llm_exceptions"))
    AlertSettings.objects.create(alert_types=[])
    response = post(page, ops, "sample", type="new_team_created")
    assert "Alerts of this type are switched off. Nobody is told." in said(response)
    assert response.redirect_chain[-1][0] == page_of(ops)


@pytest.mark.parametrize("alert_type", ["", "nothing", "<script>"])
def test_a_sample_of_what_has_none_is_refused(page: Client, ops: AlertChannel, alert_type: str) -> None:
    assert "no sample" in said(post(page, ops, "sample", type=alert_type))
    assert not Incident.objects.exists()


@pytest.mark.parametrize("view", ["test", "sample"])
def test_nothing_is_sent_by_a_link_a_forged_form_or_who_only_looks(
    page: Client, viewer: Client, ops: AlertChannel, slack: FakeSlack, view: str
) -> None:
    address, sent = url("alertchannel", view, ops.pk), {"type": "llm_exceptions"}
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = page.cookies

    assert page.get(address, sent).status_code == 405
    assert strict.post(address, sent).status_code == 403
    assert viewer.post(address, sent).status_code == 403
    assert address not in viewer.get(page_of(ops)).content.decode()
    assert not slack.messages
    assert not Incident.objects.exists()


def test_a_page_shows_how_the_channel_stands(page: Client, ops: AlertChannel) -> None:
    soon = timezone.now() + timedelta(hours=1)
    error = "The channel answered 404: <i>no_service</i>"
    AlertChannel.objects.update(failing_since=timezone.now(), last_error=error, not_before=soon)
    for state in (DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.DELIVERED):
        delivery(ops, incident(fingerprint=state), state=state)
    response = page.get(page_of(ops))

    for shown in ("Failing", f"Quiet until {soon:%Y-%m-%d %H:%M}", "Waiting 2", error, "Last delivery none yet"):
        assert shown in plain(response)
    assert "<i>no_service" not in response.content.decode()
    assert url("delivery", "changelist", channel__id__exact=ops.pk) in response.content.decode()
    assert page.get(url("delivery", "changelist", channel__id__exact=ops.pk)).context["cl"].result_list


@pytest.mark.parametrize(
    ("columns", "state"),
    [
        ({}, "Not tried"),
        ({"delivered_at": timezone.now()}, "Well"),
        ({"delivered_at": timezone.now(), "not_before": timezone.now() + timedelta(days=1)}, "Quiet"),
        ({"failing_since": timezone.now()}, "Failing"),
        ({"failing_since": timezone.now(), "enabled": False}, "Off"),
    ],
)
def test_a_list_says_how_each_channel_stands(page: Client, columns: dict[str, Any], state: str) -> None:
    made = channel("ops", **columns)

    assert state in text_of(page, url("alertchannel", "changelist"))
    assert state in text_of(page, page_of(made))


@pytest.mark.parametrize("alert_type", sampled_types())
def test_what_a_channel_would_be_sent_is_shown_and_not_sent(
    page: Client, viewer: Client, ops: AlertChannel, slack: FakeSlack, alert_type: str
) -> None:
    for browser in (page, viewer):
        response = browser.get(page_of(ops, preview=alert_type))
        assert f"Alert type: `{alert_type}`" in plain(response)
        assert SECRET not in response.content.decode()
    assert not slack.received


def test_a_preview_of_nonsense_is_none(page: Client, ops: AlertChannel) -> None:
    assert "Choose an alert type" in text_of(page, page_of(ops, preview="<script>"))


class _Mail(SlackTransport):
    kind = "email"

    def payload(self, *given: Any) -> dict[str, Any]:
        return {"subject": given[-1].title, "html": '<p>it\'s <b>"down"</b></p><script>alert(1)</script>'}


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Iterator[AlertChannel]:
    monkeypatch.setitem(TRANSPORTS, "email", _Mail())
    return AlertChannel.objects.create(name="mail", kind="email", url="mail")  # type: ignore[return-value]


def test_a_mail_is_shown_where_its_scripts_are_dead(page: Client, mail: AlertChannel) -> None:
    text = page.get(page_of(mail, preview="llm_exceptions")).content.decode()

    assert '<iframe sandbox="" srcdoc="&lt;p&gt;it&#x27;s &lt;b&gt;&quot;down&quot;' in text
    assert "<script>alert(1)" not in text


def test_a_form_says_what_each_kind_wants_and_offers_what_can_be_spoken_to(page: Client, mail: AlertChannel) -> None:
    response = page.get(url("alertchannel", "add"))
    offered = [value for value, _ in response.context["adminform"].form.fields["kind"].choices if value]

    assert set(offered) == set(TRANSPORTS)
    for kind in ChannelKind:
        assert (
            f"kind == &#x27;{kind}&#x27;" in response.content.decode()
            or f"kind == '{kind}'" in response.content.decode()
        )


def test_what_the_transport_finds_wrong_stands_at_the_field(page: Client) -> None:
    response = page.post(url("alertchannel", "add"), {"name": "ops", "kind": "slack", "most_per_minute": "20"})

    assert response.context["adminform"].form.errors == {"url": ["This field is required."]}
    assert not AlertChannel.objects.exists()


def test_saving_a_page_keeps_the_secret_and_what_private_addresses_are_worth(page: Client, ops: AlertChannel) -> None:
    response = page.get(page_of(ops))
    page.post(page_of(ops), {**form_of(response), "name": "renamed"})
    ops.refresh_from_db()

    assert ops.name == "renamed"
    assert SECRET in ops.url
    assert ops.private_address_allowed
    assert SECRET not in response.content.decode()


def test_what_no_superuser_types_may_not_be_a_private_address() -> None:
    users: Any = get_user_model()
    operator = users.objects.create(id="oscar", username="oscar", is_staff=True)
    may = Permission.objects.filter(content_type__model="alertchannel")
    operator.user_permissions.set([*may, Permission.objects.get(codename="view_everything")])
    browser = Client()
    browser.force_login(operator)
    sent = {"name": "ops", "kind": "slack", "url": "http://127.0.0.1:9/x", "most_per_minute": "20", "enabled": "on"}
    refused = browser.post(url("alertchannel", "add"), sent)
    assert "private network" in str(refused.context["adminform"].form.errors["url"])
    # A name says nothing before it is asked for.
    browser.post(url("alertchannel", "add"), {**sent, "url": "http://127.0.0.1.example.invalid/x"})
    AlertChannel.objects.update(url="http://127.0.0.1:9/x")

    assert not AlertChannel.objects.get().private_address_allowed
    assert "Not sent:" in said(post(browser, AlertChannel.objects.get(), "test"))


def test_a_page_asks_no_more_for_much_than_for_little(page: Client, ops: AlertChannel) -> None:
    delivery(ops, incident())
    few = queries(page, page_of(ops, preview="llm_exceptions")), queries(page, url("alertchannel", "changelist"))
    for number in range(20):
        route(f"route {number}", channel(f"channel {number}", types=()))
        delivery(ops, incident(fingerprint=str(number)))
    many = queries(page, page_of(ops, preview="llm_exceptions")), queries(page, url("alertchannel", "changelist"))

    assert many == few
