"""A real Prometheus reads us while there is load, and what it is told rings through a real Alertmanager and us."""

import re
import subprocess
from typing import Any

import httpx
import pytest
import yaml

from tests.functional.monitoring import expressions
from tests.functional.monitoring.conftest import Stack
from tests.functional.monitoring.expressions import DEPLOY, Page
from tests.prometheus import promtool

# The scrape configuration of the seed, in its section on collecting metrics.
SEED = """
global:
  scrape_interval: 15s
  evaluation_interval: 15s

scrape_configs:
  - job_name: 'litellm'
    static_configs:
      - targets: ['10.6.120.132:4000']
    metrics_path: '/metrics'
    scrape_interval: 10s
"""
# What the linter says of names that are LiteLLM's, and so have to stay.
LITELLMS_NAMES = frozenset(
    {
        *(
            f'litellm_{whose}_budget_remaining_hours_metric use base unit "seconds" instead of "hours"'
            for whose in ("team", "api_key", "user", "org", "customer")
        ),
        'litellm_teams_count non-histogram and non-summary metrics should not have "_count" suffix',
    }
)
# Not there with the stores of this test: what a broker that is no Redis cannot tell.
RARE = frozenset({"tollkeeper_celery_unacknowledged"})


def page(stack: Stack) -> str:
    return httpx.get(f"{stack.gateway.url}/metrics", trust_env=False, timeout=30).text


def test_our_configuration_scrapes_as_the_seeds_does() -> None:
    seeds, ours = yaml.safe_load(SEED), yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    assert ours["global"] == seeds["global"]
    (theirs,), (job,) = seeds["scrape_configs"], ours["scrape_configs"]
    assert {**job, "static_configs": []} == {**theirs, "static_configs": []}


def test_it_is_scraped_without_an_error_while_load_runs(stack: Stack) -> None:
    asked = stack.load.asked
    stack.prometheus.wait_until(lambda: _scrapes(stack) >= 10, 60)
    assert stack.load.asked > asked
    ((target),) = stack.prometheus.get("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    ((always_up),) = stack.prometheus.query('min_over_time(up{job="litellm"}[10m])')
    assert always_up["value"][1] == "1"
    # Prometheus took every sample of every scrape: none was there twice, none out of order.
    log = stack.prometheus.log.read_text()
    assert not [line for line in log.splitlines() if "level=warn" in line or "level=error" in line]


def _scrapes(stack: Stack) -> float:
    found = stack.prometheus.query('count_over_time(up{job="litellm"}[10m])')
    return float(found[0]["value"][1]) if found else 0.0


def test_the_linter_likes_the_page_but_for_names_that_have_to_stay(stack: Stack) -> None:
    with promtool() as program:
        done = subprocess.run(
            [program, "check", "metrics"], input=page(stack), capture_output=True, text=True, check=False
        )
    complaints = {line.strip() for line in done.stderr.splitlines() if line.strip()}
    assert complaints - LITELLMS_NAMES == set()


def test_every_rule_is_loaded_and_well(stack: Stack) -> None:
    def loaded() -> list[dict[str, Any]]:
        groups = stack.prometheus.get("rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    stack.prometheus.wait_until(lambda: all(rule["health"] != "unknown" for rule in loaded()), 30)
    assert {rule["name"]: rule.get("lastError", "") for rule in loaded() if rule["health"] != "ok"} == {}
    assert len(loaded()) == len(list(expressions.of_rules()))


EXPRESSIONS = [*expressions.of_dashboards(), *expressions.of_rules()]


def test_each_expression_is_valid_and_asks_for_what_there_is(stack: Stack) -> None:
    shown = Page(page(stack))
    known = expressions.recorded() | expressions.OF_PROMETHEUS | RARE
    missing: dict[str, set[str]] = {}
    for where, expr in EXPRESSIONS:
        stack.prometheus.query(expr)
        for name in expressions.names(expr):
            if name not in known and not shown.has(name):
                missing.setdefault(name, set()).add(where)
    assert missing == {}


def test_each_expression_chooses_and_groups_by_labels_that_there_are(stack: Stack) -> None:
    shown = Page(page(stack))
    wrong = {}
    for where, expr in EXPRESSIONS:
        asked = expressions.names(expr)
        if asked and asked <= shown.labels.keys():
            there = set.union(*map(shown.labels.__getitem__, asked))
            if unknown := expressions.labels(expr) - there:
                wrong[where] = unknown
    assert wrong == {}


# Metrics and labels that the dashboards of LiteLLM's cookbook ask for, and what they are grouped by there.
COUNTERS = {
    "litellm_requests_metric_total": "model",
    "litellm_proxy_total_requests_metric_total": "requested_model",
    "litellm_proxy_failed_requests_metric_total": "exception_class",
    "litellm_llm_api_failed_requests_metric_total": "model",
    "litellm_spend_metric_total": "hashed_api_key",
    "litellm_total_tokens_total": "model",
    "litellm_input_tokens_total": "model",
    "litellm_output_tokens_total": "team_alias",
    "litellm_total_tokens_metric_total": "team",
    "litellm_input_tokens_metric_total": "api_key_alias",
    "litellm_output_tokens_metric_total": "user",
    "litellm_deployment_total_requests_total": "litellm_model_name",
    "litellm_deployment_success_responses_total": "api_base",
    "litellm_deployment_failure_responses_total": "exception_status",
    "litellm_deployment_cooled_down_total": "api_provider",
    "litellm_deployment_successful_fallbacks_total": "fallback_model",
    "litellm_deployment_failed_fallbacks_total": "requested_model",
}
HISTOGRAMS = {
    "litellm_request_total_latency_metric": "model",
    "litellm_llm_api_latency_metric": "model",
    "litellm_llm_api_time_to_first_token_metric": "requested_model",
    "litellm_overhead_latency_metric": "model_group",
    "litellm_deployment_latency_per_output_token": "litellm_model_name",
    "litellm_request_queue_time_seconds": "api_key_alias",
    "litellm_self_latency": "self",
}
GAUGES = {
    "litellm_remaining_requests": "api_base",
    "litellm_remaining_tokens": "litellm_model_name",
    "litellm_remaining_requests_metric": "api_provider",
    "litellm_remaining_tokens_metric": "model_group",
    "litellm_remaining_team_budget_metric": "team_alias",
    "litellm_team_max_budget_metric": "team",
    "litellm_team_budget_remaining_hours_metric": "team",
    "litellm_remaining_api_key_budget_metric": "api_key_alias",
    "litellm_api_key_max_budget_metric": "hashed_api_key",
    "litellm_api_key_budget_remaining_hours_metric": "api_key_alias",
    "litellm_deployment_state": "model_id",
}
LITELLMS = [
    *(f"sum by ({label}) (increase({name}[10m]))" for name, label in COUNTERS.items()),
    *(f"sum(rate({name}_sum[10m])) by ({label}) / sum(rate({name}_count[10m])) by ({label})"
      for name, label in HISTOGRAMS.items()),
    *(f"histogram_quantile(0.99, sum(rate({name}_bucket[10m])) by (le, {label}))"
      for name, label in HISTOGRAMS.items()),
    *(f"topk(5, sort({name}))" for name in GAUGES),
    *(f"min by ({label}) ({name})" for name, label in GAUGES.items()),
    'histogram_quantile(0.99, sum(rate(litellm_self_latency_bucket{self="self"}[10m])) by (le))',
    'sum by (team_alias) (increase(litellm_spend_metric_total{team_alias!="None"}[10m]))',
]  # fmt: skip


@pytest.mark.parametrize("expr", LITELLMS)
def test_what_dashboards_of_litellm_ask_for_is_here(stack: Stack, expr: str) -> None:
    stack.prometheus.wait_until(lambda: bool(stack.prometheus.query(expr)), 10)
    if (grouped := re.search(r" by \((?:le, )?(\w+)\)", expr)) and grouped[1] != "le":
        assert all(series["metric"].get(grouped[1]) for series in stack.prometheus.query(expr))


def test_an_alert_rings_and_ends_through_alertmanager_and_our_own_routes(stack: Stack) -> None:
    titles = "SELECT status FROM alerts_incident WHERE title LIKE 'DeploymentFailsAlways%'"
    stack.load.break_things()
    stack.gateway.wait_for_rows(titles, 1, timeout=60)
    assert stack.gateway.rows(titles) == [("open",)]
    stack.prometheus.wait_until(lambda: _told(stack, "DeploymentFailsAlways"), 30)

    stack.load.mend_things()
    stack.gateway.wait_for_rows(titles + " AND status = 'resolved'", 1, timeout=90)
    stack.prometheus.wait_until(lambda: _told(stack, "[Resolved] DeploymentFailsAlways"), 30)
    assert any("docs/runbooks.md#deploymentfailsalways" in str(message) for message in stack.slack.messages)


def _told(stack: Stack, text: str) -> bool:
    return any(text in message["text"] for message in stack.slack.messages)
