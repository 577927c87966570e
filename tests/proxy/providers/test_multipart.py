"""A request body leaves as the form that OpenAI's own client would send."""

import re
from typing import Any

import pytest

from proxy.core.errors import BadRequest
from proxy.core.multipart import parse_multipart
from proxy.core.uploads import Upload
from proxy.providers.multipart import encode_multipart


def test_the_bytes_of_a_small_form() -> None:
    content_type, content = encode_multipart({"model": "whisper-1", "file": Upload("a.wav", "audio/wav", b"RIFF")})
    boundary = content_type.removeprefix("multipart/form-data; boundary=")

    assert content.decode().replace(boundary, "B").split("\r\n") == [
        "--B",
        'Content-Disposition: form-data; name="model"',
        "",
        "whisper-1",
        "--B",
        'Content-Disposition: form-data; name="file"; filename="a.wav"',
        "Content-Type: audio/wav",
        "",
        "RIFF",
        "--B--",
        "",
    ]


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ("text", {"x": "text"}),
        ("", {"x": ""}),
        ("two\nlines\r\n", {"x": "two\nlines\r\n"}),
        (None, {}),
        (True, {"x": "true"}),
        (False, {"x": "false"}),
        (0, {"x": "0"}),
        (0.25, {"x": "0.25"}),
        (10**15, {"x": "1000000000000000"}),
        (["word", "segment"], {"x[]": ["word", "segment"]}),
        ([1, None, True], {"x[]": ["1", "true"]}),
        ([], {}),
        ({"type": "server_vad", "threshold": 0.5}, {"x[type]": "server_vad", "x[threshold]": "0.5"}),
        ({"a": {"b": ["c"]}}, {"x[a][b][]": ["c"]}),
    ],
)
def test_every_kind_of_value_has_its_form(value: Any, fields: dict[str, Any]) -> None:
    content_type, content = encode_multipart({"x": value})

    assert parse_multipart(content, content_type) == fields


def test_a_list_that_has_its_brackets_gets_no_more_of_them() -> None:
    content_type, content = encode_multipart({"include[]": ["logprobs"]})

    assert parse_multipart(content, content_type) == {"include[]": ["logprobs"]}


def _deep(inner: Any, depth: int) -> Any:
    for _ in range(depth):
        inner = {"a": inner}
    return inner


@pytest.mark.parametrize("value", [_deep("x", 5000), 10**30, -(10**30), [["x"]]], ids=["deep", "big", "small", "lists"])
def test_a_value_that_only_json_can_hold_is_refused(value: Any) -> None:
    with pytest.raises(BadRequest, match="'x"):
        encode_multipart({"x": value})


@pytest.mark.parametrize("value", [b"bytes", object(), {1, 2}])
def test_a_value_that_no_form_can_hold_is_refused(value: object) -> None:
    with pytest.raises(BadRequest, match="'x' cannot be sent in a form"):
        encode_multipart({"x": value})


def test_a_name_cannot_end_its_header() -> None:
    name = 'a"\r\nContent-Type: text/html\r\n\r\n'
    content_type, content = encode_multipart({name: "x", "file": Upload(name, "audio/wav", b"")})

    assert b"text/html\r\n" not in content
    assert set(parse_multipart(content, content_type)) == {name, "file"}


@pytest.mark.parametrize("kind", ["", "audio/wav\r\nX: y", "audio/wäv", "\x00"])
def test_a_content_type_that_no_header_can_carry_is_not_sent(kind: str) -> None:
    content_type, content = encode_multipart({"file": Upload("a", kind, b"x")})

    assert parse_multipart(content, content_type) == {"file": Upload("a", "application/octet-stream", b"x")}


def test_the_same_body_is_the_same_bytes_and_another_has_another_boundary() -> None:
    assert encode_multipart({"x": "1"}) == encode_multipart({"x": "1"})
    assert encode_multipart({"x": "1"})[0] != encode_multipart({"x": "2"})[0]


def test_a_file_that_holds_the_boundary_of_another_form_is_not_cut() -> None:
    first_type, first = encode_multipart({"file": Upload("a", "audio/wav", b"x")})
    content_type, content = encode_multipart({"file": Upload("a", "audio/wav", first)})

    assert re.search(r"boundary=[0-9a-f]{48}$", content_type)
    assert first_type != content_type
    assert parse_multipart(content, content_type) == {"file": Upload("a", "audio/wav", first)}
