"""Entries of the router's lists: to and fro, changed one by one, and taken back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.rerouting import (
    ALIASES,
    DEFAULT,
    FALLBACKS,
    SETTINGS,
    cycle_through,
    differences,
    edited,
    entries_of,
    reversed_edits,
    value_of,
)
from proxy.core.settings import RouterSettings

names = st.text("ab/*", min_size=1, max_size=2)
models = st.lists(names | st.fixed_dictionaries({"model": names, "temperature": st.integers()}), max_size=3)
lists = st.dictionaries(names, models, max_size=4)
aliases = st.dictionaries(names, names | st.fixed_dictionaries({"model": names, "hidden": st.booleans()}), max_size=4)


@given(old=lists, new=lists, setting=st.sampled_from(FALLBACKS))
def test_what_is_taken_back_is_as_it_was(old: dict[str, Any], new: dict[str, Any], setting: str) -> None:
    there = differences(setting, old, new)
    done = edited(old, {one.name: one.new for one in there})
    undone = edited(done, reversed_edits(there).get(setting, {}))

    assert done == new
    assert undone == old


@given(found=lists)
def test_the_router_reads_lists_as_they_are_written(found: dict[str, Any]) -> None:
    value = value_of("fallbacks", found)
    router, doubts = RouterSettings.read({"fallbacks": value}, {}, {})

    assert entries_of("fallbacks", value) == found
    assert {group: list(models) for group, models in router.fallbacks.items()} == found
    assert not doubts


@given(found=aliases)
def test_the_router_reads_aliases_as_they_are_written(found: dict[str, Any]) -> None:
    assert entries_of(ALIASES, value_of(ALIASES, found)) == found


def test_of_two_lists_for_one_group_the_first_holds_and_several_groups_may_stand_together() -> None:
    value = [{"a": ["b"], "c": ["d"]}, {"a": ["e"]}]

    assert entries_of("fallbacks", value) == {"a": ["b"], "c": ["d"]}


@pytest.mark.parametrize("setting", SETTINGS)
def test_nothing_is_nothing_and_what_is_of_no_kind_is_refused(setting: str) -> None:
    assert entries_of(setting, None) == entries_of(setting, value_of(setting, {})) == {}
    with pytest.raises(ValueError, match=r"^must "):
        entries_of(setting, 5)
    assert (setting == DEFAULT) is (
        entries_of(DEFAULT, ["a"]) == {"": ["a"]} and value_of(setting, {"": ["a"]}) == ["a"]
    )


def test_half_a_character_is_refused_before_a_page_has_to_show_it() -> None:
    with pytest.raises(ValueError, match=r"^must hold whole characters"):
        entries_of("fallbacks", [{"a": ["\ud800"]}])


@pytest.mark.parametrize(
    ("found", "way"),
    [
        ({"a": ["b"], "b": ["c"]}, []),
        ({"a": ["a"]}, ["a", "a"]),
        ({"a": ["b", "c"], "b": ["d"], "d": ["a"], "c": ["a"]}, ["a", "c", "a"]),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, []),
        ({"a": ["nick"], "b": [{"model": "a"}]}, ["a", "b", "a"]),
        ({"a": ["openai/b"], "b": ["a"]}, ["a", "openai/b", "a"]),
        ({"a": ["b"], "*": ["a"]}, []),
    ],
)
def test_the_shortest_way_back_to_a_group_is_found(found: dict[str, Any], way: list[str]) -> None:
    assert cycle_through("a", found, {"nick": "b"}) == way
