"""The routing table: every deployment that can serve is in it, and none that cannot takes the others with it."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from budgets.core.pricing import Rate
from proxy.models import ConfigField, Deployment
from proxy.registry import DEFAULT_TIMEOUT_SECONDS, build, load_routing_table
from proxy.registry import Deployment as Built

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def row(
    params: dict[str, Any] | None = None, *, credentials: str = "", info: dict[str, Any] | None = None, **columns: Any
) -> Deployment:
    return Deployment(
        model_name="gpt-4o",
        litellm_params={"model": "openai/gpt-4o", **(params or {})},
        credentials=credentials,
        model_info=info or {},
        **columns,
    )


def built(params: dict[str, Any] | None = None, **facts: Any) -> Built:
    return build(row(params, **facts), now=NOW)


def test_a_plain_deployment_is_worked_out_beforehand() -> None:
    found = built({"temperature": 0.5}, credentials="sk-upstream-0123456789", id="d1")

    assert (found.id, found.model_group, found.model, found.qualified_model) == (
        "d1",
        "gpt-4o",
        "gpt-4o",
        "openai/gpt-4o",
    )
    assert found.url == httpx.URL("https://api.openai.com/v1/chat/completions")
    assert found.headers["Authorization"] == "Bearer sk-upstream-0123456789"
    assert found.secrets == ("sk-upstream-0123456789",)
    assert found.defaults == {"temperature": 0.5}
    assert found.timeout == found.stream_timeout == DEFAULT_TIMEOUT_SECONDS
    assert found.weight == 1.0
    assert found.price is not None
    assert found.price.price.input == Rate(2_500_000_000)


def test_references_to_the_environment_are_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSTREAM_KEY", "sk-from-the-environment")
    monkeypatch.setenv("UPSTREAM_BASE", "http://127.0.0.1:9/v1")

    found = built({"api_base": "os.environ/UPSTREAM_BASE"}, credentials="os.environ/UPSTREAM_KEY")

    assert found.headers["Authorization"] == "Bearer sk-from-the-environment"
    assert str(found.url) == "http://127.0.0.1:9/v1/chat/completions"
    assert "sk-from-the-environment" in found.secrets


def test_a_variable_that_is_not_set_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPSTREAM_KEY", raising=False)

    assert "Authorization" not in built(credentials="os.environ/UPSTREAM_KEY").headers


def test_a_key_in_a_json_object_of_secrets_is_found() -> None:
    found = built(credentials='{"api_key":"sk-0123456789"}')

    assert found.headers["Authorization"] == "Bearer sk-0123456789"


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"model": "nobody/gpt-4o"}, "nobody"),
        ({"model": "hosted_vllm/llama"}, "api_base"),
        ({"timeout": "soon"}, "timeout"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": float("inf")}, "timeout"),
        ({"timeout": 86_400}, "timeout"),
        ({"timeout": [5]}, "timeout"),
        ({"timeout": 10**400}, "timeout"),
        ({"stream_timeout": "x"}, "stream_timeout"),
        ({"weight": "heavy"}, "weight"),
        ({"weight": "inf"}, "weight"),
        ({"rpm": [1]}, "rpm"),
        ({"extra_headers": {"X-A": "a\r\nX-B: b"}}, "extra_headers"),
        ({"extra_headers": {"X-A\r\nX-B": "b"}}, "extra_headers"),
        ({"headers": {"X-A": "a\nb"}}, "headers"),
        ({"extra_headers": "X-A: b"}, "headers"),
        ({"extra_headers": {"X-A": "naïve ☃"}}, "headers"),
        ({"organization": "org\r\nX-B: b"}, "organization"),
        ({"input_cost_per_token": "cheap"}, "price"),
        ({"input_cost_per_token": 1e30}, "price"),
        ({"api_base": "http://host:99999/v1"}, None),
        ({"api_base": "http://[::1/v1"}, None),
        ({"api_base": "http://☃/v1"}, None),
        ({"api_base": "http://a\x00b/v1"}, None),
        ({"api_base": "127.0.0.1:8000/v1"}, "api_base"),
        ({"api_base": "localhost:8000/v1"}, "api_base"),
        ({"api_base": "ftp://host/v1"}, "api_base"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_deployment_that_cannot_serve_is_refused_with_a_sentence(params: dict[str, Any], word: str | None) -> None:
    with pytest.raises(ValueError, match=word):
        built(params)


@pytest.mark.parametrize("key", ["sk-0123456789\n", "sk-01234\r\nX-B: b", "sk-☃0123456789"])
def test_a_key_that_no_header_can_carry_is_refused_or_mended_beforehand(key: str) -> None:
    try:
        headers = built(credentials=key).headers
    except ValueError:
        return
    httpx.Headers(dict(headers))
    assert not set("\r\n") & set(headers["Authorization"])


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_param = st.sampled_from(
    [
        "model", "api_base", "api_key", "timeout", "weight", "rpm", "headers", "extra_headers", "organization",
        "input_cost_per_token", "custom_llm_provider", "temperature",
    ]
)  # fmt: skip


class TestAnyRow(TestCase):
    @given(
        _json | st.dictionaries(_param, _json | st.integers(10**300, 10**400), max_size=4),
        _json,
        st.text() | _json.map(json.dumps) | st.dictionaries(_param, _json).map(json.dumps),
    )
    @example([], {}, "")
    @example({"model": "gpt-4o"}, [], "")
    @settings(deadline=None, max_examples=300)
    def test_it_is_built_or_refused_with_a_sentence(self, params: Any, info: Any, credentials: str) -> None:
        deployment = Deployment(
            model_name="g",
            litellm_params={"model": "gpt-4o", **params} if isinstance(params, dict) else params,
            credentials=credentials,
            model_info=info,
        )
        try:
            build(deployment, now=NOW)
        except ValueError as error:
            assert str(error)  # noqa: PT017 - most rows are fine


@pytest.mark.parametrize(
    ("columns", "secrets"),
    [
        ({"litellm_params": []}, ""),
        ({"litellm_params": "gpt-4o"}, ""),
        ({"litellm_params": {"model": "gpt-4o", "api_base": "http://☃/v1"}}, ""),
        ({"litellm_params": {"model": "gpt-4o", "extra_headers": "x"}}, ""),
        ({"litellm_params": {"model": "gpt-4o", "input_cost_per_token": "1e30"}}, ""),
        ({"litellm_params": {"model": "gpt-4o"}, "model_info": []}, ""),
        ({"litellm_params": {"model": "gpt-4o"}}, "{not json"),
        ({"litellm_params": {"model": "nobody/x"}}, ""),
    ],
    ids=lambda value: repr(value)[:80],
)
def test_a_row_that_cannot_serve_is_left_out_and_the_others_serve(columns: dict[str, Any], secrets: str) -> None:
    row(id="good").save()
    Deployment(id="bad", **{"model_name": "bad", **columns}, credentials=secrets).save()

    table = load_routing_table(now=NOW)

    assert table.model_names(team_id=None) == ["gpt-4o"]


def test_a_model_name_longer_than_its_column_does_not_take_the_table_with_it() -> None:
    row(id="good").save()
    row({"model": "openai/" + "x" * 300, "input_cost_per_token": 1e-6}, id="long").save()

    assert "good" in {one.id for one in load_routing_table(now=NOW).groups["gpt-4o"]}


def test_blocked_deployments_are_not_in_the_table() -> None:
    row(id="a").save()
    row(id="b", blocked=True).save()

    assert [one.id for one in load_routing_table(now=NOW).groups["gpt-4o"]] == ["a"]


def test_settings_are_in_the_table_by_section() -> None:
    ConfigField.objects.create(section="router_settings", name="num_retries", value=3)

    table = load_routing_table(now=NOW)

    assert table.settings["router_settings"] == {"num_retries": 3}
    assert table.settings["litellm_settings"] == {}


@pytest.mark.parametrize(
    ("api_base", "shown"),
    [
        ("https://api.example.com/v1", "https://api.example.com/v1"),
        ("https://api.example.com:8443/v1?key=hidden", "https://api.example.com:8443/v1"),
        ("https://user:hidden@api.example.com/v1#hidden", "https://api.example.com/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
    ],
)
def test_the_address_that_is_shown_holds_no_secret(api_base: str, shown: str) -> None:
    found = built({"api_base": api_base})

    assert found.api_base == shown
    assert dict(found.answer_headers)["x-litellm-model-api-base"] == shown


def test_an_address_with_a_query_is_posted_to_the_path_before_it() -> None:
    found = built({"api_base": "https://api.example.com/v1?api-version=1"})

    assert found.url.path == "/v1/chat/completions"
    assert found.url.params["api-version"] == "1"


@pytest.mark.parametrize("name", ["aws_secret_access_key", "azure_ad_token", "vertex_credentials", "client_secret"])
def test_a_secret_parameter_never_becomes_part_of_the_request_body(name: str) -> None:
    found = built(credentials=orjson.dumps({"api_key": "sk-0123456789", name: "hidden-0123456789"}).decode())

    assert name not in found.defaults
    assert "hidden-0123456789" in found.secrets


def test_extra_headers_are_sent_and_their_values_are_secrets() -> None:
    found = built(credentials='{"extra_headers":{"X-Token":"hidden-0123456789"}}')

    assert found.headers["X-Token"] == "hidden-0123456789"
    assert "hidden-0123456789" in found.secrets


@pytest.mark.parametrize(
    ("params", "weight"),
    [
        ({"weight": 3}, 3.0),
        ({"weight": "2.5", "rpm": 9}, 2.5),
        ({"rpm": 60}, 60.0),
        ({"tpm": 7}, 7.0),
        ({"weight": -1}, 0),
    ],
)
def test_weights(params: dict[str, Any], weight: float) -> None:
    assert built(params).weight == weight


def test_a_base_model_gives_the_price_of_a_deployment_with_a_name_of_its_own() -> None:
    found = built({"model": "openai/my-deployment"}, info={"base_model": "openai/gpt-4o-mini"})

    assert found.price is not None
    assert found.price.price.input == Rate(150_000_000)
