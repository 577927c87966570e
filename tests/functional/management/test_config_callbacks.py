"""Several settings at once over HTTP, and what is said of channels: never an address or a password."""

import httpx
import pytest

from tests.functional.management.answers import asked, refusal
from tests.functional.management.callers import Callers, made
from tests.gateway import Gateway

HOOK = "https://hooks.slack.com/services/T0/B0/hidden0123456789"


def test_addresses_for_types_are_set_shown_masked_and_taken_away(
    admin: httpx.Client, gateway: Gateway, callers: Callers
) -> None:
    change = {"alert_to_webhook_url": {"fallback_reports": HOOK}}
    assert made(admin, "/config/update", general_settings=change) == {"message": "Config updated successfully"}
    slack, email, teams = asked(admin, "/get/config/callbacks")["alerts"]
    assert slack["variables"] == {"SLACK_WEBHOOK_URL": "***"}
    assert slack["alerts_to_webhook"] == {"fallback_reports": "***"}
    assert "budget_alerts" in slack["active_alerts"]
    assert (email["name"], teams["name"]) == ("email", "ms_teams")
    assert email["variables"]["SMTP_PASSWORD"] is None
    with gateway.client(callers.keys["vic"]) as viewer:
        shown = viewer.get("/get/config/callbacks")
        assert shown.json()["alerts"][0]["variables"] == {"SLACK_WEBHOOK_URL": "REDACTED"}
    for answer in (shown, admin.get("/get/config/callbacks"), admin.get("/config/list"), admin.get("/audit")):
        assert "hidden0123456789" not in answer.text

    made(admin, "/config/update", general_settings={"alert_to_webhook_url": {"fallback_reports": None}})
    assert asked(admin, "/get/config/callbacks")["alerts"][0]["alerts_to_webhook"] == {}


def test_what_the_file_says_is_refused(admin: httpx.Client) -> None:
    status, said = refusal(admin, "/config/update", general_settings={"alerting": ["slack", "email"]})

    assert status == 400
    assert said == "general_settings key 'alerting' is set in the config file and cannot be changed here."


def test_the_environment_is_not_set_from_here(admin: httpx.Client) -> None:
    status, said = refusal(admin, "/config/update", environment_variables={"PATH": "/tmp"})

    assert (status, "environment_variables cannot be set here" in said) == (400, True)


def test_what_is_on_is_told(admin: httpx.Client) -> None:
    for path in ("/settings", "/active/callbacks"):
        found = asked(admin, path)
        assert (found["alerting"], found["num_alerting"]) == ("['slack']", 1)


@pytest.mark.parametrize("name", ["ada", "nobody", "vic"])
def test_only_admins_change_several_at_once(gateway: Gateway, callers: Callers, name: str) -> None:
    with gateway.client(callers.keys[name]) as client:
        answer = client.post("/config/update", json={"general_settings": {"alerting_threshold": 5}})
        assert answer.status_code in (401, 403)
        assert (client.get("/get/config/callbacks").status_code == 200) is (name == "vic")
