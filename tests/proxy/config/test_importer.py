"""A document becomes rows: twice changes nothing, secrets stay secret, and what an admin made stays."""

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from alerts.models import AlertChannel, AlertRoute, AlertSettings
from proxy.config import importer, known
from proxy.config.reader import ConfigError
from proxy.config.schema import Document
from proxy.models import ConfigField, Deployment, Source
from tests.proxy.config.article import ARTICLE

pytestmark = pytest.mark.django_db
WEBHOOK = "https://hooks.slack.com/services/hidden0123456789"


@pytest.fixture(autouse=True)
def _webhook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK_URL", WEBHOOK)


def document(text: str) -> Document:
    return Document.model_validate(yaml.safe_load(text))


def model(name: str = "gpt-4o", *, info: Any = None, **params: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"model_name": name, "litellm_params": {"model": f"openai/{name}", **params}}
    return {**entry, "model_info": info} if info is not None else entry


def models(*entries: dict[str, Any]) -> Document:
    return Document.model_validate({"model_list": list(entries)})


def everything() -> list[Any]:
    """Every row that an import may touch, by its values."""
    tables = (Deployment, ConfigField, AlertChannel, AlertRoute, AlertSettings)
    return [list(table._default_manager.order_by("pk").values()) for table in tables]


def test_the_article_becomes_rows() -> None:
    importer.apply(document(ARTICLE))

    deployment = Deployment.objects.get()
    assert (deployment.model_name, deployment.source) == ("gpt-4o", Source.CONFIG)
    assert deployment.litellm_params == {"model": "openai/gpt-4o"}
    assert deployment.secret_params() == {"api_key": "os.environ/OPENAI_API_KEY"}
    assert dict(ConfigField.objects.filter(section="litellm_settings").values_list("name", "value")) == {
        "callbacks": ["prometheus"],
        "custom_prometheus_metadata_labels": ["metadata.environment", "metadata.service", "metadata.version"],
        "custom_prometheus_tags": ["prod", "staging"],
    }
    assert {route.name: route.channels.count() for route in AlertRoute.objects.all()} == {
        "everything else": 1,
        "llm_exceptions": 1,
        "budget_alerts": 1,
        "daily_reports": 1,
        "outage_alerts": 2,
    }
    assert AlertSettings.load().alerting_args["minor_outage_alert_threshold"] == 5


@pytest.mark.parametrize(
    "text",
    [
        ARTICLE,
        "",
        "litellm_settings: {num_retries: 3, fallbacks: [{a: [b]}], cache_params: {ttl: 1.5, password: x}}",
        "general_settings: {store_model_in_db: true, alerting: [slack]}\nrouter_settings: {timeout: 5, x: null}",
        "model_list: [{model_name: a, litellm_params: {model: a}}, {model_name: a, litellm_params: {model: a}}]",
        "router_settings: {routing_strategy_args: {429: 3}}",
    ],
    ids=["article", "empty", "nested", "general", "twins", "number as key"],
)
def test_applying_twice_changes_nothing(text: str) -> None:
    importer.apply(document(text or "{}"))
    before = everything()

    diff = importer.apply(document(text or "{}"))

    assert diff.lines() == []
    assert everything() == before


def test_a_preview_tells_the_same_and_writes_nothing() -> None:
    importer.apply(models(model("old"), model("kept")))
    before = everything()

    told = importer.preview(document(ARTICLE)).lines()

    assert everything() == before
    assert told == importer.apply(document(ARTICLE)).lines()
    assert told


def test_what_left_the_file_leaves_the_tables() -> None:
    importer.apply(document(ARTICLE))

    diff = importer.apply(document("{}"))

    assert not Deployment.objects.exists()
    assert not ConfigField.objects.exists()
    assert not AlertRoute.objects.exists()
    assert not AlertChannel.objects.filter(enabled=True).exists()
    assert "deployment gpt-4o (openai/gpt-4o)" in diff.removed


def test_rows_of_an_admin_stay() -> None:
    deployment = Deployment.objects.create(model_name="own", litellm_params={"model": "own"}, source=Source.ADMIN)
    field = ConfigField.objects.create(section="router_settings", name="num_retries", value=7)
    channel = AlertChannel.objects.create(name="own", kind="slack", url=WEBHOOK)
    route = AlertRoute.objects.create(name="spend_reports", alert_types=["spend_reports"])
    route.channels.add(channel)

    importer.apply(document(ARTICLE))
    importer.apply(document("{}"))

    assert Deployment.objects.get() == deployment
    assert ConfigField.objects.get() == field
    assert AlertChannel.objects.get(enabled=True) == channel
    assert AlertRoute.objects.get() == route
    assert list(route.channels.all()) == [channel]


def test_a_changed_parameter_changes_the_deployment() -> None:
    importer.apply(models(model(info={"id": "d1"}, api_base="http://a/v1")))

    diff = importer.apply(models(model(info={"id": "d1"}, api_base="http://b/v1", timeout=5)))

    assert Deployment.objects.get(pk="d1").litellm_params == {
        "model": "openai/gpt-4o",
        "api_base": "http://b/v1",
        "timeout": 5,
    }
    assert diff.lines() == ["~ deployment gpt-4o (openai/gpt-4o): litellm_params"]


def test_a_rotated_key_keeps_the_deployments_id() -> None:
    importer.apply(models(model(api_key="sk-old")))
    before = Deployment.objects.get()

    diff = importer.apply(models(model(api_key="sk-new")))

    after = Deployment.objects.get()
    assert after.pk == before.pk
    assert after.secret_params() == {"api_key": "sk-new"}
    assert diff.lines() == ["~ deployment gpt-4o (openai/gpt-4o): credentials"]


def test_deployments_that_differ_only_in_their_key_all_exist() -> None:
    importer.apply(models(model(api_key="sk-1"), model(api_key="sk-2"), model(api_key="sk-3")))

    keys = {row.secret_params()["api_key"] for row in Deployment.objects.all()}
    assert keys == {"sk-1", "sk-2", "sk-3"}


def test_the_order_of_different_deployments_does_not_matter() -> None:
    one, other = model(api_base="http://a/v1", api_key="sk-1"), model(api_base="http://b/v1", api_key="sk-2")
    importer.apply(models(one, other))

    assert importer.apply(models(other, one)).lines() == []


def test_two_deployments_of_one_id_are_told_and_nothing_is_written() -> None:
    with pytest.raises(ValidationError, match="same"):
        models(model("a", info={"id": "same"}), model("b", info={"id": "same"}))
    assert not Deployment.objects.exists()


def test_an_id_that_an_admins_deployment_has_is_told() -> None:
    Deployment.objects.create(id="same", model_name="own", litellm_params={"model": "own"})

    with pytest.raises(ConfigError, match="same"):
        importer.apply(models(model(info={"id": "same"})))


@pytest.mark.parametrize(
    "entry",
    [
        "{model_name: a, litellm_params: {model: a, logit_bias: {50256: -100}}}",
        "{model_name: a, litellm_params: {model: a}, model_info: {deprecation_date: 2026-01-01}}",
        "{model_name: a, litellm_params: {model: a, released: 2026-01-01}}",
        "{model_name: a, litellm_params: {model: a}, model_info: {id: 5}}",
    ],
)
def test_whatever_yaml_can_write_can_be_stored(entry: str) -> None:
    text = f"model_list: [{entry}]"
    importer.apply(document(text))

    assert importer.apply(document(text)).lines() == []
    assert Deployment.objects.count() == 1


ROUTING: dict[str, Any] = {
    "allowed_fails": 1,
    "num_retries": 1,
    "request_timeout": 1,
    "fallbacks": [{"a": ["b"]}],
    "default_fallbacks": ["a"],
    "context_window_fallbacks": [],
    "content_policy_fallbacks": [],
}
OF_THEIR_TYPE: dict[str, dict[str, Any]] = {
    "general_settings": {
        "admin_only_routes": ["/x"],
        "allowed_ips": ["10.0.0.0/8"],
        "allowed_routes": ["/x"],
        "background_health_check_model_groups": ["gpt-4o"],
        "enforced_params": ["user"],
        "litellm_key_header_name": "X-Key",
        "maximum_spend_logs_retention_period": "30d",
        "max_request_size_mb": 1,
        "spend_capture_rate_check": {"threshold": 0.8},
        "token_rate_limit_type": "output",
        "upstream_allowed_networks": ["10.0.0.0/8"],
        "user_header_name": "X-User",
    },
    "litellm_settings": {
        "default_key_max_budget_alert_emails": {"75": ["ops@example.com"]},
        "budget_duration": "30d",
        "budget_exceeded_status_code": 429,
        "budget_reset_time": "06:30",
        "internal_user_budget_duration": "30d",
        "max_end_user_budget_id": "everybody",
        "tag_budget_config": {"batch": {"max_budget": 1}},
        "timezone": "Europe/Berlin",
        "callbacks": ["prometheus"],
        "cost_discount_config": {"openai": 0.05},
        "cost_margin_config": {"global": 0.1},
        "custom_prometheus_metadata_labels": ["metadata.a"],
        "custom_prometheus_tags": ["b"],
        "prometheus_deployment_and_latency_caller_identity": "both",
        "prometheus_exclude_labels": ["team"],
        "prometheus_exclude_metrics": ["litellm_spend_metric"],
        "prometheus_latency_buckets": [1, 2],
        "prometheus_metrics_config": [{"group": "g", "metrics": ["litellm_spend_metric"]}],
        "prometheus_metrics_max_series_per_metric": 5,
        "default_internal_user_params": {"max_budget": 1},
        "default_key_generate_params": {"max_budget": 1},
        "key_generation_settings": {"team_key_generation": {}},
        "upperbound_key_generate_params": {"max_budget": 1},
        **ROUTING,
    },
    "router_settings": {
        **{name: value for name, value in ROUTING.items() if name != "request_timeout"},
        **{key: {} for key in ["retry_policy", "allowed_fails_policy", "model_group_retry_policy"]},
        **{key: {} for key in ["model_group_alias", "provider_budget_config", "default_litellm_params"]},
        **dict.fromkeys(["timeout", "stream_timeout", "hedge_after", "retry_after", "cooldown_time"], 5),
        **dict.fromkeys(["max_cooldown_time", "consecutive_fails", "default_max_parallel_requests"], 5),
        **dict.fromkeys(["outlier_failure_percent", "outlier_minimum_requests", "max_ejected_percent"], 5),
        **dict.fromkeys(["retry_budget_percent", "retry_budget_minimum", "max_fallbacks"], 5),
        "optional_pre_call_checks": ["enforce_model_rate_limits"],
        "routing_strategy": "least-busy",
        "routing_strategy_args": {"ttl": 5},
    },
}


@pytest.mark.parametrize("section", ["litellm_settings", "general_settings", "router_settings"])
def test_every_known_setting_that_is_no_secret_is_stored(section: str) -> None:
    names = {"litellm_settings": known.LITELLM, "general_settings": known.GENERAL, "router_settings": known.ROUTER}
    elsewhere = {"alerting", "alerting_threshold", "alert_types", "alerting_args", "alert_to_webhook_url"}
    elsewhere |= {
        "alert_type_config",
        "email_settings",
        "spend_report_frequency",
        "dangerously_permit_weak_or_unset_master_key",
    }
    values = dict.fromkeys(names[section] - known.NEVER_STORED - elsewhere, True)
    importer.apply(Document.model_validate({section: {**values, **OF_THEIR_TYPE.get(section, {})}}))

    assert values.keys() - set(ConfigField.objects.values_list("name", flat=True)) == set()


def test_without_slack_in_alerting_no_channel_is_made() -> None:
    importer.apply(document("general_settings: {alert_to_webhook_url: {budget_alerts: 'https://h/x'}}"))

    assert not AlertChannel.objects.exists()


def test_without_the_variable_slack_has_no_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_WEBHOOK_URL")
    importer.apply(document("general_settings: {alerting: [slack]}"))

    assert not AlertChannel.objects.exists()


def test_litellms_other_variable_serves_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_WEBHOOK_URL")
    monkeypatch.setenv("ALERTING_WEBHOOK_URL", "https://other/x")
    importer.apply(document("general_settings: {alerting: [slack]}"))

    assert AlertChannel.objects.get().url == "https://other/x"
