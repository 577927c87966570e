"""A chat completion's request as Anthropic's: each thing said in its words, and nothing that it refuses."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings

from proxy.core.errors import BadRequest
from proxy.providers import PROVIDERS
from tests.fakes.anthropic_rules import check
from tests.proxy.providers.asking import request
from tests.proxy.providers.bodies import bodies

ANTHROPIC = PROVIDERS["anthropic"]
USER = {"role": "user", "content": "hi"}
FUNCTION = {"name": "weather", "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}}
TOOL = {"type": "function", "function": FUNCTION}
SAID_TOOL = {"name": "weather", "input_schema": FUNCTION["parameters"]}
SCHEMA = {"type": "object", "properties": {"fare": {"type": "integer"}}}
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "fare", "schema": SCHEMA}}
EPHEMERAL = {"type": "ephemeral"}


def translated(*, model: str = "claude-sonnet-4-5", params: dict[str, Any] | None = None, **body: Any) -> Any:
    """What is sent, having passed what Anthropic checks."""
    said = orjson.loads(request(ANTHROPIC, {"messages": [USER]} | body, model=model, params=params).content)
    check(said)
    return said


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"temperature": 0.3, "top_p": 0.9, "top_k": 4}, {"temperature": 0.3, "top_p": 0.9, "top_k": 4}),
        ({"stop": "x"}, {"stop_sequences": ["x"]}),
        ({"stop": ["x", "", "y"]}, {"stop_sequences": ["x", "y"]}),
        ({"stop": None, "temperature": None}, {}),
        ({"max_tokens": 5}, {"max_tokens": 5}),
        ({"max_completion_tokens": 6, "max_tokens": 5}, {"max_tokens": 6}),
        ({"user": "u-17"}, {"metadata": {"user_id": "u-17"}}),
        ({"user": "someone@example.org"}, {}),
        ({"user": "+49 (170) 123456"}, {}),
        ({"user": "u" * 257}, {}),
        ({"n": 1, "stream_options": {"include_usage": True}, "logprobs": False, "presence_penalty": 0.0}, {}),
        ({"service_tier": "auto", "parallel_tool_calls": False, "tool_choice": "auto"}, {}),
        ({"thinking": {"type": "disabled"}}, {"thinking": {"type": "disabled"}}),
        ({"additional_drop_params": ["seed"], "seed": 4}, {}),
    ],
)
def test_each_parameter_is_said_in_its_words(asked: dict[str, Any], said: dict[str, Any]) -> None:
    assert translated(**asked) == translated() | said


@pytest.mark.parametrize(
    ("model", "asked", "said"),
    [
        ("claude-sonnet-4-5", {"reasoning_effort": "low"}, {"budget": 1024, "max_tokens": 5120}),
        ("claude-sonnet-4-20250514", {"reasoning_effort": "medium"}, {"budget": 2048, "max_tokens": 6144}),
        ("claude-3-7-sonnet-20250219", {"reasoning_effort": "high"}, {"budget": 4096, "max_tokens": 8192}),
        ("some-proxy", {"reasoning_effort": "high", "max_tokens": 9000}, {"budget": 4096, "max_tokens": 9000}),
        ("claude-opus-4-1", {"reasoning_effort": "high", "max_tokens": 2000}, {"budget": 1999, "max_tokens": 2000}),
        ("claude-opus-4-1", {"reasoning_effort": "high", "max_tokens": 1024}, {"budget": None, "max_tokens": 1024}),
        ("claude-opus-4-1", {"reasoning_effort": "none"}, {"budget": None, "max_tokens": 4096}),
        (
            "claude-opus-4-1",
            {"thinking": {"type": "enabled", "budget_tokens": 3000}, "reasoning_effort": "low"},
            {"budget": 3000, "max_tokens": 7096},
        ),
    ],
)
def test_an_effort_is_a_budget_that_fits(model: str, asked: dict[str, Any], said: dict[str, Any]) -> None:
    found = translated(model=model, **asked)

    assert found.get("thinking", {}).get("budget_tokens") == said["budget"]
    assert found["max_tokens"] == said["max_tokens"]


@pytest.mark.parametrize(
    "model",
    ["claude-opus-4-6", "claude-opus-4-7", "claude-sonnet-5", "claude-opus-5-5-20260901", "claude-mythos-preview"],
)
def test_a_newer_model_is_told_the_effort_itself(model: str) -> None:
    found = translated(model=model, reasoning_effort="medium")

    assert (found["thinking"], found["output_config"]) == ({"type": "adaptive"}, {"effort": "medium"})
    assert found["max_tokens"] == 4096


@pytest.mark.parametrize(
    ("asked", "choice"),
    [
        ({}, None),
        ({"tool_choice": "auto"}, {"type": "auto"}),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "weather"}}},
            {"type": "tool", "name": "weather"},
        ),
        ({"tool_choice": {"type": "tool", "name": "weather"}}, {"type": "tool", "name": "weather"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"parallel_tool_calls": True}, None),
        (
            {"parallel_tool_calls": False, "tool_choice": "required"},
            {"type": "any", "disable_parallel_tool_use": True},
        ),
    ],
)
def test_which_tool_may_be_used(asked: dict[str, Any], choice: dict[str, Any] | None) -> None:
    found = translated(tools=[TOOL], **asked)

    assert (found["tools"], found.get("tool_choice")) == ([SAID_TOOL], choice)


def test_a_tool_keeps_its_description_and_its_place_in_the_cache() -> None:
    [found] = translated(
        tools=[{"type": "function", "cache_control": EPHEMERAL, "function": {"name": "now", "description": "The time"}}]
    )["tools"]

    assert found == {
        "name": "now",
        "description": "The time",
        "input_schema": {"type": "object", "properties": {}},
        "cache_control": EPHEMERAL,
    }


def test_its_own_tools_pass_as_they_are() -> None:
    own = {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}

    assert translated(tools=[own, TOOL])["tools"] == [own, SAID_TOOL]


@pytest.mark.parametrize(
    ("asked", "choice"),
    [
        ({}, {"type": "tool", "name": "json_tool_call"}),
        ({"tools": [TOOL]}, {"type": "any"}),
        ({"tools": [TOOL], "tool_choice": "none"}, {"type": "tool", "name": "json_tool_call"}),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "weather"}}},
            {"type": "tool", "name": "weather"},
        ),
        ({"reasoning_effort": "low"}, {"type": "auto"}),
    ],
)
def test_json_is_asked_for_by_a_tool(asked: dict[str, Any], choice: dict[str, Any]) -> None:
    found = translated(response_format=JSON_SCHEMA, **asked)

    assert (found["tools"][-1]["name"], found["tools"][-1]["input_schema"]) == ("json_tool_call", SCHEMA)
    assert found["tool_choice"] == choice


def test_any_object_will_do_without_a_schema() -> None:
    [tool] = translated(response_format={"type": "json_object"})["tools"]

    assert tool["input_schema"] == {"type": "object", "properties": {}, "additionalProperties": True}


def test_text_is_what_is_answered_anyway() -> None:
    assert translated(response_format={"type": "text"}) == translated()


@pytest.mark.parametrize(
    "body",
    [
        {"max_tokens": 0},
        {"max_tokens": True},
        {"max_tokens": "5"},
        {"stop": 5},
        {"stop": [5]},
        {"reasoning_effort": "vast"},
        {"reasoning_effort": ["low"]},
        {"tools": {}},
        {"tools": [5]},
        {"tools": [{"type": "function"}]},
        {"tools": [{"type": "function", "function": {"name": "x", "parameters": []}}]},
        {"tools": [TOOL], "tool_choice": "sometimes"},
        {"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}},
        {"tools": [TOOL], "tool_choice": 5},
        {"response_format": "json"},
        {"response_format": {"type": "xml"}},
        {"response_format": {"type": "json_schema"}},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": []}}},
        {"response_format": {"type": "json_object"}, "tools": [{"name": "json_tool_call", "input_schema": {}}]},
        {"n": 2},
        {"n": True},
        {"frequency_penalty": 0.5},
        {"functions": [FUNCTION]},
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(body: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        translated(**body)

    assert caught.value.status_code == 400
    assert caught.value.param


@given(bodies())
@settings(deadline=None, max_examples=200)
def test_any_body_is_translated_or_refused(body: dict[str, Any]) -> None:
    try:
        asked = request(ANTHROPIC, body)
    except BadRequest as error:
        assert error.message  # noqa: PT017 - either outcome is right
    else:
        assert orjson.loads(asked.content)["max_tokens"] > 0


def test_what_is_asked_is_left_as_it_was() -> None:
    body = {
        "messages": [
            {"role": "system", "content": "s"},
            USER,
            {"role": "assistant", "content": [{"type": "text", "text": "a "}], "cache_control": EPHEMERAL},
        ],
        "tools": [TOOL],
        "response_format": JSON_SCHEMA,
    }
    before = orjson.dumps(body)

    request(ANTHROPIC, body)

    assert orjson.dumps(body) == before
