"""Matchers: what they accept, and what fits."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.core.matching import InvalidMatcher, matches, read_matchers

LABELS = {"model": "gpt-4o", "region": "us-east-1", "odd": "a[b]?c"}


@pytest.mark.parametrize(
    ("matchers", "fits"),
    [
        ({}, True),
        ({"model": "gpt-4o"}, True),
        ({"model": "GPT-4O"}, False),
        ({"model": "gpt*"}, True),
        ({"model": "*4o", "region": "us-*"}, True),
        ({"model": "*4o", "region": "eu-*"}, False),
        ({"region": ["eu-*", "us-*"]}, True),
        ({"region": ["!us-east-1", "us-*"]}, False),
        ({"region": ["!us-west-1", "us-*"]}, True),
        ({"missing": "*"}, True),
        ({"missing": "?"}, False),
        ({"missing": "!"}, False),
        ({"model": "!"}, True),
        ({"odd": "a[b]?c"}, True),
        ({"odd": "a[b]xc"}, False),
        ({"model": "gpt-4?"}, False),
    ],
)
def test_what_fits(matchers: dict[str, Any], fits: bool) -> None:
    assert matches(read_matchers(matchers), LABELS) is fits


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        "model",
        {"model": 1},
        {"model": []},
        {"model": ["a", None]},
        {"": "a"},
        {"a b": "c"},
        {"x" * 65: "c"},
        {"model": "x" * 501},
        {f"label_{n}": "a" for n in range(21)},
    ],
)
def test_what_is_no_matcher_is_refused_with_a_sentence(wrong: Any) -> None:
    with pytest.raises(InvalidMatcher, match=r"\.$"):
        read_matchers(wrong)


@given(st.text(max_size=50).filter(lambda text: not text.startswith("!") and "*" not in text))
def test_a_value_fits_itself_and_not_its_opposite(value: str) -> None:
    assert matches({"a": (value,)}, {"a": value})
    assert not matches({"a": (f"!{value}",)}, {"a": value})
