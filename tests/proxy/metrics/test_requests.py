"""What the request path observes: each request once, in every metric that it concerns, with LiteLLM's labels."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from budgets.core.pricing import NANO
from proxy.metrics.labels import label_value
from proxy.metrics.requests import Labels, NanoCounter, RequestMetrics, Timing
from proxy.metrics.settings import MetricSettings
from tests.metric_store import own_store
from tests.metric_values import value

TIMING = Timing(total=1.0, upstream=0.7, queue=0.1, own=0.2)
TOTAL, FAILED = "litellm_proxy_total_requests_metric_total", "litellm_proxy_failed_requests_metric_total"


@pytest.fixture(autouse=True)
def store() -> Iterator[None]:
    with own_store():
        yield


class Made:
    def __init__(self, **litellm: Any) -> None:
        self.registry = CollectorRegistry()
        self.metrics = RequestMetrics(self.registry, MetricSettings.read(litellm))

    def answered(self, labels: Labels, timing: Timing = TIMING) -> None:
        self.metrics.answered(labels, timing, prompt_tokens=10, completion_tokens=20)

    def samples(self, name: str = "") -> list[Any]:
        page = generate_latest(self.registry).decode()
        found = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
        return [sample for sample in found if name in {"", sample.name}]

    def total(self, name: str) -> float:
        return float(sum(sample.value for sample in self.samples(name)))


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=50))
@settings(deadline=None, max_examples=100)
def test_money_is_the_exact_sum_of_nano_dollars(amounts: list[int]) -> None:
    with own_store():
        made = Made()
        for amount in amounts:
            made.metrics.hold_shortfall(Labels(model="m"), amount_nano=amount)

    assert made.total("tollkeeper_hold_shortfall_usd_total") == sum(amounts) / NANO


def test_ten_thousand_tiny_amounts_add_up() -> None:
    registry = CollectorRegistry()
    counter = NanoCounter("spend", "Spend", ("who",), registry=registry)
    for _ in range(10_000):
        counter.labels("a").inc(1)

    assert registry.get_sample_value("spend_total", {"who": "a"}) == 0.00001


def test_an_answer_is_observed_once_in_every_metric_of_answers() -> None:
    made, labels = Made(), Labels(model="gpt-4o", team="t1", api_provider="azure", operation="embedding")
    made.answered(labels)
    made.answered(labels)

    counts = {name: made.total(name) for name in _names(made, "_count")}
    assert made.total(TOTAL) == 2
    assert {name: count for name, count in counts.items() if count} == {
        "litellm_request_total_latency_metric_count": 2,
        "litellm_llm_api_latency_metric_count": 2,
        "litellm_request_queue_time_seconds_count": 2,
        "litellm_overhead_latency_metric_count": 2,
        "litellm_self_latency_count": 2,
        "tollkeeper_request_duration_seconds_count": 2,
        "gen_ai_client_operation_duration_seconds_count": 2,
        "gen_ai_client_token_usage_count": 4,
        "gen_ai_server_request_duration_seconds_count": 2,
    }
    assert made.total("litellm_request_total_latency_metric_sum") == 2
    assert made.total("litellm_llm_api_latency_metric_sum") == pytest.approx(1.4)
    assert made.total("litellm_overhead_latency_metric_sum") == pytest.approx(0.4)
    assert made.total("litellm_request_queue_time_seconds_sum") == pytest.approx(0.2)
    (usage, *_) = made.samples("gen_ai_client_token_usage_count")
    assert (usage.labels["gen_ai_operation_name"], usage.labels["gen_ai_provider_name"]) == (
        "embeddings",
        "azure.ai.openai",
    )


def _names(made: Made, suffix: str) -> set[str]:
    registered = {metric for metric in made.metrics.settings.metrics.values() if metric.buckets}
    return {f"{metric.name}{suffix}" for metric in registered}


def test_a_stream_has_a_first_token_and_a_pace() -> None:
    made = Made()
    timing = replace(TIMING, first_token=0.25, first_token_total=0.35, per_token=0.02)
    made.answered(Labels(stream="True"), timing)

    assert made.total("litellm_llm_api_time_to_first_token_metric_sum") == 0.25
    assert made.total("gen_ai_server_time_to_first_token_seconds_sum") == 0.35
    assert made.total("litellm_deployment_latency_per_output_token_sum") == 0.02
    assert made.total("gen_ai_server_time_per_output_token_seconds_sum") == 0.02


def test_values_fall_into_the_buckets_that_prometheus_client_would_choose() -> None:
    made = Made(prometheus_latency_buckets=[0.5, 1, 2])
    for total in (0.5, 0.51, 1, 2, 2.01, 0):
        made.answered(Labels(), replace(TIMING, total=total))

    counts = [sample.value for sample in made.samples("litellm_request_total_latency_metric_bucket")]
    assert counts == [2, 4, 5, 6]


def test_a_failure_is_counted_with_its_status_and_class() -> None:
    made = Made()
    made.metrics.failed(Labels(route="/chat/completions"), status=429, error_class="Openai.RateLimitError", seconds=2)

    ((failed,), (total,)) = made.samples(FAILED), made.samples(TOTAL)
    assert (failed.labels["exception_status"], failed.labels["exception_class"]) == ("429", "Openai.RateLimitError")
    assert (total.labels["status_code"], failed.value, total.value) == ("429", 1, 1)
    assert made.total("litellm_request_total_latency_metric_count") == 0
    (ended,) = made.samples("tollkeeper_request_duration_seconds_count")
    assert ended.labels["outcome"] == "refused"


def test_whose_limit_refused_is_told_apart() -> None:
    made = Made(prometheus_emit_rate_limit_labels=True)
    told = {"category": "litellm_rate_limit", "limit": "budget"}
    made.metrics.failed(Labels(), status=422, error_class="BudgetExceeded", seconds=0, **told)
    made.metrics.failed(Labels(), status=500, error_class="x", seconds=0)

    assert {one.labels["rate_limit_type"] for one in made.samples(FAILED)} == {"budget", "None"}
    ((limited),) = made.samples("tollkeeper_rate_limited_requests_total")
    assert (limited.labels, limited.value) == (
        {"rate_limit_category": "litellm_rate_limit", "rate_limit_type": "budget"},
        1,
    )


def test_a_client_that_left_is_an_outcome_of_its_own() -> None:
    made = Made()
    made.metrics.aborted(Labels(), seconds=3)

    ((total,),) = (made.samples(TOTAL),)
    assert (total.labels["status_code"], total.value) == ("499", 1)
    assert not made.samples(FAILED)
    assert made.total("litellm_request_total_latency_metric_count") == 0


def test_fallbacks_and_cooldowns() -> None:
    made = Made()
    labels = Labels(requested_model="gpt-4o", model="gpt-4o-2024", api_base="http://one", model_id="d")
    for answered in (True, False):
        made.metrics.fell_back(labels, fallback_model="claude", status=500, error_class="x", answered=answered)
    made.metrics.cooled_down(labels, status=429)

    for kind in ("successful", "failed"):
        (one,) = made.samples(f"litellm_deployment_{kind}_fallbacks_total")
        assert (one.labels["requested_model"], one.labels["fallback_model"], one.value) == ("gpt-4o", "claude", 1)
    (cooled,) = made.samples("litellm_deployment_cooled_down_total")
    assert cooled.labels == {
        "litellm_model_name": "gpt-4o-2024", "model_id": "d", "api_base": "http://one", "api_provider": "None",
        "exception_status": "429",
    }  # fmt: skip


def test_custom_labels_stand_on_every_series_of_litellms() -> None:
    made = Made(
        custom_prometheus_metadata_labels=["metadata.environment", "metadata.team.name"],
        custom_prometheus_tags=["prod", "staging"],
    )
    metadata = {"environment": "production", "team": {"name": "search"}}
    labels = Labels(custom=made.metrics.settings.custom.values(metadata, ["prod"]))
    made.answered(labels)
    made.metrics.failed(labels, status=500, error_class="x", seconds=1)
    made.metrics.fell_back(labels, fallback_model="m", status=500, error_class="x", answered=True)
    made.metrics.cooled_down(labels, status=500)
    own = {
        "metadata_environment": "production",
        "metadata_team_name": "search",
        "tag_prod": "true",
        "tag_staging": "false",
    }

    # Of services nothing is known of whoever asked.
    services = ("litellm_self_latency", "litellm_self_total", "litellm_self_failed")
    found = (sample for sample in made.samples() if sample.name.startswith("litellm_"))
    litellms = [sample for sample in found if not sample.name.startswith(services)]
    assert all(own.items() <= sample.labels.items() for sample in litellms)
    assert {TOTAL, FAILED} < {sample.name for sample in litellms}


def test_a_request_that_failed_early_has_the_custom_labels_too() -> None:
    made = Made(custom_prometheus_metadata_labels=["metadata.environment"], custom_prometheus_tags=["prod"])
    made.metrics.failed(Labels(), status=401, error_class="AuthenticationError", seconds=0)

    (failed,) = made.samples(FAILED)
    assert {"metadata_environment": "None", "tag_prod": "false"}.items() <= failed.labels.items()


@given(st.text())
@settings(deadline=None, max_examples=100)
def test_no_value_of_a_client_can_forge_a_line_of_the_page(text: str) -> None:
    with own_store():
        made = Made(custom_prometheus_metadata_labels=["metadata.x"])
        labels = Labels(custom=made.metrics.settings.custom.values({"x": text}, ()))
        made.metrics.failed(labels, status=500, error_class="x", seconds=0)
        found = made.samples(FAILED)

    assert [sample.labels["metadata_x"] for sample in found] == [label_value(text)]


def test_metrics_that_are_not_wanted_are_not_there() -> None:
    made = Made(prometheus_metrics_config=[{"group": "g", "metrics": ["litellm_proxy_total_requests_metric"]}])
    made.answered(Labels())
    made.metrics.failed(Labels(), status=500, error_class="x", seconds=1)
    made.metrics.fell_back(Labels(), fallback_model="m", status=500, error_class="x", answered=True)

    assert {sample.name for sample in made.samples()} == {TOTAL}
    assert made.total(TOTAL) == 2


def test_labels_that_are_left_out_add_up() -> None:
    made = Made(
        prometheus_metrics_config=[
            {"group": "g", "metrics": ["litellm_proxy_total_requests_metric"], "include_labels": ["team"]}
        ]
    )
    made.answered(Labels(team="t", user="a"))
    made.answered(Labels(team="t", user="b"))
    assert [(one.labels, one.value) for one in made.samples(TOTAL)] == [({"team": "t"}, 2)]


def test_beyond_the_most_series_all_others_are_one_and_the_sum_stays() -> None:
    made = Made(prometheus_metrics_max_series_per_metric=3)
    for number in range(10):
        made.metrics.failed(Labels(user=f"u{number}"), status=500, error_class="x", seconds=0)
    made.metrics.failed(Labels(user="u0"), status=500, error_class="x", seconds=0)

    found = {one.labels["user"]: one.value for one in made.samples(FAILED)}
    assert found == {"u0": 2, "u1": 1, "u2": 1, "other": 7}


def test_labels_of_one_kind_are_made_once() -> None:
    made = Made()
    first = made.metrics.labels_of(("a", 1), Labels)
    assert made.metrics.labels_of(("a", 1), Labels) is first
    assert made.metrics.labels_of(("b", 1), Labels) is not first


def test_each_request_is_counted_once_for_the_gateway_itself() -> None:
    made, labels = Made(), Labels(operation="chat")
    made.answered(labels)
    made.metrics.failed(labels, status=429, error_class="RateLimitError", seconds=1)
    made.metrics.aborted(labels, seconds=1)

    assert made.total("litellm_self_total_requests_total") == 3
    (failure,) = made.samples("litellm_self_failed_requests_total")
    assert failure.labels == {"self": "self", "error_class": "RateLimitError", "function_name": "chat"}


def test_what_cannot_be_observed_costs_no_request() -> None:
    made, before = Made(), value("tollkeeper_metrics_errors_total", stage="observe")
    made.metrics.failed(None, status=500, error_class="x", seconds=1)  # type: ignore[arg-type]
    assert value("tollkeeper_metrics_errors_total", stage="observe") == before + 1
