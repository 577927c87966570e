"""What is counted: exact money, LiteLLM's label names, and labels that cannot clash or forge a line."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from budgets.core.pricing import NANO
from proxy.metrics import CustomLabels, Labels, NanoCounter, RequestMetrics, label_name, label_value

SERIES = {
    "litellm_proxy_total_requests_metric_total",
    "litellm_proxy_failed_requests_metric_total",
    "litellm_spend_metric_total",
    "litellm_total_tokens_metric_total",
    "litellm_request_total_latency_metric_count",
}


def made(custom: CustomLabels | None = None) -> tuple[CollectorRegistry, RequestMetrics]:
    registry = CollectorRegistry()
    return registry, RequestMetrics(registry, custom or CustomLabels())


def samples(registry: CollectorRegistry) -> list[Any]:
    page = generate_latest(registry).decode()
    return [sample for family in text_string_to_metric_families(page) for sample in family.samples]


def total(registry: CollectorRegistry, name: str) -> float:
    return float(sum(sample.value for sample in samples(registry) if sample.name == name))


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=50))
@settings(deadline=None, max_examples=100)
def test_spend_is_the_exact_sum_of_nano_dollars(amounts: list[int]) -> None:
    registry, metrics = made()
    for amount in amounts:
        metrics.success(Labels(), amount_nano=amount, tokens=1, seconds=0.1)

    assert total(registry, "litellm_spend_metric_total") == sum(amounts) / NANO


def test_ten_thousand_tiny_amounts_add_up() -> None:
    registry = CollectorRegistry()
    counter = NanoCounter("spend", "Spend", ("who",), registry=registry)
    for _ in range(10_000):
        counter.labels("a").inc(1)

    assert total(registry, "spend_total") == 0.00001


def test_a_success_is_counted_in_every_metric_of_a_success() -> None:
    registry, metrics = made()
    labels = Labels(model="gpt-4o", team="t1", hashed_api_key="abc")
    metrics.success(labels, amount_nano=13_200, tokens=30, seconds=0.2)
    metrics.success(labels, amount_nano=13_200, tokens=30, seconds=0.2)

    assert {name: total(registry, name) for name in SERIES} == {
        "litellm_proxy_total_requests_metric_total": 2,
        "litellm_proxy_failed_requests_metric_total": 0,
        "litellm_spend_metric_total": 26_400 / NANO,
        "litellm_total_tokens_metric_total": 60,
        "litellm_request_total_latency_metric_count": 2,
    }


def test_a_failure_is_counted_with_its_status_and_class() -> None:
    registry, metrics = made()
    metrics.failure(Labels(route="/chat/completions"), status=429, error_class="RateLimitError")
    failed = [one for one in samples(registry) if one.name == "litellm_proxy_failed_requests_metric_total"]

    assert [(one.labels["exception_status"], one.labels["exception_class"], one.value) for one in failed] == [
        ("429", "RateLimitError", 1)
    ]
    assert total(registry, "litellm_proxy_total_requests_metric_total") == 1


def test_custom_labels_stand_on_every_series() -> None:
    custom = CustomLabels(metadata=["metadata.environment", "metadata.team.name"], tags=["prod", "staging"])
    registry, metrics = made(custom)
    values = custom.values({"environment": "production", "team": {"name": "search"}}, ["prod"])
    metrics.success(Labels(custom=values), amount_nano=1, tokens=1, seconds=1)
    metrics.failure(Labels(custom=values), status=500, error_class="x")
    own = {
        "metadata_environment": "production",
        "metadata_team_name": "search",
        "tag_prod": "true",
        "tag_staging": "false",
    }

    assert all(own.items() <= sample.labels.items() for sample in samples(registry))
    assert {sample.name for sample in samples(registry)} >= SERIES


def test_a_request_that_failed_early_has_the_custom_labels_too() -> None:
    registry, metrics = made(CustomLabels(metadata=["metadata.environment"], tags=["prod"]))
    metrics.failure(Labels(), status=401, error_class="AuthenticationError")

    assert all(
        {"metadata_environment": "None", "tag_prod": "false"}.items() <= sample.labels.items()
        for sample in samples(registry)
    )


@pytest.mark.parametrize(
    ("metadata", "value"),
    [
        ({"a": {"b": "x"}}, "x"),
        ({"a": {"b": ""}}, "None"),
        ({"a": {"b": None}}, "None"),
        ({"a": {"b": 5}}, "None"),
        ({"a": {"b": ["x"]}}, "None"),
        ({"a": {"b": {"c": "x"}}}, "None"),
        ({"a": "x"}, "None"),
        ({"a": ["b"]}, "None"),
        ({}, "None"),
        ({"a.b": "x"}, "None"),
    ],
)
def test_a_metadata_label_is_a_text_at_its_path_or_none(metadata: dict[str, Any], value: str) -> None:
    assert CustomLabels(metadata=["metadata.a.b"]).values(metadata, ()) == (value,)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("metadata.environment", "metadata_environment"),
        ("a-b c", "a_b_c"),
        ("1st", "_1st"),
        ("生产", "__"),
        ("user-agent: x/1.0", "user_agent__x_1_0"),
        ("Aa_0", "Aa_0"),
    ],
)
def test_label_names(text: str, name: str) -> None:
    assert label_name(text) == name


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "None"),
        ("", "None"),
        ("plain", "plain"),
        ("生产", "生产"),
        ("two\nlines", "two lines"),
        ("\x00\x1b", "  "),
        ("x" * 200, "x" * 128),
    ],
)
def test_label_values(value: str | None, shown: str) -> None:
    assert label_value(value) == shown


@given(st.text())
@settings(deadline=None, max_examples=100)
def test_no_value_of_a_client_can_forge_a_line_of_the_page(text: str) -> None:
    custom = CustomLabels(metadata=["metadata.x"])
    registry, metrics = made(custom)
    metrics.failure(Labels(custom=custom.values({"x": text}, ())), status=500, error_class="x")
    found = samples(registry)

    assert len(found) == 2
    assert {sample.labels["metadata_x"] for sample in found} == {label_value(text)}


@pytest.mark.parametrize(
    "metadata",
    [
        [name]
        for name in (
            "team", "user", "hashed_api_key", "model", "route", "requested_model", "end_user", "model_id",
            "api_provider", "user_email", "status_code", "exception_status", "exception_class", "service_tier",
            "model_group", "le",
        )
    ]
    + [["metadata.a-b", "metadata.a_b"], ["metadata.x", "metadata.x"]],
    ids=" ".join,
)  # fmt: skip
def test_labels_of_the_same_name_are_refused(metadata: list[str]) -> None:
    with pytest.raises(ValueError, match="label"):
        made(CustomLabels(metadata=metadata))


@pytest.mark.parametrize("names", [{"metadata": [""]}, {"metadata": ["__secret"]}])
def test_names_that_prometheus_does_not_take_are_refused(names: dict[str, list[str]]) -> None:
    with pytest.raises(ValueError, match="label"):
        made(CustomLabels(**names))


def test_tags_that_differ_only_in_signs_are_refused() -> None:
    with pytest.raises(ValueError, match="label"):
        made(CustomLabels(tags=["a-b", "a_b"]))
