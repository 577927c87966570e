"""What config.yaml may say of routing. The rules are the core's: what it would not use is an error here.

A value stays as the file has it; it is read when the settings are.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from proxy.core.settings import KINDS


class RoutingDefaults(BaseModel):
    """What litellm_settings may say as well."""

    model_config = ConfigDict(extra="allow")

    num_retries: Any = None
    request_timeout: Any = None
    allowed_fails: Any = None
    fallbacks: Any = None
    default_fallbacks: Any = None
    context_window_fallbacks: Any = None
    content_policy_fallbacks: Any = None
    block_requests_for_models_without_pricing: Any = None

    @field_validator("*")
    @classmethod
    def _is_of_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        kind = KINDS.get(info.field_name or "")
        if kind is not None and value is not None:
            kind(value)
        return value


class RouterSection(RoutingDefaults):
    """router_settings; the last eight are ours."""

    routing_strategy: Any = None
    routing_strategy_args: Any = None
    retry_after: Any = None
    timeout: Any = None
    stream_timeout: Any = None
    allowed_fails_policy: Any = None
    cooldown_time: Any = None
    disable_cooldowns: Any = None
    retry_policy: Any = None
    model_group_retry_policy: Any = None
    max_fallbacks: Any = None
    model_group_alias: Any = None
    enable_pre_call_checks: Any = None
    optional_pre_call_checks: Any = None
    enable_tag_filtering: Any = None
    tag_filtering_match_any: Any = None
    provider_budget_config: Any = None
    default_max_parallel_requests: Any = None
    default_litellm_params: Any = None
    max_cooldown_time: Any = None
    retry_budget_percent: Any = None
    retry_budget_minimum: Any = None
    consecutive_fails: Any = None
    outlier_failure_percent: Any = None
    outlier_minimum_requests: Any = None
    max_ejected_percent: Any = None
    hedge_after: Any = None


def check_router_section(value: dict[str, Any]) -> dict[str, Any]:
    """The section itself. Raises ValidationError, whose places pydantic puts under the section's."""
    RouterSection.model_validate(value)
    return value
