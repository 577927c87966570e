"""Which of a deployment's parameters are defaults for the bodies of its requests. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from teams.secrets import is_secret_name

_OWN_FAMILIES = re.compile(r"_cost_per_|_token_cost|^(litellm|auto_router|aws|azure|vertex|watsonx)_")
# Everything else in litellm_params is a default for the request body.
_OWN_PARAMS = frozenset(
    {
        "model", "api_base", "base_url", "api_key", "api_version", "organization", "custom_llm_provider",
        "region_name", "timeout", "stream_timeout", "max_retries", "num_retries", "rpm", "tpm",
        "max_parallel_requests", "weight", "order", "tags", "max_budget", "budget_duration", "cooldown_time",
        "mock_response", "drop_params", "litellm_credential_name", "extra_headers", "headers",
        "input_cost_per_token", "output_cost_per_token", "input_cost_per_second", "output_cost_per_second",
        "cache_read_input_token_cost", "cache_creation_input_token_cost", "output_cost_per_reasoning_token",
        "additional_drop_params", "allowed_openai_params", "configurable_clientside_auth_params", "max_file_size_mb",
        "merge_reasoning_content_in_choices", "mock_timeout", "modify_params", "use_in_pass_through",
        "use_litellm_proxy",
    }
)  # fmt: skip


def body_defaults(params: Mapping[str, Any], secret_names: frozenset[str]) -> dict[str, Any]:
    """What is no parameter of the gateway's own, no secret and no price."""
    return {
        name: value
        for name, value in params.items()
        if name not in _OWN_PARAMS
        and name not in secret_names
        and not is_secret_name(name)
        and not _OWN_FAMILIES.search(name)
    }
