"""A JSON schema as Gemini takes it: nothing in it that is refused, and as much as can be of what it said."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.errors import BadRequest
from proxy.providers.gemini_schema import to_schema
from tests.fakes.gemini_rules import check

TEXT = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "object", "additionalProperties": False, "$schema": "x", "strict": True}, {"type": "object"}),
        ({"type": "object", "properties": {}, "required": []}, {"type": "object"}),
        ({"properties": {"a": TEXT}}, {"type": "object", "properties": {"a": TEXT}}),
        (
            {"type": "object", "properties": {"$ref_like": TEXT}, "required": ["$ref_like", "gone", 5, ["x"]]},
            {"type": "object", "properties": {"$ref_like": TEXT}, "required": ["$ref_like"]},
        ),
        ({"type": ["string", "null"]}, {"type": "string", "nullable": True}),
        ({"type": ["string", "integer"]}, {"anyOf": [TEXT, {"type": "integer"}]}),
        ({"anyOf": [TEXT, {"type": "null"}], "title": "T"}, {"type": "string", "nullable": True, "title": "T"}),
        ({"oneOf": [TEXT, {"type": "integer"}]}, {"anyOf": [TEXT, {"type": "integer"}]}),
        (
            {"allOf": [{"properties": {"a": TEXT}, "required": ["a"]}, {"properties": {"b": TEXT}, "required": ["b"]}]},
            {"type": "object", "properties": {"b": TEXT, "a": TEXT}, "required": ["a", "b"]},
        ),
        ({"type": "STRING"}, TEXT),
        ({"type": "null"}, {"type": "string", "nullable": True}),
        ({"items": TEXT}, {"type": "array", "items": TEXT}),
        ({"const": "x"}, {"type": "string", "enum": ["x"]}),
        ({"type": "integer", "enum": [1, 2]}, {"type": "integer"}),
        ({"type": "string", "enum": ["", "a", None]}, {"type": "string", "enum": ["a"], "nullable": True}),
        ({"type": "string", "format": "uri", "minLength": 2}, {"type": "string", "minLength": 2}),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"type": "array"}, {"type": "array", "items": TEXT}),
        ({"type": "array", "items": True, "minItems": 1}, {"type": "array", "items": TEXT, "minItems": 1}),
        (
            {"$defs": {"A": TEXT}, "type": "object", "properties": {"a": {"$ref": "#/$defs/A", "description": "d"}}},
            {"type": "object", "properties": {"a": {"type": "string", "description": "d"}}},
        ),
        (
            {"definitions": {"A": {"type": "array", "items": {"$ref": "#/definitions/A"}}}, "$ref": "#/definitions/A"},
            {"type": "array", "items": {"type": "object"}},
        ),
        ({"$ref": "#/nowhere"}, {"type": "object"}),
        ({"$ref": ["x"]}, {"type": "object"}),
    ],
)
def test_each_word_is_said_or_left_out(schema: dict[str, Any], said: dict[str, Any]) -> None:
    assert to_schema(schema) == said


def test_what_is_nested_too_deeply_is_refused() -> None:
    schema: dict[str, Any] = TEXT
    for _ in range(500):
        schema = {"type": "array", "items": schema}

    with pytest.raises(BadRequest):
        to_schema(schema)


def test_what_grows_without_end_is_refused() -> None:
    twice = {f"T{n}": {"properties": {x: {"$ref": f"#/$defs/T{n + 1}"} for x in "ab"}} for n in range(40)}

    with pytest.raises(BadRequest):
        to_schema({"$defs": twice, "$ref": "#/$defs/T0"})


_words = st.sampled_from(["string", "null", "object", "array", "integer", "#/$defs/a", "date-time", "a", ""])
_keys = st.sampled_from(
    """
    type properties items anyOf oneOf allOf $ref $defs enum const required format additionalProperties nullable
    description a b default minimum
    """.split()  # noqa: SIM905
)
_anything = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=20,
)
_kinds = st.sampled_from(["string", "integer", "boolean", "null"])
_proper = st.recursive(
    st.one_of(
        st.builds(lambda kind: {"type": kind}, _kinds),
        st.builds(lambda kind: {"type": [kind, "null"]}, _kinds),
        st.builds(lambda values: {"enum": values}, st.lists(st.text(max_size=3) | st.integers(), max_size=3)),
        st.just({"$ref": "#/$defs/a"}),
    ),
    lambda inner: st.one_of(
        st.builds(
            lambda properties: {"type": "object", "properties": properties, "required": list(properties)},
            st.dictionaries(st.text(max_size=3), inner, max_size=3),
        ),
        st.builds(lambda items: {"type": "array", "items": items}, inner),
        st.builds(
            lambda name, options: {name: options}, st.sampled_from(["anyOf", "oneOf"]), st.lists(inner, max_size=3)
        ),
    ),
    max_leaves=10,
)


@given(_proper, _proper)
@settings(deadline=None, max_examples=200)
def test_any_proper_schema_is_one_that_gemini_takes(schema: dict[str, Any], referred: dict[str, Any]) -> None:
    said = to_schema({"$defs": {"a": referred}, "type": "object", "properties": {"root": schema}})

    config = {"responseMimeType": "application/json", "responseSchema": said}
    check({"contents": [{"role": "user", "parts": [{"text": "x"}]}], "generationConfig": config})


@given(st.dictionaries(_keys, _anything, max_size=5))
@settings(deadline=None, max_examples=200)
def test_anything_else_is_translated_or_refused(schema: dict[str, Any]) -> None:
    try:
        said = to_schema(schema)
    except BadRequest:
        return
    assert said.keys().isdisjoint({"$ref", "$defs", "additionalProperties", "oneOf", "allOf", "const"})
