"""What a client of OpenAI's Responses asks, as a chat completion is asked."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.dialects import DIALECTS
from proxy.core.errors import BadRequest
from proxy.core.operations import Operation
from proxy.providers.openai import encode
from tests.proxy.core.dialects.chats import mangled

Json = dict[str, Any]

RESPONSES = DIALECTS[Operation.RESPONSES]
HI = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "name": "look", "description": "Looks.", "parameters": {"type": "object"}}
FUNCTION = {"name": "look", "description": "Looks.", "parameters": {"type": "object"}}
IMAGE = {"type": "input_image", "image_url": "https://x/y.png", "detail": "low"}
IMAGE_PART = {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}}


def chat(**body: Any) -> Json:
    return RESPONSES.to_chat({"model": "group", "input": "hi", **body})


def asked(*items: Json) -> list[Json]:
    found: list[Json] = chat(input=list(items))["messages"]
    return found


def called(call_id: str, arguments: str = "{}") -> Json:
    return {"id": call_id, "type": "function", "function": {"name": "look", "arguments": arguments}}


def call_item(call_id: str, arguments: str = "{}") -> Json:
    return {"type": "function_call", "id": "fc_1", "call_id": call_id, "name": "look", "arguments": arguments}


def output_item(call_id: str, output: Any) -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


@pytest.mark.parametrize(
    ("given_body", "told"),
    [
        ({}, {}),
        (
            {"max_output_tokens": 5, "temperature": 0.5, "top_p": 0.9},
            {"max_tokens": 5, "temperature": 0.5, "top_p": 0.9},
        ),
        ({"user": "u-1"}, {"user": "u-1"}),
        ({"metadata": {"a": "b"}, "store": True, "truncation": "auto", "include": ["x"], "background": False}, {}),
        ({"service_tier": "flex", "prompt_cache_key": "k", "previous_response_id": None}, {}),
        ({"reasoning": {"effort": "high", "summary": "auto"}}, {"reasoning_effort": "high"}),
        ({"reasoning": {}}, {}),
        ({"text": {"verbosity": "low", "format": {"type": "text"}}}, {"verbosity": "low"}),
        ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}}},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
                }
            },
        ),
        ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
        ({"tools": [TOOL]}, {"tools": [{"type": "function", "function": FUNCTION}]}),
        (
            {"tools": [{**TOOL, "strict": False}], "tool_choice": "required", "parallel_tool_calls": False},
            {
                "tools": [{"type": "function", "function": {**FUNCTION, "strict": False}}],
                "tool_choice": "required",
                "parallel_tool_calls": False,
            },
        ),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "name": "look"}},
            {
                "tools": [{"type": "function", "function": FUNCTION}],
                "tool_choice": {"type": "function", "function": {"name": "look"}},
            },
        ),
        ({"tools": [], "tool_choice": "auto", "parallel_tool_calls": True}, {}),
    ],
)
def test_what_becomes_of_each_option(given_body: Json, told: Json) -> None:
    assert chat(**given_body) == {"messages": [HI], **told}


def test_instructions_are_the_systems() -> None:
    assert chat(instructions="be kind")["messages"] == [{"role": "system", "content": "be kind"}, HI]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (HI, HI),
        ({**HI, "type": "message"}, HI),
        ({"role": "developer", "content": "be kind"}, {"role": "system", "content": "be kind"}),
        ({"role": "system", "content": "be kind"}, {"role": "system", "content": "be kind"}),
        ({"role": "user", "content": [{"type": "input_text", "text": "hi"}]}, HI),
        (
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}, IMAGE]},
            {"role": "user", "content": [{"type": "text", "text": "hi"}, IMAGE_PART]},
        ),
        (
            {"role": "user", "content": [{"type": "input_file", "filename": "a.pdf", "file_data": "data:x"}]},
            {"role": "user", "content": [{"type": "file", "file": {"filename": "a.pdf", "file_data": "data:x"}}]},
        ),
        (
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}}]},
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}}]},
        ),
        (
            {"role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": []}]},
            {"role": "assistant", "content": "a"},
        ),
        (
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
            {"role": "assistant", "content": "no"},
        ),
    ],
)
def test_what_a_message_becomes(item: Json, message: Json) -> None:
    assert asked(item) == [message]


def test_a_turn_with_tools() -> None:
    assert asked(
        HI,
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"role": "assistant", "content": "I look."},
        call_item("a", '{"x":1}'),
        call_item("b"),
        output_item("a", "seen"),
        output_item("b", [{"type": "input_text", "text": "seen, too"}]),
        {"role": "user", "content": "and now?"},
    ) == [
        HI,
        {"role": "assistant", "content": "I look.", "tool_calls": [called("a", '{"x":1}'), called("b")]},
        {"role": "tool", "tool_call_id": "a", "content": "seen"},
        {"role": "tool", "tool_call_id": "b", "content": "seen, too"},
        {"role": "user", "content": "and now?"},
    ]


def test_what_is_said_behind_a_call_joins_its_message() -> None:
    assert asked(HI, call_item("a"), {"role": "assistant", "content": "I look."}, output_item("a", "seen")) == [
        HI,
        {"role": "assistant", "content": "I look.", "tool_calls": [called("a")]},
        {"role": "tool", "tool_call_id": "a", "content": "seen"},
    ]


def test_the_images_of_tools_follow_behind_all_results() -> None:
    found = asked(call_item("a"), call_item("b"), output_item("a", [IMAGE]), output_item("b", "seen"))

    assert [message["role"] for message in found] == ["assistant", "tool", "tool", "user"]
    assert found[-1]["content"][-1] == IMAGE_PART


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"background": True}, "background"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"input": 5}, "input"),
        ({"input": None}, "input"),
        ({"input": ["hi"]}, "input[0]"),
        ({"input": [{"content": "hi"}]}, "input[0].role"),
        ({"input": [{"role": "tool", "content": "hi"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "odd"}]}]}, "input[0].content[0].type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
            "input[0].content[0].file_id",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "u"}]}]},
            "input[0].content[0].file_url",
        ),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type"),
        ({"input": [{"type": "web_search_call", "id": "ws_1"}]}, "input[0].type"),
        ({"input": [{"type": "function_call", "call_id": "a", "name": "look"}]}, "input[0].arguments"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
        ({"input": [{"type": "function_call_output", "call_id": "a"}]}, "input[0].output"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [TOOL], "tool_choice": "odd"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "file_search"}}, "tool_choice"),
        ({"text": {"format": {"type": "odd"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"reasoning": "high"}, "reasoning"),
    ],
)
def test_what_cannot_be_asked_of_a_chat_model_is_refused_by_its_path(body: Json, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        chat(**body)

    assert refused.value.param == param
    assert f"'{param}'" in refused.value.message


def test_a_refused_tool_is_named() -> None:
    with pytest.raises(BadRequest, match="'file_search'"):
        chat(tools=[{"type": "file_search", "vector_store_ids": ["v"]}])


def test_what_the_answer_repeats_may_not_be_nested_too_deeply() -> None:
    deep: Any = 1
    for _ in range(252):
        deep = [deep]

    with pytest.raises(BadRequest, match="nested too deeply"):
        chat(tool_choice={"type": "function", "name": "look", "odd": deep})


WORDS = [
    *("role", "content", "type", "text", "image_url", "file_data", "call_id", "name", "arguments", "output", "format"),
    *("input", "instructions", "tools", "tool_choice", "parameters", "effort", "schema", "detail", "summary"),
]
VALUES = [
    *("user", "assistant", "developer", "message", "input_text", "input_image", "output_text", "function_call", "auto"),
    *("function_call_output", "reasoning", "function", "json_schema", "text", "item_reference"),
]


@given(
    st.fixed_dictionaries(
        {"input": st.text(max_size=3) | st.lists(mangled(WORDS, VALUES), max_size=3)},
        optional={
            name: mangled(WORDS, VALUES)
            for name in ("instructions", "tools", "tool_choice", "text", "metadata", "reasoning", "background")
        },
    )
    | st.dictionaries(st.sampled_from(WORDS), mangled(WORDS, VALUES), max_size=5)
)
@settings(max_examples=300)
def test_any_request_is_translated_or_refused_and_can_be_repeated(body: Json) -> None:
    try:
        told = RESPONSES.to_chat(body)
    except BadRequest as refused:
        assert refused.param  # noqa: PT017 - either is fine, a refusal without a place is not
        return
    assert encode(told)
    assert encode({"finish": RESPONSES.encoder(model="group", wants_usage=False, request=body).finish().decode()})
