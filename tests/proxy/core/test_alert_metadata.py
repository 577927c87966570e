"""What a client may put into the alerts about its requests."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.alert_metadata import LONGEST, MOST_ENTRIES, alerting_metadata


def of(given: Any) -> dict[str, str]:
    return dict(alerting_metadata({"alerting_metadata": given}))


def test_plain_values_are_told_as_text() -> None:
    assert of({"trace": "abc", "tenant": 7, "ratio": 0.5, "beta": True}) == {
        "trace": "abc",
        "tenant": "7",
        "ratio": "0.5",
        "beta": "True",
    }


@pytest.mark.parametrize("given", [None, "text", 5, ["a"], {}, {"nested": {"a": 1}}, {"list": [1]}])
def test_what_is_no_plain_value_is_left_out(given: Any) -> None:
    assert of(given) == {}
    assert alerting_metadata({}) == ()


def test_credentials_are_not_told() -> None:
    assert of({"api_key": "abcdef", "db_password": "x"}) == {}
    assert of({"note": "uses sk-abcdefghijkl"}) == {"note": "uses sk-***"}
    # Cut in the middle, a key is a key all the same.
    assert "sk-abcdefghij" not in of({"note": "x" * (LONGEST - 10) + "sk-abcdefghijklmnop"})["note"]


def test_lines_do_not_break_out() -> None:
    assert of({"a\nb": "c\n@channel"}) == {"a b": "c @channel"}


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_it_is_bounded_whatever_comes(given: dict[str, Any]) -> None:
    found = alerting_metadata({"alerting_metadata": given})

    assert len(found) <= MOST_ENTRIES
    assert all(len(name) <= LONGEST and len(value) <= LONGEST for name, value in found)
