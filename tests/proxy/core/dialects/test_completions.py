"""Text completions over a chat model: judged by OpenAI's own SDK."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import Completion

from proxy.core.dialects import DIALECTS
from proxy.core.dialects.base import NoAnswer
from proxy.core.errors import BadRequest, UpstreamFailure
from proxy.core.operations import Operation
from proxy.providers.openai import encode
from tests.proxy.core.dialects.chats import USAGE, answer, anything, call, chunk, cuts, streams, told, translate

Json = dict[str, Any]

COMPLETIONS = DIALECTS[Operation.COMPLETION]


def from_chat(whole: Json) -> Json:
    found = COMPLETIONS.from_chat(whole, model="group", request={})
    Completion.model_validate(found)
    return found


@pytest.mark.parametrize("prompt", ["say hi", ["say hi"], ""])
def test_the_prompt_is_what_the_user_says(prompt: Any) -> None:
    text = prompt[0] if isinstance(prompt, list) else prompt

    assert COMPLETIONS.to_chat({"prompt": prompt}) == {"messages": [{"role": "user", "content": text}]}


def test_options_stay_as_they_are() -> None:
    options = {"max_tokens": 5, "stop": ["a"], "temperature": 0, "n": 2, "stream": True, "user": "u", "seed": 1}

    found = COMPLETIONS.to_chat(
        {"prompt": "a", "echo": False, "suffix": None, "best_of": 1, "logprobs": None, **options}
    )

    assert found == {"messages": [{"role": "user", "content": "a"}], **options}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": [[1, 2]]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({}, "prompt"),
        ({"prompt": "a", "suffix": "b"}, "suffix"),
        ({"prompt": "a", "echo": True}, "echo"),
        ({"prompt": "a", "best_of": 2}, "best_of"),
        ({"prompt": "a", "logprobs": 0}, "logprobs"),
    ],
)
def test_what_a_chat_model_cannot_complete_is_refused(body: Json, param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        COMPLETIONS.to_chat(body)

    assert refused.value.param == param


@given(st.dictionaries(st.sampled_from(["prompt", "echo", "suffix", "best_of", "logprobs", "n"]), anything))
def test_any_request_is_translated_or_refused(body: Json) -> None:
    try:
        told_chat = COMPLETIONS.to_chat(body)
    except BadRequest:
        return
    assert encode(told_chat)


def test_a_whole_answer_with_two_choices() -> None:
    whole = answer({"content": "hi", "reasoning_content": "hm"})
    whole["choices"].append({"index": 1, "message": {"content": "ho"}, "finish_reason": "length"})

    assert from_chat(whole) == {
        "id": "chatcmpl-abc123",
        "object": "text_completion",
        "created": 1_700_000_000,
        "model": "group",
        "choices": [
            {"index": 0, "text": "hi", "logprobs": None, "finish_reason": "stop"},
            {"index": 1, "text": "ho", "logprobs": None, "finish_reason": "length"},
        ],
        "usage": USAGE,
    }


@pytest.mark.parametrize("finish", ["tool_calls", None, "odd"])
def test_every_other_end_is_a_stop(finish: str | None) -> None:
    whole = answer({"content": "a", "tool_calls": [call("a", "look", "{}")]}, finish=finish)

    assert from_chat(whole)["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("body", [{}, {"choices": []}, {"choices": [{"message": "x"}]}])
def test_an_answer_without_a_message_is_none(body: Json) -> None:
    with pytest.raises(NoAnswer):
        COMPLETIONS.from_chat(body, model="group", request={})


@given(anything)
def test_any_message_is_answered_in_the_shape_of_the_sdk(value: Any) -> None:
    whole = {"id": value, "choices": [{"index": value, "message": {"content": value}, "finish_reason": value}]}

    assert orjson.dumps(from_chat(whole))


def test_a_stream_has_a_chunk_for_each_text_and_one_for_the_usage() -> None:
    stream = translate(
        Operation.COMPLETION,
        [
            chunk({"role": "assistant", "content": ""}),
            chunk({"content": "a"}),
            chunk({"content": "b"}),
            chunk({}, finish="length"),
            chunk(usage=USAGE),
        ],
    )
    events = told(stream)

    assert [[choice["text"] for choice in event["choices"]] for event in events] == [["a"], ["b"], [""], []]
    assert [choice["finish_reason"] for event in events for choice in event["choices"]] == [None, None, "length"]
    assert events[-1]["usage"] == USAGE
    assert {(event["object"], event["model"]) for event in events} == {("text_completion", "group")}
    assert stream.endswith(b"data: [DONE]\n\n")


def test_usage_is_for_whoever_asked_for_it() -> None:
    encoder = COMPLETIONS.encoder(model="group", wants_usage=False, request={})

    assert encoder.feed(chunk(usage=USAGE)) == b""
    assert "usage" not in told(encoder.feed(chunk({"content": "a"}, usage=USAGE)))[0]


@given(streams, cuts)
def test_any_stream_tells_its_texts_and_is_the_same_however_it_is_cut(chunks: list[Json], borders: list[int]) -> None:
    stream = translate(Operation.COMPLETION, chunks)
    texts = [
        choice["delta"].get("content", "") + choice["delta"].get("refusal", "")
        for each in chunks
        for choice in each["choices"]
    ]

    assert "".join(choice["text"] for event in told(stream) for choice in event["choices"]) == "".join(texts)
    assert translate(Operation.COMPLETION, chunks, cuts=borders) == stream


def test_a_failure_is_told_in_the_stream_as_openai_tells_it() -> None:
    error = UpstreamFailure("away", provider="openai")
    encoder = COMPLETIONS.encoder(model="group", wants_usage=False, request={})

    assert told(encoder.complaint(error)) == [error.envelope()]
