"""Chat completions as upstreams write them, whole and streamed, and how a client reads what is made of them."""

from itertools import pairwise
from typing import Any

import orjson
from hypothesis import strategies as st

from proxy.core.dialects import DIALECTS
from proxy.core.operations import Operation
from proxy.core.sse import EventParser, OpenAIDecoder
from proxy.core.streams import TranslatedStream

Json = dict[str, Any]

USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 7,
    "total_tokens": 17,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
    "cache_creation_input_tokens": 2,
}


def answer(message: Json, *, finish: str | None = "stop", usage: Any = USAGE, **choice: Any) -> Json:
    message = {"role": "assistant", **message}
    return {
        "id": "chatcmpl-abc123",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "upstream-model",
        "choices": [{"index": 0, "message": message, "finish_reason": finish, **choice}],
        "usage": usage,
    }


def call(call_id: str, name: str, arguments: Any, **more: Any) -> Json:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def chunk(delta: Json | None = None, *, finish: str | None = None, **fields: Any) -> Json:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {
        "id": "chatcmpl-abc123",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "upstream-model",
        "choices": choices,
        **fields,
    }


def told(stream: bytes) -> list[Json]:
    """The events that a client sees; a named one is named as its `type` says."""
    assert not stream or stream.endswith(b"\n\n")
    found = []
    for event in EventParser().feed(stream):
        if event.data == b"[DONE]":
            continue
        payload = orjson.loads(event.data)
        assert event.name in {"", payload.get("type")}
        found.append(payload)
    return found


def wire(chunks: list[Json]) -> bytes:
    return b"".join(b"data: " + orjson.dumps(each) + b"\n\n" for each in chunks) + b"data: [DONE]\n\n"


def translate(
    operation: Operation, chunks: list[Json], *, cuts: list[int] | None = None, request: Json | None = None
) -> bytes:
    """All that a client sees of the upstream's stream, cut into pieces at `cuts`."""
    encoder = DIALECTS[operation].encoder(model="group", wants_usage=True, request=request or {})
    reader = TranslatedStream(OpenAIDecoder(), encoder)
    stream = wire(chunks)
    borders = [0, *sorted(cut % (len(stream) + 1) for cut in cuts or []), len(stream)]
    parts = [reader.feed(stream[start:end]) for start, end in pairwise(borders)]
    return b"".join(parts) + reader.finish() + reader.farewell()


scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    scalars | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def mangled(words: list[str], values: list[Any]) -> st.SearchStrategy[Any]:
    """JSON made of a dialect's own words, so that it gets deep into whatever reads it."""
    names = st.sampled_from(words) | st.text(max_size=4)
    leaves = st.sampled_from(values) | scalars | st.text(max_size=4)
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5),
        max_leaves=20,
    )


_texts = st.text(max_size=6)
_deltas = st.one_of(
    _texts.map(lambda text: {"content": text}),
    _texts.map(lambda text: {"reasoning_content": text}),
    _texts.map(lambda text: {"refusal": text}),
    st.builds(
        lambda index, name, piece: {"tool_calls": [call(f"call_{index}", name, piece, index=index)]},
        st.integers(0, 3),
        st.sampled_from(["look", "find", ""]),
        st.sampled_from(["", "{", "}", '{"a":', '"b"', "1}", "{}"]),
    ),
)
deltas = st.lists(_deltas, max_size=12)
finishes = st.sampled_from(["stop", "length", "tool_calls", "content_filter", "odd", None])
_endings = st.sampled_from([[], [chunk(usage=USAGE)], [chunk({}, usage=USAGE)]])
# Streams in which everything comes in turns, also what no upstream would mix.
streams = st.builds(
    lambda said, finish, ending: [
        chunk({"role": "assistant", "content": ""}),
        *map(chunk, said),
        *([chunk({}, finish=finish)] if finish else []),
        *ending,
    ],
    deltas,
    finishes,
    _endings,
)
cuts = st.lists(st.integers(0, 5000), max_size=8)
