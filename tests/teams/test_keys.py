"""Keys as text: LiteLLM's format, and never more than four characters of one in a name."""

import hashlib
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teams.keys import hash_key, mask_foreign_key, mask_key, new_key


def test_a_new_key_is_litellms_kind_of_text() -> None:
    key = new_key(token=secrets.token_urlsafe)

    assert key.startswith("sk-")
    assert len(key) == 3 + 32


def test_a_thousand_keys_are_a_thousand_different_ones() -> None:
    assert len({new_key(token=secrets.token_urlsafe) for _ in range(1000)}) == 1000


@given(st.text())
@settings(deadline=None, max_examples=100)
def test_a_hash_is_sha256_in_hex_as_litellm_stores_it(key: str) -> None:
    assert hash_key(key) == hashlib.sha256(key.encode()).hexdigest()


@pytest.mark.parametrize(
    ("key", "masked"),
    [
        ("sk-0123456789DofA", "sk-...DofA"),
        ("sk-12345", "sk-...2345"),
        ("sk-1234", "****"),
        ("sk-", "****"),
        ("", "****"),
    ],
)
def test_a_masked_key_shows_its_last_four(key: str, masked: str) -> None:
    assert mask_key(key) == masked


@pytest.mark.parametrize(
    ("key", "masked"),
    [("nope-my-key", "nope****-key"), ("nope-key", "****"), ("", "****"), ("123456789", "1234****6789")],
)
def test_something_foreign_shows_its_ends_unless_it_is_short(key: str, masked: str) -> None:
    assert mask_foreign_key(key) == masked
