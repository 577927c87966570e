"""Label names and values: LiteLLM's spelling, and nothing that could forge a line."""

from typing import Any

import pytest

from proxy.metrics.labels import CustomLabels, exception_class, label_name, label_value


@pytest.mark.parametrize(
    ("metadata", "value"),
    [
        ({"a": {"b": "x"}}, "x"),
        ({"a": {"b": ""}}, "None"),
        ({"a": {"b": None}}, "None"),
        ({"a": {"b": 5}}, "None"),
        ({"a": {"b": ["x"]}}, "None"),
        ({"a": {"b": {"c": "x"}}}, "None"),
        ({"a": "x"}, "None"),
        ({"a": ["b"]}, "None"),
        ({}, "None"),
        ({"a.b": "x"}, "None"),
    ],
)
def test_a_metadata_label_is_a_text_at_its_path_or_none(metadata: dict[str, Any], value: str) -> None:
    assert CustomLabels(metadata=["metadata.a.b"]).values(metadata, ()) == (value,)


@pytest.mark.parametrize(
    ("wanted", "tags", "value"),
    [
        ("prod", ["prod"], "true"),
        ("prod", ["production"], "false"),
        ("User-Agent: curl/*", ["User-Agent: curl/8.1"], "true"),
        ("User-Agent: curl/*", ["User-Agent: wget/1"], "false"),
        ("a.*", ["abc"], "false"),
        ("*", ["anything\nat all"], "true"),
        ("*", [], "false"),
    ],
)
def test_a_tag_is_met_by_its_text_or_its_pattern(wanted: str, tags: list[str], value: str) -> None:
    assert CustomLabels(tags=[wanted]).values({}, tags) == (value,)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("metadata.environment", "metadata_environment"),
        ("a-b c", "a_b_c"),
        ("1st", "_1st"),
        ("生产", "__"),
        ("user-agent: x/1.0", "user_agent__x_1_0"),
        ("Aa_0", "Aa_0"),
    ],
)
def test_label_names(text: str, name: str) -> None:
    assert label_name(text) == name


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "None"),
        ("", "None"),
        ("plain", "plain"),
        ("生产", "生产"),
        ("two\nlines", "two lines"),
        ("\x00\x1b", "  "),
        ("x" * 200, "x" * 128),
    ],
)
def test_label_values(value: str | None, shown: str) -> None:
    assert label_value(value) == shown


def test_classes_of_a_provider_carry_its_name() -> None:
    assert exception_class("RateLimitError", provider="openai") == "Openai.RateLimitError"
    assert exception_class("BudgetExceeded", provider="") == "BudgetExceeded"
