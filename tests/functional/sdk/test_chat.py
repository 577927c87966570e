"""OpenAI's SDK asks models of every provider for chat completions."""

import json
from typing import Any

import openai
import pytest

from tests.functional.sdk.asking import ARGUMENTS, PNG, QUESTION, TOOLS, Toll, named, over, over_chat
from tests.functional.sdk.books import Books
from tests.functional.sdk.peers import THINKERS, Fake, Peer, cache, think

CHAT = "acompletion"


@over_chat
def test_a_whole_answer(sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake) -> None:
    cache(peer, fake, read=3, written=2)
    with books.answer(peer, CHAT) as seen:
        answer = sdk.chat.completions.create(model=peer.group, messages=QUESTION, max_tokens=200, temperature=0.5)

    [choice] = answer.choices
    assert (answer.object, answer.model, choice.finish_reason) == ("chat.completion", peer.group, "stop")
    assert (choice.message.role, choice.message.content) == ("assistant", fake.answer)
    assert answer.id
    assert answer.created > 1_700_000_000
    assert answer.usage
    assert answer.usage.prompt_tokens == seen.row["prompt_tokens"]
    assert answer.usage.completion_tokens == seen.row["completion_tokens"]
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


@over_chat
@pytest.mark.parametrize("wants_usage", [False, True], ids=["without usage", "with usage"])
def test_a_stream(sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake, wants_usage: bool) -> None:
    cache(peer, fake, read=3, written=2)
    options: Any = {"stream_options": {"include_usage": True}} if wants_usage else {}
    with books.answer(peer, CHAT, stream=True) as seen:
        stream = sdk.chat.completions.create(model=peer.group, messages=QUESTION, stream=True, **options)
        chunks = list(stream)

    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == fake.answer
    assert choices[0].delta.role == "assistant"
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]
    assert {chunk.model for chunk in chunks if chunk.choices} == {peer.group}
    assert len({chunk.id for chunk in chunks if chunk.choices}) == 1
    assert all(chunk.created > 1_700_000_000 for chunk in chunks if chunk.choices)
    told = [chunk.usage for chunk in chunks if chunk.usage]
    if wants_usage:
        assert [usage.prompt_tokens for usage in told] == [seen.row["prompt_tokens"]]
        assert chunks[-1].usage
        assert chunks[-1].choices == []
    else:
        assert told == []
        assert choices[-1].finish_reason
    assert len([choice for choice in choices if choice.delta.content]) > 1


@over_chat
def test_tools_go_round(sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake) -> None:
    """Two at once, answered both, whole."""
    fake.uses_tools = True
    with books.answer(peer, CHAT):
        asked = sdk.chat.completions.create(model=peer.group, messages=QUESTION, tools=TOOLS)

    [choice] = asked.choices
    assert choice.finish_reason == "tool_calls"
    calls: Any = choice.message.tool_calls
    assert [(call.type, call.function.name) for call in calls] == [("function", "read_sign"), ("function", "pay_toll")]
    assert [json.loads(call.function.arguments) for call in calls] == [ARGUMENTS, ARGUMENTS]
    assert len({call.id for call in calls}) == 2

    said: Any = choice.message.model_dump(exclude_none=True)
    results: list[Any] = [
        {"role": "tool", "tool_call_id": call.id, "content": f"{call.function.name} done"} for call in calls
    ]
    with books.answer(peer, CHAT):
        told = sdk.chat.completions.create(
            model=peer.group,
            messages=[*QUESTION, said, *results],
            tools=TOOLS,
        )

    assert told.choices[0].finish_reason == "stop"
    assert told.choices[0].message.content == fake.answer
    sent = fake.received[-1].body
    assert b"read_sign done" in sent
    assert b"pay_toll done" in sent


@over_chat
def test_tools_are_streamed(sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake) -> None:
    """As the SDK's own accumulator reads them, which knows calls by their index."""
    fake.uses_tools = True
    with (
        books.answer(peer, CHAT, stream=True),
        sdk.chat.completions.stream(model=peer.group, messages=QUESTION, tools=TOOLS) as stream,
    ):
        for _ in stream:
            pass
        final = stream.get_final_completion()

    [choice] = final.choices
    assert choice.finish_reason == "tool_calls"
    calls: Any = choice.message.tool_calls
    assert [call.function.name for call in calls] == ["read_sign", "pay_toll"]
    assert [json.loads(call.function.arguments) for call in calls] == [ARGUMENTS, ARGUMENTS]
    assert all(call.id for call in calls)


def test_signatures_of_a_gemini_that_thinks_come_back_with_its_calls(
    sdk: openai.OpenAI, books: Books, fakes: dict[str, Any]
) -> None:
    """Gemini refuses a conversation in which they got lost, though OpenAI's messages have no place for them."""
    [peer] = named("gemini")
    fake = fakes["gemini"]
    fake.uses_tools = fake.wants_signatures = True
    asked = sdk.chat.completions.create(model=peer.group, messages=QUESTION, tools=TOOLS)
    message = asked.choices[0].message
    said: Any = message.model_dump(exclude_none=True)
    results: list[Any] = [
        {"role": "tool", "tool_call_id": call.id, "content": "done"} for call in message.tool_calls or ()
    ]
    with books.answer(peer, CHAT):
        told = sdk.chat.completions.create(model=peer.group, messages=[*QUESTION, said, *results], tools=TOOLS)

    assert told.choices[0].message.content == fake.answer


@over_chat
def test_one_tool_can_be_insisted_on(sdk: openai.OpenAI, peer: Peer, fake: Fake) -> None:
    choice: Any = {"type": "function", "function": {"name": "pay_toll"}}
    sdk.chat.completions.create(model=peer.group, messages=QUESTION, tools=TOOLS, tool_choice=choice)

    sent = fake.received[-1].json()
    chosen = [sent.get(name) for name in ("tool_choice", "toolConfig")]
    assert "pay_toll" in json.dumps([one.get("toolChoice", one) if isinstance(one, dict) else one for one in chosen])


@over_chat
def test_an_image_is_seen(sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake) -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": "What is on it?"}, image]}]
    with books.answer(peer, CHAT):
        answer = sdk.chat.completions.create(model=peer.group, messages=messages)

    assert answer.choices[0].message.content == fake.answer
    assert PNG.encode() in fake.received[-1].body


@over_chat
def test_an_answer_has_the_shape_that_was_asked_for(sdk: openai.OpenAI, books: Books, peer: Peer) -> None:
    with books.answer(peer, CHAT):
        answer = sdk.chat.completions.parse(model=peer.group, messages=QUESTION, response_format=Toll)

    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.parsed == Toll(cents=7, currency="toll")


@over_chat
def test_a_streamed_answer_has_the_shape_that_was_asked_for(sdk: openai.OpenAI, books: Books, peer: Peer) -> None:
    with (
        books.answer(peer, CHAT, stream=True),
        sdk.chat.completions.stream(model=peer.group, messages=QUESTION, response_format=Toll) as stream,
    ):
        final = stream.get_final_completion()

    assert final.choices[0].message.parsed == Toll(cents=7, currency="toll")


@over(named(*THINKERS))
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
def test_thoughts_are_told_apart(sdk: openai.OpenAI, books: Books, peer: Peer, fake: Fake, streams: bool) -> None:
    think(peer, fake, "Who goes there?")
    asked: Any = {"model": peer.group, "messages": QUESTION, "reasoning_effort": "low"}
    with books.answer(peer, CHAT, stream=streams):
        if streams:
            deltas: Any = [
                choice.delta for chunk in sdk.chat.completions.create(**asked, stream=True) for choice in chunk.choices
            ]
            said = "".join(delta.content or "" for delta in deltas)
            thought = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
        else:
            message: Any = sdk.chat.completions.create(**asked).choices[0].message
            said, thought = message.content, message.reasoning_content

    assert (said, thought) == (fake.answer, "Who goes there?")


def test_tokens_of_thinking_have_their_own_price(sdk: openai.OpenAI, books: Books, fakes: dict[str, Any]) -> None:
    [peer] = named("gemini")
    fakes["gemini"].thought_tokens = 41
    with books.answer(peer, CHAT) as seen:
        answer = sdk.chat.completions.create(model=peer.group, messages=QUESTION, reasoning_effort="low")

    assert seen.row["reasoning_tokens"] == 41
    assert answer.usage
    assert answer.usage.completion_tokens_details
    assert answer.usage.completion_tokens_details.reasoning_tokens == 41


@over_chat
def test_too_few_tokens_are_told(sdk: openai.OpenAI, books: Books, peer: Peer) -> None:
    with books.answer(peer, CHAT) as seen:
        answer = sdk.chat.completions.create(model=peer.group, messages=QUESTION, max_completion_tokens=2)

    assert answer.choices[0].finish_reason == "length"
    assert seen.row["completion_tokens"] == 2
