"""The fields of each operation: what it cannot do without, and of what type they must be."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.calls import Call, parse_call
from proxy.core.errors import BadRequest
from proxy.core.operations import STREAMED, Operation
from proxy.core.uploads import Upload

ROUTE = "/v1/route"
MESSAGES = [{"role": "user", "content": "Hi"}]
FILE = Upload("a.wav", "audio/wav", b"RIFF")
# The least that each operation can be asked with.
LEAST: dict[Operation, dict[str, Any]] = {
    Operation.CHAT: {"messages": MESSAGES},
    Operation.COMPLETION: {"prompt": "Hi"},
    Operation.EMBEDDING: {"input": "Hi"},
    Operation.MESSAGES: {"messages": MESSAGES, "max_tokens": 10},
    Operation.RESPONSES: {"input": "Hi"},
    Operation.MODERATION: {"input": "Hi"},
    Operation.IMAGE: {"prompt": "A gate"},
    Operation.TRANSCRIPTION: {"file": FILE},
    Operation.SPEECH: {"input": "Hi", "voice": "alloy"},
    Operation.RERANK: {"query": "toll", "documents": ["gate", "road"]},
}


def parse(operation: Operation, /, **fields: Any) -> Call:
    return parse_call(operation, {"model": "gpt-4o", **LEAST[operation], **fields}, route=ROUTE)


def refused(operation: Operation, /, **fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        parse(operation, **fields)
    orjson.dumps(caught.value.envelope())
    return caught.value


@pytest.mark.parametrize("operation", Operation)
def test_the_least_of_each_operation_is_understood(operation: Operation) -> None:
    call = parse(operation)

    assert (call.operation, call.model, call.stream) == (operation, "gpt-4o", False)
    assert call.body == {"model": "gpt-4o", **LEAST[operation]}


@pytest.mark.parametrize(
    ("operation", "missing"), [(operation, name) for operation, fields in LEAST.items() for name in fields]
)
@pytest.mark.parametrize("left_out", [True, False])
def test_what_an_operation_cannot_do_without_is_asked_for(operation: Operation, missing: str, left_out: bool) -> None:
    body = {"model": "gpt-4o", **LEAST[operation], missing: None}
    if left_out:
        del body[missing]
    with pytest.raises(BadRequest) as caught:
        parse_call(operation, body, route="/x")

    assert (caught.value.message, caught.value.param) == (f"/x: Missing required parameter: '{missing}'.", missing)


_NO_TEXT: list[Any] = [5, 0.5, True, [], ["a"], {}, {"a": 1}]
_WRONG: dict[Operation, dict[str, list[Any]]] = {
    Operation.CHAT: {"messages": ["Hi", {}, ["Hi"], [None], 5, True]},
    Operation.MESSAGES: {"messages": ["Hi", {}, ["Hi"], [[]], 5]},
    Operation.COMPLETION: {"prompt": [5, True, {}, [None], [{}], [1.5], [True], ["a", 1], [[1], 1], [["a"]], [[True]]]},
    Operation.EMBEDDING: {
        "input": [5, True, {}, [None], [{}], [1.5], [True], ["a", 1], [[1], "a"], [["a"]], [[[1]]]],
        "dimensions": [0, -1, "256", 1.5, True, []],
        "encoding_format": _NO_TEXT,
    },
    Operation.RESPONSES: {"input": [5, True, {}, ["a"], [1], [None]]},
    Operation.MODERATION: {"input": [5, True, {}, [1], [None], ["a", {}], [["a"]]]},
    Operation.IMAGE: {
        "prompt": _NO_TEXT,
        "n": [0, -1, 11, 10**30, "1", 1.0, True, [], {}],
        "size": _NO_TEXT,
        "quality": _NO_TEXT,
        "response_format": _NO_TEXT,
    },
    Operation.TRANSCRIPTION: {
        "file": ["RIFF", 5, True, {}, [FILE], {"data": "x"}, Upload("a.wav", "audio/wav", b"")],
        "response_format": [*_NO_TEXT, FILE],
        "timestamp_granularities[]": ["word", {}, 5, [1], [None]],
        "include[]": ["logprobs", [["logprobs"]]],
        "prompt": [FILE, ["a"]],
        "language": [FILE, ["en"]],
    },
    Operation.SPEECH: {
        "input": _NO_TEXT,
        "voice": [5, True, [], ["alloy"]],
        "response_format": _NO_TEXT,
        "stream_format": ["sse", "", 5, True, []],
    },
    Operation.RERANK: {
        "query": _NO_TEXT,
        "documents": ["gate", {}, 5, [1], [None], [["gate"]], ["gate", 5]],
        "top_n": [0, -1, "3", 1.5, True, []],
    },
}


@pytest.mark.parametrize(
    ("operation", "name", "value"),
    [
        (operation, name, value)
        for operation, fields in _WRONG.items()
        for name, values in fields.items()
        for value in values
    ],
)
def test_a_field_of_the_wrong_type_is_refused_by_its_name(operation: Operation, name: str, value: Any) -> None:
    error = refused(operation, **{name: value})

    assert (error.status_code, error.type, error.param) == (400, "invalid_request_error", name)
    assert error.message.startswith(f"{ROUTE}: '{name}' must be ")


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        (Operation.COMPLETION, {"prompt": ["a", "b"]}),
        (Operation.COMPLETION, {"prompt": [[1, 2], [3]]}),
        (Operation.EMBEDDING, {"input": ["a", "b"], "dimensions": 256, "encoding_format": "base64"}),
        (Operation.EMBEDDING, {"input": [1, 2, 3]}),
        (Operation.EMBEDDING, {"input": [[1, 2], [3], []]}),
        (Operation.RESPONSES, {"input": [{"role": "user", "content": "Hi"}]}),
        (Operation.MODERATION, {"input": ["a", "b"]}),
        (Operation.MODERATION, {"input": [{"type": "text", "text": "a"}]}),
        (Operation.IMAGE, {"n": 10, "size": "1024x1024"}),
        (Operation.IMAGE, {"n": None}),
        (Operation.TRANSCRIPTION, {"response_format": "srt", "timestamp_granularities[]": ["word"]}),
        (Operation.SPEECH, {"voice": {"id": "voice_1"}, "response_format": "opus", "stream_format": "audio"}),
        (Operation.RERANK, {"documents": ["gate", {"text": "road"}], "top_n": 1}),
        (Operation.RERANK, {"documents": []}),
    ],
)
def test_every_shape_that_an_upstream_takes_is_taken(operation: Operation, fields: dict[str, Any]) -> None:
    assert parse(operation, **fields).body == {"model": "gpt-4o", **LEAST[operation], **fields}


@pytest.mark.parametrize("operation", sorted(set(Operation) - STREAMED))
def test_a_stream_of_what_comes_whole_is_refused(operation: Operation) -> None:
    error = refused(operation, stream=True)

    assert (error.param, error.message) == (
        "stream", f"{ROUTE}: 'stream' is not supported here: the answer comes whole."
    )  # fmt: skip
    assert "stream" not in parse(operation, stream=False).body


@pytest.mark.parametrize("operation", sorted(STREAMED))
def test_a_stream_of_what_can_be_one_is_asked_for(operation: Operation) -> None:
    call = parse(operation, stream=True)
    asks_for_usage = operation in {Operation.CHAT, Operation.COMPLETION}

    assert call.stream
    assert call.body["stream"] is True
    assert call.body.get("stream_options") == ({"include_usage": True} if asks_for_usage else None)
    assert parse(operation, stream=False).body["stream"] is False


_leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_json = st.recursive(_leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4))


@given(
    st.sampled_from(Operation), st.dictionaries(st.sampled_from(sorted({n for f in LEAST.values() for n in f})), _json)
)
@settings(deadline=None, max_examples=150)
def test_any_json_for_any_operation_is_understood_or_refused(operation: Operation, fields: dict[str, Any]) -> None:
    try:
        call = parse_call(operation, {"model": "gpt-4o", **LEAST[operation], **fields}, route=ROUTE)
    except BadRequest as error:
        orjson.dumps(error.envelope())
        return
    assert call.body.items() >= {name: call.body[name] for name in LEAST[operation]}.items()
