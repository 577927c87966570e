"""Which requests leave a trace is what the settings say, and a mistake in them is told and harmless."""

from datetime import timedelta
from typing import Any

import pytest

from proxy.policy import Policy
from proxy.trace_policy import Kept, TracePolicy
from tests.proxy.traces import failed, trace

WEEK = timedelta(days=7)


@pytest.mark.parametrize(
    ("general", "kept"),
    [
        ({}, Kept.ALL),
        ({"request_traces": True}, Kept.ALL),
        ({"request_traces": False}, Kept.NONE),
        ({"request_traces": "failures"}, Kept.FAILURES),
    ],
)
def test_the_setting_says_which_are_kept(general: dict[str, Any], kept: Kept) -> None:
    assert TracePolicy.read(general) == TracePolicy(kept, WEEK)
    assert Policy.read(general).traces.kept is kept


@pytest.mark.parametrize("value", ["all", "true", 1, 0, None, [], {}, "FAILURES"])
def test_a_value_that_is_no_setting_is_told_and_all_are_kept(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert TracePolicy.read({"request_traces": value}).kept is Kept.ALL
    assert "request_traces" in caplog.text


@pytest.mark.parametrize(
    ("text", "retention"), [("1d", timedelta(days=1)), ("12h", timedelta(hours=12)), ("30d", timedelta(days=30))]
)
def test_they_are_kept_for_as_long_as_the_setting_says(text: str, retention: timedelta) -> None:
    assert TracePolicy.read({"request_traces_retention": text}).retention == retention


@pytest.mark.parametrize("value", ["", "seven days", "-1d", 7, None, [], "0d"])
def test_a_time_that_is_none_is_told_and_means_a_week(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert TracePolicy.read({"request_traces_retention": value}).retention == WEEK
    assert "request_traces_retention" in caplog.text


@pytest.mark.parametrize(
    ("kept", "plain", "unhappy"), [(Kept.ALL, True, True), (Kept.FAILURES, False, True), (Kept.NONE, False, False)]
)
def test_what_is_kept(kept: Kept, plain: bool, unhappy: bool) -> None:
    policy = TracePolicy(kept)

    assert (policy.keeps(trace()), policy.keeps(failed())) == (plain, unhappy)


def test_a_stranger_leaves_no_trace() -> None:
    assert not TracePolicy(Kept.ALL).keeps(trace(key_hash="", status=401))
