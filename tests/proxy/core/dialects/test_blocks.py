"""Deltas in any order become blocks told one after another, and nothing is lost on the way."""

from collections import defaultdict
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.dialects.blocks import Blocks, Kind, Move, Step, whole
from tests.proxy.core.dialects.chats import anything, call, deltas

Json = dict[str, Any]


def steps_of(said: list[Json]) -> list[Step]:
    blocks = Blocks()
    return [step for delta in said for step in blocks.feed(delta)] + list(blocks.finish())


def summary(steps: list[Step]) -> list[tuple[Move, int, str]]:
    return [(step.move, step.block.index, step.piece) for step in steps]


def fragment(index: int | None, arguments: str, *, call_id: str = "", name: str = "") -> Json:
    entry: Json = {"function": {"arguments": arguments}}
    if index is not None:
        entry["index"] = index
    if call_id:
        entry |= {"id": call_id, "function": {"name": name, "arguments": arguments}}
    return {"tool_calls": [entry]}


@given(deltas)
def test_each_block_is_opened_grows_and_is_closed_before_the_next(said: list[Json]) -> None:
    opened: list[int] = []
    current = None
    for step in steps_of(said):
        if step.move is Move.OPEN:
            assert current is None
            current = step.block.index
            opened.append(current)
        else:
            assert step.block.index == current
            assert step.move is Move.CLOSE or step.piece
        if step.move is Move.CLOSE:
            current = None

    assert current is None
    assert opened == list(range(len(opened)))


@given(st.lists(st.dictionaries(st.text(max_size=3), anything, max_size=2), max_size=3), st.data())
def test_no_argument_and_no_text_is_lost_however_they_come_in_turns(given_arguments: list[Json], data: Any) -> None:
    sent = {f"call_{number}": orjson.dumps(value).decode() for number, value in enumerate(given_arguments)}
    rests = dict(sent)
    said: list[Json] = [{"tool_calls": [call(name, "look", "", index=int(name[5:]))]} for name in rests]
    words = data.draw(st.lists(st.text(min_size=1, max_size=3), max_size=4))
    waiting = list(words)
    while rests or waiting:
        turn = data.draw(st.sampled_from([*rests, *(["text"] if waiting else [])]))
        if turn == "text":
            said.append({"content": waiting.pop(0)})
            continue
        size = data.draw(st.integers(1, len(rests[turn])))
        said.append(fragment(int(turn[5:]), rests[turn][:size]))
        rests[turn] = rests[turn][size:]
        if not rests[turn]:
            del rests[turn]

    closed = [step.block for step in steps_of(said) if step.move is Move.CLOSE]
    assert {block.call_id: block.text for block in closed if block.kind is Kind.CALL} == sent
    assert "".join(block.text for block in closed if block.kind is Kind.TEXT) == "".join(words)


@given(deltas)
def test_what_is_told_of_a_block_is_its_text(said: list[Json]) -> None:
    pieces: dict[int, str] = defaultdict(str)
    for step in steps_of(said):
        pieces[step.block.index] += step.piece
        if step.move is Move.CLOSE:
            assert pieces[step.block.index] == step.block.text


@given(anything)
def test_any_delta_is_survived(value: Any) -> None:
    entry = {"index": value, "id": value, "function": {"name": value, "arguments": value}}
    for delta in ({"content": value, "tool_calls": value}, {"tool_calls": [value, {"function": value}, entry]}):
        steps = steps_of([delta, delta])
        assert sum(step.move is Move.OPEN for step in steps) == sum(step.move is Move.CLOSE for step in steps)


def test_a_text_is_told_as_it_comes() -> None:
    blocks = Blocks()

    assert summary(list(blocks.feed({"content": "a"}))) == [(Move.OPEN, 0, ""), (Move.GROW, 0, "a")]
    assert summary(list(blocks.feed({"content": "b"}))) == [(Move.GROW, 0, "b")]
    assert summary(list(blocks.finish())) == [(Move.CLOSE, 0, "")]


def test_calls_one_after_the_other_are_told_at_once() -> None:
    blocks = Blocks()
    list(blocks.feed(fragment(0, "", call_id="a", name="look")))
    list(blocks.feed(fragment(0, '{"x":1}')))

    begun = list(blocks.feed(fragment(1, '{"y"', call_id="b", name="find")))

    assert summary(begun) == [(Move.CLOSE, 0, ""), (Move.OPEN, 1, ""), (Move.GROW, 1, '{"y"')]


def test_of_calls_that_come_in_turns_the_second_waits_for_the_first() -> None:
    blocks = Blocks()
    list(blocks.feed(fragment(0, '{"x"', call_id="a", name="look")))

    assert list(blocks.feed(fragment(1, '{"y":2}', call_id="b", name="find"))) == []
    assert summary(list(blocks.feed(fragment(0, ":1}")))) == [
        (Move.GROW, 0, ":1}"),
        (Move.CLOSE, 0, ""),
        (Move.OPEN, 1, ""),
        (Move.GROW, 1, '{"y":2}'),
    ]


def test_a_brace_inside_a_text_does_not_end_a_call() -> None:
    blocks = Blocks()
    list(blocks.feed(fragment(0, '{"x":"}', call_id="a", name="look")))

    assert list(blocks.feed(fragment(1, "{}", call_id="b", name="find"))) == []


@pytest.mark.parametrize("index", [0, None], ids=["all numbered 0", "not numbered"])
def test_calls_are_told_apart_by_their_ids(index: int | None) -> None:
    said = [
        fragment(index, '{"x":', call_id="a", name="look"),
        fragment(index, "1}"),
        fragment(index, '{"y":2}', call_id="b", name="look"),
    ]
    closed = [step.block for step in steps_of(said) if step.move is Move.CLOSE]

    assert [(block.call_id, block.text) for block in closed] == [("a", '{"x":1}'), ("b", '{"y":2}')]


def test_a_call_is_opened_once_its_name_is_known() -> None:
    blocks = Blocks()

    assert list(blocks.feed({"tool_calls": [{"index": 0, "id": "a", "function": {}}]})) == []
    (opened,) = blocks.feed({"tool_calls": [{"index": 0, "function": {"name": "look"}}]})
    assert (opened.move, opened.block.name) == (Move.OPEN, "look")


def test_a_whole_message_has_its_reasoning_first_and_its_calls_last() -> None:
    found = whole(
        {
            "reasoning": "hm",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            "tool_calls": [call("", "look", {"x": 1}), call("", "find", "{}")],
        }
    )

    assert [(block.kind, block.name, block.text) for block in found] == [
        (Kind.REASONING, "", "hm"),
        (Kind.TEXT, "", "ab"),
        (Kind.CALL, "look", '{"x":1}'),
        (Kind.CALL, "find", "{}"),
    ]
