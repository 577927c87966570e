"""The routing table: a frozen picture of the deployments, built from their rows whenever they change."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from budgets.prices import KnownPrice, find_price
from proxy import models
from proxy.config.environment import from_environment
from proxy.providers import PROVIDERS, split_model
from proxy.providers.base import Provider

logger = logging.getLogger(__name__)

DEFAULT_TIMEOUT_SECONDS = 600.0
_CREATED = 1677610602  # LiteLLM's answer to "created" in GET /models

# Everything else in litellm_params is a default for the request body.
_OWN_PARAMS = frozenset(
    {
        "model", "api_base", "base_url", "api_key", "api_version", "organization", "custom_llm_provider",
        "region_name", "timeout", "stream_timeout", "max_retries", "num_retries", "rpm", "tpm",
        "max_parallel_requests", "weight", "order", "tags", "max_budget", "budget_duration", "cooldown_time",
        "mock_response", "drop_params", "litellm_credential_name", "extra_headers", "headers",
        "input_cost_per_token", "output_cost_per_token", "input_cost_per_second", "output_cost_per_second",
        "cache_read_input_token_cost", "cache_creation_input_token_cost", "output_cost_per_reasoning_token",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment as the request path needs it: everything that can be worked out beforehand is."""

    id: str
    model_group: str
    provider: Provider
    model: str
    qualified_model: str
    api_base: str
    url: httpx.URL
    headers: Mapping[str, str]
    timeout: float
    stream_timeout: float
    weight: float
    defaults: Mapping[str, Any]
    price: KnownPrice | None
    secrets: tuple[str, ...]
    answer_headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class RoutingTable:
    groups: Mapping[str, tuple[Deployment, ...]]
    settings: Mapping[str, Mapping[str, Any]]

    def model_names(self) -> list[str]:
        return sorted(self.groups)

    def describe(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": _CREATED, "owned_by": "openai"}


def load_routing_table(*, now: datetime) -> RoutingTable:
    """Read the rows. A deployment that cannot be used is left out and told in the log: the others must serve."""
    groups: dict[str, list[Deployment]] = {}
    for row in models.Deployment.objects.filter(blocked=False).order_by("model_name", "id"):
        try:
            groups.setdefault(row.model_name, []).append(build(row, now=now))
        except ValueError as error:
            logger.error(  # noqa: TRY400 - the sentence says it all
                "A deployment is left out of the routing table",
                extra={"deployment": row.pk, "model_group": row.model_name, "problem": str(error)},
            )
    settings: dict[str, dict[str, Any]] = {section: {} for section in models.Section}
    for field in models.ConfigField.objects.order_by():
        settings[field.section][field.name] = field.value
    return RoutingTable(
        groups={name: tuple(deployments) for name, deployments in groups.items() if deployments}, settings=settings
    )


def build(row: models.Deployment, *, now: datetime) -> Deployment:
    """Raises ValueError with a sentence for the admin."""
    params = {name: from_environment(value) for name, value in {**row.litellm_params, **row.secret_params()}.items()}
    info = row.model_info
    name = params.get("model")
    if not isinstance(name, str) or not name:
        raise ValueError("litellm_params.model is missing")
    provider_name, model = split_model(name, custom_provider=params.get("custom_llm_provider"))
    if (provider := PROVIDERS.get(provider_name)) is None:
        raise ValueError(f"provider {provider_name!r} is not supported; known are {', '.join(sorted(PROVIDERS))}")
    api_base = str(params.get("api_base") or params.get("base_url") or provider.default_api_base())
    if not api_base:
        raise ValueError(f"provider {provider_name!r} needs an api_base")
    api_key = str(params.get("api_key") or "")
    endpoint = provider.chat_endpoint(model=model, api_base=api_base, api_key=api_key, params=params)
    shown_base = _without_query(api_base)
    price = find_price(
        provider=provider_name,
        model=str(info.get("base_model") or model).removeprefix(f"{provider_name}/"),
        params={**info, **params},
        now=now,
    )
    timeout = _seconds(params, "timeout") or DEFAULT_TIMEOUT_SECONDS
    return Deployment(
        id=row.pk,
        model_group=row.model_name,
        provider=provider,
        model=model,
        qualified_model=f"{provider_name}/{model}",
        api_base=shown_base,
        url=httpx.URL(endpoint.url),
        headers={**endpoint.headers, **_extra_headers(params)},
        timeout=timeout,
        stream_timeout=_seconds(params, "stream_timeout") or timeout,
        weight=_weight(params),
        defaults={name: value for name, value in params.items() if name not in _OWN_PARAMS},
        price=price,
        secrets=tuple(value for name in row.secret_params() if isinstance(value := params[name], str) and value),
        answer_headers=(
            ("x-litellm-model-id", row.pk),
            ("x-litellm-model-name", f"{provider_name}/{model}"),
            ("x-litellm-model-api-base", shown_base),
        ),
    )


def _without_query(api_base: str) -> str:
    parts = urlsplit(api_base)
    host = parts.hostname or ""
    netloc = f"{host}:{parts.port}" if parts.port else host
    return urlunsplit((parts.scheme, netloc, parts.path, "", ""))


def _extra_headers(params: Mapping[str, Any]) -> dict[str, str]:
    found = {**(params.get("headers") or {}), **(params.get("extra_headers") or {})}
    headers = {str(name): str(from_environment(value)) for name, value in found.items()}
    if any(not (name + value).isprintable() for name, value in headers.items()):
        raise ValueError("extra_headers holds a control character")
    return headers


def _seconds(params: Mapping[str, Any], name: str) -> float | None:
    if (value := params.get(name)) is None:
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} {value!r} is not a number of seconds") from None
    if not 0 < seconds < 86_400:
        raise ValueError(f"{name} {value!r} is not a number of seconds from 0 to a day")
    return seconds


def _weight(params: Mapping[str, Any]) -> float:
    for name in ("weight", "rpm", "tpm"):
        if (value := params.get(name)) is not None:
            try:
                return max(0.0, float(value))
            except (TypeError, ValueError):
                raise ValueError(f"{name} {value!r} is not a number") from None
    return 1.0
