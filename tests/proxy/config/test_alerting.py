"""LiteLLM's alerting keys and variables become channels and routes, and what cannot ring is said."""

from typing import Any

import pytest

from proxy.config.alerting import doubts, operator_channels
from proxy.config.general_schema import GeneralSettings

EVERYTHING = {
    "SLACK_WEBHOOK_URL": "https://slack.example/x",
    "MS_TEAMS_WEBHOOK_URL": "https://teams.example/x",
    "PAGERDUTY_API_KEY": "k" * 32,
    "WEBHOOK_URL": "https://hook.example/x",
    "SMTP_HOST": "mail.example",
}


def general(**keys: Any) -> GeneralSettings:
    return GeneralSettings.model_validate(keys)


def set_up(*, environment: dict[str, str] = EVERYTHING, **keys: Any) -> dict[str, tuple[list[str], tuple[str, ...]]]:
    """By route: the kinds of its channels, and its types."""
    channels, routes = operator_channels(general(**keys), environment)
    kinds = {one.name: str(one.kind) for one in channels}
    return {one.name: ([kinds[name] for name in one.channels], tuple(map(str, one.alert_types))) for one in routes}


def test_slack_takes_everything_that_has_no_address_of_its_own() -> None:
    found = set_up(alerting=["slack"], alert_to_webhook_url={"budget_alerts": ["https://a/x", "https://b/x"]})

    assert found == {"budget_alerts": (["slack", "slack"], ("budget_alerts",)), "everything else": (["slack"], ())}


def test_the_others_stand_beside_slack() -> None:
    found = set_up(alerting=["slack", "ms_teams", "pagerduty", "webhook", "email"])

    assert list(found) == ["ms_teams", "pagerduty", "webhook", "email", "everything else"]
    assert found["ms_teams"] == (["ms_teams"], ())
    assert found["webhook"][1] == found["email"][1] == ("budget_alerts",)
    assert "outage_alerts" in found["pagerduty"][1]
    assert "spend_reports" not in found["pagerduty"][1]


def test_the_webhook_speaks_litellms_format_and_mail_goes_to_those_concerned() -> None:
    channels, routes = operator_channels(general(alerting=["webhook", "email"]), EVERYTHING)

    assert {one.name: one.options for one in channels} == {"webhook": {"format": "litellm"}, "email": {"owners": True}}
    assert all(route.goes_on for route in routes)


def test_what_is_not_asked_for_is_not_set_up() -> None:
    assert set_up() == set_up(alerting=["sentry"]) == {}
    assert set_up(alerting=["slack", "ms_teams", "pagerduty", "webhook"], environment={}) == {}


def test_the_other_name_of_slacks_variable_is_taken_where_the_first_is_empty() -> None:
    environment = {"SLACK_WEBHOOK_URL": "", "ALERTING_WEBHOOK_URL": "https://other.example/x"}
    channels, _ = operator_channels(general(alerting=["slack"]), environment)

    assert [one.url for one in channels] == ["https://other.example/x"]


@pytest.mark.parametrize(
    ("keys", "environment", "sentence"),
    [
        ({"alerting": ["sentry"]}, {}, "'sentry' is not offered"),
        ({"alerting": ["slack"]}, {}, "SLACK_WEBHOOK_URL is not set"),
        ({"alerting": ["pagerduty"]}, {}, "PAGERDUTY_API_KEY is not set"),
        ({"alerting": ["email"]}, {}, "SMTP_HOST is not set"),
        (
            {"alerting_args": {"failure_threshold": 60, "log_to_console": True}},
            {},
            "failure_threshold, log_to_console",
        ),
    ],
)
def test_what_cannot_ring_is_said(keys: dict[str, Any], environment: dict[str, str], sentence: str) -> None:
    (doubt,) = doubts(general(**keys), environment)

    assert sentence in doubt


def test_of_what_rings_nothing_is_said() -> None:
    keys: dict[str, Any] = {"alerting": ["slack", "ms_teams", "pagerduty", "webhook", "email"]}

    assert doubts(general(**keys, alerting_args={"labels": {"environment": "prod"}}), EVERYTHING) == []
    by_type = {"alert_to_webhook_url": {"budget_alerts": "https://a/x"}}
    assert doubts(general(alerting=["slack"], **by_type), {}) == []
