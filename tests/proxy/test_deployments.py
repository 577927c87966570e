"""A deployment made of its row: worked out beforehand, or refused with a sentence, and never a secret out of place."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from budgets.core.pricing import NANO, Rate
from proxy.core.operations import Operation
from proxy.deployments import LAST, build, concretize
from proxy.deployments import Deployment as Built
from proxy.models import Deployment, Source
from proxy.providers import PROVIDERS
from tests.proxy.rows import NOW, built

pytestmark = pytest.mark.django_db

CHAT: Mapping[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine's own environment says."""
    for provider in PROVIDERS.values():
        for names in (provider.key_variables, provider.base_variables, *provider.fact_variables.values()):
            for name in names:
                monkeypatch.delenv(name, raising=False)


def sent(deployment: Built, body: Mapping[str, Any] = CHAT) -> Any:
    """The body that a chat goes upstream with."""
    target = deployment.target
    whole = {**deployment.defaults, **body}
    request = deployment.provider.build_request(target, Operation.CHAT, whole, stream=False, now=NOW)
    return json.loads(request.content)


def of_pattern(params: Mapping[str, Any], model: str, captured: str, **facts: Any) -> Built:
    return concretize(built(params, **facts), model=model, captured=captured, now=NOW)


def test_a_plain_deployment_is_worked_out_beforehand() -> None:
    found = built({"temperature": 0.5}, credentials="sk-upstream-0123456789", id="d1")

    assert (found.id, found.model_group, found.model, found.qualified_model) == (
        "d1",
        "gpt-4o",
        "gpt-4o",
        "openai/gpt-4o",
    )
    assert found.target.urls[Operation.CHAT] == "https://api.openai.com/v1/chat/completions"
    assert found.target.headers["Authorization"] == "Bearer sk-upstream-0123456789"
    assert found.secrets == ("sk-upstream-0123456789",)
    assert found.defaults == {"temperature": 0.5}
    assert (found.timeout, found.stream_timeout, found.weight, found.order) == (None, None, None, LAST)
    assert (found.label_group, found.label_model) == ("gpt-4o", "gpt-4o")
    assert found.price is not None
    assert found.price.price.input == Rate(2_500_000_000)
    assert found.unit_price == 12_500_000_000
    assert found.max_input_tokens == 128_000


def test_only_what_stands_in_the_configuration_is_the_operators_own() -> None:
    assert built(source=Source.CONFIG).operators_own
    assert not built(source=Source.ADMIN).operators_own
    assert not built(source=Source.API).operators_own


def test_references_to_the_environment_are_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSTREAM_KEY", "sk-from-the-environment")
    monkeypatch.setenv("UPSTREAM_BASE", "http://127.0.0.1:9/v1")

    found = built({"api_base": "os.environ/UPSTREAM_BASE"}, credentials="os.environ/UPSTREAM_KEY")

    assert found.target.headers["Authorization"] == "Bearer sk-from-the-environment"
    assert found.target.urls[Operation.CHAT] == "http://127.0.0.1:9/v1/chat/completions"
    assert "sk-from-the-environment" in found.secrets


def test_a_variable_that_is_not_set_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPSTREAM_KEY", raising=False)

    assert "Authorization" not in built(credentials="os.environ/UPSTREAM_KEY").target.headers


def test_a_providers_own_variables_stand_in_for_a_row_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", " sk-from-the-environment\n")
    monkeypatch.setenv("OPENAI_API_BASE", "http://127.0.0.1:9/second")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/first")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")

    found = built()

    assert found.target.headers["Authorization"] == "Bearer sk-from-the-environment"
    assert found.target.headers["OpenAI-Organization"] == "org-1"
    assert found.target.urls[Operation.CHAT] == "http://127.0.0.1:9/first/chat/completions"
    assert "sk-from-the-environment" in found.secrets


def test_a_rows_own_words_go_before_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")

    found = built({"organization": "org-2"}, credentials="sk-of-the-row")

    assert found.target.headers["Authorization"] == "Bearer sk-of-the-row"
    assert found.target.headers["OpenAI-Organization"] == "org-2"


@pytest.mark.parametrize("name", ["api_base", "base_url"])
def test_a_key_of_the_environment_never_goes_to_an_address_that_a_row_names(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")

    found = built({name: "https://stranger.example.com/v1"})

    assert "Authorization" not in found.target.headers
    assert not found.secrets


AWS = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIDENVIRONMENT",
    "AWS_SECRET_ACCESS_KEY": "secret-of-the-environment",
    "AWS_SESSION_TOKEN": "token-of-the-environment",
}
BEDROCK = {"model": "bedrock/anthropic.claude-3-haiku-20240307-v1:0"}


def with_variables(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def test_bedrock_takes_region_and_credentials_from_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    with_variables(monkeypatch, AWS)

    found = built(BEDROCK)

    assert found.api_base == "https://bedrock-runtime.eu-west-1.amazonaws.com"
    assert {AWS["AWS_SECRET_ACCESS_KEY"], AWS["AWS_SESSION_TOKEN"]} <= set(found.secrets)


def test_a_rows_own_identity_takes_no_part_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with_variables(monkeypatch, {**AWS, "AWS_BEARER_TOKEN_BEDROCK": "bearer-of-the-environment"})
    own = {"aws_access_key_id": "AKIDROW", "aws_secret_access_key": "secret-of-the-row"}

    found = built(BEDROCK, credentials=json.dumps(own))

    assert set(found.secrets) == {"AKIDROW", "secret-of-the-row"}
    assert "Authorization" not in found.target.headers
    assert "eu-west-1" in found.api_base


@pytest.mark.parametrize("name", ["api_base", "base_url", "aws_bedrock_runtime_endpoint"])
@pytest.mark.parametrize("variables", [AWS, {"AWS_REGION": "eu-west-1", "AWS_BEARER_TOKEN_BEDROCK": "bearer"}])
def test_bedrocks_credentials_of_the_environment_sign_nothing_for_strangers(
    monkeypatch: pytest.MonkeyPatch, name: str, variables: Mapping[str, str]
) -> None:
    with_variables(monkeypatch, variables)

    with pytest.raises(ValueError, match="needs aws_access_key_id"):
        built({**BEDROCK, name: "https://stranger.example.com"})


def test_azures_token_of_the_environment_is_for_azures_address_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AZURE_AD_TOKEN", "token-of-the-environment")
    monkeypatch.setenv("AZURE_API_VERSION", "2025-01-01")
    stranger = built({"model": "azure/d", "api_base": "https://stranger.example.com"})
    monkeypatch.setenv("AZURE_API_BASE", "https://own.openai.azure.com")
    own = built({"model": "azure/d"})

    assert not any("token-of-the-environment" in value for value in stranger.target.headers.values())
    assert not stranger.secrets
    assert "api-version=2025-01-01" in stranger.target.urls[Operation.CHAT]
    assert own.target.headers["Authorization"] == "Bearer token-of-the-environment"
    assert "token-of-the-environment" in own.secrets


def test_a_key_in_a_json_object_of_secrets_is_found() -> None:
    found = built(credentials='{"api_key":"sk-0123456789"}')

    assert found.target.headers["Authorization"] == "Bearer sk-0123456789"


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"model": "openai/a\r\nX-B: b"}, "not the name of a model"),
        ({"model": "gemini/../../files"}, "not the name of a model"),
        ({"model": "openai/" + "x" * 300}, "longer than 255"),
        ({"model": "nobody/gpt-4o"}, "nobody"),
        ({"model": "hosted_vllm/llama"}, "api_base"),
        ({"custom_llm_provider": 5}, "custom_llm_provider"),
        ({"timeout": "soon"}, "timeout"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": float("inf")}, "timeout"),
        ({"timeout": 86_400}, "timeout"),
        ({"timeout": [5]}, "timeout"),
        ({"timeout": 10**400}, "timeout"),
        ({"stream_timeout": "x"}, "stream_timeout"),
        ({"num_retries": -1}, "num_retries"),
        ({"max_retries": "x"}, "num_retries"),
        ({"cooldown_time": 86_401}, "cooldown_time"),
        ({"cooldown_time": -1}, "cooldown_time"),
        ({"weight": "heavy"}, "weight"),
        ({"weight": "inf"}, "weight"),
        ({"rpm": [1]}, "rpm"),
        ({"tpm": -1}, "tpm"),
        ({"max_parallel_requests": {}}, "max_parallel_requests"),
        ({"order": "first"}, "order"),
        ({"tags": "free"}, "tags"),
        ({"region_name": 5}, "region_name"),
        ({"max_budget": "much"}, "max_budget"),
        ({"max_budget": -1}, "max_budget"),
        ({"budget_duration": 5}, "budget_duration"),
        ({"budget_duration": "a while"}, "1h"),
        ({"budget_duration": "999999999d"}, "hundred years"),
        ({"api_key": 5}, "api_key"),
        ({"extra_headers": {"X-A": "a\r\nX-B: b"}}, "extra_headers"),
        ({"extra_headers": "X-A: b"}, "headers"),
        ({"organization": "org\r\nX-B: b"}, "organization"),
        ({"input_cost_per_token": "cheap"}, "price"),
        ({"input_cost_per_token": 1e30}, "price"),
        ({"api_base": "http://host:99999/v1"}, "api_base"),
        ({"api_base": "http://[::1/v1"}, "api_base"),
        ({"api_base": "http://☃/v1"}, "api_base"),
        ({"api_base": "http://a\x00b/v1"}, "api_base"),
        ({"api_base": "127.0.0.1:8000/v1"}, "api_base"),
        ({"api_base": "localhost:8000/v1"}, "api_base"),
        ({"api_base": "ftp://host/v1"}, "api_base"),
        ({"api_base": ["http://host"]}, "api_base"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_deployment_that_cannot_serve_is_refused_with_a_sentence(params: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        built(params)


@pytest.mark.parametrize(
    ("info", "word"),
    [
        ({"allowed_fails": -1}, "allowed_fails"),
        ({"allowed_fails_policy": [1]}, "allowed_fails_policy"),
        ({"allowed_fails_policy": {"TimeoutErrorAllowedFails": "x"}}, "TimeoutErrorAllowedFails"),
        ({"max_input_tokens": "many"}, "max_input_tokens"),
        ({"base_model": 5}, "base_model"),
        ({"cooldown_time": "long"}, "cooldown_time"),
    ],
)
def test_so_is_one_whose_model_info_is_odd(info: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        built(info=info)


@pytest.mark.parametrize("key", ["sk-0123456789\n", "sk-01234\r\nX-B: b", "sk-☃0123456789"])
@pytest.mark.parametrize("model", ["openai/gpt-4o", "anthropic/claude-3-haiku", "gemini/gemini-2.0-flash"])
def test_a_key_that_no_header_can_carry_is_refused_or_mended_beforehand(model: str, key: str) -> None:
    try:
        headers = built({"model": model}, credentials=key).target.headers
    except ValueError as error:
        assert key not in str(error)  # noqa: PT017 - some are mended
        assert "api_key" in str(error)  # noqa: PT017
        return
    assert not set("\r\n") & set("".join(httpx.Headers(dict(headers)).values()))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_param = st.sampled_from(
    [
        "model", "api_base", "base_url", "api_key", "api_version", "timeout", "weight", "rpm", "headers",
        "extra_headers", "organization", "input_cost_per_token", "output_cost_per_image", "custom_llm_provider",
        "temperature", "tags", "max_budget", "budget_duration", "cooldown_time", "order", "num_retries", "region_name",
        "max_parallel_requests", "additional_drop_params", "drop_params", "aws_region_name", "aws_access_key_id",
        "aws_secret_access_key", "azure_ad_token",
    ]
)  # fmt: skip
_fact = st.sampled_from(
    ["base_model", "allowed_fails", "allowed_fails_policy", "max_input_tokens", "cooldown_time", "mode", "team_id"]
)
_models = st.sampled_from([f"{name}/{model}" for name in PROVIDERS for model in ("gpt-4o", "a/b", "*", "us-east-1/m")])


class TestAnyRow(TestCase):
    @given(
        _json | st.dictionaries(_param, _json | st.integers(10**300, 10**400), max_size=4),
        _models,
        _json | st.dictionaries(_fact, _json, max_size=3),
        st.text() | _json.map(json.dumps) | st.dictionaries(_param, _json).map(json.dumps),
    )
    @example([], "gpt-4o", {}, "")
    @example({}, "gpt-4o", [], "")
    @settings(deadline=None, max_examples=300)
    def test_it_is_built_or_refused_with_a_sentence(self, params: Any, model: str, info: Any, credentials: str) -> None:
        deployment = Deployment(
            model_name="g",
            litellm_params={"model": model, **params} if isinstance(params, dict) else params,
            credentials=credentials,
            model_info=info,
        )
        try:
            found = build(deployment, now=NOW)
            if found.template is not None:
                concretize(found, model="asked", captured="asked", now=NOW)
        except ValueError as error:
            assert str(error)  # noqa: PT017 - most rows are fine


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

    assert found.target.urls[Operation.CHAT] == "https://api.example.com/v1/chat/completions?api-version=1"


SECRET_NAMES = ["aws_secret_access_key", "azure_ad_token", "vertex_credentials", "client_secret", "unheard_of"]


@pytest.mark.parametrize("name", SECRET_NAMES)
@pytest.mark.parametrize("model", ["openai/gpt-4o", "openai/*"])
def test_a_secret_parameter_never_becomes_part_of_the_request_body(model: str, name: str) -> None:
    secrets = orjson.dumps({"api_key": "sk-0123456789", name: "hidden-0123456789"}).decode()
    found = built({"model": model}, credentials=secrets)
    if found.template is not None:
        found = concretize(found, model="gpt-4o", captured="gpt-4o", now=NOW)

    assert "hidden-0123456789" not in str(sent(found))
    assert "hidden-0123456789" in found.secrets


@pytest.mark.parametrize("model", ["openai/gpt-4o", "openai/*", "anthropic/claude-3-haiku", "gemini/*"])
def test_a_deployment_does_not_show_its_secrets(model: str) -> None:
    secrets = {"api_key": "hidden-0123456789", "extra_headers": {"X-Token": "hidden-9876543210"}}

    assert "hidden" not in repr(built({"model": model}, credentials=json.dumps(secrets)))


def test_extra_headers_are_sent_and_their_values_are_secrets() -> None:
    found = built(credentials='{"extra_headers":{"X-Token":"hidden-0123456789"}}')

    assert found.target.headers["X-Token"] == "hidden-0123456789"
    assert "hidden-0123456789" in found.secrets


def test_a_beta_added_by_hand_goes_beside_the_one_that_a_token_needs() -> None:
    added = json.dumps({"api_key": "sk-ant-oat01-x", "extra_headers": {"Anthropic-Beta": "context-1m-2025-08-07"}})
    found = built({"model": "anthropic/claude-sonnet-4-5"}, credentials=added)

    assert found.target.headers["anthropic-beta"] == "oauth-2025-04-20,context-1m-2025-08-07"


def test_what_is_the_gateways_own_is_no_default_of_a_body() -> None:
    own = {
        "rpm": 5, "tags": ["a"], "max_budget": 1, "budget_duration": "1d", "timeout": 5, "order": 2, "cooldown_time": 1,
        "drop_params": True, "additional_drop_params": ["x"], "litellm_session_id": "s", "input_cost_per_image": 0.1,
        "cache_read_input_token_cost": 1e-6, "aws_region_name": "us-east-1", "max_retries": 2,
    }  # fmt: skip

    assert built({**own, "temperature": 0.5, "reasoning_effort": "low"}).defaults == {
        "temperature": 0.5,
        "reasoning_effort": "low",
    }


def test_defaults_of_all_deployments_stand_in_for_what_a_row_leaves_open() -> None:
    defaults = {"timeout": 30, "temperature": 0.1, "api_key": "sk-of-all", "drop_params": True}

    left_open = built(defaults=defaults)
    said = built({"timeout": 5, "temperature": 0.9}, credentials="sk-of-the-row", defaults=defaults)

    assert (left_open.timeout, left_open.defaults) == (30.0, {"temperature": 0.1})
    assert left_open.target.headers["Authorization"] == "Bearer sk-of-all"
    assert left_open.secrets == ("sk-of-all",)
    assert (said.timeout, said.defaults) == (5.0, {"temperature": 0.9})
    assert said.secrets == ("sk-of-the-row",)


@pytest.mark.parametrize("model", ["anthropic/claude-3-haiku", "gemini/gemini-2.0-flash", "groq/llama-3.1-8b"])
def test_dropping_is_the_deployments_wish(model: str) -> None:
    asked = {**CHAT, "logit_bias": {"1": 5}, "seed": 77_777}
    found = built({"model": model, "drop_params": True, "additional_drop_params": ["seed"]})

    assert "logit_bias" not in str(sent(found, asked))
    assert "77777" not in str(sent(found, asked))


@pytest.mark.parametrize(
    ("params", "field", "value"),
    [
        ({"weight": 3}, "weight", 3.0),
        ({"weight": "2.5"}, "weight", 2.5),
        ({"rpm": "60"}, "rpm", 60),
        ({"tpm": 7.0}, "tpm", 7),
        ({"order": 2}, "order", 2),
        ({"order": 0}, "order", 0),
        ({"order": None}, "order", LAST),
        ({"max_parallel_requests": 0}, "max_parallel", 0),
        ({"num_retries": 0, "max_retries": 5}, "num_retries", 0),
        ({"max_retries": 5}, "num_retries", 5),
        ({"cooldown_time": 0}, "cooldown_time", 0.0),
        ({"tags": ["a", "b", "a"]}, "tags", frozenset({"a", "b"})),
        ({"max_budget": 1.5}, "budget_nano", 1_500_000_000),
        ({"max_budget": 0}, "budget_nano", 0),
        ({"budget_duration": "1d"}, "budget_duration", "1d"),
        ({"region_name": "eu"}, "region", "eu"),
    ],
)
def test_what_a_row_says_is_read(params: dict[str, Any], field: str, value: Any) -> None:
    assert getattr(built(params), field) == value


def test_a_cooldown_may_stand_in_either_place_and_the_parameters_go_first() -> None:
    assert built(info={"cooldown_time": 7}).cooldown_time == 7.0
    assert built({"cooldown_time": 0}, info={"cooldown_time": 7}).cooldown_time == 0.0


def test_a_base_model_gives_the_price_of_a_deployment_with_a_name_of_its_own() -> None:
    found = built({"model": "openai/my-deployment"}, info={"base_model": "openai/gpt-4o-mini"})

    assert found.price is not None
    assert found.price.price.input == Rate(150_000_000)


def test_the_price_is_that_of_the_model_that_is_asked_for_not_of_the_way_to_it() -> None:
    found = built(
        {"model": "bedrock/us-east-1/anthropic.claude-3-haiku-20240307-v1:0"}, credentials=json.dumps(IDENTITY)
    )
    plain = built(BEDROCK, credentials=json.dumps({**IDENTITY, "aws_region_name": "us-east-1"}))

    assert found.target.model == "anthropic.claude-3-haiku-20240307-v1:0"
    assert found.price is not None
    assert found.price == plain.price


IDENTITY = {"aws_access_key_id": "AKID", "aws_secret_access_key": "secret"}


def test_a_price_of_its_own_goes_before_the_table() -> None:
    found = built({"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6})

    assert found.price is not None
    assert (found.price.price.input, found.price.price.output) == (Rate(NANO), Rate(2 * NANO))


def test_a_pattern_has_no_price_and_is_a_template() -> None:
    found = built({"model": "openai/*"}, model_name="openai/*")

    assert found.price is None
    assert found.template is not None


def test_a_model_of_a_pattern_is_a_deployment_of_its_own() -> None:
    params = {"model": "openai/*", "temperature": 0.5, "rpm": 7}
    facts: dict[str, Any] = {"model_name": "any/*", "id": "p1", "source": Source.CONFIG, "blocked": True}
    found = of_pattern(params, "any/gpt-4o", "gpt-4o", credentials="sk-upstream-0123456789", **facts)

    assert (found.id, found.model_group, found.model) == ("p1", "any/gpt-4o", "gpt-4o")
    assert found.qualified_model == "openai/gpt-4o"
    assert dict(found.answer_headers)["x-litellm-model-name"] == "openai/gpt-4o"
    assert (found.rpm, found.defaults, found.secrets) == (7, {"temperature": 0.5}, ("sk-upstream-0123456789",))
    assert (found.operators_own, found.blocked, found.of_pattern, found.template) == (True, True, True, None)
    assert found.price is not None
    assert found.price.price.input == Rate(2_500_000_000)
    assert sent(found)["model"] == "gpt-4o"


def test_metrics_know_a_model_of_a_pattern_by_its_own_name_only_where_it_has_a_price() -> None:
    known = of_pattern({"model": "openai/*"}, "any/gpt-4o", "gpt-4o", model_name="any/*")
    unknown = of_pattern({"model": "openai/*"}, "any/made-up", "made-up", model_name="any/*")

    assert (known.label_group, known.label_model) == ("any/gpt-4o", "gpt-4o")
    assert (unknown.label_group, unknown.label_model) == ("any/*", "*")


@pytest.mark.parametrize("captured", ["a\r\nX-B: b", "..", "../../v1/files", "a/./b", "x" * 300, "\x00"])
def test_a_client_that_names_what_is_no_model_is_refused(captured: str) -> None:
    with pytest.raises(ValueError, match="model"):
        of_pattern({"model": "gemini/*"}, f"gemini/{captured}", captured, model_name="gemini/*")


@given(st.text(max_size=20))
@settings(deadline=None)
def test_whatever_a_client_names_it_reaches_no_other_host(captured: str) -> None:
    params = {"model": "gemini/*", "input_cost_per_token": 1e-6}
    try:
        found = of_pattern(params, "m", captured, model_name="gemini/*")
    except ValueError:
        return
    for url in found.target.urls.values():
        assert url.startswith("https://generativelanguage.googleapis.com/v1beta/")
