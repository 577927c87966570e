"""The router's settings: three sections become one, a wrong value costs only itself, a request may change little."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.settings import KINDS, RouterSettings, is_plain_list

NOTHING = RouterSettings()


def read(router: dict[str, Any] | None = None, litellm: dict[str, Any] | None = None, **general: Any) -> RouterSettings:
    settings, doubts = RouterSettings.read(router or {}, litellm or {}, general)
    assert doubts == []
    return settings


def test_nothing_given_is_litellms_defaults() -> None:
    settings = read()

    assert settings == NOTHING
    assert (settings.routing_strategy, settings.num_retries, settings.cooldown_time) == ("simple-shuffle", 2, 5.0)
    assert (settings.request_timeout, settings.max_fallbacks, settings.allowed_fails) == (6000.0, 5, None)


def test_everything_that_can_be_given_is_read() -> None:
    settings = read(
        {
            "routing_strategy": "least-busy",
            "routing_strategy_args": {"ttl": 60},
            "num_retries": 4,
            "retry_after": 1,
            "timeout": 30,
            "stream_timeout": "2.5",
            "allowed_fails": 0,
            "allowed_fails_policy": {"RateLimitErrorAllowedFails": 7},
            "cooldown_time": 9,
            "max_cooldown_time": 90,
            "disable_cooldowns": "true",
            "retry_policy": {"RateLimitErrorRetries": 3, "TimeoutErrorRetries": None},
            "model_group_retry_policy": {"a": {"DefaultRetries": 1}},
            "fallbacks": [{"a": ["b", {"model": "c", "temperature": 0}]}, {"*": ["d"]}, {"a": ["ignored"]}],
            "context_window_fallbacks": [{"a": ["big"]}],
            "content_policy_fallbacks": [{"a": ["lax"]}],
            "default_fallbacks": ["e"],
            "max_fallbacks": 2,
            "model_group_alias": {"x": "a", "y": {"model": "b", "hidden": True}, "z": {"model": "b"}},
            "enable_pre_call_checks": True,
            "optional_pre_call_checks": ["enforce_model_rate_limits"],
            "enable_tag_filtering": True,
            "tag_filtering_match_any": False,
            "provider_budget_config": {"openai": {"budget_limit": 10, "time_period": "1d"}},
            "default_max_parallel_requests": 8,
            "default_litellm_params": {"temperature": 0},
            "retry_budget_percent": 10,
            "retry_budget_minimum": 3,
            "consecutive_fails": 3,
            "outlier_failure_percent": 40,
            "outlier_minimum_requests": 10,
            "max_ejected_percent": 30,
            "hedge_after": 1.5,
        },
        {"request_timeout": 600},
        enforce_fallback_model_access=True,
    )

    assert settings == RouterSettings(
        routing_strategy="least-busy",
        strategy_args={"ttl": 60},
        num_retries=4,
        retry_after=1.0,
        timeout=30.0,
        stream_timeout=2.5,
        request_timeout=600.0,
        allowed_fails=0,
        allowed_fails_policy={"RateLimitErrorAllowedFails": 7},
        cooldown_time=9.0,
        max_cooldown_time=90.0,
        disable_cooldowns=True,
        retry_policy={"RateLimitErrorRetries": 3},
        model_group_retry_policy={"a": {"DefaultRetries": 1}},
        fallbacks={"a": ("b", {"model": "c", "temperature": 0}), "*": ("d",)},
        context_window_fallbacks={"a": ("big",)},
        content_policy_fallbacks={"a": ("lax",)},
        default_fallbacks=("e",),
        max_fallbacks=2,
        model_group_alias={"x": "a", "y": "b", "z": "b"},
        hidden_aliases=frozenset({"y"}),
        enable_pre_call_checks=True,
        optional_pre_call_checks=frozenset({"enforce_model_rate_limits"}),
        enable_tag_filtering=True,
        tag_filtering_match_any=False,
        provider_budget_config={"openai": {"budget_limit": 10, "time_period": "1d"}},
        default_max_parallel_requests=8,
        default_litellm_params={"temperature": 0},
        retry_budget_percent=10.0,
        retry_budget_minimum=3,
        consecutive_fails=3,
        outlier_failure_percent=40.0,
        outlier_minimum_requests=10,
        max_ejected_percent=30.0,
        hedge_after=1.5,
        enforce_fallback_model_access=True,
    )


def test_router_settings_win_over_litellm_settings() -> None:
    litellm = {"num_retries": 7, "allowed_fails": 3, "fallbacks": [{"a": ["b"]}]}

    assert read({"num_retries": 1}, litellm).num_retries == 1
    assert read({"num_retries": None}, litellm).num_retries == 7
    assert (read({}, litellm).allowed_fails, read({}, litellm).fallbacks) == (3, {"a": ("b",)})


def test_a_setting_counts_only_where_litellm_has_it() -> None:
    assert read({"request_timeout": 5}, {"timeout": 5, "routing_strategy": "least-busy"}) == NOTHING
    assert read({"enforce_fallback_model_access": True}) == NOTHING


def test_a_wrong_value_is_told_and_costs_itself_only() -> None:
    settings, doubts = RouterSettings.read({"num_retries": "many", "timeout": 5}, {"num_retries": 7}, {})

    assert (settings.num_retries, settings.timeout) == (7, 5)
    assert doubts == ["router_settings.num_retries must be a whole number from 0 to 100; it is not used"]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "*", "model", "hidden", "budget_limit", "time_period"]), inner)
    ),
    max_leaves=8,
)
_sections = st.dictionaries(st.sampled_from(sorted(KINDS)), _json)


@given(_sections, _sections, _sections)
def test_no_row_breaks_the_reading(router: dict[str, Any], litellm: dict[str, Any], general: dict[str, Any]) -> None:
    settings, doubts = RouterSettings.read(router, litellm, general)

    assert all(" must " in doubt for doubt in doubts)
    assert settings.num_retries >= 0
    assert settings.cooldown_time >= 0
    assert settings.timeout is None or settings.timeout > 0
    for names in settings.fallbacks.values():
        assert all(isinstance(entry, str) or isinstance(entry["model"], str) for entry in names)


def test_a_request_overrides_what_litellm_lets_it() -> None:
    overrides = {
        "fallbacks": [{"a": ["b"]}],
        "context_window_fallbacks": [{"a": ["big"]}],
        "content_policy_fallbacks": [{"a": ["lax"]}],
        "num_retries": 1,
        "timeout": 3,
        "model_group_retry_policy": {"a": {"DefaultRetries": 0}},
        "routing_strategy": "least-busy",
        "enable_tag_filtering": True,
        # Not a client's to say.
        "cooldown_time": 0,
        "disable_cooldowns": True,
        "retry_budget_minimum": 1000,
        "max_fallbacks": 100,
        "default_litellm_params": {"api_base": "http://h"},
        "weights": {"a": {"d1": 1}},
        "nonsense": object(),
    }

    assert NOTHING.overridden(overrides) == RouterSettings(
        fallbacks={"a": ("b",)},
        context_window_fallbacks={"a": ("big",)},
        content_policy_fallbacks={"a": ("lax",)},
        num_retries=1,
        timeout=3.0,
        model_group_retry_policy={"a": {"DefaultRetries": 0}},
        routing_strategy="least-busy",
        enable_tag_filtering=True,
    )


def test_nothing_overridden_is_the_same_settings() -> None:
    assert NOTHING.overridden({}) is NOTHING
    assert NOTHING.overridden({"num_retries": None, "x": 1}) is NOTHING


def test_nobody_switches_tag_filtering_off() -> None:
    strict = RouterSettings(enable_tag_filtering=True)

    assert strict.overridden({"enable_tag_filtering": False}).enable_tag_filtering
    assert strict.overridden({"enable_tag_filtering": False}, stored=True).enable_tag_filtering


def test_fallbacks_in_a_clients_form_hold_for_whatever_it_asks() -> None:
    changed = {"model": "c", "messages": []}

    assert NOTHING.overridden({"fallbacks": ["b", changed]}).fallbacks == {"*": ("b", changed)}


def test_a_key_may_weigh_deployments() -> None:
    stored = {"weights": {"a": {"d1": 1, "d2": 0}, "b": {"d3": 0.5}}}

    assert NOTHING.overridden(stored, stored=True).weights == {"d1": 1.0, "d2": 0.0, "d3": 0.5}


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"num_retries": -1}, "num_retries must be a whole number"),
        ({"num_retries": 10**9}, "num_retries must be a whole number"),
        ({"timeout": "soon"}, "timeout must be a number"),
        ({"routing_strategy": "fastest"}, "routing_strategy must be one of"),
        ({"fallbacks": "a"}, "fallbacks must be a list"),
        ({"fallbacks": [5]}, "fallbacks must be a list"),
        ({"fallbacks": ["a", 5]}, "fallbacks must hold names"),
        ({"model_group_retry_policy": {"a": {"X": 1}}}, "model_group_retry_policy must be right in 'a'"),
        ({"enable_tag_filtering": "perhaps"}, "enable_tag_filtering must be true or false"),
    ],
)
def test_a_wrong_override_is_told(overrides: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        NOTHING.overridden(overrides)


@given(st.dictionaries(st.sampled_from([*sorted(KINDS), "weights"]), _json), st.booleans())
def test_an_override_is_taken_or_refused_with_a_sentence(overrides: dict[str, Any], stored: bool) -> None:
    try:
        NOTHING.overridden(overrides, stored=stored)
    except ValueError as error:
        assert " must " in str(error)  # noqa: PT017 - both endings are right


@pytest.mark.parametrize(
    ("fallbacks", "plain"),
    [
        (["a"], True),
        ([{"model": "a"}], True),
        ([{"a": ["b"]}], False),
        ([{"model": ["b"]}], False),
        ([], False),
        ("a", False),
        ({"a": ["b"]}, False),
    ],
)
def test_models_in_order_are_told_from_lists_by_group(fallbacks: Any, plain: bool) -> None:
    assert is_plain_list(fallbacks) is plain


def test_settings_cannot_be_changed_by_who_reads_them() -> None:
    settings = read({"fallbacks": [{"a": ["b"]}], "retry_policy": {"DefaultRetries": 1}})

    for field in fields(settings):
        value = getattr(settings, field.name)
        if hasattr(value, "keys"):
            with pytest.raises(TypeError):
                value["x"] = 1
