"""What an SRE would call an outage, and what not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.errors import ConnectionFailed, ConnectionTimedOut, UpstreamError, UpstreamTimeout, from_upstream
from proxy.core.outages import (
    COUNTED,
    TROUBLES,
    Because,
    Member,
    Outage,
    OutageSettings,
    Place,
    Severity,
    Trouble,
    Window,
    goes_on,
    judge,
    regions_out,
    trouble_of,
)

SETTINGS = OutageSettings()
MINOR, MAJOR = Severity.MINOR, Severity.MAJOR
counts = st.integers(min_value=0, max_value=2000)
windows = st.builds(
    Window,
    answered=counts,
    troubles=st.dictionaries(st.sampled_from(TROUBLES), counts),
    failed_probes=st.integers(min_value=0, max_value=10),
)


def window(errors: int, answered: int = 0, *, failed_probes: int = 0, kind: Trouble = Trouble.SERVER_ERROR) -> Window:
    return Window(answered, {kind: errors}, failed_probes)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (window(4), None),
        (window(5), (MINOR, Because.ERRORS)),
        (window(9), (MINOR, Because.ERRORS)),
        (window(10), (MAJOR, Because.ERRORS)),
        (window(5, kind=Trouble.TIMEOUT), (MINOR, Because.ERRORS)),
        (window(5, kind=Trouble.CONNECTION), (MINOR, Because.ERRORS)),
        (window(50, kind=Trouble.AUTHENTICATION), None),
        (window(50, kind=Trouble.RATE_LIMIT), None),
        # Ten of a thousand are a nuisance, not a catastrophe.
        (window(10, 990), (MINOR, Because.ERRORS)),
        (window(50, 950), (MAJOR, Because.ERRORS)),
        (window(4, 996), None),
        # Half of what is asked fails.
        (window(5, 5), (MAJOR, Because.FAILURE_RATE)),
        (window(5, 6), (MINOR, Because.ERRORS)),
        (window(4, 4), None),
        # Kept out by its cooldowns, it is hardly asked: its probes speak for it.
        (window(1, failed_probes=3), (MINOR, Because.FAILED_PROBES)),
        (window(1, failed_probes=2), None),
        (window(0, failed_probes=9), None),
        (window(1, 1, failed_probes=9), None),
    ],
)
def test_what_counts_as_an_outage(seen: Window, expected: tuple[Severity, Because] | None) -> None:
    found = judge(seen, SETTINGS)

    assert (found and (found.severity, found.because)) == expected


def test_thresholds_are_the_operators() -> None:
    settings = OutageSettings(minor=2, major=3, failure_rate=0.9, minimum_requests=100)

    assert judge(window(1), settings) is None
    assert judge(window(2), settings) == Outage(MINOR, Because.ERRORS, 2, 2)
    assert judge(window(3), settings) == Outage(MAJOR, Because.ERRORS, 3, 3)


def test_a_rate_alone_is_enough_where_the_counts_are_set_high() -> None:
    settings = OutageSettings(minor=1000, major=2000)

    assert judge(window(9, 1), settings) == Outage(MAJOR, Because.FAILURE_RATE, 9, 10)


def test_wrong_keys_count_where_the_operator_says_so() -> None:
    settings = OutageSettings(counted=COUNTED | {Trouble.AUTHENTICATION})

    found = judge(window(10, kind=Trouble.AUTHENTICATION), settings)
    assert found is not None
    assert found.severity is MAJOR


def test_a_major_threshold_below_the_minor_one_is_still_reached() -> None:
    found = judge(window(2), OutageSettings(minor=50, major=2))

    assert found is not None
    assert found.severity is MAJOR


@given(windows)
def test_without_a_counted_failure_there_is_no_outage(seen: Window) -> None:
    if not seen.failures(COUNTED):
        assert judge(seen, SETTINGS) is None


@given(windows, st.sampled_from(sorted(COUNTED)), st.integers(min_value=1, max_value=50))
def test_more_failures_never_make_it_milder(seen: Window, kind: Trouble, more: int) -> None:
    worse = Window(seen.answered, {**seen.troubles, kind: seen.troubles.get(kind, 0) + more}, seen.failed_probes)
    before, after = judge(seen, SETTINGS), judge(worse, SETTINGS)

    # Where so many more fail that it is no longer few of all, it may only rise.
    assert (after.severity if after else 0) >= (before.severity if before else 0)


@given(windows)
def test_where_nearly_everything_is_answered_it_is_never_major(seen: Window) -> None:
    failures = seen.failures(COUNTED)
    found = judge(seen, SETTINGS)
    if failures < 0.05 * (failures + seen.answered):
        assert found is None or found.severity is MINOR


@given(windows)
def test_refusals_of_keys_and_quotas_change_nothing(seen: Window) -> None:
    without = Window(
        seen.answered, {kind: n for kind, n in seen.troubles.items() if kind in COUNTED}, seen.failed_probes
    )

    assert judge(seen, SETTINGS) == judge(without, SETTINGS)


def test_an_outage_grows_worse_and_never_milder_until_it_is_over() -> None:
    minor, major = judge(window(5), SETTINGS), judge(window(10), SETTINGS)

    assert goes_on(None, minor, is_kept_out=False) == minor
    assert goes_on(minor, major, is_kept_out=False) == major
    assert goes_on(major, minor, is_kept_out=False) == major
    assert goes_on(major, None, is_kept_out=False) is None


def test_who_is_not_asked_because_it_cools_down_is_not_well() -> None:
    minor = judge(window(5), SETTINGS)

    assert goes_on(minor, None, is_kept_out=True) == minor
    assert goes_on(None, None, is_kept_out=True) is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UpstreamTimeout(provider="openai"), Trouble.TIMEOUT),
        (ConnectionTimedOut(provider="openai"), Trouble.CONNECTION),
        (ConnectionFailed(provider="openai"), Trouble.CONNECTION),
        (from_upstream(500, b"", provider="openai"), Trouble.SERVER_ERROR),
        (from_upstream(503, b"", provider="openai"), Trouble.SERVER_ERROR),
        (from_upstream(529, b"", provider="openai"), Trouble.SERVER_ERROR),
        (from_upstream(408, b"", provider="openai"), Trouble.TIMEOUT),
        (from_upstream(401, b"", provider="openai"), Trouble.AUTHENTICATION),
        (from_upstream(403, b"", provider="openai"), Trouble.AUTHENTICATION),
        (from_upstream(429, b"", provider="openai"), Trouble.RATE_LIMIT),
        (from_upstream(400, b"", provider="openai"), None),
        (from_upstream(404, b"", provider="openai"), None),
    ],
)
def test_troubles_are_told_apart_by_who_has_to_mend_them(error: UpstreamError, expected: Trouble | None) -> None:
    assert trouble_of(error) is expected


EU, US = Place("azure", "eu"), Place("azure", "us")


def member(place: Place, severity: Severity = MAJOR, *, is_out: bool = True, at: float = 100.0) -> Member:
    return Member(place, severity, is_out, at)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([], {}),
        ([member(EU)], {}),
        ([member(EU), member(US)], {}),
        ([member(EU), member(Place("openai", "eu"))], {}),
        ([member(Place("azure", "")), member(Place("azure", ""))], {}),
        ([member(EU), member(EU), member(US)], {EU: (MAJOR, 2)}),
        ([member(EU), member(EU, MINOR)], {EU: (MINOR, 2)}),
        ([member(EU), member(EU), member(EU, MINOR)], {EU: (MAJOR, 3)}),
        # One recovered within the window, the other is still out: that is the region.
        ([member(EU), member(EU, is_out=False, at=60)], {EU: (MAJOR, 2)}),
        ([member(EU), member(EU, is_out=False, at=30)], {}),
        ([member(EU, is_out=False), member(EU, is_out=False)], {}),
    ],
)
def test_two_deployments_of_one_place_are_a_region(
    members: list[Member], expected: dict[Place, tuple[Severity, int]]
) -> None:
    assert regions_out(members, window=60, now=100) == expected
