"""The page of settings: one page, every alert type on it, and what makes no sense refused."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.test import Client

from alerts.events import AlertType
from alerts.events.kinds import grouped
from alerts.models import AlertSettings, EngineState
from tests.alerts.admin.pages import form_of, text_of, url
from tests.alerts.builders import NOW, channel, delivery, incident

pytestmark = pytest.mark.django_db
LIST = url("alertsettings", "changelist")


def test_every_alert_type_stands_in_one_group_and_has_its_words() -> None:
    named = [name for _, types in grouped() for name, _ in types]

    assert sorted(named) == sorted(AlertType)
    assert all(words for _, types in grouped() for _, words in types)


def test_the_settings_stand_where_a_list_would(page: Client) -> None:
    AlertSettings.objects.create(alert_types=["budget_alerts"], alerting_args={"labels": {"env": "prod"}})
    response = page.get(LIST)

    assert response.context["adminform"].form["alert_types"].value() == ["budget_alerts"]
    for shown in ("an upstream failed to answer", "Digests", "Spend report", '"env": "prod"'):
        assert shown in text_of(page, LIST)


def test_what_is_saved_there_holds(page: Client) -> None:
    AlertSettings.objects.create()
    sent = {**form_of(page.get(LIST)), "alert_types": ["llm_exceptions"], "alerting_threshold": "60"}
    assert page.post(LIST, sent).status_code == 302
    row = AlertSettings.objects.get()

    assert (row.alert_types, row.alerting_threshold, row.alerting_args) == (["llm_exceptions"], 60, {})


def test_before_anything_was_set_up_the_page_has_the_defaults(page: Client, viewer: Client) -> None:
    assert page.post(LIST, form_of(page.get(LIST))).status_code == 302
    assert AlertSettings.objects.get().alert_types == AlertSettings().alert_types
    assert viewer.get(LIST).status_code == 200


def test_who_only_looks_before_anything_was_set_up_sees_an_empty_list(viewer: Client) -> None:
    assert viewer.get(LIST).status_code == 200
    assert viewer.post(LIST, {"alerting_threshold": "1"}).status_code in (200, 302, 403)
    assert not AlertSettings.objects.exists()


def test_who_only_looks_changes_nothing(viewer: Client) -> None:
    AlertSettings.objects.create()

    assert viewer.post(LIST, {"alerting_threshold": "1"}).status_code == 403
    assert AlertSettings.objects.get().alerting_threshold == 300


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("alerting_args", "[]"),
        ("alerting_args", "nonsense"),
        ("alert_type_config", "5"),
        ("alert_types", ["nothing"]),
        ("alerting_threshold", "soon"),
        ("alerting_threshold", "-1"),
        ("alerting_threshold", "inf"),
        ("alerting_args", '{"outage_alert_ttl": -5}'),
        ("alerting_args", '{"outage_failure_rate": 2}'),
        ("alerting_args", '{"outage_alert_tll": 5}'),
        ("alerting_args", '{"labels": {"not a name": "x"}}'),
        ("alerting_args", '{"budget_thresholds": ["80"]}'),
        ("alert_type_config", '{"nothing": {"digest": true}}'),
        ("alert_type_config", '{"llm_too_slow": {"digest": true, "digest_interval": 0}}'),
        ("spend_report_frequency", "weekly"),
    ],
)
def test_what_makes_no_sense_is_refused(page: Client, field: str, value: object) -> None:
    AlertSettings.objects.create()
    response = page.post(LIST, {**form_of(page.get(LIST)), field: value})

    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == [field]
    assert AlertSettings.objects.get().alerting_args == {}


def test_a_misspelt_argument_is_told_what_was_meant(page: Client) -> None:
    AlertSettings.objects.create()
    sent = {**form_of(page.get(LIST)), "alerting_args": '{"outage_alert_tll": 5}'}

    assert "outage_alert_ttl" in str(page.post(LIST, sent).context["adminform"].form.errors)


def test_what_config_yaml_sets_is_not_changed_here_and_the_rest_is(page: Client) -> None:
    AlertSettings.objects.create(
        alerting_args={"outage_alert_ttl": 30}, configured=["alerting_args.outage_alert_ttl", "alerting_threshold"]
    )
    sent = form_of(page.get(LIST))
    for field, value in (("alerting_threshold", "5"), ("alerting_args", "{}")):
        refused = page.post(LIST, {**sent, field: value})
        assert "config.yaml sets" in str(refused.context["adminform"].form.errors[field])
    added = '{"outage_alert_ttl": 30, "alert_retention_days": 7}'

    assert page.post(LIST, {**sent, "alerting_args": added, "spend_report_frequency": "1d"}).status_code == 302
    row = AlertSettings.objects.get()
    assert row.alerting_args == {"outage_alert_ttl": 30, "alert_retention_days": 7}


def test_how_alerting_is_stands_above_the_settings(page: Client, viewer: Client) -> None:
    AlertSettings.objects.create(heartbeat_url="https://hc.example.com/hidden-uuid")
    told = delivery(channel("ops"), incident(), next_attempt_at=NOW - timedelta(minutes=9))
    told.attempts.create(number=1, began_at=NOW)
    EngineState.objects.create(
        ticked_at=NOW,
        audited_at=NOW,
        findings=[{"trouble": "deliveries_stuck", "subject": "ops", "said": "1 of them.", "withholds": True}],
        pinged_at=NOW,
        ping_status=200,
        ping_answer="OK",
        ping_withheld="Alerts wait and nobody sends them: ops.",
    )
    for reader in (page, viewer):
        shown = text_of(reader, LIST)
        for words in ("Not well", "Alerts wait and nobody sends them: ops. 1 of them.", "Last ping 2026-11-23 12:00:00",
                      "200 OK", "every 1 min, set by this page", "The heartbeat is withheld"):  # fmt: skip
            assert words in shown, words
        assert "hidden-uuid" not in shown + reader.get(LIST).content.decode()


def test_the_heartbeats_address_is_set_kept_and_forgotten(page: Client) -> None:
    AlertSettings.objects.create()
    sent = form_of(page.get(LIST))
    assert page.post(LIST, {**sent, "heartbeat_url": "https://hc.example.com/uuid"}).status_code == 302
    row = AlertSettings.objects.get()
    assert (row.heartbeat_url, row.heartbeat_private_address_allowed) == ("https://hc.example.com/uuid", True)

    assert page.post(LIST, {**form_of(page.get(LIST)), "alerting_threshold": "60"}).status_code == 302
    assert AlertSettings.objects.get().heartbeat_url == "https://hc.example.com/uuid"
    assert page.post(LIST, {**form_of(page.get(LIST)), "forget_heartbeat": "on"}).status_code == 302
    assert AlertSettings.objects.get().heartbeat_url == ""


@pytest.mark.parametrize("address", ["nonsense", "ftp://hc.example.com/x", "https://me:pw@hc.example.com/x"])
def test_what_is_no_address_is_refused_and_not_repeated(page: Client, address: str) -> None:
    AlertSettings.objects.create()
    response = page.post(LIST, {**form_of(page.get(LIST)), "heartbeat_url": address})

    assert list(response.context["adminform"].form.errors) == ["heartbeat_url"]
    assert address not in response.content.decode()


def test_a_heartbeat_of_config_yaml_is_changed_there(page: Client) -> None:
    AlertSettings.objects.create(heartbeat_url="https://hc.example.com/uuid", configured=["heartbeat_url"])
    sent = form_of(page.get(LIST))
    for change in ({"heartbeat_url": "https://other.example.com/"}, {"forget_heartbeat": "on"}):
        assert "config.yaml sets this" in str(page.post(LIST, {**sent, **change}).context["adminform"].form.errors)

    assert AlertSettings.objects.get().heartbeat_url == "https://hc.example.com/uuid"


def test_only_a_superusers_address_may_be_private(viewer: Client) -> None:
    AlertSettings.objects.create()
    changes = Permission.objects.get(codename="change_alertsettings")
    get_user_model().objects.get(pk="vic").user_permissions.add(changes)
    sent = form_of(viewer.get(LIST))
    assert viewer.post(LIST, {**sent, "heartbeat_url": "http://127.0.0.1/uuid"}).status_code == 302

    assert AlertSettings.objects.get().heartbeat_private_address_allowed is False
