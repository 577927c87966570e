"""Settings of metrics: what they change, and that what cannot be is said in a sentence."""

from typing import Any

import pytest

from proxy.metrics.catalogue import METRICS, NOT_OFFERED, STANDARD, Kind, Source
from proxy.metrics.settings import MetricSettings

SPEND = "litellm_spend_metric"
LATENCY = "litellm_request_total_latency_metric"
read = MetricSettings.read


def labels(name: str, **litellm: Any) -> tuple[str, ...]:
    return read(litellm).metrics[name].labels


def test_names_are_unique_and_without_total() -> None:
    names = [name for metric in METRICS.values() for name in (metric.name, *metric.aliases)]
    assert len(names) == len(set(names))
    assert not [metric.name for metric in METRICS.values() if metric.name.endswith("_total")]
    assert not NOT_OFFERED & set(names)


def test_every_metric_has_labels_and_buckets_that_prometheus_takes() -> None:
    for metric in read({}).metrics.values():
        assert len(metric.labels) == len(set(metric.labels)), metric.name
        assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM), metric.name
        assert not [label for label in metric.labels if label.startswith(("?", "_"))], metric.name


def test_addresses_and_programs_of_clients_are_no_labels_unless_asked_for() -> None:
    assert not [m.name for m in read({}).metrics.values() if {"client_ip", "user_agent"} & set(m.labels)]
    assert {"client_ip", "user_agent"} <= set(labels(SPEND, prometheus_emit_client_labels=True))


@pytest.mark.parametrize(
    ("setting", "name", "label"),
    [
        ("prometheus_emit_stream_label", "litellm_proxy_total_requests_metric", "stream"),
        ("prometheus_emit_input_sequence_length_label", LATENCY, "input_sequence_length"),
        ("prometheus_emit_rate_limit_labels", "litellm_proxy_failed_requests_metric", "rate_limit_category"),
        ("prometheus_emit_rate_limit_labels", "litellm_proxy_failed_requests_metric", "rate_limit_type"),
    ],
)
def test_labels_that_are_there_when_asked_for(setting: str, name: str, label: str) -> None:
    assert label not in labels(name)
    assert label in labels(name, **{setting: True})


@pytest.mark.parametrize(
    ("identity", "alias", "email"), [("api_key_alias", True, False), ("user_email", False, True), ("both", True, True)]
)
def test_the_caller_of_latencies_and_deployments(identity: str, alias: bool, email: bool) -> None:
    for name in (LATENCY, "litellm_deployment_total_requests", "litellm_overhead_latency_metric"):
        found = labels(name, prometheus_deployment_and_latency_caller_identity=identity)
        assert ("api_key_alias" in found, "user_email" in found) == (alias, email)
    assert "api_key_alias" in labels(SPEND, prometheus_deployment_and_latency_caller_identity=identity)


def test_custom_labels_stand_on_metrics_of_success_failure_fallback_and_cooldown() -> None:
    custom = {"custom_prometheus_metadata_labels": ["metadata.environment"], "custom_prometheus_tags": ["prod"]}
    for name in (
        SPEND, LATENCY, "litellm_proxy_failed_requests_metric", "litellm_deployment_failure_responses",
        "litellm_deployment_successful_fallbacks", "litellm_deployment_cooled_down",
    ):  # fmt: skip
        assert {"metadata_environment", "tag_prod"} <= set(labels(name, **custom))
    assert "tag_prod" not in labels("tollkeeper_request_duration_seconds", **custom)


def test_a_list_of_metrics_leaves_the_others_out_and_groups_add_up() -> None:
    found = read(
        {
            "prometheus_metrics_config": [
                {"group": "a", "metrics": [f"{SPEND}_total", LATENCY], "include_labels": ["team"]},
                {"group": "b", "metrics": [SPEND], "include_labels": ["model", "hashed_api_key"]},
                {"group": "c", "metrics": ["litellm_cache_hits_metric"]},
            ]
        }
    ).metrics
    assert set(found) == {SPEND, LATENCY}
    assert set(found[SPEND].labels) == {"team", "model", "hashed_api_key"}
    assert found[LATENCY].labels == ("team",)


def test_a_group_without_labels_takes_all() -> None:
    groups = [
        {"group": "a", "metrics": [SPEND], "include_labels": ["team"]},
        {"group": "b", "metrics": ["litellm_total_tokens"]},
        {"group": "c", "metrics": [SPEND]},
    ]
    found = read({"prometheus_metrics_config": groups}).metrics
    assert found[SPEND].labels == labels(SPEND)
    assert set(found) == {SPEND, "litellm_total_tokens_metric"}


def test_what_is_excluded_is_gone() -> None:
    found = read({"prometheus_exclude_metrics": [f"{SPEND}_total"], "prometheus_exclude_labels": ["team"]}).metrics
    assert SPEND not in found
    assert not [metric.name for metric in found.values() if "team" in metric.labels]


def test_buckets_of_latencies_can_be_chosen() -> None:
    found = read({"prometheus_latency_buckets": [1, 2.5]}).metrics
    assert found[LATENCY].buckets == (1.0, 2.5)
    assert found["litellm_deployment_latency_per_output_token"].buckets != (1.0, 2.5)
    assert read({}).metrics[LATENCY].buckets == STANDARD


@pytest.mark.parametrize(
    ("litellm", "told"),
    [
        (
            {"prometheus_metrics_config": [{"group": "a", "metrics": ["litellm_spendings"]}]},
            "no metric 'litellm_spendings'",
        ),
        ({"prometheus_metrics_config": [{"group": "a", "metrics": [SPEND], "include_labels": ["x"]}]}, "no label 'x'"),
        ({"prometheus_metrics_config": [{"metrics": [SPEND]}]}, "needs a `group`"),
        ({"prometheus_metrics_config": ["litellm_spend_metric"]}, "needs a `group`"),
        ({"prometheus_metrics_config": [{"group": "a", "metrics": [5]}]}, "list of texts"),
        ({"prometheus_exclude_metrics": ["nothing"]}, "no metric 'nothing'"),
        ({"prometheus_exclude_labels": ["nothing"]}, "no metric has a label 'nothing'"),
        ({"prometheus_latency_buckets": [2, 1]}, "rising seconds"),
        ({"prometheus_latency_buckets": []}, "rising seconds"),
        ({"prometheus_latency_buckets": [0, 1]}, "rising seconds"),
        ({"prometheus_latency_buckets": ["a"]}, "rising seconds"),
        ({"prometheus_deployment_and_latency_caller_identity": "name"}, "must be one of"),
        ({"prometheus_metrics_max_series_per_metric": 0}, "above 0"),
        ({"custom_prometheus_tags": [5]}, "list of texts"),
        ({"custom_prometheus_metadata_labels": [""]}, "need a name"),
        ({"custom_prometheus_metadata_labels": ["__secret"]}, "beginning with __"),
        ({"custom_prometheus_metadata_labels": ["metadata.a-b", "metadata.a_b"]}, "clash"),
        ({"custom_prometheus_metadata_labels": ["metadata.x", "metadata.x"]}, "clash"),
        ({"custom_prometheus_tags": ["a-b", "a_b"]}, "clash"),
        ({"custom_prometheus_metadata_labels": ["tag_a"], "custom_prometheus_tags": ["a"]}, "clash"),
    ],
)
def test_what_cannot_be_is_said(litellm: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read(litellm)


@pytest.mark.parametrize(
    "name",
    [
        "team", "user", "hashed_api_key", "model", "route", "requested_model", "end_user", "model_id", "api_provider",
        "user_email", "status_code", "exception_status", "exception_class", "service_tier", "model_group", "le",
        "api_base", "fallback_model", "org_id",
    ],
)  # fmt: skip
def test_custom_labels_of_the_name_of_another_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="clash"):
        read({"custom_prometheus_metadata_labels": [name]})


@pytest.mark.parametrize(
    ("litellm", "tracked"),
    [
        ({}, False),
        ({"enable_end_user_cost_tracking_prometheus_only": True}, True),
        ({"enable_end_user_cost_tracking_prometheus_only": "true"}, False),
        ({"enable_end_user_cost_tracking_prometheus_only": True, "disable_end_user_cost_tracking": True}, False),
    ],
)
def test_customers_are_labels_only_where_switched_on(litellm: dict[str, Any], tracked: bool) -> None:
    assert read(litellm).tracks_end_users is tracked


def test_each_metric_of_the_ledger_says_what_is_added() -> None:
    from proxy.metrics.calls import _ADDS

    assert set(_ADDS) == {metric.name for metric in METRICS.values() if metric.source is Source.LEDGER}
