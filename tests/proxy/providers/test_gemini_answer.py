"""Gemini's candidates as choices: what each part is told as, and a stream that says the same however it is cut."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.errors import UpstreamFailure
from proxy.providers.gemini_answer import GeminiDecoder, to_completion


def event(answer: Any) -> bytes:
    return b"data: " + orjson.dumps(answer) + b"\r\n\r\n"


def decode(*pieces: bytes) -> list[dict[str, Any]]:
    decoder = GeminiDecoder()
    return [chunk for piece in pieces for chunk in decoder.feed(piece)] + decoder.finish()


_part = st.one_of(
    st.builds(lambda text, thought: {"text": text, "thought": thought}, st.text(max_size=5), st.booleans()),
    st.just({"functionCall": {"name": "now", "args": {}}}),
)
_piece = st.builds(
    lambda part, index, reason: event(
        {
            "candidates": [
                {"content": {"parts": [part]}, "index": index} | ({"finishReason": reason} if reason else {})
            ],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4},
            "responseId": "r",
        }
    ),
    _part,
    st.integers(0, 1),
    st.sampled_from([None, None, "STOP", "SAFETY"]),
)
_streams = st.lists(
    _piece | st.sampled_from([b": hello\n\n", b"data: no json\n\n", event({"error": {"message": "no"}}), event([])]),
    max_size=8,
).map(b"".join)


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_the_chunks_are_the_same_however_the_stream_is_cut(data: st.DataObject) -> None:
    whole = data.draw(_streams)
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=20))

    pieces = [whole[start:end] for start, end in pairwise([0, *sorted(cuts), len(whole)])]

    assert decode(*pieces) == decode(whole)


def test_a_stream_that_stops_in_the_middle_is_a_failure_without_usage() -> None:
    half = event({"candidates": [{"content": {"parts": [{"text": "half"}]}}], "usageMetadata": {"promptTokenCount": 3}})

    for stopped in (b"", half):
        assert decode(stopped)[-1] == {
            "error": {"type": "api_error", "message": "the stream ended before its answer did"}
        }


def test_the_last_usage_counts() -> None:
    first = {"candidates": [{"content": {"parts": [{"text": "x"}]}}], "usageMetadata": {"candidatesTokenCount": 1}}
    last = {"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"candidatesTokenCount": 9}}

    assert decode(event(first), event(last))[-1]["usage"]["completion_tokens"] == 9


def test_a_call_without_an_id_gets_the_same_one_each_time() -> None:
    part = {"functionCall": {"name": "now", "args": {}}}
    answer = {"responseId": "r", "candidates": [{"content": {"parts": [part, part]}, "finishReason": "STOP"}]}

    def ids(given: dict[str, Any]) -> list[str]:
        choice = to_completion(given)["choices"][0]
        return [call["id"] for call in choice["message"]["tool_calls"]]

    assert ids(answer) == ids(answer)
    assert len({*ids(answer), *ids(answer | {"responseId": "s"})}) == 4


def test_a_picture_in_the_answer_is_told_as_one() -> None:
    part = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    answer = {"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]}

    message = to_completion(answer)["choices"][0]["message"]

    assert message["images"] == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]


@pytest.mark.parametrize(
    "answer",
    [{}, {"candidates": []}, {"candidates": "x"}, {"candidates": [5]}, {"promptFeedback": {}}],
)
def test_an_answer_that_makes_no_sense_is_a_failure(answer: dict[str, Any]) -> None:
    with pytest.raises(UpstreamFailure):
        to_completion(answer)


@pytest.mark.parametrize(
    "candidate",
    [
        {},
        {"content": []},
        {"content": {"parts": {}}},
        {"content": {"parts": [5, {"text": 5}, {"functionCall": 5}, {"inlineData": 5}]}},
        {"content": {"parts": [{"functionCall": {"name": 5, "args": []}}]}, "finishReason": []},
        {"index": "x", "finishReason": 5},
    ],
)
def test_a_hostile_candidate_breaks_nothing(candidate: dict[str, Any]) -> None:
    answer = {"candidates": [candidate], "usageMetadata": [], "responseId": 5, "modelVersion": {}}

    assert to_completion(answer)["choices"][0]["index"] == 0
    assert decode(event(answer))
