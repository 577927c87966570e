"""The verbs other apps use: the operator's channels, and the test of a channel."""

from typing import Any

import pytest

import alerts.services
from alerts.events import ON_BY_DEFAULT
from alerts.models import AlertChannel, AlertRoute, AlertSettings, ChannelKind, Delivery, Incident, Source
from alerts.operator import EVERYTHING_ELSE, OF_A_TYPE, THE_REST, OperatorChannel, OperatorRoute
from tests.alerts.builders import channel, exception
from tests.fakes.server import Reply
from tests.fakes.slack import FakeSlack

pytestmark = pytest.mark.django_db
ONE, TWO = "https://hooks.example/hidden-one", "https://hooks.example/hidden-two"


def set_channels(default: str | None = None, by_type: dict[str, list[str]] | None = None, **settings: Any) -> list[str]:
    channels, routes = [], []
    for alert_type, urls in (by_type or {}).items():
        own = [
            OperatorChannel(f"slack {alert_type} {n}", ChannelKind.SLACK, url) for n, url in enumerate(urls, start=1)
        ]
        channels += own
        routes.append(OperatorRoute(alert_type, OF_A_TYPE, tuple(one.name for one in own), (alert_type,)))
    if default:
        channels.append(OperatorChannel("slack", ChannelKind.SLACK, default))
        routes.append(OperatorRoute(EVERYTHING_ELSE, THE_REST, ("slack",)))
    return alerts.services.set_operator_channels(channels=channels, routes=routes, settings=settings)


def routes() -> dict[str, list[str]]:
    return {
        "".join(route.alert_types): sorted(one.url for one in route.channels.all())
        for route in AlertRoute.objects.all()
    }


def test_the_default_channel_takes_what_has_no_other() -> None:
    changes = set_channels(ONE)

    made = AlertChannel.objects.get()
    assert (made.name, made.url, made.source) == ("slack", ONE, Source.CONFIG)
    assert made.private_address_allowed
    assert routes() == {"": [ONE]}
    assert changes
    assert "hidden" not in " ".join(changes)


def test_types_have_channels_of_their_own() -> None:
    set_channels(ONE, {"outage_alerts": [ONE, TWO], "budget_alerts": [TWO]})

    assert routes() == {"": [ONE], "outage_alerts": [ONE, TWO], "budget_alerts": [TWO]}


def test_the_same_again_changes_nothing() -> None:
    facts: dict[str, Any] = {"alerting_threshold": 60, "alert_types": ["budget_alerts"], "alerting_args": {"a": 1}}
    set_channels(ONE, {"budget_alerts": [TWO]}, **facts)

    assert set_channels(ONE, {"budget_alerts": [TWO]}, **facts) == []


def test_another_address_is_the_same_channel() -> None:
    set_channels(ONE)
    before = AlertChannel.objects.get().pk

    assert set_channels(TWO) == ["channel slack: url"]
    assert AlertChannel.objects.get().pk == before
    assert AlertChannel.objects.get().url == TWO


def test_what_left_the_file_is_silent_and_keeps_its_log() -> None:
    set_channels(ONE, {"budget_alerts": [TWO]})
    changes = set_channels()

    assert routes() == {}
    assert not AlertChannel.objects.filter(enabled=True).exists()
    assert AlertChannel.objects.count() == 2
    assert sorted(changes) == [
        "channel slack budget_alerts 1 switched off",
        "channel slack switched off",
        "route budget_alerts removed",
        "route everything else removed",
    ]


def test_a_channel_that_comes_back_speaks_again() -> None:
    set_channels(ONE)
    set_channels()
    set_channels(ONE)

    assert AlertChannel.objects.get().enabled
    assert routes() == {"": [ONE]}


def test_an_admins_channel_of_the_same_name_keeps_its_address() -> None:
    own = AlertChannel.objects.create(name="slack", kind="slack", url=TWO, source=Source.ADMIN)
    set_channels(ONE)
    set_channels()

    own.refresh_from_db()
    assert (own.url, own.source, own.enabled) == (TWO, Source.ADMIN, True)


def test_an_admins_route_of_the_same_type_keeps_its_channels() -> None:
    own = AlertChannel.objects.create(name="own", kind="slack", url=TWO)
    route = AlertRoute.objects.create(name=EVERYTHING_ELSE)
    route.channels.add(own)
    set_channels(ONE)
    set_channels()

    assert own in route.channels.all()
    assert AlertRoute.objects.filter(pk=route.pk).exists()


def test_settings_are_those_of_the_file_and_the_default_when_they_leave_it() -> None:
    set_channels(alert_types=["budget_alerts"], alerting_threshold=60, alerting_args={"outage_alert_ttl": 30})
    assert AlertSettings.load().configured == ["alert_types", "alerting_args.outage_alert_ttl", "alerting_threshold"]
    changes = set_channels(alerting_threshold=60)

    row = AlertSettings.load()
    assert row.alert_types == [kind.value for kind in ON_BY_DEFAULT]
    assert (row.alerting_threshold, row.alerting_args) == (60, {})
    assert changes == ["alert_types", "alerting_args.outage_alert_ttl"]


def test_settings_that_the_file_does_not_name_are_the_admins() -> None:
    set_channels(alerting_args={"outage_alert_ttl": 30})
    row = AlertSettings.load()
    row.alert_types, row.alerting_args = ["budget_alerts"], {"outage_alert_ttl": 30, "budget_alert_ttl": 60}
    row.save()

    assert set_channels(alerting_args={"outage_alert_ttl": 30}) == []
    assert AlertSettings.load().alert_types == ["budget_alerts"]
    set_channels()
    assert AlertSettings.load().alerting_args == {"budget_alert_ttl": 60}


def test_a_test_message_reaches_each_enabled_channel_and_leaves_no_incident(slack: FakeSlack) -> None:
    channel("b", f"{slack.url}/b", types=("budget_alerts",))
    channel("a", f"{slack.url}/a")
    channel("off", f"{slack.url}/off", enabled=False)

    tests = alerts.services.test_channels(kind="slack")

    assert [(test.channel, test.status, test.error) for test in tests] == [("a", 200, ""), ("b", 200, "")]
    assert [received.path for received in slack.received] == ["/a", "/b"]
    assert "test slack alert" in slack.messages[0]["text"]
    assert not Incident.objects.exists()
    assert not Delivery.objects.exists()


def test_a_test_tells_what_the_channel_answered_and_never_its_address(slack: FakeSlack) -> None:
    channel("a", f"{slack.url}/hidden")
    slack.script(Reply(404, "no_service"))

    (test,) = alerts.services.test_channels(kind="slack")

    assert (test.channel, test.status) == ("a", 404)
    assert "no_service" in test.error
    assert "hidden" not in test.error


def test_a_channel_whose_address_is_none_fails_its_test_with_a_sentence(slack: FakeSlack) -> None:
    channel("bad", "http://127.0.0.1:99999/hidden")
    channel("good", f"{slack.url}/good")

    bad, good = alerts.services.test_channels(kind="slack")

    assert bad.error
    assert "hidden" not in bad.error
    assert good.error == ""


def test_without_a_buffer_an_event_is_written_at_once() -> None:
    alerts.services.emit(exception())

    assert Incident.objects.get().count == 1


def test_a_channel_that_is_on_was_switched_on_by_the_operator_or_by_hand() -> None:
    assert alerts.services.channel_source("slack") is None
    channel("of a team", team_id="red")
    channel("off", enabled=False)
    assert alerts.services.channel_source("slack") is None

    channel("by hand")
    assert alerts.services.channel_source("slack") == "db"
    set_channels(ONE)
    assert alerts.services.channel_source("slack") == "config"
