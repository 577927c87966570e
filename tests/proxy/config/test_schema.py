"""What a config.yaml may say: every setting of the article, and what is wrong told with its place."""

from collections.abc import Callable
from pathlib import Path

import pytest

from alerts.events import AlertType
from proxy.config.reader import read
from tests.proxy.config.article import ALERT_TYPES_OF_THE_ARTICLE, ARTICLE
from tests.proxy.config.test_reader import problem

WriteConfig = Callable[[str], Path]
MODEL = "model_list: [{{model_name: a, litellm_params: {{model: a}}, model_info: {{{}}}}}]"


def test_every_setting_of_the_article_is_read(write_config: WriteConfig) -> None:
    document = read(write_config(ARTICLE))
    general, litellm = document.general_settings, document.litellm_settings

    assert general.alerting == ["slack"]
    assert (general.alerting_threshold, general.spend_report_frequency) == (300, "1d")
    assert general.alert_types is not None
    assert len(general.alert_types) == 8
    assert general.alerting_args.model_dump(exclude_unset=True) == {
        "daily_report_frequency": 43200,
        "report_check_interval": 3600,
        "budget_alert_ttl": 86400,
        "outage_alert_ttl": 60,
        "minor_outage_alert_threshold": 5,
        "major_outage_alert_threshold": 10,
    }
    assert {name: len(urls) for name, urls in general.alert_to_webhook_url.items()} == {
        "llm_exceptions": 1,
        "budget_alerts": 1,
        "daily_reports": 1,
        "outage_alerts": 2,
    }
    assert litellm.callbacks == ["prometheus"]
    assert len(litellm.custom_prometheus_metadata_labels) == 3
    assert litellm.custom_prometheus_tags == ["prod", "staging"]
    assert document.unknown_keys() == []


@pytest.mark.parametrize("name", ALERT_TYPES_OF_THE_ARTICLE)
def test_every_alert_type_of_the_article_is_known(name: str) -> None:
    assert name in set(AlertType)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("model_list: 5", "model_list"),
        ("model_list: {a: b}", "model_list"),
        ("general_settings: {request_traces: some}", "general_settings.request_traces"),
        ("general_settings: {request_traces_retention: a week}", "general_settings.request_traces_retention"),
        ("general_settings: {request_traces_retention: 7}", "general_settings.request_traces_retention"),
        ("model_list: [5]", "model_list[0]"),
        ("model_list: [{model_name: a}]", "model_list[0].litellm_params"),
        ("model_list: [{litellm_params: {model: a}}]", "model_list[0].model_name"),
        ("model_list: [{model_name: '', litellm_params: {model: a}}]", "model_list[0].model_name"),
        ("model_list: [{model_name: a, litellm_params: {api_key: b}}]", "model_list[0].litellm_params.model"),
        ("model_list: [{model_name: a, litellm_params: {model: a, api_key: [b]}}]", "litellm_params.api_key"),
        ("model_list: [{model_name: a, litellm_params: {model: a}, model_info: 5}]", "model_list[0].model_info"),
        ("general_settings: []", "general_settings"),
        ("general_settings: {alerting: slack}", "general_settings.alerting"),
        ("general_settings: {alerting: [slak]}", "general_settings.alerting[0]"),
        ("general_settings: {alerting_threshold: soon}", "general_settings.alerting_threshold"),
        ("general_settings: {alerting_threshold: 0}", "general_settings.alerting_threshold"),
        ("general_settings: {alerting_threshold: .inf}", "general_settings.alerting_threshold"),
        ("general_settings: {alerting_threshold: .nan}", "general_settings.alerting_threshold"),
        ("general_settings: {alert_types: llm_exceptions}", "general_settings.alert_types"),
        ("general_settings: {alerting_args: {budget_alert_ttl: x}}", "general_settings.alerting_args.budget_alert_ttl"),
        ("general_settings: {alerting_args: [1]}", "general_settings.alerting_args"),
        ("general_settings: {spend_report_frequency: weekly}", "general_settings.spend_report_frequency"),
        *(
            (f"general_settings: {{alerting_args: {{{name}: {value}}}}}", f"general_settings.alerting_args.{name}")
            for name, value in (
                ("daily_spend_per_user_threshold", 0),
                ("monthly_spend_per_user_threshold", "much"),
                ("spend_anomaly_multiplier", -1),
                ("spend_anomaly_baseline_days", 0),
                ("spend_anomaly_min_spend", ".inf"),
                ("user_spend_check_interval", 59),
                ("model_deprecation_days", -1),
            )
        ),
        ("general_settings: {spend_report_frequency: 0d}", "general_settings.spend_report_frequency"),
        ("general_settings: {spend_report_frequency: 7}", "general_settings.spend_report_frequency"),
        ("general_settings: {alert_to_webhook_url: {budget_alerts: 5}}", "alert_to_webhook_url.budget_alerts"),
        ("general_settings: {alert_to_webhook_url: {budget_alerts: []}}", "alert_to_webhook_url.budget_alerts"),
        ("general_settings: {alert_to_webhook_url: {budget_alerts: 'x'}}", "alert_to_webhook_url.budget_alerts"),
        ("general_settings: {master_key: ''}", "general_settings.master_key"),
        ("litellm_settings: {callbacks: {a: b}}", "litellm_settings.callbacks"),
        *(
            (f"{section}: {{{name}: {value}}}", f"{section}.{name}")
            for section, name, value in (
                ("general_settings", "max_parallel_requests", "many"),
                ("general_settings", "global_max_parallel_requests", -1),
                ("general_settings", "max_response_size_mb", 0),
                ("general_settings", "token_rate_limit_type", "both"),
                ("general_settings", "upstream_allowed_networks", "intranet"),
                ("litellm_settings", "max_budget", -1),
                ("litellm_settings", "budget_duration", "fortnight"),
                ("litellm_settings", "budget_exceeded_status_code", 200),
                ("litellm_settings", "tag_budget_config", "[batch]"),
                ("litellm_settings", "prometheus_emit_stream_label", "some"),
            )
        ),
        (
            "general_settings: {alerting_args: {outage_failure_rate: 50}}",
            "general_settings.alerting_args.outage_failure_rate",
        ),
        (
            "general_settings: {alerting_args: {outage_counted: [typo]}}",
            "general_settings.alerting_args.outage_counted[0]",
        ),
        (
            "general_settings: {alerting_args: {slow_percentile: {second: 5}}}",
            "general_settings.alerting_args.slow_percentile.second",
        ),
        (
            "general_settings: {alerting_args: {slow_percentile: {models: {m: {percentile: 101}}}}}",
            "general_settings.alerting_args.slow_percentile.models.m.percentile",
        ),
        (
            "general_settings: {alerting_args: {budget_thresholds: [50, 0]}}",
            "general_settings.alerting_args.budget_thresholds[1]",
        ),
        ("litellm_settings: {custom_prometheus_tags: prod}", "litellm_settings.custom_prometheus_tags"),
        ("litellm_settings: {custom_prometheus_tags: [1]}", "litellm_settings.custom_prometheus_tags[0]"),
        ("litellm_settings: {timezone: Europe/Berlni}", "litellm_settings.timezone: this is no time zone"),
        ("litellm_settings: {timezone: 5}", "litellm_settings.timezone: this is no time zone"),
        ("litellm_settings: {timezone: null}", "litellm_settings.timezone"),
        ("litellm_settings: {budget_reset_time: noon}", "litellm_settings.budget_reset_time: this is no time of day"),
        ("litellm_settings: {budget_reset_time: 12:30}", 'hours and minutes in quotes, such as "06:30"'),
        ("litellm_settings: {cost_discount_config: 0.1}", "litellm_settings.cost_discount_config"),
        ("litellm_settings: {cost_discount_config: {openai: 5%}}", "litellm_settings.cost_discount_config.openai"),
        ("litellm_settings: {cost_discount_config: {openai: 5}}", "litellm_settings.cost_discount_config.openai"),
        ("litellm_settings: {cost_margin_config: {global: -0.1}}", "litellm_settings.cost_margin_config.global"),
        (
            "litellm_settings: {cost_margin_config: {global: {percent: 1}}}",
            "litellm_settings.cost_margin_config.global",
        ),
        ("litellm_settings: {cost_margin_config: {a: {fixed_amount: x}}}", "litellm_settings.cost_margin_config.a"),
        ("router_settings: [1]", "router_settings"),
        ("environment_variables: [A]", "environment_variables"),
    ],
)
def test_a_wrong_type_is_told_with_its_place(write_config: WriteConfig, text: str, place: str) -> None:
    assert place in problem(write_config(text))


@pytest.mark.parametrize(
    ("written", "meant"),
    [("llm_exception", "llm_exceptions"), ("budget_alert", "budget_alerts"), ("db_exceptons", "db_exceptions")],
)
def test_a_misspelt_alert_type_is_told_with_the_one_that_was_meant(
    write_config: WriteConfig, written: str, meant: str
) -> None:
    listed = problem(write_config(f"general_settings: {{alert_types: [{written}]}}"))
    routed = problem(write_config(f"general_settings: {{alert_to_webhook_url: {{{written}: 'https://h/x'}}}}"))

    assert f"did you mean '{meant}'?" in listed
    assert f"did you mean '{meant}'?" in routed


@pytest.mark.parametrize("key", ["general_settings", "litellm_settings", "router_settings"])
def test_an_unknown_key_is_warned_of_once_with_what_was_meant(write_config: WriteConfig, key: str) -> None:
    meant = {"general_settings": "alerting", "litellm_settings": "callbacks", "router_settings": "num_retries"}[key]
    found = read(write_config(f"{key}: {{{meant}x: 1}}")).unknown_keys()

    assert found == [f"{key}.{meant}x is not a setting and has no effect (did you mean '{meant}'?)"]


def test_a_known_setting_of_later_use_is_not_warned_of(write_config: WriteConfig) -> None:
    text = """
general_settings: {database_url: "postgres://h/d", store_model_in_db: true, alerting_args: {log_to_console: true}}
litellm_settings: {num_retries: 3, cache: true, cache_params: {type: redis}}
router_settings: {routing_strategy: simple-shuffle, redis_host: h}
credential_list: []
"""
    assert read(write_config(text)).unknown_keys() == []


def test_an_unknown_section_and_an_unknown_alerting_argument_are_warned_of(write_config: WriteConfig) -> None:
    text = "general_setings: {}\ngeneral_settings: {alerting_args: {budget_alert_tll: 5}}"

    assert [line.split()[0] for line in read(write_config(text)).unknown_keys()] == [
        "general_setings",
        "general_settings.alerting_args.budget_alert_tll",
    ]


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False), ("failures", "failures")])
def test_which_requests_leave_a_trace_is_a_setting(write_config: WriteConfig, text: str, value: object) -> None:
    document = read(write_config(f"general_settings: {{request_traces: {text}, request_traces_retention: 30d}}"))

    assert document.general_settings.request_traces == value
    assert document.general_settings.request_traces_retention == "30d"
    assert document.unknown_keys() == document.without_effect() == []


def test_the_calendar_of_budgets_is_a_setting_that_has_effect(write_config: WriteConfig) -> None:
    text = "litellm_settings: {timezone: Asia/Kathmandu, budget_reset_time: '06:30'}"
    document = read(write_config(text))

    assert (document.litellm_settings.timezone, document.litellm_settings.budget_reset_time) == (
        "Asia/Kathmandu",
        "06:30",
    )
    assert document.unknown_keys() == document.without_effect() == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("general_settings: {background_health_checks: sometimes}", "general_settings.background_health_checks"),
        ("general_settings: {health_check_interval: 0}", "general_settings.health_check_interval"),
        ("general_settings: {health_check_interval: soon}", "general_settings.health_check_interval"),
        ("general_settings: {health_check_concurrency: 0}", "general_settings.health_check_concurrency"),
        ("general_settings: {health_check_concurrency: 101}", "general_settings.health_check_concurrency"),
        (
            "general_settings: {health_check_staleness_threshold: -1}",
            "general_settings.health_check_staleness_threshold",
        ),
        ("general_settings: {background_health_check_model_groups: 5}", "background_health_check_model_groups"),
        ("general_settings: {enable_health_check_routing: 5}", "general_settings.enable_health_check_routing"),
        (MODEL.format("health_check_timeout: 0"), "model_list[0].model_info.health_check_timeout"),
        (MODEL.format("health_check_timeout: 601"), "model_list[0].model_info.health_check_timeout"),
        (MODEL.format("health_check_max_tokens: few"), "model_list[0].model_info.health_check_max_tokens"),
        (MODEL.format("health_check_model: 5"), "model_list[0].model_info.health_check_model"),
        (MODEL.format("disable_background_health_check: 5"), "model_info.disable_background_health_check"),
    ],
)
def test_a_setting_of_health_checks_of_the_wrong_kind_is_told_with_its_place(
    write_config: WriteConfig, text: str, place: str
) -> None:
    assert place in problem(write_config(text))


def test_settings_of_health_checks_are_in_effect(write_config: WriteConfig) -> None:
    text = """
general_settings: {
  background_health_checks: true, health_check_interval: 60, health_check_concurrency: 4, health_check_details: false,
  background_health_check_model_groups: gpt-4o, enable_health_check_routing: true, use_shared_health_check: true,
  health_check_staleness_threshold: 90, health_check_ignore_transient_errors: true,
  allow_public_health_readiness_details: true
}
"""
    document = read(write_config(text))

    assert document.unknown_keys() == document.without_effect() == []
    assert document.general_settings.background_health_check_model_groups == ["gpt-4o"]


def test_what_else_stands_in_model_info_is_kept(write_config: WriteConfig) -> None:
    document = read(write_config(MODEL.format("mine: {a: [1]}, mode: chat, health_check_timeout: 5")))

    assert document.model_list[0].model_info == {"mine": {"a": [1]}, "mode": "chat", "health_check_timeout": 5}
