"""A form says what a JSON body would say."""

from typing import Any

import pytest

from proxy.core.calls import parse_call
from proxy.core.errors import BadRequest
from proxy.core.forms import parse_form
from proxy.core.operations import Operation
from proxy.core.uploads import Upload
from proxy.providers.multipart import encode_multipart

FILE = Upload("a.wav", "audio/wav", b"RIFF")


def parsed(**fields: Any) -> dict[str, Any]:
    content_type, content = encode_multipart(fields)
    return parse_form(content, content_type)


def test_a_transcription_becomes_a_call_whose_body_holds_the_file() -> None:
    body = parsed(
        model="whisper-1",
        file=FILE,
        temperature=0.2,
        timestamp_granularities=["word"],
        metadata='{"tags": ["a"]}',
        user="someone",
        num_retries="3",
        stream="false",
    )
    call = parse_call(Operation.TRANSCRIPTION, body, route="/v1/audio/transcriptions")

    assert call.body == {
        "model": "whisper-1",
        "file": FILE,
        "temperature": "0.2",
        "timestamp_granularities[]": ["word"],
        "user": "someone",
    }
    assert (call.metadata, call.tags, call.end_user) == ({"tags": ["a"]}, ("a",), "someone")
    assert call.options.num_retries == 3


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"tags[]": ["a", "b"]}, {"tags": ["a", "b"]}),
        ({"tags": '["a"]'}, {"tags": ["a"]}),
        ({"fallbacks": '["gpt-4o"]'}, {"fallbacks": ["gpt-4o"]}),
        ({"disable_fallbacks": "true"}, {"disable_fallbacks": True}),
        ({"include[]": ["logprobs"]}, {"include[]": ["logprobs"]}),
        ({"prompt": '{"a": 1}'}, {"prompt": '{"a": 1}'}),
    ],
)
def test_only_what_is_no_text_by_nature_is_decoded(fields: dict[str, Any], found: dict[str, Any]) -> None:
    assert parsed(**fields) == found


@pytest.mark.parametrize("name", ["metadata", "tags", "stream", "fallbacks", "router_settings_override"])
@pytest.mark.parametrize("text", ["", "{", "yes", "True", "NaN", "{'a': 1}"])
def test_what_should_be_json_and_is_not_is_refused_by_its_name(name: str, text: str) -> None:
    with pytest.raises(BadRequest, match="must be written as JSON") as caught:
        parsed(**{name: text})

    assert caught.value.param == name


def test_a_field_with_and_without_brackets_is_refused() -> None:
    with pytest.raises(BadRequest, match="'tags' is given twice"):
        parsed(**{"tags": '["a"]', "tags[]": ["b"]})


@pytest.mark.parametrize("name", ["metadata", "tags", "stream", "user", "model", "timeout"])
def test_a_file_where_something_else_is_wanted_is_refused(name: str) -> None:
    body = parsed(**{"model": "whisper-1", "file": FILE, name: FILE})

    with pytest.raises(BadRequest) as caught:
        parse_call(Operation.TRANSCRIPTION, body, route="/x")

    assert caught.value.param == name
