"""Routing in config.yaml: what the core would not use is told with its place, before anything starts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.config import known
from proxy.config.reader import read
from proxy.config.router_schema import RouterSection, RoutingDefaults
from proxy.core.settings import GENERAL_NAMES, KINDS, LITELLM_NAMES, ROUTER_NAMES
from tests.proxy.config.test_reader import problem

WriteConfig = Callable[[str], Path]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "{routing_strategy: least-bussy}",
            (
                "router_settings.routing_strategy: must be one of cost-based-routing, latency-based-routing, "
                "least-busy, "
                "provider-budget-routing, simple-shuffle, usage-based-routing, usage-based-routing-v2 "
                "(did you mean 'least-busy'?)"
            ),
        ),
        ("{num_retries: -1}", "router_settings.num_retries: must be a whole number from 0 to 100"),
        ("{num_retries: 1.5}", "router_settings.num_retries: must be a whole number"),
        ("{num_retries: true}", "router_settings.num_retries: must be a whole number"),
        ("{timeout: 0}", "router_settings.timeout: must be a number, more than 0"),
        ("{cooldown_time: -1}", "router_settings.cooldown_time: must be a number, 0 or more"),
        ("{cooldown_time: .inf}", "router_settings.cooldown_time: must be a number"),
        ("{disable_cooldowns: maybe}", "router_settings.disable_cooldowns: must be true or false"),
        ("{fallbacks: [a]}", "router_settings.fallbacks: must be a list of objects such as"),
        ("{fallbacks: {a: [b]}}", "router_settings.fallbacks: must be a list of objects such as"),
        ("{fallbacks: [{a: b}]}", "router_settings.fallbacks: must be right in 'a', which must be a list of models"),
        ("{fallbacks: [{a: [{messages: []}]}]}", "must hold names of models, or objects with a 'model'"),
        ("{default_fallbacks: a}", "router_settings.default_fallbacks: must be a list of models"),
        (
            "{retry_policy: {RateLimitErrorRetires: 1}}",
            (
                "router_settings.retry_policy: must name errors such as RateLimitErrorRetries, "
                "not 'RateLimitErrorRetires' "
                "(did you mean 'RateLimitErrorRetries'?)"
            ),
        ),
        ("{retry_policy: {TimeoutErrorRetries: x}}", "which must be a whole number"),
        ("{allowed_fails_policy: {TimeoutErrorRetries: 1}}", "(did you mean 'TimeoutErrorAllowedFails'?)"),
        ("{model_group_retry_policy: {a: {X: 1}}}", "must be right in 'a', which must name errors"),
        ("{model_group_alias: {a: 5}}", "router_settings.model_group_alias: must give each alias"),
        ("{optional_pre_call_checks: 5}", "router_settings.optional_pre_call_checks: must be a list of names"),
        ("{provider_budget_config: {openai: 5}}", "must give each provider an object"),
        ("{provider_budget_config: {openai: {budget_limit: -1, time_period: 1d}}}", "must be right in 'openai'"),
        ("{provider_budget_config: {openai: {budget_limit: 1, time_period: a day}}}", "a time_period such as 1d"),
        ("{provider_budget_config: {openai: {budget_limit: 1, time_period: 5}}}", "a time_period such as 1d"),
        ("{provider_budget_config: {openai: {budget_limit: 1}}}", "a time_period such as 1d"),
        ("{routing_strategy_args: {ttl: soon}}", "must be right in 'ttl'"),
        ("{retry_budget_percent: 101}", "router_settings.retry_budget_percent: must be a number, 0 or more and at"),
    ],
)
def test_what_routing_cannot_be_is_told_with_its_place(write_config: WriteConfig, text: str, told: str) -> None:
    assert told in problem(write_config(f"router_settings: {text}"))


def test_litellm_settings_may_say_some_of_it_and_not_wrongly(write_config: WriteConfig) -> None:
    assert "litellm_settings.num_retries: must be" in problem(write_config("litellm_settings: {num_retries: many}"))
    assert "litellm_settings.fallbacks: must be" in problem(write_config("litellm_settings: {fallbacks: {a: b}}"))
    assert "litellm_settings.callbacks" in problem(write_config("litellm_settings: {callbacks: {a: b}}"))


def test_a_wrong_value_is_never_repeated(write_config: WriteConfig) -> None:
    wrong: dict[str, Any] = {name: "sk-hidden-0123456789" for name in KINDS if name != "request_timeout"}
    policies = {name: {"sk-hidden-0123456789": 1} for name in ("retry_policy", "allowed_fails_policy")}

    for values in (wrong, policies):
        assert "hidden" not in problem(write_config(yaml.safe_dump({"router_settings": values})))


def test_what_is_right_stays_as_it_was_written(write_config: WriteConfig) -> None:
    values = {
        "routing_strategy": "latency-based-routing",
        "routing_strategy_args": {"ttl": 60, "lowest_latency_buffer": 0.5, "other": [1]},
        "num_retries": "3",
        "timeout": None,
        "fallbacks": [{"a": ["b", {"model": "c", "temperature": 0}]}, {"*": ["d"]}],
        "model_group_alias": {"x": "a", "y": {"model": "b", "hidden": True}},
        "retry_policy": {"DefaultRetries": 1, "TimeoutErrorRetries": None},
        "not_a_setting": {"a": 1},
    }
    document = read(write_config(yaml.safe_dump({"router_settings": values})))

    assert document.router_settings == values
    assert [line.split()[0] for line in document.unknown_keys()] == ["router_settings.not_a_setting"]
    assert document.without_effect() == []


def test_every_setting_that_the_core_reads_is_checked_known_and_said_to_have_effect() -> None:
    elsewhere = {"request_timeout", "block_requests_for_models_without_pricing"}
    assert RouterSection.model_fields.keys() - elsewhere == ROUTER_NAMES
    assert RoutingDefaults.model_fields.keys() == LITELLM_NAMES
    assert ROUTER_NAMES <= known.ROUTER
    assert LITELLM_NAMES <= known.LITELLM
    assert GENERAL_NAMES <= known.GENERAL
    assert set(KINDS) <= known.IN_EFFECT
