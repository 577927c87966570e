"""Every metric of requests, calls, budgets and deployments: its name, kind, labels and buckets (metrics.md 1.3 to 1.6).

Labels with a `?` are there only where a setting asks for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

# Seconds. The first are LiteLLM's, the second prometheus_client's own, the rest OpenTelemetry's for GenAI.
STANDARD = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 420, 600)
PER_TOKEN = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
OPERATION = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
SERVER_PER_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5)
SERVER_FIRST_TOKEN = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
TOKENS = tuple(4**power for power in range(14))


class Kind(StrEnum):
    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"


class Source(StrEnum):
    """Where a number comes from: what this process sees, what the ledger adds up to, or what is so at the scrape."""

    REQUEST = "request"
    LEDGER = "ledger"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class Metric:
    """`name` is LiteLLM's registered one: of a counter without `_total`. `caller` says whether the setting of the

    caller's identity holds for it; `custom` whether it carries the labels that the operator adds.
    """

    name: str
    kind: Kind
    source: Source
    documentation: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    aliases: tuple[str, ...] = ()
    caller: bool = False
    custom: bool = True


_KEY = ("hashed_api_key", "api_key_alias")
_TEAM = ("team", "team_alias")
_ORG = ("org_id", "org_alias")
_WHO = ("end_user", *_KEY, *_TEAM, "user")
_CLIENT = ("?client_ip", "?user_agent")
_OUTCOME = (*_WHO, "user_email", "requested_model", "route", "model_id", "api_provider", *_ORG, *_CLIENT)
_SPENT = (*_WHO, "user_email", "requested_model", "model", "model_id", "api_provider")
_SERVED = (*_WHO, "requested_model", "model", "model_id", "api_provider", *_ORG)
_TIMED = (*_SERVED, "model_group", "service_tier", "?input_sequence_length")
_ADDRESS = ("litellm_model_name", "model_id", "api_base", "api_provider")
_OF_DEPLOYMENT = ("model_group", "requested_model", *_ADDRESS, *_KEY, *_TEAM, *_CLIENT)
_OVERHEAD = ("model_group", *_ADDRESS, *_KEY)
_EXCEPTION = ("exception_status", "exception_class")
_FALLBACK = ("requested_model", "fallback_model", *_KEY, *_TEAM, *_EXCEPTION, "model_id")
_CACHED = ("model", *_KEY, *_TEAM, "end_user", "user", "model_id", "api_provider")
_GEN_AI = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_response_model")


def _requests() -> list[Metric]:
    counter, histogram, source = Kind.COUNTER, Kind.HISTOGRAM, Source.REQUEST
    return [
        Metric("litellm_proxy_total_requests_metric", counter, source, "Requests that clients made",
               (*_OUTCOME, "status_code", "?stream")),
        Metric("litellm_proxy_failed_requests_metric", counter, source, "Requests that got no successful answer",
               (*_OUTCOME, *_EXCEPTION, "?rate_limit_category", "?rate_limit_type")),
        Metric("litellm_request_total_latency_metric", histogram, source,
               "Seconds from a request's arrival to the last byte of its answer", _TIMED, STANDARD, caller=True),
        Metric("litellm_llm_api_latency_metric", histogram, source,
               "Seconds from asking the upstream to the end of its answer, without waiting for the client",
               _TIMED, STANDARD, caller=True),
        Metric("litellm_llm_api_time_to_first_token_metric", histogram, source,
               "Seconds from asking the upstream to the first content of its stream", _TIMED, STANDARD, caller=True),
        Metric("litellm_request_queue_time_seconds", histogram, source,
               "Seconds from a request's arrival until an upstream is asked", _SERVED, STANDARD, caller=True),
        Metric("litellm_overhead_latency_metric", histogram, source,
               "Seconds that the gateway itself took: neither upstream nor client, nor a pause before a retry",
               _OVERHEAD, STANDARD, caller=True),
        Metric("litellm_deployment_latency_per_output_token", histogram, source,
               "Seconds per output token: of a stream between its first and its last one",
               ("model_group", *_ADDRESS, *_KEY, *_TEAM, *_ORG), PER_TOKEN, caller=True),
        Metric("litellm_deployment_successful_fallbacks", counter, source, "Fallbacks that answered", _FALLBACK),
        Metric("litellm_deployment_failed_fallbacks", counter, source, "Fallbacks that failed too", _FALLBACK),
        Metric("litellm_deployment_cooled_down", counter, source, "Cooldowns that began",
               (*_ADDRESS, "exception_status")),
        Metric("tollkeeper_request_duration_seconds", histogram, source,
               "Seconds from a request's arrival to its end, however it ended",
               ("model_group", "route", "outcome"), STANDARD, custom=False),
        Metric("litellm_self_latency", histogram, source, "Seconds of a client's request that was answered", ("self",),
               STANDARD, custom=False),
        Metric("litellm_self_total_requests", counter, source, "Requests that clients made", ("self",), custom=False),
        Metric("litellm_self_failed_requests", counter, source, "Requests that got no successful answer",
               ("self", "error_class", "function_name"), custom=False),
        Metric("tollkeeper_rate_limited_requests", counter, source,
               "Requests refused by a limit or budget of the gateway, or at last by a provider's",
               ("rate_limit_category", "rate_limit_type"), custom=False),
        Metric("tollkeeper_hold_shortfall_usd", counter, source,
               "What answers cost beyond what budgets held for them: more than their provider was allowed to say",
               ("model", "api_provider"), custom=False),
        Metric("gen_ai_client_operation_duration_seconds", histogram, source,
               "Seconds of a call of an upstream", (*_GEN_AI, "error_type"), OPERATION, custom=False),
        Metric("gen_ai_client_token_usage", histogram, source, "Tokens of a call of an upstream",
               (*_GEN_AI, "gen_ai_token_type"), TOKENS, custom=False),
        Metric("gen_ai_server_request_duration_seconds", histogram, source,
               "Seconds of a client's request", (*_GEN_AI, "error_type"), OPERATION, custom=False),
        Metric("gen_ai_server_time_to_first_token_seconds", histogram, source,
               "Seconds from a request's arrival to the first content of its stream", _GEN_AI, SERVER_FIRST_TOKEN,
               custom=False),
        Metric("gen_ai_server_time_per_output_token_seconds", histogram, source,
               "Seconds per output token after the first", _GEN_AI, SERVER_PER_TOKEN, custom=False),
    ]  # fmt: skip


def _ledger() -> list[Metric]:
    counter, source = Kind.COUNTER, Source.LEDGER
    return [
        Metric("litellm_spend_metric", counter, source, "Spend on LLM requests, in US dollars: the ledger's sum",
               (*_SPENT, *_ORG, "service_tier", *_CLIENT)),
        Metric("litellm_total_tokens_metric", counter, source, "Input and output tokens of LLM requests",
               (*_SPENT, *_ORG), aliases=("litellm_total_tokens",)),
        Metric("litellm_input_tokens_metric", counter, source, "Input tokens of LLM requests, cached ones included",
               (*_SPENT, *_ORG), aliases=("litellm_input_tokens",)),
        Metric("litellm_output_tokens_metric", counter, source, "Output tokens of LLM requests, of reasoning included",
               (*_SPENT, *_ORG), aliases=("litellm_output_tokens",)),
        Metric("litellm_input_cached_tokens_metric", counter, source,
               "Input tokens that the provider had in its cache", _SPENT),
        Metric("litellm_input_cache_creation_tokens_metric", counter, source,
               "Input tokens that the provider put into its cache", _SPENT),
        Metric("litellm_output_reasoning_tokens_metric", counter, source, "Output tokens of reasoning", _SPENT),
        Metric("litellm_images_generated_metric", counter, source, "Images that were made", (*_SPENT, *_ORG)),
        Metric("litellm_provider_cache_read_input_tokens_metric", counter, source,
               "Input tokens that the provider had in its cache", _CACHED),
        Metric("litellm_provider_cache_creation_input_tokens_metric", counter, source,
               "Input tokens that the provider put into its cache", _CACHED),
        Metric("litellm_requests_metric", counter, source, "Calls of upstreams that were answered; an older name",
               (*_SPENT, *_ORG, *_CLIENT)),
        Metric("litellm_llm_api_failed_requests_metric", counter, source,
               "Calls of upstreams that failed; an older name", (*_WHO, "model", "model_id")),
        Metric("litellm_zero_cost_requests", counter, source,
               "Calls that were served and for which no price is known",
               ("requested_model", "model", "model_id", "api_provider", "reason")),
        Metric("litellm_deployment_success_responses", counter, source, "Calls of a deployment that were answered",
               _OF_DEPLOYMENT, caller=True),
        Metric("litellm_deployment_failure_responses", counter, source, "Calls of a deployment that failed",
               (*_OF_DEPLOYMENT, *_EXCEPTION), caller=True),
        Metric("litellm_deployment_total_requests", counter, source, "Calls of a deployment", _OF_DEPLOYMENT,
               caller=True),
    ]  # fmt: skip


def _state() -> list[Metric]:
    """They carry no labels of requests: no request made them."""

    def gauge(name: str, documentation: str, labels: tuple[str, ...] = (), aliases: tuple[str, ...] = ()) -> Metric:
        return Metric(name, Kind.GAUGE, Source.STATE, documentation, labels, aliases=aliases, custom=False)

    budgets = [
        gauge(f"litellm_{name}", f"{what} of {whose}: {more}", labels)
        for middle, whose, labels in (
            ("team", "a team", _TEAM),
            ("api_key", "a virtual key", _KEY),
            ("user", "a user", ("user", "?user_email", "?user_alias")),
            ("org", "an organization", _ORG),
            ("customer", "a customer", ("end_user",)),
        )
        for name, what, more in (
            (f"remaining_{middle}_budget_metric", "US dollars left", "below 0 where more was spent"),
            (f"{middle}_max_budget_metric", "The budget", "US dollars, with a temporary increase while it lasts"),
            (f"{middle}_budget_remaining_hours_metric", "Hours of the budget", "until its period ends"),
        )
    ]
    rates = (*_KEY, "rate_limit_type"), (*_TEAM, "rate_limit_type")
    quota = ("model_group", *_ADDRESS, *_KEY)
    budget = ("scope", "entity", "alias", "model", "window")
    return [
        *budgets,
        gauge("litellm_provider_remaining_budget_metric", "US dollars left of the budget of a provider",
              ("api_provider",)),
        gauge("tollkeeper_budget_limit_usd", "Every budget there is: what its period may cost", budget),
        gauge("tollkeeper_budget_soft_limit_usd", "What is told when the period has cost it, and refuses nothing",
              budget),
        gauge("tollkeeper_budget_spent_usd", "What the running period has cost", budget),
        gauge("tollkeeper_budget_utilization_ratio", "What is spent, as a part of the budget: 1 is all of it", budget),
        gauge("tollkeeper_budget_reset_timestamp_seconds", "When the running period ends", budget),
        gauge("litellm_total_users", "Users"),
        gauge("litellm_active_users", "Users that are not deactivated"),
        gauge("litellm_teams_count", "Teams"),
        gauge("litellm_team_members_metric", "Members of a team", _TEAM),
        gauge("litellm_deployment_state",
              "0 healthy, 1 some of its calls fail or it is tried again after a cooldown, 2 out of service or all fail",
              _ADDRESS),
        gauge("litellm_deployment_tpm_limit", "Tokens a minute that a deployment is given",
              ("model_group", *_ADDRESS)),
        gauge("litellm_deployment_rpm_limit", "Requests a minute that a deployment is given",
              ("model_group", *_ADDRESS)),
        gauge("litellm_remaining_requests_metric",
              "Requests that the provider says are left, or that the deployment's own limit leaves", quota,
              aliases=("litellm_remaining_requests",)),
        gauge("litellm_remaining_tokens_metric",
              "Tokens that the provider says are left, or that the deployment's own limit leaves", quota,
              aliases=("litellm_remaining_tokens",)),
        gauge("litellm_api_key_rate_limit_allowed_metric", "The rate limit of a virtual key", rates[0]),
        gauge("litellm_api_key_rate_limit_used_metric", "What of it is used in the window that ends now", rates[0]),
        gauge("litellm_team_rate_limit_allowed_metric", "The rate limit of a team", rates[1]),
        gauge("litellm_team_rate_limit_used_metric", "What of it is used in the window that ends now", rates[1]),
        gauge("litellm_remaining_api_key_requests_for_model", "Requests a minute that a key has left for a model",
              (*_KEY, "model", "model_id")),
        gauge("litellm_remaining_api_key_tokens_for_model", "Tokens a minute that a key has left for a model",
              (*_KEY, "model", "model_id")),
        gauge("litellm_in_flight_requests", "Requests that are being served"),
        gauge("tollkeeper_build_info", "1, of each version that runs", ("version", "python_version")),
        gauge("tollkeeper_metrics_dropped_series",
              "Series left out of a gauge that has more than prometheus_metrics_max_series_per_metric", ("metric",)),
    ]  # fmt: skip


METRICS: Mapping[str, Metric] = {metric.name: metric for metric in (*_requests(), *_ledger(), *_state())}

# LiteLLM's names for what this gateway does not do, or says otherwise: a list that names them is no mistake.
NOT_OFFERED = frozenset(
    """
    litellm_overhead_with_guardrails_latency_metric litellm_input_audio_tokens_metric
    litellm_output_audio_tokens_metric litellm_video_duration_seconds_metric litellm_cache_hits_metric
    litellm_cache_misses_metric litellm_cached_tokens_metric litellm_callback_logging_failures_metric
    litellm_guardrail_latency_seconds litellm_guardrail_requests_total litellm_guardrail_errors_total
    litellm_mcp_tool_calls litellm_mcp_tool_call_spend_metric litellm_managed_batch_created_total
    litellm_managed_file_created_total litellm_managed_file_deleted_total litellm_managed_file_size_bytes
    litellm_managed_batch_duration_seconds litellm_check_batch_cost_jobs_polled
    litellm_check_batch_cost_last_run_timestamp litellm_check_batch_cost_jobs_processed_total
    litellm_check_batch_cost_errors_total litellm_project_model_rate_limit_allowed_metric
    litellm_project_model_rate_limit_used_metric litellm_spend_capture_rate
    """.split()  # noqa: SIM905 - a list of names to read
)
