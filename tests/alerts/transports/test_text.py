"""Words on their way into a format: cut at a character, links that a browser may open, secrets blackened."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.transports.redaction import without_secrets
from alerts.transports.text import fitted, lines_within, printable, web_address, width, within


def doubled(text: str) -> str:
    return "".join(f"\\{character}" for character in text)


@given(st.text(), st.integers(1, 60))
@settings(deadline=None, max_examples=300)
def test_a_cut_text_fits_and_ends_before_an_escape(text: str, limit: int) -> None:
    cut = fitted(text, limit, doubled)

    assert width(cut) <= limit
    assert cut == doubled(text) or cut.endswith("…")
    whole = cut.removesuffix("…") if cut != doubled(text) else cut
    assert len(whole) % 2 == 0
    assert doubled(text).startswith(whole)


@given(st.text())
@settings(deadline=None, max_examples=300)
def test_what_is_printable_is_one_line_of_utf_8(text: str) -> None:
    said = printable(text)

    assert len(said.splitlines()) <= 1
    assert said.encode().decode() == said
    assert printable(said) == said


@pytest.mark.parametrize(
    ("address", "safe"),
    [
        ("https://gateway.example/admin/1?a=b&c=%20#d", "https://gateway.example/admin/1?a=b&c=%20#d"),
        ("https://gateway.example/a b)>|<\"'`\\", "https://gateway.example/a%20b%29%3E%7C%3C%22'%60%5C"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("//gateway.example", ""),
        ("https:gateway.example", ""),
        ("https://[::1", ""),
        ("", ""),
        ("https://gateway.example/\ud800\r\nx", "https://gateway.example/%0D%0Ax"),
    ],
)
def test_a_link_is_one_that_a_browser_may_open_and_no_markup_ends(address: str, safe: str) -> None:
    assert web_address(address) == safe


def test_what_has_no_room_is_counted() -> None:
    assert within([1, 2, 3, 4], str, room=2, size=len) == (["1", "2"], 2)
    assert within([], str, room=0, size=len) == ([], 0)
    assert lines_within(["a", "b", "c"], str, room=4) == ["a", "b", "… and 1 more"]


URL = "https://user:password1@hooks.example/services/T0/Sec%20ret99?token=tok%2Fen123&x=1#fragment1"


@pytest.mark.parametrize(
    "quoted",
    [
        URL,
        URL.upper(),
        "/services/T0/Sec%20ret99",
        "Sec ret99",
        "sec%20RET99",
        "tok/en123",
        "tok%2Fen123",
        "tok\\/en123",
        "password1",
        "fragment1",
        "whsec_c2VjcmV0LWtleQ==",
        "c2VjcmV0LWtleQ==",
        "c2VjcmV0LWtleQ%3D%3D",
    ],
)
def test_no_part_of_a_credential_is_left_in_a_text(quoted: str) -> None:
    text = without_secrets(f"cannot POST {quoted}: no such hook", URL, "whsec_c2VjcmV0LWtleQ==")

    assert text.startswith("cannot POST ")
    assert text.endswith(": no such hook")
    assert quoted.lower() not in text.lower()
    assert not any(piece in text.lower() for piece in ("ret99", "en123", "password1", "c2vjc"))


def test_what_is_no_secret_stays() -> None:
    assert without_secrets("no_service", "https://hooks.example/a/b", "") == "no_service"
    assert without_secrets("no_service") == "no_service"
