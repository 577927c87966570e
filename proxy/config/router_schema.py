"""What config.yaml may say of routing. The rules are the core's: what it would not use is an error here.

A value stays as the file has it; it is read when the settings are.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from proxy.core.settings import KINDS


class RoutingDefaults(BaseModel):
    """What litellm_settings may say as well."""

    model_config = ConfigDict(extra="allow")

    num_retries: Any = Field(default=None, description="How often a failed request is asked again.")
    request_timeout: Any = Field(default=None, description="Seconds for an attempt, where nothing else says.")
    allowed_fails: Any = Field(
        default=None, description="A deployment cools down after more failures than this within a minute."
    )
    fallbacks: Any = Field(default=None, description="Groups to ask when a group fails: `[{gpt-4o: [claude]}]`.")
    default_fallbacks: Any = Field(
        default=None, description="Groups to ask for any group without fallbacks of its own."
    )
    context_window_fallbacks: Any = Field(
        default=None, description="Groups to ask when a prompt was too long for a group."
    )
    content_policy_fallbacks: Any = Field(
        default=None, description="Groups to ask when a provider refuses by its policy."
    )
    block_requests_for_models_without_pricing: Any = Field(
        default=None, description="Refuse requests for which no deployment has a price."
    )

    @field_validator("*")
    @classmethod
    def _is_of_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        kind = KINDS.get(info.field_name or "")
        if kind is not None and value is not None:
            kind(value)
        return value


class RouterSection(RoutingDefaults):
    """router_settings; the last eight are ours."""

    routing_strategy: Any = Field(default=None, description="How one of a group's deployments is picked.")
    routing_strategy_args: Any = Field(
        default=None, description="Arguments of the strategy: `ttl`, `lowest_latency_buffer`, `max_latency_list_size`."
    )
    retry_after: Any = Field(default=None, description="The shortest pause before a retry, in seconds.")
    timeout: Any = Field(default=None, description="Seconds for an attempt.")
    stream_timeout: Any = Field(default=None, description="Seconds for an attempt that streams.")
    allowed_fails_policy: Any = Field(
        default=None, description="`allowed_fails` by kind of error, such as `RateLimitErrorAllowedFails`."
    )
    cooldown_time: Any = Field(default=None, description="Seconds for which a failing deployment rests.")
    disable_cooldowns: Any = Field(default=None, description="Nothing rests.")
    retry_policy: Any = Field(default=None, description="Retries by kind of error, such as `RateLimitErrorRetries`.")
    model_group_retry_policy: Any = Field(default=None, description="`retry_policy` of single model groups, by name.")
    max_fallbacks: Any = Field(default=None, description="How many groups are asked at most after the first.")
    model_group_alias: Any = Field(
        default=None, description="Other names for groups: `{gpt-4: gpt-4o}`, or `{model: ..., hidden: true}`."
    )
    enable_pre_call_checks: Any = Field(
        default=None, description="Pass over deployments that are too small for the prompt or over their limits."
    )
    optional_pre_call_checks: Any = Field(
        default=None, description="`enforce_model_rate_limits`: deployments' `rpm` and `tpm` are limits."
    )
    enable_tag_filtering: Any = Field(default=None, description="Requests with tags go to deployments with these tags.")
    tag_filtering_match_any: Any = Field(default=None, description="One tag of several is enough.")
    provider_budget_config: Any = Field(
        default=None, description="Budgets by provider: `{openai: {budget_limit: 100, time_period: 1d}}`."
    )
    default_max_parallel_requests: Any = Field(
        default=None, description="Requests at once of a deployment that says nothing."
    )
    default_litellm_params: Any = Field(
        default=None, description="`litellm_params` of deployments that do not say otherwise."
    )
    max_cooldown_time: Any = Field(
        default=None, description="The longest a cooldown gets that is doubled each time, in seconds. Ours."
    )
    retry_budget_percent: Any = Field(
        default=None, description="Retries are at most this share of the last ten seconds' requests. Ours."
    )
    retry_budget_minimum: Any = Field(
        default=None, description="So many retries within ten seconds are always allowed. Ours."
    )
    consecutive_fails: Any = Field(default=None, description="So many failures in a row begin a cooldown. Ours.")
    outlier_failure_percent: Any = Field(
        default=None, description="A cooldown begins when more than this share of a minute's requests failed. Ours."
    )
    outlier_minimum_requests: Any = Field(
        default=None, description="`outlier_failure_percent` says nothing of fewer requests. Ours."
    )
    max_ejected_percent: Any = Field(
        default=None, description="No more than this share of a group rests for failing often. Ours."
    )
    hedge_after: Any = Field(
        default=None, description="Seconds after which a second deployment is asked as well; off without it. Ours."
    )


def check_router_section(value: dict[str, Any]) -> dict[str, Any]:
    """The section itself. Raises ValidationError, whose places pydantic puts under the section's."""
    RouterSection.model_validate(value)
    return value
