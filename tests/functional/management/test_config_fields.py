"""Settings over HTTP, in the shapes that LiteLLM's forms read."""

import httpx
import pytest

from tests.functional.management.answers import asked
from tests.functional.management.callers import Callers, made
from tests.gateway import Gateway

SHAPE = {
    "field_name", "field_type", "field_description", "field_value", "stored_in_db", "field_default_value",
    "premium_field", "nested_fields", "field_options", "field_tab", "source", "editable",
}  # fmt: skip


def field(client: httpx.Client, path: str, name: str) -> dict[str, object]:
    found: list[dict[str, object]] = asked(client, path)
    (one,) = [one for one in found if one["field_name"] == name]
    return one


def test_alerting_settings_are_those_of_litellm_with_what_is_set(admin: httpx.Client) -> None:
    listed = asked(admin, "/alerting/settings")

    assert listed[0]["field_name"] == "slack_alerting"
    assert listed[0]["field_value"] is True
    assert (listed[0]["source"], listed[0]["editable"], listed[0]["stored_in_db"]) == ("config", False, False)
    assert all(one.keys() == SHAPE for one in listed)
    frequency = field(admin, "/alerting/settings", "daily_report_frequency")
    assert (frequency["field_type"], frequency["field_default_value"], frequency["source"]) == (
        "Integer",
        43200,
        "unset",
    )
    assert frequency["premium_field"] is False


def test_a_setting_is_changed_read_and_taken_back(admin: httpx.Client) -> None:
    changed = made(admin, "/config/field/update", field_name="alerting_args", field_value={"outage_alert_ttl": 30})
    assert changed["param_value"]["alerting_args"] == {"outage_alert_ttl": 30}
    assert field(admin, "/alerting/settings", "outage_alert_ttl")["field_value"] == 30
    assert asked(admin, "/config/field/info", field_name="alerting_args")["field_value"] == {"outage_alert_ttl": 30}
    assert field(admin, "/config/list", "alerting_args")["stored_in_db"] is True

    made(admin, "/config/field/delete", field_name="alerting_args")
    assert field(admin, "/alerting/settings", "outage_alert_ttl")["source"] == "unset"
    assert admin.get("/config/field/info", params={"field_name": "alerting_args"}).status_code == 400


def test_a_wrong_value_is_refused_and_changes_nothing(admin: httpx.Client) -> None:
    answer = admin.post("/config/field/update", json={"field_name": "alerting_threshold", "field_value": "soon"})

    assert answer.status_code == 400, answer.text
    assert "Invalid alerting_threshold" in answer.text
    assert field(admin, "/config/list", "alerting_threshold")["source"] == "unset"


@pytest.mark.parametrize("path", ["/config/field/update", "/config/field/delete"])
def test_only_admins_change_settings_and_viewers_read_them(gateway: Gateway, callers: Callers, path: str) -> None:
    body = {"field_name": "alerting_threshold", "field_value": 5}
    for name, may_read in (("vic", True), ("ada", False), ("nobody", False)):
        with gateway.client(callers.keys[name]) as client:
            assert client.post(path, json=body).status_code in (401, 403), name
            assert (client.get("/alerting/settings").status_code == 200) is may_read, name
