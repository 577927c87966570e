"""What config.yaml may say in `litellm_settings`: budgets of all, defaults of keys and users, metrics, prices."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from proxy.config.mail_schema import EmailLists
from proxy.config.router_schema import RoutingDefaults
from proxy.config.values import (
    Discount,
    Dollars,
    Duration,
    Margin,
    PositiveSeconds,
    ResetTime,
    Section,
    Texts,
    TimeZone,
)
from proxy.metrics.settings import MetricSettings


class LitellmSettings(Section, RoutingDefaults):
    max_budget: Dollars | None = Field(
        default=None, description="Dollars that everybody together may spend; 0 is no limit."
    )
    budget_duration: Duration | None = Field(
        default=None, description="The period of `max_budget`; without it, for ever."
    )
    budget_exceeded_status_code: Annotated[int, Field(ge=400, le=499)] = Field(
        default=422, description="The status of requests that a budget refuses."
    )
    budget_exceeded_throttle_percentage: Annotated[float, Field(gt=0, le=100)] | None = Field(
        default=None,
        description="To which part of its rates a key is slowed down that is throttled instead of refused.",
    )
    max_end_user_budget: Dollars | None = Field(
        default=None, description="Dollars for each customer without a budget of its own."
    )
    max_end_user_budget_id: str | None = Field(
        default=None, description="The id of the budget row for customers without a budget."
    )
    max_internal_user_budget: Dollars | None = Field(
        default=None, description="The budget of a new internal user for whom nobody says one."
    )
    internal_user_budget_duration: Duration | None = Field(
        default=None, description="The period of `max_internal_user_budget`."
    )
    tag_budget_config: dict[str, dict[str, Any]] = Field(
        default={}, description="Budgets by tag: `{batch: {max_budget: 10, budget_duration: 1d}}`."
    )
    cost_discount_config: dict[str, Discount] = Field(default={}, description="Discounts by provider, as shares of 1.")
    cost_margin_config: dict[str, Margin] = Field(
        default={}, description="Margins by provider or `global`: a share, or `percentage` and `fixed_amount`."
    )
    callbacks: Texts = Field(
        default=[],
        description="`prometheus`, which is there in any case, and `otel`, which pushes metrics; others are told.",
    )
    default_key_generate_params: dict[str, Any] = Field(default={}, description="What a new key gets that nobody said.")
    upperbound_key_generate_params: dict[str, Any] = Field(default={}, description="What a new key must not exceed.")
    key_generation_settings: dict[str, dict[str, Any]] = Field(
        default={}, description="Who may make keys: `team_key_generation`, `personal_key_generation`."
    )
    default_internal_user_params: dict[str, Any] = Field(
        default={}, description="What a new user gets that nobody said."
    )
    store_audit_logs: bool = Field(
        default=True, description="The audit trail is always kept: accepted, and without a choice."
    )
    custom_prometheus_metadata_labels: list[str] = Field(
        default=[], description="Paths in a request's metadata whose values become labels: `metadata.environment`."
    )
    custom_prometheus_tags: list[str] = Field(default=[], description="Tags that become labels `tag_...`.")
    require_auth_for_metrics_endpoint: bool = Field(
        default=False, description="`/metrics` asks for the key of somebody who may see everything."
    )
    prometheus_metrics_config: Any = Field(
        default=None, description="The only metrics that there are, in groups with `metrics` and `include_labels`."
    )
    prometheus_exclude_metrics: Any = Field(default=None, description="Metrics that are left out.")
    prometheus_exclude_labels: Any = Field(default=None, description="Labels that are left out.")
    prometheus_latency_buckets: Any = Field(default=None, description="Rising seconds, for histograms of latencies.")
    prometheus_metrics_max_series_per_metric: Any = Field(
        default=None, description="The most series of a gauge of budgets; 10,000 where nothing is said."
    )
    prometheus_metrics_ttl_seconds: PositiveSeconds | None = Field(
        default=None, description="Series of requests that nothing counted for so long leave the page."
    )
    prometheus_metrics_cleanup_interval_seconds: PositiveSeconds | None = Field(
        default=None, description="How far apart the moments are at which that is looked at; 60 where nothing is said."
    )
    prometheus_end_user_metrics_ttl_seconds: PositiveSeconds | None = Field(
        default=None, description="The same as `prometheus_metrics_ttl_seconds` for series that name a customer."
    )
    prometheus_end_user_metrics_cleanup_interval_seconds: PositiveSeconds | None = Field(
        default=None, description="How far apart the moments are at which those are looked at."
    )
    prometheus_deployment_and_latency_caller_identity: Any = Field(
        default=None, description="How latencies name the caller: `api_key_alias`, `user_email` or `both`."
    )
    prometheus_emit_stream_label: bool = Field(default=False, description="Label requests with `stream`.")
    prometheus_emit_input_sequence_length_label: bool = Field(
        default=False, description="Label latencies with `input_sequence_length`."
    )
    prometheus_emit_rate_limit_labels: bool = Field(
        default=False, description="Label failures with `rate_limit_category` and `rate_limit_type`."
    )
    prometheus_emit_client_labels: bool = Field(
        default=False, description="Label requests with `client_ip` and `user_agent`."
    )
    prometheus_emit_older_names: bool = Field(
        default=True, description="Show metrics under LiteLLM's older names as well."
    )
    prometheus_user_budget_label_include_email_alias: bool = Field(
        default=False, description="Label gauges of users' budgets with `user_email` and `user_alias`."
    )
    enable_end_user_cost_tracking_prometheus_only: bool = Field(
        default=False, description="Label metrics with the customer."
    )
    disable_end_user_cost_tracking: bool = Field(default=False, description="Never label metrics with the customer.")
    timezone: TimeZone = Field(default="UTC", description="Where days, weeks and months of budgets and reports begin.")
    budget_reset_time: ResetTime = Field(
        default="00:00", description="The time of day at which budgets of a day and longer begin anew."
    )
    default_key_max_budget_alert_emails: EmailLists = Field(
        default={}, description="Mail addresses by percentage of a key's budget, for all keys."
    )

    @model_validator(mode="after")
    def _metrics_can_be_so(self) -> Self:
        MetricSettings.read(self.model_dump())
        return self
