"""Headers that a row adds: beside the provider's own, never over a list of them, and never what breaks a request."""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.deployment_headers import extra_headers, merged, sendable


def test_what_is_written_by_hand_wins_whatever_its_case() -> None:
    own = {"Content-Type": "application/json", "x-api-key": "provider"}

    assert merged(own, {"X-API-Key": "by hand", "X-New": "n"}) == {**own, "x-api-key": "by hand", "X-New": "n"}


@pytest.mark.parametrize(
    ("own", "added", "sent"),
    [
        ({"anthropic-beta": "oauth-2025-04-20"}, {"anthropic-beta": "a,b"}, {"anthropic-beta": "oauth-2025-04-20,a,b"}),
        ({"anthropic-beta": "one"}, {"Anthropic-Beta": "two"}, {"anthropic-beta": "one,two"}),
        ({}, {"anthropic-beta": "two"}, {"anthropic-beta": "two"}),
    ],
)
def test_betas_of_anthropic_stand_side_by_side(
    own: dict[str, str], added: dict[str, str], sent: dict[str, str]
) -> None:
    assert merged(own, added) == sent


def test_both_names_of_the_parameter_are_read_and_extra_headers_win() -> None:
    found = extra_headers({"headers": {"A": "1", "B": "2"}, "extra_headers": {"B": "3", "C": None, "D": 4}})

    assert found == {"A": "1", "B": "3", "D": "4"}


def test_a_header_may_name_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "hidden")
    monkeypatch.delenv("NO_TOKEN", raising=False)

    found = extra_headers({"extra_headers": {"X-A": "os.environ/A_TOKEN", "X-B": "os.environ/NO_TOKEN"}})

    assert found == {"X-A": "hidden"}


@pytest.mark.parametrize("given_headers", ["X-A: b", [["X-A", "b"]], 5])
def test_what_is_no_object_is_refused(given_headers: Any) -> None:
    with pytest.raises(ValueError, match="extra_headers is not an object"):
        extra_headers({"extra_headers": given_headers})


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({"X-A": "a\r\nX-B: b"}, "headers or extra_headers: X-A holds"),
        ({"X-A\r\nX-B": "b"}, "headers or extra_headers: a name holds"),
        ({"": "b"}, "headers or extra_headers: a name holds"),
        ({"Authorization": "Bearer hidden\n"}, "api_key holds"),
        ({"x-api-key": "hidden☃"}, "api_key holds"),
        ({"OpenAI-Organization": "org\x00"}, "organization holds"),
    ],
)
def test_what_no_header_can_carry_is_refused_without_repeating_it(headers: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        sendable(headers)
    assert "hidden" not in str(caught.value)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3))
def test_what_passes_can_be_sent(headers: dict[str, str]) -> None:
    try:
        passed = sendable(headers)
    except ValueError:
        return
    for name, value in httpx.Headers(dict(passed)).raw:
        assert name
        assert not set(b"\r\n\x00") & set(name + value)
