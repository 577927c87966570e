"""A stream on its way through: the same bytes however it is cut, and what is learnt from it."""

import json
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.scanner import StreamScanner
from proxy.core.streams import LONGEST_EVENT, EventTooLong

DATED = "gpt-4o-2024-08-06"
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
DONE = b"data: [DONE]\n\n"


def chunk(delta: dict[str, Any] | None = None, *, model: str = DATED, **fields: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": None}]
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": model, "choices": choices, **fields}
    return b"data: " + orjson.dumps(body) + b"\n\n"


def content(text: str, **fields: Any) -> bytes:
    return chunk({"content": text}, **fields)


def scanner(*, wants_usage: bool = False, model: str = "gpt-4o") -> StreamScanner:
    return StreamScanner(model=model, wants_usage=wants_usage)


def relay(stream: bytes, *, cuts: list[int] | None = None, scan: StreamScanner | None = None) -> bytes:
    scan = scan or scanner()
    borders = [0, *sorted(cuts or []), len(stream)]
    parts = [scan.feed(stream[start:end]) for start, end in pairwise(borders)]
    return b"".join(parts) + scan.finish()


def bodies(relayed: bytes) -> list[Any]:
    lines = [line[6:] for line in relayed.splitlines() if line.startswith(b"data: ")]
    return [json.loads(line) for line in lines]


def texts(relayed: bytes) -> list[str]:
    return [choice["delta"].get("content", "") for body in bodies(relayed) for choice in body["choices"]]


PLAIN = (
    chunk({"role": "assistant", "content": ""})
    + content("The ")
    + content("toll 生产 😀")
    + chunk({}, usage=None)
    + chunk(usage=USAGE)
    + DONE
)
_texts = st.text() | st.sampled_from(
    ['"model":"gpt-4o-2024-08-06"', "data: x", "[DONE]", "data: [DONE]\n\n", '"usage":{', '"error":{', "\r\n\r\n", "😀"]
)
_events = st.one_of(
    st.builds(content, _texts),
    st.builds(content, _texts, model=st.sampled_from([DATED, "gpt-4o", ""])),
    st.just(b": keep-alive\n\n"),
    st.just(b"event: message\n" + content("x")),
    st.just(chunk(usage=USAGE)),
    st.just(content("with usage", usage=USAGE)),
    st.just(b"data: not json\n\n"),
    st.just(b'data: {"error":{"message":"overloaded"}}\n\n'),
)
_streams = st.lists(_events, max_size=12).map(lambda events: b"".join(events) + DONE)


@st.composite
def _cut_streams(draw: st.DrawFn, streams: st.SearchStrategy[bytes] = _streams) -> tuple[bytes, list[int]]:
    stream = draw(streams)
    return stream, draw(st.lists(st.integers(0, len(stream)), max_size=20))


@given(_cut_streams(), st.booleans())
@settings(deadline=None, max_examples=400)
def test_the_client_sees_the_same_bytes_however_the_stream_is_cut(
    cut_stream: tuple[bytes, list[int]], wants_usage: bool
) -> None:
    stream, cuts = cut_stream
    whole, parts = scanner(wants_usage=wants_usage), scanner(wants_usage=wants_usage)

    assert relay(stream, cuts=cuts, scan=parts) == relay(stream, scan=whole)
    assert (parts.usage, parts.error, parts.upstream_id) == (whole.usage, whole.error, whole.upstream_id)
    assert (parts.done, parts.first_token) == (whole.done, whole.first_token)


@given(_cut_streams())
@settings(deadline=None, max_examples=200)
def test_events_are_counted_alike_however_the_stream_is_cut(cut_stream: tuple[bytes, list[int]]) -> None:
    stream, cuts = cut_stream
    whole, parts = scanner(), scanner()
    relay(stream, scan=whole)
    relay(stream, cuts=cuts, scan=parts)

    assert parts.events == whole.events


@given(_cut_streams(_streams.map(lambda stream: stream.replace(b"\n", b"\r\n"))))
@settings(deadline=None, max_examples=200)
def test_a_stream_with_crlf_means_the_same_however_it_is_cut(cut_stream: tuple[bytes, list[int]]) -> None:
    stream, cuts = cut_stream
    whole = relay(stream)

    assert relay(stream, cuts=cuts).replace(b"\r\n", b"\n") == whole.replace(b"\r\n", b"\n")


@given(st.lists(_texts, max_size=10), st.data())
@settings(deadline=None, max_examples=300)
def test_no_text_is_changed_lost_or_reordered(written: list[str], data: st.DataObject) -> None:
    stream = b"".join(map(content, written)) + chunk(usage=USAGE) + DONE
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=20))

    assert texts(relay(stream, cuts=cuts)) == written


def test_every_single_cut_of_a_stream_with_multibyte_text_gives_the_same_bytes() -> None:
    whole = relay(PLAIN)

    assert all(relay(PLAIN, cuts=[at]) == whole for at in range(len(PLAIN)))
    assert relay(PLAIN, cuts=list(range(len(PLAIN)))) == whole


def test_usage_id_first_token_and_end_are_learnt() -> None:
    scan = scanner()
    relay(PLAIN, scan=scan)

    assert (scan.usage, scan.upstream_id, scan.first_token, scan.done) == (USAGE, "chatcmpl-1", True, True)
    assert scan.error is None


def test_the_first_token_is_the_first_content_and_not_the_role() -> None:
    scan = scanner()
    scan.feed(chunk({"role": "assistant", "content": ""}))
    before = scan.first_token
    scan.feed(content("The"))

    assert (before, scan.first_token) == (False, True)


@pytest.mark.parametrize(
    "delta", [{"content": "x"}, {"tool_calls": [{"index": 0}]}, {"reasoning_content": "x"}, {"refusal": "no"}]
)
def test_anything_generated_counts_as_the_first_token(delta: dict[str, Any]) -> None:
    scan = scanner()
    scan.feed(chunk(delta))

    assert scan.first_token


@pytest.mark.parametrize("choices", [None, "x", 5, {}, [None], ["x"], [{"delta": None}], [{"delta": "x"}], [{}]])
def test_odd_choices_are_passed_on(choices: object) -> None:
    event = b"data: " + orjson.dumps({"model": "gpt-4o", "choices": choices}) + b"\n\n"

    assert relay(event) == event


def test_a_chunk_with_only_usage_is_hidden_unless_it_is_wanted() -> None:
    hidden, shown = relay(PLAIN), relay(PLAIN, scan=scanner(wants_usage=True))

    assert [body for body in bodies(hidden) if body.get("usage")] == []
    assert [body["usage"] for body in bodies(shown) if body.get("usage")] == [USAGE]
    assert texts(hidden) == texts(shown)


def test_a_chunk_with_usage_and_content_is_shown_and_learnt() -> None:
    scan = scanner()

    assert texts(relay(content("x", usage=USAGE), scan=scan)) == ["x"]
    assert scan.usage == USAGE


def test_the_last_usage_counts() -> None:
    scan = scanner()
    relay(content("a", usage={"completion_tokens": 1}) + content("b", usage=USAGE) + DONE, scan=scan)

    assert scan.usage == USAGE


def test_done_is_kept_back() -> None:
    assert b"[DONE]" not in relay(PLAIN)


@pytest.mark.parametrize("quoted", ["[DONE]", "data: [DONE]\n\n", "data: [DONE]"])
def test_done_inside_content_is_content(quoted: str) -> None:
    scan = scanner()
    relayed = relay(content("a") + content(quoted) + content("b"), scan=scan)

    assert texts(relayed) == ["a", quoted, "b"]
    assert not scan.done


def test_every_chunk_carries_the_name_the_client_asked_for() -> None:
    stream = content("a") + content("b") + content("c") + chunk(usage=USAGE)
    relayed = relay(stream, cuts=[len(content("a")) + 5], scan=scanner(wants_usage=True, model='group "1"'))

    assert {body["model"] for body in bodies(relayed)} == {'group "1"'}


@pytest.mark.parametrize("first", ["", "gpt-4o-mini-2024-07-18"])
def test_chunks_are_renamed_although_the_upstream_first_gave_another_name(first: str) -> None:
    # Azure's first chunk tells of content filters under an empty name.
    stream = chunk(model=first) + content("a") + content("b") + content("c")

    assert {body["model"] for body in bodies(relay(stream))} == {"gpt-4o"}


def test_chunks_are_renamed_although_their_spacing_changes() -> None:
    spaced = b"data: " + json.dumps({"model": DATED, "choices": []}).encode() + b"\n\n"

    assert {body["model"] for body in bodies(relay(content("a") + spaced + content("b")))} == {"gpt-4o"}


def test_the_top_level_name_is_the_one_that_counts() -> None:
    nested = {"provider": {"model": "inner"}, "model": DATED, "choices": [{"delta": {"content": "x"}}]}
    relayed = bodies(relay(b"data: " + orjson.dumps(nested) + b"\n\n" + content("y")))

    assert [body["model"] for body in relayed] == ["gpt-4o", "gpt-4o"]


@pytest.mark.parametrize("quoted", [f'"model":"{DATED}"', f'{{"model": "{DATED}"}}', '\\"model\\":\\"x\\"'])
def test_content_that_quotes_the_name_is_left_alone(quoted: str) -> None:
    relayed = relay(content("a") + content(quoted) + content(quoted))

    assert texts(relayed) == ["a", quoted, quoted]


@pytest.mark.parametrize("event", [b": ping\n\n", b"event: ping\n\n", b"id: 5\nretry: 10\n\n"])
def test_comments_and_events_without_data_pass(event: bytes) -> None:
    assert relay(event + content("a", model="gpt-4o") + event) == event + content("a", model="gpt-4o") + event


def test_an_event_over_several_data_lines_is_read_as_one() -> None:
    scan = scanner()
    relay(b'data: {"choices":[],\ndata: "usage":{"prompt_tokens":3}}\n\n', scan=scan)

    assert scan.usage == {"prompt_tokens": 3}


def test_a_field_without_a_space_after_its_colon_is_read() -> None:
    scan = scanner()
    relay(b'data:{"choices":[],"usage":{"prompt_tokens":3}}\n\ndata:[DONE]\n\n', scan=scan)

    assert (scan.usage, scan.done) == ({"prompt_tokens": 3}, True)


@pytest.mark.parametrize("before", [b"", content("a")], ids=["first", "after content"])
def test_an_error_event_is_learnt(before: bytes) -> None:
    scan = scanner()
    relay(before + b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n', scan=scan)

    assert scan.error == {"message": "overloaded", "type": "server_error"}


def test_an_error_event_whose_error_is_a_text_is_learnt() -> None:
    scan = scanner()
    relay(content("a") + b'data: {"error":"overloaded"}\n\n', scan=scan)

    assert scan.error is not None


def test_an_upstream_that_forgets_the_last_blank_line_is_read_to_the_end() -> None:
    scan = scanner(wants_usage=True)
    relayed = relay(content("a") + chunk(usage=USAGE).rstrip(), scan=scan)

    assert scan.usage == USAGE
    assert relayed.endswith(b"\n\n")


def test_an_event_without_an_end_is_refused_once_it_is_longer_than_a_mebibyte() -> None:
    scan = scanner()
    scan.feed(b"data: " + b"x" * (LONGEST_EVENT - 6))

    with pytest.raises(EventTooLong):
        scan.feed(b"x")


def test_a_long_event_below_the_limit_passes() -> None:
    event = content("x" * (LONGEST_EVENT - 1000), model="gpt-4o")

    assert relay(event, cuts=list(range(0, len(event), 65_536))) == event
