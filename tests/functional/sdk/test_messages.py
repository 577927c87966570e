"""Anthropic's SDK asks models of every provider."""

from typing import Any

import anthropic
import pytest

from tests.functional.sdk.asking import ARGUMENTS, CLAUDE_TOOLS, PNG, QUESTION, named, over, over_chat
from tests.functional.sdk.books import Books
from tests.functional.sdk.peers import THINKERS, Fake, Peer, cache, think

MESSAGES = "anthropic_messages"


@over_chat
def test_a_whole_message(claude_sdk: anthropic.Anthropic, books: Books, peer: Peer, fake: Fake) -> None:
    cache(peer, fake, read=3, written=2)
    with books.answer(peer, MESSAGES) as seen:
        message = claude_sdk.messages.create(
            model=peer.group, max_tokens=200, system="Be brief.", messages=QUESTION, metadata={"user_id": "u-1"}
        )

    assert (message.type, message.role, message.model) == ("message", "assistant", peer.group)
    assert [block.text for block in message.content if block.type == "text"] == [fake.answer]
    assert message.stop_reason == "end_turn"
    usage, row = message.usage, seen.row
    assert usage.output_tokens == row["completion_tokens"]
    assert usage.cache_read_input_tokens == row["cached_tokens"] == 3
    # Anthropic's count of the input is without what was in the cache.
    assert usage.input_tokens == row["prompt_tokens"] - row["cached_tokens"] - row["cache_creation_tokens"]
    assert row["end_user"] == "u-1"
    assert b"Be brief." in fake.received[-1].body


@over_chat
def test_a_streamed_message(claude_sdk: anthropic.Anthropic, books: Books, peer: Peer, fake: Fake) -> None:
    """As the SDK accumulates it, which is strict about the order of events."""
    cache(peer, fake, read=3, written=2)
    with (
        books.answer(peer, MESSAGES, stream=True) as seen,
        claude_sdk.messages.stream(model=peer.group, max_tokens=200, messages=QUESTION) as stream,
    ):
        pieces = list(stream.text_stream)
        message = stream.get_final_message()

    assert "".join(pieces) == fake.answer
    assert len(pieces) > 1
    assert (message.model, message.stop_reason) == (peer.group, "end_turn")
    assert [block.text for block in message.content if block.type == "text"] == [fake.answer]
    assert message.usage.output_tokens == seen.row["completion_tokens"]


@over_chat
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
def test_tools_go_round(claude_sdk: anthropic.Anthropic, books: Books, peer: Peer, fake: Fake, streams: bool) -> None:
    fake.uses_tools = True
    asked: Any = {"model": peer.group, "max_tokens": 200, "tools": CLAUDE_TOOLS}
    with books.answer(peer, MESSAGES, stream=streams):
        if streams:
            with claude_sdk.messages.stream(**asked, messages=QUESTION) as stream:
                message = stream.get_final_message()
        else:
            message = claude_sdk.messages.create(**asked, messages=QUESTION)

    assert message.stop_reason == "tool_use"
    calls: Any = [block for block in message.content if block.type == "tool_use"]
    assert [(call.name, call.input) for call in calls] == [("read_sign", ARGUMENTS), ("pay_toll", ARGUMENTS)]

    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": f"{call.name} done"}]}
        for call in calls
    ]
    turns: Any = [
        *QUESTION,
        {"role": "assistant", "content": message.model_dump(exclude_none=True)["content"]},
        {"role": "user", "content": results},
    ]
    with books.answer(peer, MESSAGES):
        told = claude_sdk.messages.create(**asked, messages=turns)

    assert [block.text for block in told.content if block.type == "text"] == [fake.answer]
    assert b"read_sign done" in fake.received[-1].body


@over_chat
def test_an_image_is_seen(claude_sdk: anthropic.Anthropic, books: Books, peer: Peer, fake: Fake) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    turns: Any = [{"role": "user", "content": [image, {"type": "text", "text": "What is on it?"}]}]
    with books.answer(peer, MESSAGES):
        claude_sdk.messages.create(model=peer.group, max_tokens=200, messages=turns)

    assert PNG.encode() in fake.received[-1].body


@over_chat
def test_where_to_stop_is_passed_on(claude_sdk: anthropic.Anthropic, books: Books, peer: Peer, fake: Fake) -> None:
    with books.answer(peer, MESSAGES):
        message = claude_sdk.messages.create(
            model=peer.group, max_tokens=200, messages=QUESTION, stop_sequences=["; the gate"]
        )

    assert b"; the gate" in fake.received[-1].body
    if peer.provider == "anthropic":
        assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", "; the gate")
        assert [block.text for block in message.content if block.type == "text"] == ["The toll is paid"]


@over(named(*THINKERS))
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])
def test_thoughts_are_blocks_of_their_own(
    claude_sdk: anthropic.Anthropic, books: Books, peer: Peer, fake: Fake, streams: bool
) -> None:
    think(peer, fake, "Who goes there?")
    asked: Any = {
        "model": peer.group,
        "max_tokens": 4000,
        "messages": QUESTION,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
    }
    with books.answer(peer, MESSAGES, stream=streams):
        if streams:
            with claude_sdk.messages.stream(**asked) as stream:
                message = stream.get_final_message()
        else:
            message = claude_sdk.messages.create(**asked)

    found: Any = message.content
    assert [block.type for block in found] == ["thinking", "text"]
    assert (found[0].thinking, found[1].text) == ("Who goes there?", fake.answer)


@over_chat
def test_too_few_tokens_are_told(claude_sdk: anthropic.Anthropic, books: Books, peer: Peer) -> None:
    with books.answer(peer, MESSAGES):
        message = claude_sdk.messages.create(model=peer.group, max_tokens=2, messages=QUESTION)

    assert message.stop_reason == "max_tokens"


def test_a_bearer_is_as_good_as_a_key(claude_sdk: anthropic.Anthropic, books: Books, fakes: dict[str, Any]) -> None:
    """As Claude Code has it with ANTHROPIC_AUTH_TOKEN."""
    [peer] = named("gpt")
    bearer = claude_sdk.copy(auth_token=claude_sdk.api_key)
    bearer.api_key = None
    with books.answer(peer, MESSAGES):
        bearer.messages.create(model=peer.group, max_tokens=200, messages=QUESTION)
