"""A request body is understood, or refused with a sentence; nothing else can happen."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.core.calls import NO_OPTIONS, Call, Options, clean, parse_call, parse_object, parse_retries, parse_seconds
from proxy.core.errors import BadRequest
from proxy.core.operations import Operation

ROUTE = "/chat/completions"
MESSAGES = [{"role": "user", "content": "Hi"}]


def parse(**fields: Any) -> Call:
    return parse_call(Operation.CHAT, {"model": "gpt-4o", "messages": MESSAGES, **fields}, route=ROUTE)


def refusal(raw: bytes) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        parse_call(Operation.CHAT, parse_object(raw), route=ROUTE)
    return caught.value


def test_a_plain_request_goes_upstream_as_it_is() -> None:
    chat = parse(temperature=0.1, tools=[{"type": "function"}], something_new={"a": [1, None]})

    assert chat == Call(
        operation=Operation.CHAT,
        model="gpt-4o",
        body={
            "model": "gpt-4o",
            "messages": MESSAGES,
            "temperature": 0.1,
            "tools": [{"type": "function"}],
            "something_new": {"a": [1, None]},
        },
        stream=False,
        wants_usage=False,
        metadata={},
        tags=(),
        end_user="",
    )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"model": ""}, "model"),
        ({"model": 5}, "model"),
        ({"model": ["gpt-4o"]}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["Hi"]}, "messages"),
        ({"messages": [None]}, "messages"),
        ({"stream": "true"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"stream": []}, "stream"),
        ({"stream_options": True}, "stream_options"),
        ({"stream": True, "stream_options": [1]}, "stream_options"),
        ({"metadata": "x"}, "metadata"),
        ({"metadata": [1]}, "metadata"),
        ({"litellm_metadata": 1}, "litellm_metadata"),
        ({"user": 5}, "user"),
        ({"user": {"a": 1}}, "user"),
        ({"tags": "prod"}, "tags"),
        ({"tags": [1]}, "tags"),
        ({"tags": ["x"] * 65}, "tags"),
        ({"metadata": {"tags": "prod"}}, "tags"),
        ({"metadata": {"tags": [None]}}, "tags"),
        ({"api_key": "sk-mine"}, "api_key"),
        ({"api_base": "http://127.0.0.1"}, "api_base"),
        ({"base_url": None}, "base_url"),
        ({"extra_headers": {}}, "extra_headers"),
        ({"mock_timeout": True}, "mock_timeout"),
        ({"mock_testing_fallbacks": False}, "mock_testing_fallbacks"),
    ],
)
def test_a_bad_field_is_refused_by_its_name(fields: dict[str, Any], param: str) -> None:
    error = refusal(orjson.dumps({"model": "gpt-4o", "messages": MESSAGES, **fields}))

    assert (error.status_code, error.type, error.param) == (400, "invalid_request_error", param)
    assert param in error.message


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"{",
        b"hello",
        b"{'model': 'x'}",
        b'{"model":"gpt-4o","messages":[],}',
        b'{"n": NaN}',
        b'{"n": Infinity}',
        b'{"n": -Infinity}',
        b'{"user":"\\ud800"}',
        b'{"user":"\\udc00\\ud800"}',
        b'{"user":"\xff"}',
        b'{"user":"\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"model":"gpt-4o"}',
        b'{"model":"gpt-4o"}{"model":"gpt-4o"}',
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"[" * 10_000 + b"]" * 10_000,
        b"[" * 1_000_000,
        b"[]",
        b'[{"model":"gpt-4o"}]',
        b'"text"',
        b"5",
        b"null",
        b"true",
    ],
    ids=lambda raw: repr(raw[:40]),
)
def test_a_body_that_is_no_json_object_is_refused(raw: bytes) -> None:
    error = refusal(raw)

    assert (error.status_code, error.param) == (400, "request_body")
    assert error.message.startswith("Invalid JSON payload: ")
    assert len(error.message) < 500


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"messages": MESSAGES}, "/chat/completions: Missing required parameter: 'model'."),
        ({"model": "gpt-4o"}, "/chat/completions: Missing required parameter: 'messages'."),
    ],
)
def test_a_missing_field_is_told_in_litellms_words(fields: dict[str, Any], message: str) -> None:
    assert refusal(orjson.dumps(fields)).message == message


_keys = st.sampled_from(
    [
        "model", "messages", "stream", "stream_options", "metadata", "litellm_metadata", "tags", "user", "cache",
        "include_usage", "api_key", "num_retries", "timeout", "role", "content", "x",
    ]
)  # fmt: skip
_leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["gpt-4o", "tags"])
_json = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys | st.text(), inner, max_size=6)
)


@given(_json | st.dictionaries(_keys, _json))
@example({"model": "gpt-4o", "messages": [], "tags": [], "user": ""})
@settings(deadline=None, max_examples=500)
def test_any_json_is_understood_or_refused(value: object) -> None:
    raw = json.dumps(value).encode()
    try:
        chat = parse_call(Operation.CHAT, parse_object(raw), route=ROUTE)
    except BadRequest as error:
        orjson.dumps(error.envelope())
        return
    orjson.dumps(chat.body)
    assert chat.model
    assert all(tag.isprintable() for tag in (chat.end_user, *chat.tags))


@given(st.binary() | st.text().map(str.encode))
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_understood_or_refused(raw: bytes) -> None:
    try:
        parse_call(Operation.CHAT, parse_object(raw), route=ROUTE)
    except BadRequest as error:
        orjson.dumps(error.envelope())


@pytest.mark.parametrize("name", ["metadata", "litellm_metadata", "tags", "cache", "guardrails", "num_retries"])
def test_what_is_meant_for_the_proxy_is_not_sent_upstream(name: str) -> None:
    value: Any = {"tags": [], "num_retries": 3, "guardrails": []}.get(name, {"a": 1})

    assert name not in parse(**{name: value}).body


def test_a_stream_always_asks_the_upstream_for_usage() -> None:
    chat = parse(stream=True)

    assert chat.body["stream_options"] == {"include_usage": True}
    assert not chat.wants_usage


@pytest.mark.parametrize(
    ("options", "wants"), [({"include_usage": True}, True), ({"include_usage": False}, False), ({}, False)]
)
def test_the_client_sees_usage_only_when_it_asks(options: dict[str, Any], wants: bool) -> None:
    chat = parse(stream=True, stream_options={**options, "other": 1})

    assert chat.wants_usage is wants
    assert chat.body["stream_options"] == {"other": 1, "include_usage": True}


def test_null_counts_as_left_out() -> None:
    chat = parse(stream=None, stream_options=None, metadata=None, tags=None, user=None)

    assert (chat.stream, chat.metadata, chat.tags, chat.end_user) == (False, {}, (), "")


def test_tags_of_metadata_and_body_are_joined_without_repetition() -> None:
    assert parse(metadata={"tags": ["b", "a"]}, tags=["a", "c"]).tags == ("b", "a", "c")


def test_litellm_metadata_serves_where_metadata_is_taken_by_the_upstream() -> None:
    assert parse(litellm_metadata={"team": "x"}).metadata == {"team": "x"}


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("plain", "plain"),
        ("生产 😀", "生产 😀"),
        ("a\nb\r\tc", "abc"),
        ("\x00\x1b[31mred", "[31mred"),
        ("right\u202eto left", "rightto left"),
        ("a\u2028b", "ab"),
        ("x" * 300, "x" * 255),
        ("\n" * 300 + "x", "x"),
        ("", ""),
    ],
)
def test_names_lose_what_cannot_be_shown(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned
    assert parse(user=text).end_user == cleaned
    assert parse(tags=[text]).tags == (cleaned,)


def test_parse_object_gives_the_object() -> None:
    assert parse_object(b'{"a": {"b": [1, 2.5, null, true, "x"]}}') == {"a": {"b": [1, 2.5, None, True, "x"]}}


@pytest.mark.parametrize("operation", [Operation.MESSAGES, Operation.RESPONSES])
def test_where_metadata_is_the_providers_it_goes_on_and_ours_goes_before_it(operation: Operation) -> None:
    least = {
        "model": "gpt-4o",
        "messages": MESSAGES,
        "max_tokens": 10,
        "input": "Hi",
        "metadata": {"user_id": "theirs"},
    }
    both = parse_call(operation, {**least, "litellm_metadata": {"user_id": "ours", "tags": ["a"]}}, route=ROUTE)
    one = parse_call(operation, least, route=ROUTE)

    assert both.body["metadata"] == one.body["metadata"] == {"user_id": "theirs"}
    assert "litellm_metadata" not in both.body
    assert (both.end_user, both.tags, one.end_user) == ("ours", ("a",), "theirs")


def test_elsewhere_metadata_is_ours_and_goes_before_litellm_metadata() -> None:
    call = parse(metadata={"user_id": "one"}, litellm_metadata={"user_id": "other"})

    assert (call.end_user, "metadata" in call.body) == ("one", False)


@pytest.mark.parametrize(
    ("body", "path", "model"),
    [
        ({"model": "body"}, "path", "body"),
        ({}, "path", "path"),
        ({"model": None}, "path", "path"),
        ({"model": "b"}, "", "b"),
    ],
)
def test_the_bodys_model_goes_before_the_paths(body: dict[str, Any], path: str, model: str) -> None:
    assert parse_call(Operation.CHAT, {"messages": MESSAGES, **body}, route=ROUTE, model=path).model == model


def test_a_user_goes_before_the_metadatas_user_id() -> None:
    assert parse(user="one", metadata={"user_id": "other"}).end_user == "one"
    assert parse(user="", metadata={"user_id": "other"}).end_user == "other"
    assert parse(metadata={"user_id": 5}).end_user == ""


def test_a_request_that_says_nothing_of_its_way_has_no_options() -> None:
    assert parse().options is NO_OPTIONS
    assert parse(timeout=None, fallbacks=None).options == NO_OPTIONS


def test_options_are_read_and_kept_from_the_upstream() -> None:
    said: dict[str, Any] = {
        "fallbacks": ["gpt-4o", {"model": "o4-mini", "temperature": 0}],
        "context_window_fallbacks": [{"gpt-4o": ["big"]}],
        "content_policy_fallbacks": [],
        "disable_fallbacks": True,
        "num_retries": 3,
        "timeout": 2.5,
        "stream_timeout": "7",
        "router_settings_override": {"num_retries": 1},
    }
    call = parse(**said)

    assert call.options == Options(
        fallbacks=("gpt-4o", {"model": "o4-mini", "temperature": 0}),
        context_window_fallbacks=({"gpt-4o": ["big"]},),
        content_policy_fallbacks=(),
        disable_fallbacks=True,
        num_retries=3,
        timeout=2.5,
        stream_timeout=7.0,
        overrides={"num_retries": 1},
    )
    assert call.body == {"model": "gpt-4o", "messages": MESSAGES}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fallbacks", "gpt-4o"),
        ("fallbacks", {}),
        ("fallbacks", [1]),
        ("fallbacks", ["a"] * 21),
        ("context_window_fallbacks", [None]),
        ("content_policy_fallbacks", 5),
        ("disable_fallbacks", "true"),
        ("num_retries", -1),
        ("num_retries", 21),
        ("timeout", 0),
        ("stream_timeout", "soon"),
        ("router_settings_override", []),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_by_its_name(name: str, value: Any) -> None:
    assert refusal(orjson.dumps({"model": "gpt-4o", "messages": MESSAGES, name: value})).param == name


@pytest.mark.parametrize(("value", "seconds"), [(None, None), (1, 1.0), (0.5, 0.5), ("2.5", 2.5), (86_400, 86_400.0)])
def test_seconds_are_a_number_or_a_text_that_is_one(value: Any, seconds: float | None) -> None:
    assert parse_seconds(value, param="timeout") == seconds


@pytest.mark.parametrize("value", [0, -1, 86_401, "", "x", "nan", "inf", float("nan"), float("inf"), True, [], {}])
def test_seconds_that_make_no_sense_are_refused(value: Any) -> None:
    with pytest.raises(BadRequest, match="number of seconds") as caught:
        parse_seconds(value, param="x-litellm-timeout")

    assert caught.value.param == "x-litellm-timeout"


@pytest.mark.parametrize(("value", "retries"), [(None, None), (0, 0), (20, 20), ("3", 3)])
def test_retries_are_a_whole_number(value: Any, retries: int | None) -> None:
    assert parse_retries(value, param="num_retries") == retries


@pytest.mark.parametrize("value", [-1, 21, "", "x", "1.5", float("inf"), float("nan"), True, False, [], {}, 10**30])
def test_retries_that_make_no_sense_are_refused(value: Any) -> None:
    with pytest.raises(BadRequest, match="whole number from 0 to 20"):
        parse_retries(value, param="num_retries")
