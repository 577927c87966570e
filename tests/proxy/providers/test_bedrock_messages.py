"""Messages as the turns of Converse."""

from typing import Any

import pytest

from proxy.core.errors import BadRequest
from proxy.providers.bedrock_messages import has_tool_blocks, system_blocks, turns

PIXEL = "iVBORw0KGgo="
CACHED = {"type": "ephemeral"}
CACHE_POINT = {"cachePoint": {"type": "default"}}


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def image(url: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


def test_systems_go_apart() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "developer", "content": [{"type": "text", "text": "Be kind.", "cache_control": CACHED}]},
    ]

    assert system_blocks(messages) == [{"text": "Be brief."}, {"text": "Be kind."}, CACHE_POINT]
    assert turns(messages) == [{"role": "user", "content": [{"text": "Hi"}]}]


def test_a_conversation_with_tools_alternates() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "Pay twice."},
        {
            "role": "assistant",
            "content": "Paying.",
            "tool_calls": [
                {"id": "1", "type": "function", "function": {"name": "pay", "arguments": '{"cents": 5}'}},
                {"id": "2", "type": "function", "function": {"name": "pay", "arguments": ""}},
            ],
        },
        {"role": "tool", "tool_call_id": "1", "content": "paid"},
        {"role": "tool", "tool_call_id": "2", "content": ""},
        {"role": "user", "content": "Thanks."},
    ]

    found = turns(messages)

    assert found == [
        {"role": "user", "content": [{"text": "Pay twice."}]},
        {
            "role": "assistant",
            "content": [
                {"text": "Paying."},
                {"toolUse": {"toolUseId": "1", "name": "pay", "input": {"cents": 5}}},
                {"toolUse": {"toolUseId": "2", "name": "pay", "input": {}}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"toolResult": {"toolUseId": "1", "content": [{"text": "paid"}]}},
                {"toolResult": {"toolUseId": "2", "content": [{"text": "(empty)"}]}},
                {"text": "Thanks."},
            ],
        },
    ]
    assert has_tool_blocks(found)
    assert not has_tool_blocks(found[:1])


def test_images_and_files_go_as_they_came() -> None:
    pdf = {"type": "file", "file": {"filename": "to/ll  v1.pdf", "file_data": f"data:application/pdf;base64,{PIXEL}"}}

    assert turns([user(image(f"data:image/jpg;base64,{PIXEL}"), pdf)])[0]["content"] == [
        {"image": {"format": "jpeg", "source": {"bytes": PIXEL}}},
        {"document": {"format": "pdf", "name": "to ll v1 pdf", "source": {"bytes": PIXEL}}},
    ]


def test_thoughts_go_back_signed() -> None:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "Two.",
        "thinking_blocks": [
            {"type": "thinking", "thinking": "1+1", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "eA=="},
        ],
    }

    assert turns([message])[0]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "1+1", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": "eA=="}},
        {"text": "Two."},
    ]


def test_a_blank_text_is_not_said_nor_cached() -> None:
    blank = {"type": "text", "text": " \n", "cache_control": CACHED}

    assert turns([user(blank, {"type": "text", "text": "Hi"})]) == [{"role": "user", "content": [{"text": "Hi"}]}]
    assert turns([user(blank)]) == []


def test_a_cache_point_follows_what_is_to_be_kept() -> None:
    result: dict[str, Any] = {"role": "tool", "tool_call_id": "1", "content": "long", "cache_control": CACHED}

    assert turns([{"role": "user", "content": "long", "cache_control": CACHED}])[0]["content"] == [
        {"text": "long"},
        CACHE_POINT,
    ]
    assert turns([result])[0]["content"] == [
        {"toolResult": {"toolUseId": "1", "content": [{"text": "long"}]}},
        CACHE_POINT,
    ]


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"role": 5},
        {"role": []},
        {"role": "function", "content": "x"},
        {"role": "user", "content": 5},
        {"role": "user", "content": {"type": "text"}},
        user("text"),
        user({"text": "no type"}),
        user({"type": ["text"]}),
        user({"type": "text"}),
        user({"type": "text", "text": 5}),
        user({"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}}),
        user(image("https://example.com/a.png")),
        user(image("data:image/png;base64,not base64!")),
        user(image("data:image/tiff;base64,AAAA")),
        user(image(None)),
        user({"type": "image_url"}),
        user({"type": "file", "file": "x"}),
        user({"type": "file", "file": {"file_id": "file-1"}}),
        {"role": "assistant", "content": [image(f"data:image/png;base64,{PIXEL}")]},
        {"role": "assistant", "tool_calls": "x"},
        {"role": "assistant", "tool_calls": [5]},
        {"role": "assistant", "tool_calls": [{"id": "1"}]},
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "pay", "arguments": {}}}]},
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "pay", "arguments": "[]"}}]},
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "pay", "arguments": "{"}}]},
        {"role": "assistant", "thinking_blocks": [{"type": "thinking"}]},
        {"role": "assistant", "thinking_blocks": ["x"]},
        {"role": "tool", "content": "x"},
        {"role": "tool", "tool_call_id": 5, "content": "x"},
    ],
)
def test_what_makes_no_sense_is_the_clients_mistake(message: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        turns([message])
