"""Deployments and model groups as the API shows them: with prices and sizes, without any credential."""

from collections.abc import Sequence
from typing import Any

from budgets.core.pricing import Price, Rate
from proxy.deployments import Deployment as Built
from proxy.management.schemas.models import DeploymentObject
from proxy.models import Deployment, Source
from proxy.providers import split_model
from proxy.registry import RoutingTable
from teams.secrets import without_secrets

_PER_TOKEN = 10**15
# Of an OpenAI-compatible upstream we pass on whatever it takes; these are what clients ask about.
_SUPPORTED = [
    "frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "n", "parallel_tool_calls",
    "presence_penalty", "response_format", "seed", "stop", "stream", "stream_options", "temperature", "tool_choice",
    "tools", "top_logprobs", "top_p", "user",
]  # fmt: skip


def deployment_object(row: Deployment) -> dict[str, Any]:
    return DeploymentObject(
        model_id=row.pk,
        model_name=row.model_name,
        litellm_params=without_secrets(row.litellm_params),
        model_info={"id": row.pk, "db_model": row.source != Source.CONFIG, **row.model_info},
        blocked=row.blocked,
        created_at=row.created_at,
        created_by=row.created_by or None,
        updated_at=row.updated_at,
        updated_by=row.updated_by or None,
    ).model_dump(mode="json")


def describe(row: Deployment, table: RoutingTable) -> dict[str, Any]:
    """An entry of /model/info."""
    team_id = row.model_info.get("team_id")
    names = (str(row.model_info.get("team_public_model_name") or row.model_name), str(team_id) if team_id else None)
    built = next((one for one in table.deployments(names[0], team_id=names[1]) if one.id == row.pk), None)
    provider, model = split_model(
        str(row.litellm_params.get("model", "")), custom_provider=row.litellm_params.get("custom_llm_provider")
    )
    known = {
        "id": row.pk,
        "db_model": row.source != Source.CONFIG,
        "blocked": row.blocked,
        "key": model,
        "litellm_provider": provider,
        "mode": "chat",
        "direct_access": team_id is None,
        "access_via_team_ids": [team_id] if team_id else [],
        "pricing_overrides": sorted(name for name in row.litellm_params if "cost_per" in name),
        "supported_openai_params": _SUPPORTED,
        "tpm": row.litellm_params.get("tpm"),
        "rpm": row.litellm_params.get("rpm"),
        **_sizes(built),
        **_prices(built.price.price if built and built.price else None),
    }
    return {
        "model_name": row.model_name,
        "litellm_params": without_secrets(row.litellm_params),
        # What the operator wrote about the model goes before what a table says.
        "model_info": {**known, **without_secrets(row.model_info)},
    }


def describe_group(name: str, deployments: Sequence[Built]) -> dict[str, Any]:
    """An entry of /model_group/info."""
    prices = [_prices(one.price.price) for one in deployments if one.price]
    sizes = [_sizes(one) for one in deployments]
    return {
        "model_group": name,
        "providers": sorted({one.provider.name for one in deployments}),
        "mode": "chat",
        "max_input_tokens": _most(size["max_input_tokens"] for size in sizes),
        "max_output_tokens": _most(size["max_output_tokens"] for size in sizes),
        "input_cost_per_token": _most(price["input_cost_per_token"] for price in prices),
        "output_cost_per_token": _most(price["output_cost_per_token"] for price in prices),
        "supported_openai_params": _SUPPORTED,
        "tpm": None,
        "rpm": None,
        "health_status": None,
    }


def _sizes(built: Built | None) -> dict[str, int | None]:
    """LiteLLM's max_tokens is the older name of max_output_tokens."""
    most = built.max_output_tokens if built else None
    return {
        "max_tokens": most,
        "max_input_tokens": built.max_input_tokens if built else None,
        "max_output_tokens": most,
    }


def _prices(price: Price | None) -> dict[str, float | None]:
    """Dollars per token, under the names of LiteLLM's price map."""
    return {
        "input_cost_per_token": _per_token(price.input) if price else None,
        "output_cost_per_token": _per_token(price.output) if price else None,
        "cache_read_input_token_cost": _per_token(price.cached) if price else None,
        "cache_creation_input_token_cost": _per_token(price.cache_creation) if price else None,
        "output_cost_per_reasoning_token": _per_token(price.reasoning) if price else None,
    }


def _per_token(rate: Rate | None) -> float | None:
    return None if rate is None else rate.base / _PER_TOKEN


def _most(values: Any) -> Any:
    return max((value for value in values if value is not None), default=None)
