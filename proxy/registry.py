"""The routing table: a frozen picture of the deployments, built from their rows whenever they change."""

import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx

from budgets.prices import KnownPrice, find_price
from proxy import models
from proxy.config.environment import from_environment
from proxy.providers import PROVIDERS, split_model
from proxy.providers.base import Provider

logger = logging.getLogger(__name__)

DEFAULT_TIMEOUT_SECONDS = 600.0
_OWN_FAMILIES = re.compile(r"_cost_per_|_token_cost|^(litellm|auto_router|aws|azure|vertex|watsonx)_")
# The ledger's column.
_LONGEST_MODEL = 255
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
        "additional_drop_params", "allowed_openai_params", "configurable_clientside_auth_params", "max_file_size_mb",
        "merge_reasoning_content_in_choices", "mock_timeout", "modify_params", "use_in_pass_through",
        "use_litellm_proxy",
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
    """`team_groups` are those that only one team may call; `access_groups` are the names under which models are

    granted together, by model group.
    """

    groups: Mapping[str, tuple[Deployment, ...]]
    settings: Mapping[str, Mapping[str, Any]]
    team_groups: Mapping[tuple[str, str], tuple[Deployment, ...]] = field(default_factory=dict)
    access_groups: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def deployments(self, model_group: str, *, team_id: str | None) -> tuple[Deployment, ...]:
        """Those of the team itself go before those of everybody."""
        if team_id is not None and (own := self.team_groups.get((team_id, model_group))):
            return own
        return self.groups.get(model_group, ())

    def model_names(self, *, team_id: str | None) -> list[str]:
        return sorted({*self.groups, *(name for owner, name in self.team_groups if owner == team_id)})

    def describe(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": _CREATED, "owned_by": "openai"}


def load_routing_table(*, now: datetime) -> RoutingTable:
    """Read the rows. A deployment that cannot be used is left out and told in the log: the others must serve."""
    groups: dict[str, list[Deployment]] = {}
    team_groups: dict[tuple[str, str], list[Deployment]] = {}
    access_groups: dict[str, set[str]] = {}
    for row in models.Deployment.objects.filter(blocked=False).order_by("model_name", "id"):
        try:
            built = build(row, now=now)
            if team_id := row.model_info.get("team_id"):
                name = row.model_info.get("team_public_model_name") or row.model_name
                team_groups.setdefault((str(team_id), str(name)), []).append(built)
                continue
            groups.setdefault(row.model_name, []).append(built)
            names = row.model_info.get("access_groups")
            if isinstance(names, list):
                access_groups.setdefault(row.model_name, set()).update(str(name) for name in names)
        except ValueError as error:
            logger.error(  # noqa: TRY400 - the sentence says it all
                "A deployment is left out of the routing table",
                extra={"deployment": row.pk, "model_group": row.model_name, "problem": str(error)},
            )
    settings: dict[str, dict[str, Any]] = {section: {} for section in models.Section}
    for setting in models.ConfigField.objects.order_by():
        settings[setting.section][setting.name] = setting.value
    return RoutingTable(
        groups={name: tuple(deployments) for name, deployments in groups.items()},
        settings=settings,
        team_groups={owner: tuple(deployments) for owner, deployments in team_groups.items()},
        access_groups={name: frozenset(names) for name, names in access_groups.items()},
    )


def build(row: models.Deployment, *, now: datetime) -> Deployment:
    """Raises ValueError with a sentence for the admin."""
    secret_params = _mapping("credentials", row.secret_params())
    stored = {**_mapping("litellm_params", row.litellm_params), **secret_params}
    params = {name: from_environment(value) for name, value in stored.items()}
    info = _mapping("model_info", row.model_info)
    provider, model = _provider(params)
    api_base = _address(params.get("api_base") or params.get("base_url") or provider.default_api_base())
    if not api_base:
        raise ValueError(f"provider {provider.name!r} needs an api_base")
    api_key = _text("api_key", params.get("api_key")).strip()
    endpoint = provider.chat_endpoint(model=model, api_base=api_base, api_key=api_key, params=params)
    extra_headers = _extra_headers(params)
    timeout = _seconds("timeout", params.get("timeout")) or DEFAULT_TIMEOUT_SECONDS
    shown_base = _without_secrets(api_base)
    qualified_model = f"{provider.name}/{model}"
    return Deployment(
        id=row.pk,
        model_group=row.model_name,
        provider=provider,
        model=model,
        qualified_model=qualified_model,
        api_base=shown_base,
        url=_url(endpoint.url),
        headers=_sendable({**endpoint.headers, **extra_headers}),
        timeout=timeout,
        stream_timeout=_seconds("stream_timeout", params.get("stream_timeout")) or timeout,
        weight=_weight(params),
        defaults={
            name: value
            for name, value in params.items()
            if name not in _OWN_PARAMS and name not in secret_params and not _OWN_FAMILIES.search(name)
        },
        price=_price(provider.name, model, info, params, now=now),
        secrets=_secrets(params, secret_params, extra_headers),
        answer_headers=(
            ("x-litellm-model-id", row.pk),
            ("x-litellm-model-name", qualified_model),
            ("x-litellm-model-api-base", shown_base),
        ),
    )


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is not an object")  # noqa: TRY004 - one kind of error for whatever a row holds
    return value


def _text(name: str, value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} is not a text")
    return value or ""


def _provider(params: Mapping[str, Any]) -> tuple[Provider, str]:
    name = _text("litellm_params.model", params.get("model"))
    provider_name, model = split_model(
        name, custom_provider=_text("custom_llm_provider", params.get("custom_llm_provider"))
    )
    if not model:
        raise ValueError("litellm_params.model is missing")
    if len(model) > _LONGEST_MODEL:
        raise ValueError(f"litellm_params.model is longer than {_LONGEST_MODEL} characters")
    if (provider := PROVIDERS.get(provider_name)) is None:
        raise ValueError(f"provider {provider_name!r} is not supported; known are {', '.join(sorted(PROVIDERS))}")
    return provider, model


def _address(value: Any) -> str:
    address = _text("api_base", value)
    if address and not address.startswith(("http://", "https://")):
        raise ValueError("api_base must begin with http:// or https://")
    return address


def _url(address: str) -> httpx.URL:
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, ValueError):
        raise ValueError("api_base is not a URL") from None
    if not url.host or (url.port or 0) > 65535:
        raise ValueError("api_base names no host, or a port that there cannot be")
    return url


def _without_secrets(api_base: str) -> str:
    """Without login, query and fragment."""
    url = _url(api_base)
    return str(url.copy_with(username="", password="", query=None, fragment=None))


def _price(
    provider: str, model: str, info: Mapping[str, Any], params: Mapping[str, Any], *, now: datetime
) -> KnownPrice | None:
    model = _text("base_model", info.get("base_model")) or model
    fields = {**info, **params}
    prefix, slash, name = model.partition("/")
    # Either the prefix names the provider, or it is part of the model's own name (meta-llama/...).
    by_prefix = find_price(provider=prefix, model=name, params=fields, now=now) if slash else None
    return by_prefix or find_price(provider=provider, model=model, params=fields, now=now)


def _secrets(
    params: Mapping[str, Any], secret_params: Mapping[str, Any], extra_headers: Mapping[str, str]
) -> tuple[str, ...]:
    """What must never appear in an error, though an upstream quotes it."""
    found = [params[name] for name in secret_params]
    return tuple(value for value in (*found, *extra_headers.values()) if isinstance(value, str) and value)


def _extra_headers(params: Mapping[str, Any]) -> dict[str, str]:
    given: dict[str, Any] = {}
    for name in ("headers", "extra_headers"):
        given.update(_mapping(name, params.get(name) or {}))
    resolved = {name: from_environment(value) for name, value in given.items()}
    return {name: str(value) for name, value in resolved.items() if value is not None}


def _sendable(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not (_HEADER_NAME.fullmatch(name) and value.isascii() and value.isprintable()):
            shown = name if _HEADER_NAME.fullmatch(name) else "a name"
            what = {"Authorization": "api_key", "OpenAI-Organization": "organization"}.get(
                name, f"headers or extra_headers: {shown}"
            )
            raise ValueError(f"{what} holds a character that no header can carry")
    return headers


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _number(name: str, value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} is not a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{name} is not a number")
    return number


def _seconds(name: str, value: Any) -> float | None:
    seconds = _number(name, value)
    if seconds is not None and not 0 < seconds < 86_400:
        raise ValueError(f"{name} is not a number of seconds from 0 to a day")
    return seconds


def _weight(params: Mapping[str, Any]) -> float:
    for name in ("weight", "rpm", "tpm"):
        if (weight := _number(name, params.get(name))) is not None:
            return max(0.0, weight)
    return 1.0
