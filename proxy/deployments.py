"""A deployment made ready for requests: its row's parameters read, checked and worked out once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from budgets.core.pricing import NANO
from budgets.prices import KnownPrice, Sources, find_price, input_limit, output_limit
from proxy import models
from proxy.config.environment import from_environment
from proxy.core.wildcards import substitute
from proxy.deployment_defaults import body_defaults
from proxy.deployment_headers import extra_headers, merged, sendable
from proxy.deployment_values import (
    read_address,
    read_budget,
    read_cooldown,
    read_duration,
    read_mapping,
    read_number,
    read_policy,
    read_seconds,
    read_tags,
    read_text,
    read_url,
    read_whole,
)
from proxy.price_sources import stored_sources
from proxy.providers import PROVIDERS, split_model
from proxy.providers.base import Account, Provider, Target
from teams.secrets import is_secret_name

# How parameters are called in which a row may say where its requests go.
_ADDRESSES = ("api_base", "base_url", "endpoint")
# The ledger's column.
_LONGEST_MODEL = 255


# Whoever has no order comes after all that have one.
LAST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment as the request path needs it: everything that can be worked out beforehand is.

    Times are seconds, `unit_price` and `budget_nano` nano-dollars (per million tokens in and out, and per period).
    `template` is there when the model is a pattern, and each model that it stands for is worked out when first asked.
    """

    id: str
    model_group: str
    provider: Provider
    model: str
    qualified_model: str
    api_base: str
    target: Target = field(repr=False)
    defaults: Mapping[str, Any]
    price: KnownPrice | None
    # For whoever reads what became of a request.
    price_text: str
    secrets: tuple[str, ...] = field(repr=False)
    answer_headers: tuple[tuple[str, str], ...]
    # What only the operator can write may lead to this machine and its network.
    operators_own: bool
    blocked: bool = False
    timeout: float | None = None
    stream_timeout: float | None = None
    num_retries: int | None = None
    cooldown_time: float | None = None
    allowed_fails: int | None = None
    allowed_fails_policy: Mapping[str, int] | None = None
    weight: float | None = None
    rpm: int | None = None
    tpm: int | None = None
    max_parallel: int | None = None
    order: int = LAST
    tags: frozenset[str] = frozenset()
    region: str = ""
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    unit_price: int | None = None
    budget_nano: int | None = None
    budget_duration: str = ""
    health: Mapping[str, Any] = field(default_factory=dict)
    template: "Template | None" = field(default=None, repr=False)

    of_pattern: bool = False
    # What metrics call it: a model of a pattern that nobody knows a price for goes by the pattern's name.
    label_group: str = ""
    label_model: str = ""

    @property
    def provider_name(self) -> str:
        return self.provider.name

    @property
    def tier(self) -> int | None:
        """Its `order`, if it was given one."""
        return None if self.order == LAST else self.order


@dataclass(frozen=True, slots=True)
class Template:
    """What a deployment is made from; of a pattern, once for each model that it stands for."""

    params: Mapping[str, Any]
    info: Mapping[str, Any]
    secret_names: frozenset[str]
    sources: Sources


def build(
    row: models.Deployment,
    *,
    now: datetime,
    defaults: Mapping[str, Any] = MappingProxyType({}),
    sources: Sources | None = None,
) -> Deployment:
    """Raises ValueError with a sentence for the admin. `defaults` are litellm_params for whatever a row leaves open.

    Without `sources` of prices the stored ones are read.
    """
    secret_params = read_mapping("credentials", row.secret_params())
    stored = {**defaults, **read_mapping("litellm_params", row.litellm_params), **secret_params}
    params = {name: from_environment(value) for name, value in stored.items()}
    info = read_mapping("model_info", row.model_info)
    template = Template(params, info, frozenset(secret_params), sources or stored_sources())
    built = _built(row.pk, row.model_name, template, now=now)
    return replace(built, blocked=row.blocked, operators_own=row.source == models.Source.CONFIG)


def concretize(pattern: Deployment, *, model: str, captured: str, now: datetime) -> Deployment:
    """The deployment of one model that a deployment of a pattern stands for. Asks the database for its price.

    Raises ValueError.
    """
    assert pattern.template is not None, "a deployment of a pattern"
    template = pattern.template
    concrete = {**template.params, "model": substitute(str(template.params["model"]), captured)}
    built = _built(pattern.id, model, replace(template, params=concrete), now=now)
    known = built.price is not None
    return replace(
        built,
        blocked=pattern.blocked,
        operators_own=pattern.operators_own,
        template=None,
        of_pattern=True,
        label_group=model if known else pattern.model_group,
        label_model=built.model if known else pattern.model,
    )


def _built(pk: str, group: str, template: Template, *, now: datetime) -> Deployment:
    params, info, secret_names = template.params, template.info, template.secret_names
    provider, model = _provider(params)
    api_base = read_address(
        params.get("api_base") or params.get("base_url") or _first_variable(provider.base_variables)
    )
    api_key = read_text("api_key", params.get("api_key")).strip()
    # What the environment holds is for the provider's own address, not for whatever a row names.
    own_address = not any(value and name.endswith(_ADDRESSES) for name, value in params.items())
    if not api_key and own_address and not params.get("aws_access_key_id"):
        api_key = _first_variable(provider.key_variables)
    known = _with_variables(provider, params, with_secrets=own_address)
    target = provider.prepare(Account(model=model, api_base=api_base, api_key=api_key, params=known))
    for address in (target.api_base, *target.urls.values()):
        read_url(read_address(address))
    own_headers = extra_headers(params)
    shown_base = _without_secrets(target.api_base)
    qualified_model = f"{provider.name}/{model}"
    price = None if "*" in model else _price(provider.name, target.model, template, now=now)
    return Deployment(
        id=pk,
        model_group=group,
        provider=provider,
        model=model,
        qualified_model=qualified_model,
        api_base=shown_base,
        target=replace(target, headers=sendable(merged(target.headers, own_headers))),
        defaults=body_defaults(params, secret_names),
        price=price,
        price_text=_price_text(price),
        secrets=_secrets(known, secret_names, own_headers, api_key),
        answer_headers=(
            ("x-litellm-model-id", pk),
            ("x-litellm-model-name", qualified_model),
            ("x-litellm-model-api-base", shown_base),
        ),
        operators_own=False,
        timeout=read_seconds("timeout", params.get("timeout")),
        stream_timeout=read_seconds("stream_timeout", params.get("stream_timeout")),
        num_retries=read_whole("num_retries", _first(params.get("num_retries"), params.get("max_retries"))),
        cooldown_time=read_cooldown(_first(params.get("cooldown_time"), info.get("cooldown_time"))),
        allowed_fails=read_whole("allowed_fails", info.get("allowed_fails")),
        allowed_fails_policy=read_policy(info.get("allowed_fails_policy")),
        weight=read_number("weight", params.get("weight")),
        rpm=read_whole("rpm", params.get("rpm")),
        tpm=read_whole("tpm", params.get("tpm")),
        max_parallel=read_whole("max_parallel_requests", params.get("max_parallel_requests")),
        order=_order(params.get("order")),
        tags=read_tags(params.get("tags")),
        region=read_text("region_name", params.get("region_name")),
        max_input_tokens=_window(provider.name, model, info, template.sources),
        max_output_tokens=_most_output(provider.name, target.model, template),
        unit_price=_unit_price(price),
        budget_nano=read_budget(params.get("max_budget")),
        budget_duration=read_duration(params.get("budget_duration")),
        health={name: value for name, value in info.items() if name.startswith(("health_check_", "mode", "disable_"))},
        template=template if "*" in model else None,
        label_group=group,
        label_model=model,
    )


def _order(value: Any) -> int:
    order = read_whole("order", value)
    return LAST if order is None else order


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _first_variable(names: tuple[str, ...]) -> str:
    """What a provider's own variables hold, where a deployment says nothing."""
    return next((value.strip() for name in names if (value := os.environ.get(name))), "")


def _with_variables(provider: Provider, params: Mapping[str, Any], *, with_secrets: bool) -> Mapping[str, Any]:
    """`params`, and what the provider reads from variables where they say nothing (a region, a session's token)."""
    # One identity's secret and another one's token would fit nothing.
    with_secrets = with_secrets and not params.get("aws_access_key_id")
    found = {
        name: _first_variable(variables)
        for name, variables in provider.fact_variables.items()
        if with_secrets or not is_secret_name(name)
    }
    return {**{name: value for name, value in found.items() if value}, **params}


def _window(provider: str, model: str, info: Mapping[str, Any], sources: Sources) -> int | None:
    given = read_whole("max_input_tokens", info.get("max_input_tokens"))
    return given if given is not None else input_limit(provider=provider, model=model, sources=sources)


def _most_output(provider: str, model: str, template: Template) -> int | None:
    model = read_text("base_model", template.info.get("base_model")) or model
    return output_limit(provider=provider, model=model, params=template.info, sources=template.sources)


def _price_text(price: KnownPrice | None) -> str:
    """Dollars per million tokens; the ledger entry names the row that proves it."""
    if price is None:
        return "unknown"
    return f"{price.price.input.base / NANO:g} in, {price.price.output.base / NANO:g} out per million tokens"


def _unit_price(price: KnownPrice | None) -> int | None:
    return price.price.input.base + price.price.output.base if price else None


def _provider(params: Mapping[str, Any]) -> tuple[Provider, str]:
    name = read_text("litellm_params.model", params.get("model"))
    provider_name, model = split_model(
        name, custom_provider=read_text("custom_llm_provider", params.get("custom_llm_provider"))
    )
    if not model:
        raise ValueError("litellm_params.model is missing")
    if len(model) > _LONGEST_MODEL:
        raise ValueError(f"litellm_params.model is longer than {_LONGEST_MODEL} characters")
    # Of a pattern it is a client who names it, and it goes into addresses and headers.
    if not model.isprintable() or not {".", ".."}.isdisjoint(model.split("/")):
        raise ValueError("litellm_params.model is not the name of a model")
    if (provider := PROVIDERS.get(provider_name)) is None:
        raise ValueError(f"provider {provider_name!r} is not supported; known are {', '.join(sorted(PROVIDERS))}")
    return provider, model


def _without_secrets(api_base: str) -> str:
    """Without login, query and fragment."""
    url = read_url(api_base)
    return str(url.copy_with(username="", password="", query=None, fragment=None))


def _price(provider: str, model: str, template: Template, *, now: datetime) -> KnownPrice | None:
    model = read_text("base_model", template.info.get("base_model")) or model
    fields = {**template.info, **template.params}
    return find_price(provider=provider, model=model, params=fields, now=now, sources=template.sources)


def _secrets(
    params: Mapping[str, Any], secret_names: frozenset[str], own_headers: Mapping[str, str], api_key: str
) -> tuple[str, ...]:
    """What must never appear in an error, though an upstream quotes it."""
    found = [value for name, value in params.items() if name in secret_names or is_secret_name(name)]
    texts = (value for value in (api_key, *found, *own_headers.values()) if isinstance(value, str) and value)
    return tuple(dict.fromkeys(texts))
