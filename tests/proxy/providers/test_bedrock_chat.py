"""A chat completion's request in the words of Converse; each is one that the fake takes."""

import json
from typing import Any

import pytest

from proxy.core.errors import BadRequest
from proxy.providers.bedrock_chat import REFUSED, converse_request
from tests.fakes.converse import validate

CLAUDE = "anthropic.claude-3-5-sonnet-20240620-v1:0"
USER = {"role": "user", "content": "What is the toll?"}
TOOL = {
    "type": "function",
    "function": {"name": "pay", "description": "Pays.", "parameters": {"type": "object", "properties": {}}},
}
SPEC = {"toolSpec": {"name": "pay", "description": "Pays.", "inputSchema": {"json": TOOL["function"]["parameters"]}}}  # type: ignore[index]


def asked(model: str = CLAUDE, *, drop: bool = False, **body: Any) -> dict[str, Any]:
    request = converse_request({"messages": [USER], **body}, model=model, drop_params=drop)
    validate(request)
    return {name: value for name, value in request.items() if name != "messages"}


def test_parameters_have_their_own_places() -> None:
    assert asked(max_tokens=5, temperature=0.5, top_p=0.9, stop="END", top_k=3) == {
        "inferenceConfig": {"maxTokens": 5, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
        "additionalModelRequestFields": {"top_k": 3},
    }


@pytest.mark.parametrize("stop", [[], None, ""])
def test_no_stop_is_none(stop: Any) -> None:
    assert asked(stop=stop) == {}


def test_what_has_no_consequence_is_left_out() -> None:
    assert asked(stream=True, stream_options={"include_usage": True}, user="u", store=False, n=1, logprobs=False) == {}


def test_nova_counts_its_candidates_elsewhere() -> None:
    assert asked("amazon.nova-lite-v1:0", top_k=3) == {"additionalModelRequestFields": {"inferenceConfig": {"topK": 3}}}


def test_fields_that_only_some_models_know_are_handed_on() -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}

    assert asked(thinking=thinking, additionalModelRequestFields={"anthropic_beta": ["x"]}) == {
        "additionalModelRequestFields": {"anthropic_beta": ["x"], "thinking": thinking}
    }


def test_converses_own_fields_stay_where_they_are() -> None:
    guardrail = {"guardrailIdentifier": "g", "guardrailVersion": "1"}

    assert asked(guardrailConfig=guardrail) == {"guardrailConfig": guardrail}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_converse_cannot_do_is_refused_by_name(name: str) -> None:
    body = {"messages": [USER], name: "something"}

    with pytest.raises(BadRequest, match=name) as caught:
        converse_request(body, model=CLAUDE)

    assert caught.value.param == name
    assert converse_request(body, model=CLAUDE, drop_params=True).keys() == {"messages"}


def test_an_effort_is_a_budget_for_claude_and_a_word_for_gpt() -> None:
    assert asked(reasoning_effort="low") == {
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    }
    assert asked("openai.gpt-oss-120b-1:0", reasoning_effort="low") == {
        "additionalModelRequestFields": {"reasoning_effort": "low"}
    }
    assert asked(reasoning_effort="none") == {}
    assert asked("meta.llama3-70b", drop=True, reasoning_effort="low") == {}
    with pytest.raises(BadRequest):
        asked("meta.llama3-70b", reasoning_effort="low")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, {"tools": [SPEC]}),
        ("auto", {"tools": [SPEC], "toolChoice": {"auto": {}}}),
        ("required", {"tools": [SPEC], "toolChoice": {"any": {}}}),
        ({"type": "function", "function": {"name": "pay"}}, {"tools": [SPEC], "toolChoice": {"tool": {"name": "pay"}}}),
    ],
)
def test_tools_and_which_to_use(choice: Any, expected: dict[str, Any]) -> None:
    assert asked(tools=[TOOL], tool_choice=choice) == {"toolConfig": expected}


def test_tools_not_to_be_used_are_only_sent_where_some_were() -> None:
    used = [
        USER,
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "pay", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "paid"},
    ]

    assert asked(tools=[TOOL], tool_choice="none") == {}
    assert asked(messages=used, tools=[TOOL], tool_choice="none") == {"toolConfig": {"tools": [SPEC]}}


def test_a_tool_without_parameters_or_words_is_one_too() -> None:
    bare = {"type": "function", "function": {"name": "pay", "strict": True, "description": ""}}

    assert asked(tools=[bare])["toolConfig"]["tools"] == [
        {"toolSpec": {"name": "pay", "strict": True, "inputSchema": {"json": {"type": "object", "properties": {}}}}}
    ]


def test_tools_can_be_kept_in_the_cache() -> None:
    tools = asked(tools=[{**TOOL, "cache_control": {"type": "ephemeral"}}])["toolConfig"]["tools"]

    assert tools == [SPEC, {"cachePoint": {"type": "default"}}]


def test_a_schema_for_the_answer_is_a_text() -> None:
    schema = {"type": "object", "properties": {"toll": {"type": "integer"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "toll", "schema": schema, "strict": True}}

    found = asked(response_format=wanted)["outputConfig"]["textFormat"]

    assert found["type"] == "json_schema"
    assert json.loads(found["structure"]["jsonSchema"].pop("schema")) == schema
    assert found["structure"] == {"jsonSchema": {"name": "toll"}}
    assert asked(response_format={"type": "text"}) == {}
    assert asked(drop=True, response_format={"type": "json_object"}) == {}


@pytest.mark.parametrize(
    "body",
    [
        {"messages": "hi"},
        {"messages": ["hi"]},
        {"messages": []},
        {"messages": None},
        {"messages": [{"role": "system", "content": "Be brief."}]},
        {"messages": [{"role": "user", "content": "  "}]},
        {"tools": "pay"},
        {"tools": [5]},
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"function": {"name": 5}}]},
        {"tools": [TOOL], "tool_choice": 5},
        {"tools": [TOOL], "tool_choice": []},
        {"tools": [TOOL], "tool_choice": {"function": {}}},
        {"response_format": "json"},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {}}},
        {"reasoning_effort": []},
        {"reasoning_effort": "utmost"},
    ],
)
def test_what_makes_no_sense_is_the_clients_mistake(body: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        converse_request({"messages": [USER], **body}, model=CLAUDE)
