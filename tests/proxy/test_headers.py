"""What of an upstream's headers a client gets to see."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.headers import forwarded_headers


def test_headers_are_told_apart_from_our_own_and_limits_are_told_twice() -> None:
    headers = httpx.Headers({"X-Request-Id": "r1", "x-ratelimit-remaining-tokens": "5", "Set-Cookie": "a=1"})

    assert forwarded_headers(headers) == [
        ("llm_provider-x-request-id", "r1"),
        ("llm_provider-x-ratelimit-remaining-tokens", "5"),
        ("x-ratelimit-remaining-tokens", "5"),
    ]


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"plain", "plain"),
        (b"", ""),
        ("\u00e9t\u00e9".encode(), "\u00e9t\u00e9"),
        (b"\xe9", "\u00e9"),
        ("\u65e5\u672c".encode(), None),
        (b"a\r\nX-Evil: 1", None),
        (b"a\x00b", None),
        (b"a\tb", None),
        (b"\x85", None),
    ],
)
def test_what_no_header_can_carry_is_left_out(raw: bytes, value: str | None) -> None:
    found = dict(forwarded_headers(httpx.Headers([(b"X-Note", raw)])))

    assert found.get("llm_provider-x-note") == value


@given(st.binary())
def test_whatever_is_forwarded_can_be_sent(raw: bytes) -> None:
    for _, value in forwarded_headers(httpx.Headers([(b"X-Note", raw)])):
        assert value.isprintable()
        value.encode("latin-1")
