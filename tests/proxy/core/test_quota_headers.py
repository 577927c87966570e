"""What upstreams say is left of their rate limits."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.quota_headers import LONGEST_SECONDS, SHORTEST_SECONDS, Left, read_quota

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def read(**headers: str) -> Left | None:
    return read_quota({name.replace("_", "-"): value for name, value in headers.items()}, now=NOW)


def test_nothing_is_read_where_nothing_is_said() -> None:
    assert read(content_type="application/json", x_ratelimit_limit_requests="10") is None


def test_openai_and_anthropic_each_say_it_in_their_way_and_nothing_left_is_a_number() -> None:
    assert read(x_ratelimit_remaining_requests="0", x_ratelimit_remaining_tokens="149984") == Left(0, 149984)
    assert read(anthropic_ratelimit_requests_remaining="7") == Left(7, None)
    assert read(anthropic_ratelimit_tokens_remaining="0") == Left(None, 0)
    assert read(x_ratelimit_remaining_tokens="3.0") == Left(None, 3)


@pytest.mark.parametrize("text", ["-1", "", "many", "nan", "inf", "1e400", "9" * 60, "\N{ARABIC-INDIC DIGIT THREE}"])
def test_what_is_no_number_is_not_said(text: str) -> None:
    assert read(x_ratelimit_remaining_requests=text) is None


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("12ms", SHORTEST_SECONDS),
        ("1m30.5s", 90.5),
        ("6m0s", LONGEST_SECONDS),
        ("75", 75.0),
        ("-5", SHORTEST_SECONDS),
        ("2026-11-27T12:01:40Z", 100.0),
        ("2026-11-27T12:01:40", 100.0),
        ("2020-01-01T00:00:00Z", SHORTEST_SECONDS),
        ("soon", SHORTEST_SECONDS),
        ("nan", SHORTEST_SECONDS),
        ("1e999", LONGEST_SECONDS),
    ],
)
def test_it_is_believed_until_its_reset_within_bounds(reset: str, seconds: float) -> None:
    found = read(x_ratelimit_remaining_requests="5", x_ratelimit_reset_requests=reset)
    assert found is not None
    assert found.seconds == seconds
    same = read(anthropic_ratelimit_tokens_remaining="5", anthropic_ratelimit_tokens_reset=reset)
    assert same is not None
    assert same.seconds == seconds


@given(st.dictionaries(st.sampled_from([
    "x-ratelimit-remaining-requests", "x-ratelimit-reset-tokens", "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-requests-reset",
]), st.text()))  # fmt: skip
def test_no_header_breaks_it(headers: dict[str, Any]) -> None:
    found = read_quota(headers, now=NOW)
    assert found is None or SHORTEST_SECONDS <= found.seconds <= LONGEST_SECONDS
