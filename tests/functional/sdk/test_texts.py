"""OpenAI's SDK asks models of every provider by its Responses API, and to complete a text."""

import json
from typing import Any

import openai
import pytest

from tests.functional.sdk.asking import ARGUMENTS, FLAT_TOOLS, PNG, Toll, over_chat
from tests.functional.sdk.books import Books
from tests.functional.sdk.peers import Fake, Peer, cache

RESPONSES = "aresponses"
COMPLETIONS = "atext_completion"


@over_chat
def test_a_whole_response(sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake) -> None:
    cache(peer, fake, read=3, written=2)
    with books.answer(peer, RESPONSES) as seen:
        answer = sdk.responses.create(
            model=peer.group, instructions="Be brief.", input="What is the toll?", max_output_tokens=200
        )

    assert (answer.object, answer.status, answer.model) == ("response", "completed", peer.group)
    assert answer.output_text == fake.answer
    assert answer.usage
    assert answer.usage.input_tokens == seen.row["prompt_tokens"]
    assert answer.usage.output_tokens == seen.row["completion_tokens"]
    assert answer.usage.input_tokens_details.cached_tokens == 3
    assert b"Be brief." in fake.received[-1].body


@over_chat
def test_a_streamed_response(sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake) -> None:
    with books.answer(peer, RESPONSES, stream=True) as seen:
        events = list(sdk.responses.create(model=peer.group, input="What is the toll?", stream=True))

    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == fake.answer
    assert len(deltas) > 1
    first, last = events[0], events[-1]
    assert first.type == "response.created"
    assert last.type == "response.completed"
    assert (last.response.model, last.response.output_text) == (peer.group, fake.answer)
    assert last.response.id == first.response.id
    assert last.response.usage
    assert last.response.usage.input_tokens == seen.row["prompt_tokens"]


@over_chat
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
def test_tools_go_round(sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake, streams: bool) -> None:
    fake.uses_tools = True
    asked: Any = {"model": peer.group, "tools": FLAT_TOOLS}
    said: Any = [{"role": "user", "content": "What is the toll?"}]
    with books.answer(peer, RESPONSES, stream=streams):
        if streams:
            with sdk.responses.stream(**asked, input=said) as stream:
                response = stream.get_final_response()
        else:
            response = sdk.responses.create(**asked, input=said)

    calls: Any = [item for item in response.output if item.type == "function_call"]
    assert [call.name for call in calls] == ["read_sign", "pay_toll"]
    assert [json.loads(call.arguments) for call in calls] == [ARGUMENTS, ARGUMENTS]

    results: list[Any] = [
        {"type": "function_call_output", "call_id": call.call_id, "output": f"{call.name} done"} for call in calls
    ]
    back: list[Any] = [item.model_dump(exclude_none=True) for item in calls]
    with books.answer(peer, RESPONSES):
        told = sdk.responses.create(**asked, input=[*said, *back, *results])

    assert told.output_text == fake.answer
    assert b"read_sign done" in fake.received[-1].body


@over_chat
def test_a_response_sees_an_image(sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake) -> None:
    parts = [
        {"type": "input_text", "text": "What is on it?"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"},
    ]
    said: Any = [{"role": "user", "content": parts}]
    with books.answer(peer, RESPONSES):
        answer = sdk.responses.create(model=peer.group, input=said)

    assert answer.output_text == fake.answer
    assert PNG.encode() in fake.received[-1].body


@over_chat
def test_a_response_has_the_shape_that_was_asked_for(sdk: openai.OpenAI, books: Books, peer: Peer) -> None:
    with books.answer(peer, RESPONSES):
        answer = sdk.responses.parse(model=peer.group, input="What is the toll?", text_format=Toll)

    assert answer.output_parsed == Toll(cents=7, currency="toll")


@over_chat
def test_a_whole_completion(sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake) -> None:
    with books.answer(peer, COMPLETIONS) as seen:
        answer = sdk.completions.create(model=peer.group, prompt="The toll is", max_tokens=200)

    assert (answer.object, answer.model) == ("text_completion", peer.group)
    assert [(choice.text, choice.finish_reason) for choice in answer.choices] == [(fake.answer, "stop")]
    assert answer.usage
    assert answer.usage.prompt_tokens == seen.row["prompt_tokens"]


@over_chat
@pytest.mark.parametrize("wants_usage", [False, True], ids=["without usage", "with usage"])
def test_a_streamed_completion(sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake, wants_usage: bool) -> None:
    options: Any = {"stream_options": {"include_usage": True}} if wants_usage else {}
    with books.answer(peer, COMPLETIONS, stream=True):
        chunks = list(sdk.completions.create(model=peer.group, prompt="The toll is", stream=True, **options))

    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == fake.answer
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"
    assert {chunk.model for chunk in chunks} == {peer.group}
    assert bool([chunk for chunk in chunks if chunk.usage]) is wants_usage
