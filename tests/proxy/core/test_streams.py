"""A stream that is translated on its way: what the client sees, and what is learnt for the books."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.dialects.chat import ChatEncoder
from proxy.core.errors import UpstreamFailure
from proxy.core.sse import OpenAIDecoder
from proxy.core.streams import EventTooLong, TranslatedStream, has_content, named
from tests.proxy.core.dialects.chats import USAGE, chunk, streams, told, wire

Json = dict[str, Any]


@dataclass
class Scripted:
    """A decoder that has its chunks ready, one list for each feed."""

    parts: list[list[Json]]
    last: list[Json] = field(default_factory=list)

    def feed(self, data: bytes) -> Sequence[Json]:
        return self.parts.pop(0)

    def finish(self) -> Sequence[Json]:
        return self.last


def over(*parts: list[Json], last: list[Json] | None = None, wants_usage: bool = True) -> TranslatedStream:
    return TranslatedStream(Scripted([*parts], last or []), ChatEncoder("group", wants_usage), "chatcmpl-ours", 7)


def test_chunks_come_in_the_clients_words_under_the_name_that_was_asked_for() -> None:
    stream = over([chunk({"content": "The"}), chunk({"content": " toll"})])

    seen = told(stream.feed(b"x"))

    assert [one["choices"][0]["delta"]["content"] for one in seen] == ["The", " toll"]
    assert {one["model"] for one in seen} == {"group"}
    assert (stream.events, stream.upstream_id) == (2, "chatcmpl-abc123")


def test_what_is_left_at_the_end_is_told_as_well() -> None:
    stream = over([], last=[chunk({"content": "late"}), chunk(usage=USAGE)])

    assert stream.feed(b"x") == b""
    assert len(told(stream.finish())) == 2
    assert stream.usage == USAGE


def test_usage_is_kept_for_the_books_and_told_to_who_asked_for_it() -> None:
    asked, unasked = over([chunk(usage=USAGE)]), over([chunk(usage=USAGE)], wants_usage=False)

    assert [one["usage"] for one in told(asked.feed(b"x"))] == [USAGE]
    assert unasked.feed(b"x") == b""
    assert asked.usage == unasked.usage == USAGE


def test_the_last_usage_counts() -> None:
    stream = over([chunk(usage={"prompt_tokens": 1}), chunk(usage=None), chunk(usage=USAGE)])
    stream.feed(b"x")

    assert stream.usage == USAGE


def test_an_error_is_kept_back_and_what_stands_around_it_is_told() -> None:
    error = {"message": "overloaded", "type": "overloaded_error"}
    stream = over([chunk({"content": "The"}), {"error": error}, chunk({"content": " toll"})])

    seen = stream.feed(b"x")

    assert b"overloaded" not in seen
    assert len(told(seen)) == stream.events == 2
    assert stream.error == error


@pytest.mark.parametrize("error", [None, "overloaded", 5, [{"message": "x"}]])
def test_what_is_no_error_object_is_no_error(error: Any) -> None:
    stream = over([chunk({"content": "The"}, error=error)])
    stream.feed(b"x")

    assert stream.error is None
    assert stream.events == 1


@pytest.mark.parametrize(
    ("said", "name", "date"),
    [
        ({}, "chatcmpl-abc123", 1_700_000_000),
        ({"id": "", "created": 0}, "chatcmpl-ours", 7),
        ({"id": None, "created": None}, "chatcmpl-ours", 7),
    ],
)
def test_a_chunk_without_a_name_or_date_gets_ours(said: Json, name: str, date: int) -> None:
    [seen] = told(over([chunk({"content": "x"}) | said]).feed(b"x"))

    assert (seen["id"], seen["created"]) == (name, date)


def test_our_name_is_not_taken_for_the_upstreams() -> None:
    stream = over([{"choices": []}, chunk({"content": "x"}) | {"id": 5}, chunk({"content": "x"}), {"id": "later"}])
    stream.feed(b"x")

    assert stream.upstream_id == "chatcmpl-abc123"


def test_the_first_token_is_the_first_that_a_client_waits_for() -> None:
    stream = over([chunk({"role": "assistant", "content": ""})], [chunk({"content": "T"})], [chunk({}, finish="stop")])

    seen = []
    for _ in range(3):
        stream.feed(b"x")
        seen.append(stream.first_token)
    assert seen == [False, True, True]


def test_the_end_and_a_complaint_are_in_the_clients_words() -> None:
    stream = over()

    assert stream.farewell() == b"data: [DONE]\n\n"
    [complaint] = told(stream.complaint(UpstreamFailure("it broke", provider="openai")))
    assert "OpenAIException - it broke" in complaint["error"]["message"]


def test_an_event_without_an_end_is_given_up() -> None:
    stream = TranslatedStream(OpenAIDecoder(), ChatEncoder("group", wants_usage=True))

    with pytest.raises(EventTooLong):
        stream.feed(b"data: " + b"x" * 2_000_000)


@given(streams, st.lists(st.integers(0, 5000), max_size=8))
def test_it_says_and_learns_the_same_however_it_is_cut(chunks: list[Json], cuts: list[int]) -> None:
    data = wire(chunks)
    borders = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]

    assert through([data[start:end] for start, end in pairwise(borders)]) == through([data])


def through(parts: list[bytes]) -> tuple[Any, ...]:
    stream = TranslatedStream(OpenAIDecoder(), ChatEncoder("group", wants_usage=True), "chatcmpl-ours", 7)
    seen = b"".join(stream.feed(part) for part in parts) + stream.finish()
    return seen, stream.usage, stream.error, stream.upstream_id, stream.events, stream.first_token


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ([{"delta": {"content": "a"}}], True),
        ([{"delta": {"tool_calls": [{"index": 0}]}}], True),
        ([{"delta": {"reasoning_content": "hm"}}], True),
        ([{"delta": {"reasoning": "hm"}}], True),
        ([{"delta": {"refusal": "no"}}], True),
        ([{"delta": {"audio": {"id": "a"}}}], True),
        ([{"delta": {"function_call": {"name": "f"}}}], True),
        ([{"text": "a"}], True),
        ([{"delta": {}}, {"delta": {"content": "second"}}], True),
        ([{"delta": {"role": "assistant", "content": ""}}], False),
        ([{"delta": {"content": None, "tool_calls": []}}], False),
        ([{"delta": {}, "finish_reason": "stop"}], False),
        ([{"text": ""}], False),
        ([], False),
        (None, False),
        ("content", False),
        ({"delta": {"content": "a"}}, False),
        (["content", None, 5, [{"delta": {"content": "a"}}]], False),
        ([{"delta": "content"}], False),
    ],
)
def test_what_a_client_waits_for(choices: Any, expected: bool) -> None:
    assert has_content(choices) is expected


def test_a_name_that_is_there_is_not_replaced() -> None:
    assert named({"id": "a", "created": 5}, "b", 6) == {"id": "a", "created": 5}
    assert named({}, "b", 6) == {"id": "b", "created": 6}
