"""Patterns of model groups: the most specific one that fits, and the upstream's name made of it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.wildcards import match, substitute

PATTERNS = ["*", "openai/*", "openai/gpt-4*", "openai/*-mini", "anthropic/*", "openai/ft:*:acme:*", "*-eu"]


@pytest.mark.parametrize(
    ("model", "found"),
    [
        ("openai/gpt-4o", ("openai/gpt-4*", "o")),
        ("openai/gpt-4", ("openai/gpt-4*", "")),
        ("openai/o1", ("openai/*", "o1")),
        ("openai/o1-mini", ("openai/*-mini", "o1")),
        ("openai/-mini", ("openai/*-mini", "")),
        ("openai/a/b", ("openai/*", "a/b")),
        ("openai/ft:gpt:acme:x:y", ("openai/ft:*:acme:*", "gpt*x:y")),
        ("openai", ("*", "openai")),
        ("llama", ("*", "llama")),
        ("llama-eu", ("*-eu", "llama")),
        ("anthropic/x-eu", ("anthropic/*", "x-eu")),
        ("OpenAI/gpt-4o", ("*", "OpenAI/gpt-4o")),
        ("", None),
        ("*", None),
        ("openai/*", None),
        ("openai/", None),
    ],
)
def test_the_most_specific_pattern_is_found(model: str, found: tuple[str, str] | None) -> None:
    assert match(PATTERNS, model) == found
    assert match(PATTERNS[::-1], model) == found


@pytest.mark.parametrize(
    ("patterns", "model"),
    [([], "a"), (["b*"], "ab"), (["*b"], "ba"), (["aa*aa"], "aaa"), (["a*b*c"], "acb"), (["a.c"], "abc"), (["?"], "a")],
)
def test_what_does_not_fit_is_not_found(patterns: list[str], model: str) -> None:
    assert match(patterns, model) is None


def test_a_pattern_without_a_star_is_a_name() -> None:
    assert match(["*", "gpt-4o"], "gpt-4o") == ("gpt-4o", "")


@pytest.mark.parametrize(
    ("target", "captured", "model"),
    [
        ("openai/*", "gpt-4o", "openai/gpt-4o"),
        ("openai/gpt-4*", "o", "openai/gpt-4o"),
        ("openai/gpt-4o", "whatever", "openai/gpt-4o"),
        ("*", "llama", "llama"),
        ("azure/*/*", "gpt*x", "azure/gpt/x"),
        ("bedrock/meta.llama3*", "hello-world*-70b", "bedrock/meta.llama3-70b"),
        ("a/*-*", "x", "a/x-x"),
        ("a/*/*/*", "x*y", "a/x/y/y"),
        ("a/*", "", "a/"),
    ],
)
def test_the_upstreams_model_is_made_of_the_target(target: str, captured: str, model: str) -> None:
    assert substitute(target, captured) == model


_names = st.text(st.sampled_from("ab/*"), max_size=8)


@given(st.lists(_names, max_size=6), _names)
def test_what_was_captured_makes_the_name_again(patterns: list[str], model: str) -> None:
    if (found := match(patterns, model)) is not None:
        pattern, captured = found
        assert pattern in patterns
        assert substitute(pattern, captured) == model


@given(_names, st.lists(st.text(st.sampled_from("ab"), min_size=1, max_size=3), min_size=8, max_size=8))
def test_a_pattern_fits_whatever_its_stars_are_filled_with(pattern: str, fillings: list[str]) -> None:
    model = pattern
    for filling in fillings:
        model = model.replace("*", filling, 1)

    if model and not model.endswith("/"):
        assert match([pattern], model) is not None


@given(st.lists(_names, max_size=6), _names)
def test_the_order_of_the_patterns_does_not_matter(patterns: list[str], model: str) -> None:
    assert match(patterns, model) == match(sorted(patterns), model)


def test_a_hostile_name_takes_no_time() -> None:
    patterns = ["a*a*a*a*a*a*a*a*a*a*b", "*".join("a" * 200) + "c"]
    started = time.process_time()

    assert match(patterns, "a" * 100_000) is None
    assert match(["*" * 1000], "a" * 100_000) is not None
    assert time.process_time() - started < 1
