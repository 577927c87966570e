"""Several settings at once: all or none, channels among them, and what the file says stays as it says."""

from typing import Any

import pytest

from alerts.desk import Desk
from alerts.desk_verbs import save_channel, save_route
from alerts.models import AlertChannel, AlertRoute, AlertSettings
from alerts.services import channel_settings
from proxy.config import importer
from proxy.config.schema import Document
from proxy.config.update import update
from proxy.models import ConfigField
from teams.errors import Invalid

pytestmark = pytest.mark.django_db
HOOK = "https://hooks.slack.com/services/T0/B0/hidden0123456789"


@pytest.fixture(autouse=True)
def _no_channels_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLACK_WEBHOOK_URL", "ALERTING_WEBHOOK_URL", "MS_TEAMS_WEBHOOK_URL", "WEBHOOK_URL"):
        monkeypatch.delenv(name, raising=False)


def change(*, by_operator: bool = False, **sections: Any) -> None:
    update(sections, by_operator=by_operator)


def configured(**general: Any) -> None:
    importer.apply(Document.model_validate({"general_settings": general}))


def routed() -> dict[str, list[str]]:
    rows = AlertRoute.objects.filter(enabled=True).order_by("name")
    return {row.name: [one.url for one in row.channels.filter(enabled=True).order_by("name")] for row in rows}


def test_settings_of_every_section_are_stored() -> None:
    change(
        general_settings={"alerting_threshold": 60, "enforce_user_param": True},
        litellm_settings={"request_timeout": 30},
        router_settings={"num_retries": 2},
    )

    assert AlertSettings.load().alerting_threshold == 60
    assert set(ConfigField.objects.values_list("section", "name", "value", "source")) == {
        ("general_settings", "enforce_user_param", True, "api"),
        ("litellm_settings", "request_timeout", 30, "api"),
        ("router_settings", "num_retries", 2, "api"),
    }


@pytest.mark.parametrize(
    "sections",
    [
        {"litellm_settings": {"request_timeout": "soon"}},
        {"litellm_settings": {"no_such_setting": 1}},
        {"router_settings": {"redis_password": "hidden0123456789"}},
        {"router_settings": {"routing_strategy": "no-such-strategy"}},
        {"general_settings": {"master_key": "sk-hidden0123456789"}},
        {"general_settings": {"alerting": ["carrier-pigeon"]}},
        {"general_settings": {"alert_to_webhook_url": {"budget_alerts": "hidden0123456789"}}},
        {"general_settings": {"alert_to_webhook_url": {"budgets": HOOK}}},
        {"general_settings": {"alert_to_webhook_url": [HOOK]}},
        {"environment_variables": {"PATH": "hidden0123456789"}},
    ],
)
def test_what_is_wrong_is_refused_with_all_that_came_with_it(sections: dict[str, Any]) -> None:
    sections["general_settings"] = {"enforce_user_param": True, **sections.get("general_settings", {})}
    with pytest.raises(Invalid) as caught:
        change(**sections)

    assert "hidden0123456789" not in caught.value.message
    assert not ConfigField.objects.exists()
    assert not AlertChannel.objects.exists()


def test_addresses_for_types_mean_slack_and_are_merged() -> None:
    change(general_settings={"alert_to_webhook_url": {"budget_alerts": HOOK}})
    change(general_settings={"alert_to_webhook_url": {"llm_exceptions": [HOOK + "1", HOOK + "2"]}})
    assert routed() == {"budget_alerts": [HOOK], "llm_exceptions": [HOOK + "1", HOOK + "2"]}
    assert channel_settings("api").kinds == ("slack",)

    change(general_settings={"alert_to_webhook_url": {"budget_alerts": None}})
    assert routed() == {"llm_exceptions": [HOOK + "1", HOOK + "2"]}
    assert not AlertChannel.objects.get(name="slack budget_alerts 1").enabled


def test_channels_come_from_the_environment_and_go_with_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK_URL", HOOK)
    monkeypatch.setenv("MS_TEAMS_WEBHOOK_URL", "http://127.0.0.1/teams")
    change(general_settings={"alerting": ["slack", "ms_teams"]})
    assert sorted(channel_settings("api").kinds) == ["ms_teams", "slack"]
    assert AlertChannel.objects.get(kind="ms_teams").private_address_allowed, "the operator wrote it"

    change(general_settings={"alerting": ["slack"]})
    assert channel_settings("api").kinds == ("slack",)


def test_only_the_operators_addresses_may_be_private() -> None:
    change(general_settings={"alert_to_webhook_url": {"budget_alerts": "http://127.0.0.1/a"}}, by_operator=True)
    change(general_settings={"alert_to_webhook_url": {"llm_exceptions": "http://127.0.0.1/b"}})

    found = {row.url: row.private_address_allowed for row in AlertChannel.objects.all()}
    assert found == {"http://127.0.0.1/a": True, "http://127.0.0.1/b": False}


def test_what_the_file_says_is_refused_and_the_next_start_leaves_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK_URL", HOOK)
    configured(alerting=["slack"])
    with pytest.raises(Invalid, match="general_settings key 'alerting' is set in the config file"):
        change(general_settings={"alerting": ["slack", "email"]})

    change(general_settings={"alert_to_webhook_url": {"budget_alerts": HOOK + "1"}})
    configured(alerting=["slack"])
    assert routed() == {"budget_alerts": [HOOK + "1"], "everything else": [HOOK]}

    configured(alerting=["slack"], alert_to_webhook_url={"llm_too_slow": [HOOK + "2"]})
    with pytest.raises(Invalid, match="'alert_to_webhook_url' is set in the config file"):
        change(general_settings={"alert_to_webhook_url": {"budget_alerts": HOOK}})


def test_settings_of_the_file_are_refused_in_every_section() -> None:
    importer.apply(Document.model_validate({"litellm_settings": {"request_timeout": 30}}))

    with pytest.raises(Invalid, match="litellm_settings key 'request_timeout' is set in the config file"):
        change(litellm_settings={"request_timeout": 60})


def test_channels_and_routes_that_people_have_made_are_not_replaced() -> None:
    desk = Desk(is_operators=True)
    made = save_channel(desk, {"name": "red", "kind": "alertmanager", "url": "https://am.example.com"})
    save_route(desk, {"name": "red's", "position": 10, "channels": [made.pk]})
    change(general_settings={"alert_to_webhook_url": {"fallback_reports": HOOK}})
    change(general_settings={"alert_to_webhook_url": {"fallback_reports": ""}})

    assert routed()["red's"] == ["https://am.example.com"]
    assert AlertChannel.objects.get(name="red").enabled
