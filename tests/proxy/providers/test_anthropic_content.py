"""A chat completion's messages as Anthropic's turns: in its order, with its blocks, and nothing that it refuses."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings

from proxy.core.errors import BadRequest
from proxy.providers import PROVIDERS
from tests.fakes.anthropic_rules import check
from tests.proxy.providers.asking import request
from tests.proxy.providers.bodies import conversations, tool_call

ANTHROPIC = PROVIDERS["anthropic"]
USER = {"role": "user", "content": "hi"}
EPHEMERAL = {"type": "ephemeral"}


def translated(*messages: Any) -> Any:
    """What is sent, having passed what Anthropic checks."""
    said = orjson.loads(request(ANTHROPIC, {"messages": list(messages)}).content)
    check(said)
    return said


def turns(*messages: Any) -> Any:
    return translated(*messages)["messages"]


def test_every_system_message_goes_in_front_in_order() -> None:
    found = translated(
        *[
            {"role": "system", "content": "one", "cache_control": EPHEMERAL},
            USER,
            {"role": "developer", "content": [{"type": "text", "text": "two"}, {"type": "text", "text": ""}]},
        ]
    )

    assert found["system"] == [
        {"type": "text", "text": "one", "cache_control": EPHEMERAL},
        {"type": "text", "text": "two"},
    ]
    assert found["messages"] == [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        ({"type": "text", "text": "x", "cache_control": EPHEMERAL}, {"type": "text", "text": "x"}),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        ),
        (
            {"type": "image_url", "image_url": "data:image/jpg;base64,AAAA"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://example.org/toll.png"}},
            {"type": "image", "source": {"type": "url", "url": "https://example.org/toll.png"}},
        ),
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}},
        ),
        (
            {"type": "file", "file": {"file_id": "https://example.org/a.PDF"}},
            {"type": "document", "source": {"type": "url", "url": "https://example.org/a.PDF"}},
        ),
    ],
)
def test_each_part_is_a_block(part: dict[str, Any], block: dict[str, Any]) -> None:
    marks = {"cache_control": part["cache_control"]} if "cache_control" in part else {}

    assert turns({"role": "user", "content": [part]}) == [{"role": "user", "content": [block | marks]}]


def test_results_of_parallel_calls_share_a_turn_with_what_is_said_next() -> None:
    found = turns(
        USER,
        {"role": "assistant", "content": "Looking", "tool_calls": [tool_call("call.1"), tool_call("call_2", at="x")]},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "fog"}]},
        {"role": "tool", "tool_call_id": "call.1", "content": "", "cache_control": EPHEMERAL},
        {"role": "user", "content": "And now?"},
    )

    assert found[1:] == [
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "Looking"},
                {"type": "tool_use", "id": "call_1", "name": "weather", "input": {}},
                {"type": "tool_use", "id": "call_2", "name": "weather", "input": {"at": "x"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_2", "content": [{"type": "text", "text": "fog"}]},
                {"type": "tool_result", "tool_use_id": "call_1", "cache_control": EPHEMERAL},
                {"type": "text", "text": "And now?"},
            ],
        },
    ]


def test_a_beginning_of_the_answer_ends_without_white_space() -> None:
    assert turns(USER, {"role": "assistant", "content": "The toll is \n"})[-1] == {
        "role": "assistant",
        "content": [{"type": "text", "text": "The toll is"}],
    }


def test_thoughts_of_another_model_are_left_out() -> None:
    blocks = [{"type": "thinking", "thinking": "hm"}, {"type": "redacted_thinking", "data": "xyz"}]

    found = turns(USER, {"role": "assistant", "content": "ok", "thinking_blocks": blocks}, USER)

    assert found[1]["content"] == [{"type": "redacted_thinking", "data": "xyz"}, {"type": "text", "text": "ok"}]


@pytest.mark.parametrize(
    "body",
    [
        {"messages": []},
        {"messages": "hi"},
        {"messages": ["hi"]},
        {"messages": [{"role": "system", "content": "only"}]},
        {"messages": [{"role": "user", "content": "  "}]},
        {"messages": [{"content": "hi"}]},
        {"messages": [{"role": ["user"], "content": "hi"}]},
        {"messages": [{"role": "function", "name": "f", "content": "hi"}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "user", "content": ["hi"]}]},
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        {"messages": [{"role": "user", "content": [{"type": ["text"], "text": "hi"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "video_url", "video_url": "x"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": 5}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:image/png,AAAA"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:;base64,AAAA"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:image/bmp;base64,A"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "file", "file": "x"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"format": "wav"}}]}]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "input_audio", "input_audio": {"format": "wav", "data": "AAAA"}}],
                }
            ]
        },
        {"messages": [USER, {"role": "assistant", "tool_calls": {}}]},
        {"messages": [USER, {"role": "assistant", "tool_calls": [5]}]},
        {"messages": [USER, {"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": 5}}]}]},
        {"messages": [USER, {"role": "assistant", "tool_calls": [tool_call("x") | {"id": None}]}]},
        {
            "messages": [
                USER,
                {"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "f", "arguments": "[1]"}}]},
            ]
        },
        {
            "messages": [
                USER,
                {"role": "assistant", "tool_calls": [{"id": "x", "function": {"name": "f", "arguments": "{"}}]},
            ]
        },
        {"messages": [USER, {"role": "assistant", "content": "x", "thinking_blocks": [{"type": "text"}]}]},
        {"messages": [USER, {"role": "tool", "content": "x"}]},
        {"messages": [USER, {"role": "tool", "tool_call_id": "unknown", "content": "x"}]},
    ],
)
def test_a_message_that_makes_no_sense_is_refused_with_a_sentence(body: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        request(ANTHROPIC, body)

    assert caught.value.status_code == 400
    assert caught.value.param


@given(conversations())
@settings(deadline=None, max_examples=300)
def test_any_conversation_that_openai_takes_is_one_that_anthropic_takes(messages: list[dict[str, Any]]) -> None:
    said = translated(*messages)

    results = [block for turn in said["messages"] for block in turn["content"] if block["type"] == "tool_result"]
    assert len(results) == sum(message["role"] == "tool" for message in messages)
    roles = [turn["role"] for turn in said["messages"]]
    assert all(one != other for one, other in pairwise(roles))
