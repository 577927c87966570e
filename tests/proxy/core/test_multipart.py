"""A form is read as it was written, or refused with a sentence."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import orjson
import pytest
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http.multipartparser import MultiPartParser
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.errors import BadRequest
from proxy.core.multipart import Form, parse_multipart
from proxy.core.uploads import Upload
from proxy.providers.multipart import encode_multipart

TYPE = "multipart/form-data; boundary=b"
HEAD = b'Content-Disposition: form-data; name="a"'


def part(head: bytes = HEAD, data: bytes = b"x") -> bytes:
    return b"--b\r\n" + head + b"\r\n\r\n" + data + b"\r\n"


def form(*heads_and_data: tuple[bytes, bytes]) -> bytes:
    return b"".join(part(*one) for one in heads_and_data) + b"--b--\r\n"


def named(parameters: str) -> bytes:
    return b"Content-Disposition: form-data; " + parameters.encode()


def refusal(raw: bytes, content_type: str = TYPE) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        parse_multipart(raw, content_type)
    orjson.dumps(caught.value.envelope())
    return caught.value


def test_fields_lists_and_files_are_told_apart() -> None:
    raw = form(
        (named('name="model"'), b"whisper-1"),
        (named('name="timestamp_granularities[]"'), b"word"),
        (named('name="timestamp_granularities[]"'), b"segment"),
        (named('name="file"; filename="a.wav"') + b"\r\nContent-Type: audio/wav", b"RIFF\r\n\x00\xff"),
    )

    assert parse_multipart(raw, TYPE) == {
        "model": "whisper-1",
        "timestamp_granularities[]": ["word", "segment"],
        "file": Upload("a.wav", "audio/wav", b"RIFF\r\n\x00\xff"),
    }


def test_a_name_with_brackets_is_a_list_even_when_it_comes_once() -> None:
    assert parse_multipart(form((named('name="include[]"'), b"logprobs")), TYPE) == {"include[]": ["logprobs"]}


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (named("name=a"), {"a": "x"}),
        (b'content-disposition:form-data;name="a"', {"a": "x"}),
        (b'CONTENT-DISPOSITION: \t FORM-DATA ; NAME="a" \t', {"a": "x"}),
        (named('name="a%22b%0D%0Ac"'), {'a"b\r\nc': "x"}),
        (named('name="a%22b%0d"'), {'a"b\r': "x"}),
        (named('name="100%25"'), {"100%25": "x"}),
        (named('name="back\\slash"'), {"back\\slash": "x"}),
        (named('name="a;b=c"'), {"a;b=c": "x"}),
        (named('name="Füße 😀"'), {"Füße 😀": "x"}),
        (HEAD + b"\r\nContent-Type: text/plain; charset=utf-8", {"a": "x"}),
        (HEAD + b"\r\nContent-Transfer-Encoding: binary", {"a": "x"}),
        (named('name="a"; filename="x"'), {"a": Upload("x", "application/octet-stream", b"x")}),
        (named('name="a"; filename=""'), {"a": Upload("", "application/octet-stream", b"x")}),
        (named('filename="C:\\x.wav"; name="a"'), {"a": Upload("C:\\x.wav", "application/octet-stream", b"x")}),
        (
            named('name="a"; filename="x"; filename*=UTF-8\'\'F%C3%BC%C3%9Fe%20x.wav'),
            {"a": Upload("Füße x.wav", "application/octet-stream", b"x")},
        ),
    ],
)
def test_the_ways_in_which_clients_write_a_part(head: bytes, found: Form) -> None:
    assert parse_multipart(form((head, b"x")), TYPE) == found


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=b",
        'Multipart/Form-Data;boundary="b"',
        'multipart/form-data; charset=utf-8; boundary="b" ',
    ],
)
def test_the_ways_in_which_clients_name_the_boundary(content_type: str) -> None:
    assert parse_multipart(form((HEAD, b"x")), content_type) == {"a": "x"}


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"-b", b"\r\n--", b"\n--b\r\n", b"\r--b--", b"a\r\n--c"])
def test_data_that_only_looks_like_a_boundary_is_data(data: bytes) -> None:
    assert parse_multipart(form((HEAD, data)), TYPE) == {"a": data.decode()}


def test_a_form_without_fields_is_one() -> None:
    assert parse_multipart(b"--b--\r\n", TYPE) == {}
    assert parse_multipart(b"--b--", TYPE) == {}


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/mixed; boundary=b",
        "multipart/form-data",
        "multipart/form-data;",
        "multipart/form-data; boundary",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        'multipart/form-data; boundary="b ',
        'multipart/form-data; boundary="b "',
        "multipart/form-data; boundary=b; boundary=b",
        "multipart/form-data; boundary=b c",
        "multipart/form-data; boundary=b;",
        f"multipart/form-data; boundary={'b' * 71}",
        "multipart/form-data; boundary=\u00fc",
        'multipart/form-data; boundary="\u00fc"',
        'multipart/form-data; boundary="b\r\n"',
        "multipart/form-data; boundary=" + ";" * 10_000,
    ],
)
def test_a_content_type_without_a_proper_boundary_is_refused(content_type: str) -> None:
    assert refusal(form((HEAD, b"x")), content_type).message.startswith("Invalid multipart payload: ")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"{}",
        b"--b",
        b"--b\r\n",
        b"--bb--\r\n",
        b"preamble\r\n" + form((HEAD, b"x")),
        b"\r\n" + form((HEAD, b"x")),
        form((HEAD, b"x")) + b"epilogue",
        form((HEAD, b"x")) + b"\r\n",
        form((HEAD, b"x")).replace(b"--b--", b"--b-"),
        form((HEAD, b"x")).replace(b"--b--", b"--c--"),
        form((HEAD, b"x")).replace(b"\r\n", b"\n"),
        form((HEAD, b"x"))[:-6],
        part(),
        part() + part(),
        b"--b--\r\n" + form((HEAD, b"x")),
        form((HEAD, b"x\r\n--b--\r\ny")),
        form((HEAD, b"x\r\n--bcd")),
        form((HEAD, b"--b")),
        b"--b \r\n" + HEAD + b"\r\n\r\nx\r\n--b--\r\n",
        b"--b\r\n" + HEAD + b"\r\n--b--\r\n",
        b"--b\r\n\r\n--b--\r\n",
        form((b"", b"x")),
        form((b"X: y", b"x")),
        form((b"Content-Disposition", b"x")),
        form((b"Content-Disposition: attachment; name=a", b"x")),
        form((b"Content-Disposition: form-data", b"x")),
        form((named("filename=a"), b"x")),
        form((named('name=""'), b"x")),
        form((named('name="a'), b"x")),
        form((named('name="a"b'), b"x")),
        form((named('name="a"b"'), b"x")),
        form((named('name="a" name="b"'), b"x")),
        form((named('name="a"; name="b"'), b"x")),
        form((named('name="a"; filename="b"; filename="c"'), b"x")),
        form((named('name="a";'), b"x")),
        form((named(f'name="{"a" * 256}"'), b"x")),
        form((named(f'name="a"; filename="{"a" * 256}"'), b"x")),
        form((named("name=a; filename*=latin-1''x"), b"x")),
        form((named("name=a; filename*=x"), b"x")),
        form((named("name=a; filename*=utf-8''%FF"), b"x")),
        form((b'Content-Disposition: form-data; name="\xff"', b"x")),
        form((b'Content-Disposition: form-data; name="a\x00"', b"x")),
        form((b'Content-Disposition: form-data; name="a\r"', b"x")),
        form((b'Content-Disposition: form-data; name="a\nb"', b"x")),
        form((HEAD + b"\r\n folded", b"x")),
        form((HEAD + b"\r\n" + HEAD, b"x")),
        form((HEAD + b"\r\nContent-Transfer-Encoding: base64", b"eA==")),
        form((HEAD + b"\r\nContent-Transfer-Encoding: quoted-printable", b"x")),
        form((HEAD + b"".join(b"\r\nX-%d: y" % n for n in range(8)), b"x")),
        form((HEAD + b"\r\nX: " + b"y" * 5000, b"x")),
        form((HEAD, b"\xff")),
        form((HEAD, b"\xed\xa0\x80")),
        form((HEAD, b"x"), (HEAD, b"y")),
        form((named('name="f[]"; filename="x"'), b"x")),
        form(*[(b'Content-Disposition: form-data; name="a[]"', b"x")] * 101),
        b"--b\r\n" * 100_000,
        b"\r\n--b" * 100_000,
    ],
    ids=lambda raw: repr(raw[:60]),
)
def test_a_malformed_form_is_refused(raw: bytes) -> None:
    error = refusal(raw)

    assert (error.status_code, error.type) == (400, "invalid_request_error")
    assert error.message.startswith("Invalid multipart payload: ")
    assert len(error.message) < 200


def test_a_field_given_twice_is_refused_by_its_name() -> None:
    assert refusal(form((named('name="model"'), b"a"), (named('name="model"'), b"b"))).param == "model"


def test_a_hundred_parts_are_not_too_many() -> None:
    assert parse_multipart(form(*[(named('name="a[]"'), b"x")] * 100), TYPE) == {"a[]": ["x"] * 100}


_ESCAPES = re.compile("%22|%0d|%0a", re.IGNORECASE)
_characters = st.characters(exclude_categories=["Cs"])
_texts = st.text(_characters, max_size=40)
# A browser writes these three for the characters that they stand for, so a name that holds them does not come back.
_names = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('"\r\n\\;=%'), min_size=1, max_size=40
)
_plain_names = _names.filter(lambda name: not _ESCAPES.search(name))
_types = st.sampled_from(["audio/wav", "application/octet-stream", "text/plain; charset=utf-8"])
_data = st.binary(max_size=200) | st.sampled_from([b"\r\n--", b"--\r\n", b"\r\n\r\n", b"--b--\r\n"])
_forms = st.dictionaries(
    _plain_names.filter(lambda name: not name.endswith("[]")),
    _texts | st.builds(Upload, _plain_names | st.just(""), _types, _data),
    max_size=6,
)
_lists = st.dictionaries(
    _plain_names.map(lambda name: name + "[]"), st.lists(_texts, min_size=1, max_size=4), max_size=3
)


@given(_forms, _lists)
@settings(deadline=None, max_examples=400)
def test_what_was_encoded_is_read_back_the_same(fields: Form, lists: dict[str, list[str]]) -> None:
    body: Form = {**fields, **lists}
    content_type, content = encode_multipart(body)

    assert parse_multipart(content, content_type) == body


# Django cleans names of files, and drops a file that has none.
_simple = st.text("abcXYZ019", min_size=1, max_size=8)
_simple_forms = st.dictionaries(_simple, _texts | st.builds(Upload, _simple, _types, _data), max_size=6)
_simple_lists = st.dictionaries(_simple.map(lambda name: name + "[]"), st.lists(_texts, min_size=1), max_size=3)


@given(_simple_forms, _simple_lists)
@settings(deadline=None, max_examples=150)
def test_django_reads_the_same_fields_and_files(fields: Form, lists: dict[str, list[str]]) -> None:
    content_type, content = encode_multipart({**fields, **lists})
    meta = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(content))}
    handler = MemoryFileUploadHandler()
    texts, files = MultiPartParser(meta, BytesIO(content), [handler]).parse()
    uploads: Any = files

    found = {name: texts.getlist(name) if name.endswith("[]") else texts[name] for name in texts}
    assert {name: value for name, value in fields.items() if isinstance(value, str)} | lists == found
    sent = {name: value.data for name, value in fields.items() if isinstance(value, Upload)}
    assert sent == {name: uploads[name].read() for name in uploads}


def _damaged(content: bytes, position: int, kind: str) -> bytes:
    position %= len(content)
    damages = {
        "cut": content[:position],
        "drop": content[:position] + content[position + 1 :],
        "zero": content[:position] + b"\x00" + content[position + 1 :],
        "break": content[:position] + b"\r\n" + content[position:],
        "high": content[:position] + b"\xff" + content[position:],
        "twice": content + content,
    }
    return damages[kind]


@given(_forms, st.integers(0), st.sampled_from(["cut", "drop", "zero", "break", "high", "twice"]))
@settings(deadline=None, max_examples=300)
def test_a_damaged_form_is_read_or_refused_and_nothing_else(fields: Form, position: int, kind: str) -> None:
    content_type, content = encode_multipart(fields)
    try:
        parse_multipart(_damaged(content, position, kind), content_type)
    except BadRequest as error:
        orjson.dumps(error.envelope())


@given(st.binary(max_size=300), st.text(max_size=60))
@settings(deadline=None, max_examples=200)
def test_any_bytes_under_any_content_type_are_read_or_refused(raw: bytes, content_type: str) -> None:
    for kind in (content_type, TYPE, f"multipart/form-data; {content_type}"):
        try:
            parse_multipart(raw, kind)
        except BadRequest as error:
            orjson.dumps(error.envelope())


def _shapes() -> Iterator[bytes]:
    yield b"--b\r\n" + HEAD + b"\r\n" * 500_000
    yield b"--b\r\nContent-Disposition: form-data" + b'; a="b"' * 500_000
    yield b"--b\r\n" + b"\r\n--" * 1_000_000
    yield form((named('name="a"; filename*=utf-8' + "'" * 3000), b"x"))


@pytest.mark.parametrize("raw", list(_shapes()), ids=lambda raw: repr(raw[:50]))
def test_a_form_that_is_made_to_be_slow_is_refused_at_once(raw: bytes) -> None:
    assert refusal(raw).status_code == 400
