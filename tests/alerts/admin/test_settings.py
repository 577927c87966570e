"""The page of settings: one page, every alert type on it, and what makes no sense refused."""

import pytest
from django.test import Client

from alerts.admin.types import grouped
from alerts.events import AlertType
from alerts.models import AlertSettings
from tests.alerts.admin.pages import form_of, text_of, url

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
    ],
)
def test_what_makes_no_sense_is_refused(page: Client, field: str, value: object) -> None:
    AlertSettings.objects.create()
    response = page.post(LIST, {**form_of(page.get(LIST)), field: value})

    assert response.status_code == 200
    assert field in response.context["adminform"].form.errors
