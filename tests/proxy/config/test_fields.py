"""Single settings, changed while the gateway runs: checked as those of the file, which keeps what it says."""

from typing import Any

import pytest

from alerts.models import AlertSettings
from proxy.config import fields, importer
from proxy.config.schema import Document
from proxy.models import ConfigField, Section, Source
from teams.errors import Invalid

pytestmark = pytest.mark.django_db


def configured(**general: Any) -> None:
    importer.apply(Document.model_validate({"general_settings": general}))


def sources() -> dict[str, str]:
    return {one.name: one.source for one in fields.settings() if one.source != "unset"}


def test_a_setting_is_changed_and_taken_back() -> None:
    fields.change("enforce_user_param", True)
    row = ConfigField.objects.get(section=Section.GENERAL, name="enforce_user_param")
    assert (row.value, row.source) == (True, Source.API)
    assert fields.find("enforce_user_param").value is True

    fields.reset("enforce_user_param")
    assert not ConfigField.objects.exists()
    with pytest.raises(Invalid, match="enforce_user_param is not set"):
        fields.find("enforce_user_param")


def test_alert_settings_are_changed_where_the_engine_reads_them() -> None:
    fields.change("alerting_threshold", 60)
    fields.change("alert_types", ["llm_exceptions"])
    fields.change("alert_type_config", {"llm_too_slow": {"digest": True, "digest_interval": 60}})
    fields.change("spend_report_frequency", "1d")

    row = AlertSettings.load()
    assert (row.alerting_threshold, row.alert_types, row.spend_report_frequency) == (60, ["llm_exceptions"], "1d")
    assert row.digest_seconds() == {"llm_too_slow": 60}
    assert set(sources()) == {"alerting_threshold", "alert_types", "alert_type_config", "spend_report_frequency"}
    fields.reset("alert_types")
    assert "budget_alerts" in AlertSettings.load().alert_types


def test_what_the_file_says_cannot_be_changed() -> None:
    configured(alerting_threshold=60, enforce_user_param=True)

    for name, value in (("alerting_threshold", 30), ("enforce_user_param", False)):
        with pytest.raises(Invalid, match=f"'{name}' is set in the config file and cannot be changed here"):
            fields.change(name, value)
        with pytest.raises(Invalid, match="cannot be changed here"):
            fields.reset(name)
    assert sources() == {"alerting_threshold": "config", "enforce_user_param": "config"}


def test_arguments_of_the_file_stay_and_the_others_are_the_admins() -> None:
    configured(alerting_args={"outage_alert_ttl": 30})
    with pytest.raises(Invalid, match="cannot be changed here"):
        fields.change("alerting_args", {"budget_thresholds": [50]})

    row = AlertSettings.load()
    row.alerting_args = {**row.alerting_args, "minor_outage_alert_threshold": 3}
    row.save()
    fields.change("alerting_args", {"budget_thresholds": [50], "outage_alert_ttl": 5})
    assert AlertSettings.load().alerting_args == {"outage_alert_ttl": 30, "budget_thresholds": [50]}
    found = {one.name: one.source for one in fields.alerting_arguments() if one.source != "unset"}
    assert found == {"outage_alert_ttl": "config", "budget_thresholds": "db"}
    fields.reset("alerting_args")
    assert AlertSettings.load().alerting_args == {"outage_alert_ttl": 30}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("alerting_threshold", 0, "Invalid alerting_threshold"),
        ("alerting_threshold", "soon", "Invalid alerting_threshold"),
        ("alert_types", ["llm_exeptions"], "is not an alert type"),
        ("alerting_args", {"minor_outage_alert_threshold": -1}, "alerting_args.minor_outage_alert_threshold"),
        ("alerting_args", {"minor_outage_treshold": 1}, "'minor_outage_treshold' is not an argument"),
        ("alerting_args", [1], "Invalid alerting_args"),
        ("alerting_args", None, "Invalid alerting_args"),
        ("no_such_thing", 1, "Invalid field=no_such_thing passed in"),
        ("master_key", "sk-hidden", "Invalid field=master_key passed in"),
        ("alerting", ["slack"], "channels are changed by /config/update"),
        ("alert_to_webhook_url", {"budget_alerts": "https://h/hidden"}, "are changed by /config/update"),
    ],
)
def test_what_is_wrong_is_refused_with_a_sentence_and_not_stored(name: str, value: Any, sentence: str) -> None:
    with pytest.raises(Invalid) as refused:
        fields.change(name, value)

    assert sentence in refused.value.message
    assert "hidden" not in refused.value.message
    assert not ConfigField.objects.exists()
    assert not AlertSettings.objects.exists()


def test_every_setting_and_argument_has_a_type_and_no_secret() -> None:
    listed = [*fields.settings(), *fields.alerting_arguments()]

    assert {one.type for one in listed} <= {"Boolean", "Integer", "Float", "String", "List", "Object"}
    assert not {"master_key", "alerting", "alert_to_webhook_url"} & {one.name for one in listed}
    assert {one.name for one in fields.alerting_arguments()} >= {"daily_report_frequency", "outage_alert_ttl"}
