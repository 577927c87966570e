"""When to come back: seconds, milliseconds or a date, and nonsense is nothing."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.retry_after import read_retry_after

NOW = datetime(2026, 11, 26, 12, 0, 0, tzinfo=UTC)
LATER = "Thu, 26 Nov 2026 12:00:30 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "20"}, 20),
        ({"retry-after": " 20 "}, 20),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "9" * 100}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Thu, 99 Nov 2026 12:00:30 GMT"}, None),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "-5", "retry-after": "2"}, 2),
        ({"retry-after": LATER}, 30),
        ({"retry-after": "Thu, 26 Nov 2026 12:00:30 -0000"}, 30),
        ({"retry-after": "Thu, 26 Nov 2026 13:00:30 +0100"}, 30),
        ({"retry-after": "Wed, 25 Nov 2026 12:00:30 GMT"}, 0),
        # Its clock is an hour behind ours.
        ({"retry-after": "Thu, 26 Nov 2026 11:00:30 GMT", "date": "Thu, 26 Nov 2026 11:00:00 GMT"}, 30),
    ],
)
def test_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(headers, now=NOW) == seconds


def test_a_date_without_any_clock_says_nothing() -> None:
    assert read_retry_after({"retry-after": LATER}) is None


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(["retry-after", "retry-after-ms", "date"], st.text())))
def test_no_header_breaks_the_reading(headers: dict[str, str]) -> None:
    seconds = read_retry_after(headers, now=NOW)

    assert seconds is None or 0 <= seconds < float("inf")
