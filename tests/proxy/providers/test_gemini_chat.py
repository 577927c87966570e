"""A chat completion's request as Gemini's: each thing said in its words, and nothing that it refuses."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings

from proxy.core.errors import BadRequest
from proxy.providers import PROVIDERS
from tests.fakes.gemini_rules import check
from tests.proxy.providers.asking import request
from tests.proxy.providers.bodies import bodies, conversations, tool_call

GEMINI = PROVIDERS["gemini"]
USER = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "weather", "description": "Sky", "parameters": {"type": "object"}}}
AT = {"type": "object", "properties": {"at": {"type": "string"}}}


def translated(*, model: str = "gemini-2.5-flash", **body: Any) -> Any:
    """What is sent, having passed what Gemini checks."""
    said = orjson.loads(request(GEMINI, {"messages": [USER]} | body, model=model).content)
    check(said, wants_signatures=model.startswith("gemini-3"))
    return said


def contents(*messages: dict[str, Any], model: str = "gemini-2.5-flash") -> Any:
    return translated(messages=list(messages), model=model)["contents"]


@pytest.mark.parametrize(
    ("asked", "config"),
    [
        ({"temperature": 0.3, "top_p": 0.9, "top_k": 4}, {"temperature": 0.3, "topP": 0.9, "topK": 4}),
        ({"max_tokens": 5}, {"maxOutputTokens": 5}),
        ({"max_completion_tokens": 6, "max_tokens": 5}, {"maxOutputTokens": 6}),
        ({"stop": "x"}, {"stopSequences": ["x"]}),
        ({"n": 2, "seed": 3}, {"candidateCount": 2, "seed": 3}),
        ({"presence_penalty": 0.5, "frequency_penalty": 0.2}, {"presencePenalty": 0.5, "frequencyPenalty": 0.2}),
        ({"logprobs": True, "top_logprobs": 2}, {"responseLogprobs": True, "logprobs": 2}),
        ({"modalities": ["text", "image"]}, {"responseModalities": ["TEXT", "IMAGE"]}),
        ({"response_format": {"type": "json_object"}}, {"responseMimeType": "application/json"}),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"schema": AT | {"additionalProperties": False}},
                }
            },
            {"responseMimeType": "application/json", "responseSchema": AT},
        ),
        ({"reasoning_effort": "medium"}, {"thinkingConfig": {"thinkingBudget": 2048, "includeThoughts": True}}),
        ({"reasoning_effort": "none"}, {"thinkingConfig": {"thinkingBudget": 0, "includeThoughts": False}}),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 900}},
            {"thinkingConfig": {"thinkingBudget": 900, "includeThoughts": True}},
        ),
        ({"thinking": {"type": "adaptive"}}, {"thinkingConfig": {"includeThoughts": True}}),
        ({"thinking": {"type": "disabled"}}, {"thinkingConfig": {"thinkingBudget": 0, "includeThoughts": False}}),
        (
            {"thinkingConfig": {"thinkingBudget": 7}, "reasoning_effort": "low"},
            {"thinkingConfig": {"thinkingBudget": 7}},
        ),
        ({"user": "u", "stream_options": {}, "parallel_tool_calls": True, "temperature": None}, None),
    ],
)
def test_each_parameter_is_said_in_its_words(asked: dict[str, Any], config: dict[str, Any] | None) -> None:
    assert translated(**asked) == translated() | ({} if config is None else {"generationConfig": config})


@pytest.mark.parametrize(("effort", "level"), [("minimal", "low"), ("medium", "medium"), ("max", "high")])
def test_a_newer_model_is_told_a_level(effort: str, level: str) -> None:
    found = translated(model="gemini-3-pro-preview", reasoning_effort=effort)

    assert found["generationConfig"]["thinkingConfig"] == {"thinkingLevel": level, "includeThoughts": True}


def test_its_own_settings_pass() -> None:
    settings_ = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]

    assert translated(safety_settings=settings_, cachedContent="c") == translated() | {
        "safetySettings": settings_,
        "cachedContent": "c",
    }


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        (None, None),
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        (
            {"type": "function", "function": {"name": "weather"}},
            {"mode": "ANY", "allowedFunctionNames": ["weather"]},
        ),
    ],
)
def test_which_function_may_be_called(choice: Any, config: dict[str, Any] | None) -> None:
    found = translated(tools=[TOOL], tool_choice=choice)

    assert found["tools"] == [{"functionDeclarations": [{"name": "weather", "description": "Sky"}]}]
    assert found.get("toolConfig") == (config and {"functionCallingConfig": config})


def test_its_own_tools_pass_beside_functions() -> None:
    search: dict[str, Any] = {"googleSearch": {}}

    assert translated(tools=[search, TOOL])["tools"] == [
        {"functionDeclarations": [{"name": "weather", "description": "Sky"}]},
        search,
    ]


def test_system_messages_are_the_instruction() -> None:
    found = translated(messages=[{"role": "system", "content": "one"}, USER, {"role": "developer", "content": "two"}])

    assert found["systemInstruction"] == {"parts": [{"text": "one"}, {"text": "two"}]}
    assert found["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://example.org/a.JPG?x=1"}},
            {"fileData": {"fileUri": "https://example.org/a.JPG?x=1", "mimeType": "image/jpeg"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://example.org/files/17", "format": "image/webp"}},
            {"fileData": {"fileUri": "https://example.org/files/17", "mimeType": "image/webp"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://example.org/files/17"}},
            {"fileData": {"fileUri": "https://example.org/files/17"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
            {"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"format": "wav", "data": "AAAA"}},
            {"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}},
        ),
    ],
)
def test_each_part_is_said_in_its_words(part: dict[str, Any], said: dict[str, Any]) -> None:
    assert contents({"role": "user", "content": [part]}) == [{"role": "user", "parts": [said]}]


def test_answers_to_one_turns_calls_stand_together_and_apart_from_what_is_said_next() -> None:
    found = contents(
        USER,
        {"role": "assistant", "content": "Looking", "tool_calls": [tool_call("a"), tool_call("b", at="x")]},
        {"role": "tool", "tool_call_id": "a", "content": "[1]"},
        {"role": "tool", "tool_call_id": "b", "content": '{"sky":"fog"}'},
        {"role": "user", "content": "And now?"},
    )

    assert found[1:] == [
        {
            "role": "model",
            "parts": [
                {"text": "Looking"},
                {"functionCall": {"id": "a", "name": "weather", "args": {}}},
                {"functionCall": {"id": "b", "name": "weather", "args": {"at": "x"}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "a", "name": "weather", "response": {"output": "[1]"}}},
                {"functionResponse": {"id": "b", "name": "weather", "response": {"sky": "fog"}}},
            ],
        },
        {"role": "user", "parts": [{"text": "And now?"}]},
    ]


@pytest.mark.parametrize(
    ("fields", "signature"),
    [
        ({}, "skip_thought_signature_validator"),
        ({"provider_specific_fields": {"thought_signature": "s1"}}, "s1"),
        ({"extra_content": {"google": {"thought_signature": "s2"}}}, "s2"),
        ({"extra_content": []}, "skip_thought_signature_validator"),
    ],
)
def test_a_newer_model_sees_a_signature_with_the_first_of_its_calls(fields: dict[str, Any], signature: str) -> None:
    found = contents(
        USER,
        {"role": "assistant", "tool_calls": [tool_call("a") | fields, tool_call("b")]},
        {"role": "tool", "tool_call_id": "a", "content": "x"},
        {"role": "tool", "tool_call_id": "b", "content": "y"},
        model="gemini-3-pro-preview",
    )

    assert [part.get("thoughtSignature") for part in found[1]["parts"]] == [signature, None]


@pytest.mark.parametrize(
    "body",
    [
        {"messages": []},
        {"messages": [{"role": "system", "content": "only"}]},
        {"messages": [{"role": "user", "content": ""}]},
        {"messages": [USER, {"role": "tool", "tool_call_id": "unknown", "content": "x"}]},
        {"max_tokens": -1},
        {"modalities": "text"},
        {"modalities": [5]},
        {"reasoning_effort": "vast"},
        {"parallel_tool_calls": False},
        {"logit_bias": {"1": 2}},
        {"service_tier": "flex"},
        {"something_else": 5},
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(body: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        translated(**body)

    assert caught.value.param


def test_what_it_does_not_support_can_be_dropped() -> None:
    assert translated(something_else=5, logit_bias={"1": 2}, drop_params=True) == translated()


@given(conversations())
@settings(deadline=None, max_examples=300)
def test_any_conversation_that_openai_takes_is_one_that_gemini_takes(messages: list[dict[str, Any]]) -> None:
    for model in ("gemini-2.5-flash", "gemini-3-pro-preview"):
        said = translated(messages=messages, model=model)

    responses = [part for content in said["contents"] for part in content["parts"] if "functionResponse" in part]
    assert len(responses) == sum(message["role"] == "tool" for message in messages)


@given(bodies())
@settings(deadline=None, max_examples=200)
def test_any_body_is_translated_or_refused(body: dict[str, Any]) -> None:
    try:
        asked = request(GEMINI, body)
    except BadRequest as error:
        assert error.message  # noqa: PT017 - either outcome is right
    else:
        assert orjson.loads(asked.content)["contents"]
