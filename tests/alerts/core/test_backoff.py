"""When a delivery is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerts.core.backoff import HORIZON, LONGEST_RETRY_AFTER, LONGEST_SECONDS, next_retry, parse_retry_after

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
_attempt = st.integers(1, 10_000)
_jitter = st.floats(0, 1)
_asked = st.none() | st.floats(0, LONGEST_RETRY_AFTER)
_age = st.timedeltas(timedelta(0), timedelta(days=3))


@given(_attempt, _age, _asked, _jitter)
@settings(deadline=None, max_examples=300)
def test_a_retry_is_later_never_beyond_the_horizon_and_never_before_what_was_asked(
    attempt: int, age: timedelta, asked: float | None, jitter: float
) -> None:
    retry = next_retry(attempt=attempt, first_due_at=NOW - age, now=NOW, retry_after=asked, jitter=jitter)

    if retry.at is None:
        assert age + timedelta(seconds=max(LONGEST_SECONDS, asked or 0)) > HORIZON
        return
    assert retry.at > NOW
    assert retry.at - (NOW - age) <= HORIZON
    assert retry.at - NOW <= timedelta(seconds=max(LONGEST_SECONDS, asked or 0))
    # A datetime knows microseconds.
    assert retry.at - NOW >= timedelta(seconds=(asked or 0)) - timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 1), (2, 2), (3, 4), (4, 8), (10, 512), (11, 900), (12, 900), (1000, 900)]
)
def test_the_delay_doubles_up_to_a_quarter_of_an_hour(attempt: int, seconds: float) -> None:
    delays = [
        next_retry(attempt=attempt, first_due_at=NOW, now=NOW, retry_after=None, jitter=jitter).at
        for jitter in (0.0, 1.0)
    ]

    assert delays == [NOW + timedelta(seconds=seconds / 2), NOW + timedelta(seconds=seconds)]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("1", 1),
        ("1.5", 1.5),
        (" 5 ", 5),
        ("3600", 3600),
        ("3601", 3600),
        ("86400", 3600),
        ("86401", 60),
        ("-1", 60),
        ("-0", 0),
        ("NaN", 60),
        ("inf", 60),
        ("-Infinity", 60),
        ("1e300", 60),
        ("9" * 400, 60),
        ("soon", 60),
        ("5 seconds", 60),
        ("0x10", 60),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30),
        ("Mon, 23 Nov 2026 12:00:30 -0000", 30),
        ("Mon, 23 Nov 2026 13:00:30 +0100", 30),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0),
        ("Tue, 24 Nov 2026 12:00:00 GMT", 3600),
        ("Mon, 01 Jan 1900 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        ("Mon, 01 Jan 99999 00:00:00 GMT", 60),
        ("Mon, 99 Nov 2026 12:00:00 GMT", 60),
        ("2026-11-23T12:00:30Z", 60),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, now=NOW) == seconds


_dateish = st.from_regex(
    r"(Mon|Xyz), [0-9]{1,3} (Nov|Foo) [0-9]{1,6} [0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2} (GMT|[+-][0-9]{1,20}|)",
    fullmatch=True,
)


@given(st.text() | st.floats().map(str) | st.integers().map(str) | _dateish)
@example("Mon, 23 Nov 2026 12:00:30 +99999999999999")
@example("Mon, 01 Jan 0001 00:00:00 +1400")
@settings(deadline=None, max_examples=500)
def test_no_retry_after_of_a_channel_breaks_us_or_stops_us_for_more_than_an_hour(value: str) -> None:
    seconds = parse_retry_after(value, now=NOW)

    assert seconds is None or 0 <= seconds <= LONGEST_RETRY_AFTER
