"""Which failures take a deployment out of service, why, and for how long."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.cooldown import (
    STATISTICAL,
    Cooldown,
    CooldownReason,
    Recent,
    cooldown_for,
    counts_as_failure,
    may_eject,
)
from proxy.core.errors import (
    BadRequest,
    ConnectionFailed,
    NoDeploymentAvailable,
    UpstreamError,
    UpstreamTimeout,
    from_upstream,
)
from proxy.core.settings import RouterSettings
from teams.errors import ApiError


def upstream(status: int, body: bytes = b"") -> UpstreamError:
    return from_upstream(status, body, provider="openai")


def minute(successes: int = 0, failures: int = 1, consecutive: int = 1, **by_kind: int) -> Recent:
    return Recent(successes, failures, consecutive, by_kind)


FIRST = minute()
TIMEOUT = UpstreamTimeout(provider="x", limit=1, taken=1)
UNREACHED = ConnectionFailed(provider="x")


def cooldown(
    error: ApiError,
    *,
    recent: Recent = FIRST,
    siblings: int = 2,
    times: int = 0,
    probing: bool = False,
    own_time: float | None = None,
    own_allowed: int | None = None,
    own_policy: Mapping[str, int] | None = None,
    retry_after: float | None = None,
    wildcard: bool = False,
    **given: Any,
) -> Cooldown | None:
    return cooldown_for(
        error,
        recent=recent,
        siblings=siblings,
        times=times,
        probing=probing,
        settings=RouterSettings(**given),
        deployment_cooldown_time=own_time,
        allowed_fails=own_allowed,
        allowed_fails_policy=own_policy,
        retry_after=retry_after,
        wildcard=wildcard,
    )


def reason(error: ApiError, **facts: Any) -> CooldownReason | None:
    found = cooldown(error, **facts)
    return None if found is None else found.reason


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (upstream(429), CooldownReason.RATE_LIMITED),
        (upstream(401), CooldownReason.NOT_RETRYABLE),
        (upstream(402), CooldownReason.NOT_RETRYABLE),
        (upstream(404), CooldownReason.NOT_RETRYABLE),
        (UNREACHED, CooldownReason.CONNECTION),
        (upstream(500), None),
        (upstream(503), None),
        (TIMEOUT, None),
    ],
)
def test_the_first_failure_ejects_where_it_leaves_no_doubt(
    error: UpstreamError, expected: CooldownReason | None
) -> None:
    assert reason(error) == expected
    assert reason(error, disable_cooldowns=True) is None


@pytest.mark.parametrize("error", [upstream(429), upstream(401), upstream(404), UNREACHED, upstream(500), TIMEOUT])
def test_what_stands_alone_is_spared(error: UpstreamError) -> None:
    assert cooldown(error, siblings=1, recent=minute(0, 999, 999), retry_after=30) is None


def test_what_stands_alone_goes_when_a_thousand_failed_and_none_did_not() -> None:
    assert reason(upstream(500), siblings=1, recent=minute(0, 1000, 1000)) == CooldownReason.ALL_FAILED
    assert reason(upstream(500), siblings=1, recent=minute(1, 1000, 999)) is None


@pytest.mark.parametrize("status", [400, 403, 405, 409, 413, 415, 422])
def test_a_clients_own_mistake_ejects_nobody(status: int) -> None:
    worst = minute(0, 5000, 5000, BadRequestError=5000)

    assert cooldown(upstream(status), recent=worst, own_allowed=0) is None
    assert cooldown(upstream(status), recent=worst, probing=True) is None
    assert not counts_as_failure(upstream(status))


@pytest.mark.parametrize("error", [BadRequest("x"), NoDeploymentAvailable("m", retry_after=1), ApiError("x")])
def test_what_the_gateway_itself_refused_ejects_nobody(error: ApiError) -> None:
    assert cooldown(error, recent=minute(0, 5000, 5000)) is None


@pytest.mark.parametrize("error", [upstream(500), upstream(503), TIMEOUT])
def test_so_many_failures_in_a_row_eject(error: UpstreamError) -> None:
    assert reason(error, recent=minute(100, 4, 4)) is None
    assert reason(error, recent=minute(100, 5, 5)) == CooldownReason.CONSECUTIVE_FAILS
    assert reason(error, recent=minute(100, 2, 2), consecutive_fails=2) == CooldownReason.CONSECUTIVE_FAILS
    assert reason(error, recent=minute(100, 1, 1), consecutive_fails=1) == CooldownReason.CONSECUTIVE_FAILS
    assert reason(error, recent=minute(100, 50, 50), consecutive_fails=0) is None


def test_failing_more_often_than_not_ejects_once_there_is_enough_to_go_by() -> None:
    assert reason(upstream(500), recent=minute(1, 3, 1)) is None
    assert reason(upstream(500), recent=minute(2, 3, 1)) == CooldownReason.FAILURE_RATE
    assert reason(upstream(500), recent=minute(5, 5, 1)) is None
    assert reason(upstream(500), recent=minute(7, 3, 1), outlier_failure_percent=20) == CooldownReason.FAILURE_RATE
    assert reason(upstream(500), recent=minute(2, 3, 1), outlier_minimum_requests=10) is None


def test_a_clients_choice_of_model_says_nothing_of_the_deployment() -> None:
    assert reason(upstream(404), wildcard=True) is None
    assert reason(upstream(404), wildcard=True, probing=True) is None
    assert reason(upstream(401), wildcard=True) == CooldownReason.NOT_RETRYABLE


def test_a_failed_probe_goes_back_at_once_even_alone() -> None:
    assert reason(upstream(500), probing=True, siblings=1, own_allowed=100) == CooldownReason.PROBE_FAILED


def test_allowed_fails_are_the_only_rule_where_they_are_given() -> None:
    for error in (upstream(429), upstream(500), upstream(401), UNREACHED):
        assert reason(error, recent=minute(0, 3, 3), allowed_fails=3) is None
        assert reason(error, recent=minute(99, 4, 1), allowed_fails=3, siblings=1) == CooldownReason.ALLOWED_FAILS
    assert reason(upstream(500), recent=minute(0, 1, 1), allowed_fails=0) == CooldownReason.ALLOWED_FAILS


def test_a_policy_counts_the_failures_of_its_kind() -> None:
    policy = {"RateLimitErrorAllowedFails": 1}
    some = minute(0, 9, 9, InternalServerError=8, RateLimitError=1)
    more = minute(0, 10, 10, InternalServerError=8, RateLimitError=2)

    assert reason(upstream(429), recent=some, allowed_fails_policy=policy) is None
    assert reason(upstream(429), recent=more, allowed_fails_policy=policy) == CooldownReason.ALLOWED_FAILS
    # It says nothing of other kinds: then the usual rules hold.
    assert reason(upstream(500), recent=more, allowed_fails_policy=policy) == CooldownReason.CONSECUTIVE_FAILS


def test_the_deployments_own_word_goes_before_the_routers() -> None:
    router: dict[str, Any] = {"allowed_fails": 0, "allowed_fails_policy": {"RateLimitErrorAllowedFails": 0}}
    recent = minute(0, 5, 5, RateLimitError=5)

    assert reason(upstream(429), recent=recent, **router) == CooldownReason.ALLOWED_FAILS
    assert reason(upstream(429), recent=recent, own_allowed=5, **router) is None
    assert reason(upstream(429), recent=recent, own_policy={"RateLimitErrorAllowedFails": 5}, **router) is None
    assert reason(upstream(429), recent=recent, own_policy={"RateLimitErrorAllowedFails": 5}, own_allowed=0) is None


def seconds(**facts: Any) -> float:
    found = cooldown(upstream(429), **facts)
    assert found is not None
    return found.seconds


def test_the_deployments_time_goes_before_the_upstreams_and_that_before_the_routers() -> None:
    assert seconds(own_time=7, retry_after=30, cooldown_time=9) == 7
    assert seconds(retry_after=30, cooldown_time=9) == 30
    assert seconds(retry_after=0.0, cooldown_time=9) == 9
    assert seconds(retry_after=0.5, cooldown_time=9) == 0.5
    assert seconds(cooldown_time=9) == 9
    assert seconds() == 5


def test_the_routers_time_doubles_to_its_longest_and_the_others_do_not() -> None:
    assert [seconds(times=times) for times in range(8)] == [5, 10, 20, 40, 80, 160, 300, 300]
    assert seconds(times=10**6) == 300
    assert seconds(times=5, own_time=7) == 7
    assert seconds(times=5, retry_after=30) == 30
    assert seconds(times=3, cooldown_time=600) == 600


def test_an_upstream_cannot_send_itself_away_for_years() -> None:
    assert seconds(retry_after=1e9) == 300
    assert seconds(own_time=3600) == 3600


def test_no_time_is_no_cooldown() -> None:
    assert cooldown(upstream(429), own_time=0) is None
    assert cooldown(upstream(429), cooldown_time=0) is None


_recents = st.builds(
    Recent,
    successes=st.integers(0, 2000),
    failures=st.integers(1, 2000),
    consecutive=st.integers(0, 20),
    fails_by_kind=st.dictionaries(st.sampled_from(["RateLimitError", "InternalServerError"]), st.integers(0, 20)),
)
_errors = st.sampled_from([UNREACHED, TIMEOUT, *map(upstream, (400, 401, 402, 403, 404, 408, 422, 429, 500, 503))])
_maybe_seconds = st.none() | st.floats(0, 1e6)


@given(_errors, _recents, st.integers(0, 60), st.booleans(), _maybe_seconds, _maybe_seconds, st.floats(0, 1000))
def test_another_cooldown_in_a_row_is_never_shorter(
    error: UpstreamError,
    recent: Recent,
    times: int,
    probing: bool,
    own_time: float | None,
    retry_after: float | None,
    router_time: float,
) -> None:
    facts: dict[str, Any] = {"recent": recent, "probing": probing, "own_time": own_time, "retry_after": retry_after}
    facts["cooldown_time"] = router_time
    first, second = cooldown(error, times=times, **facts), cooldown(error, times=times + 1, **facts)

    assert (first is None) == (second is None)
    if first is not None and second is not None:
        assert 0 < first.seconds <= second.seconds
        assert first.reason == second.reason


@given(_errors, _recents, st.integers(2, 9), st.booleans())
def test_the_last_one_stays_whatever_is_merely_likely(
    error: UpstreamError, recent: Recent, siblings: int, probing: bool
) -> None:
    found = reason(error, recent=recent, siblings=1)

    assert found in {None, CooldownReason.ALL_FAILED}
    if reason(error, recent=recent, siblings=siblings) in STATISTICAL:
        assert not may_eject(siblings - 1, siblings, RouterSettings())


@given(st.integers(0, 50), st.integers(0, 50), st.floats(0, 100))
def test_one_may_always_go_and_the_last_one_never(ejected: int, size: int, percent: float) -> None:
    may = may_eject(ejected, size, RouterSettings(max_ejected_percent=percent))

    if ejected + 1 >= size:
        assert not may
    elif ejected == 0:
        assert may
    elif may:
        assert (ejected + 1) / size <= percent / 100 + 1e-9


@pytest.mark.parametrize(
    ("ejected", "size", "percent", "may"),
    [
        (0, 0, 100, False),
        (0, 1, 100, False),
        (0, 2, 0, True),
        (1, 2, 100, False),
        (1, 3, 100, True),
        (1, 3, 66, False),
        (1, 4, 50, True),
        (2, 3, 100, False),
    ],
)
def test_the_share_of_a_group_that_may_go(ejected: int, size: int, percent: float, may: bool) -> None:
    assert may_eject(ejected, size, RouterSettings(max_ejected_percent=percent)) is may


def test_half_of_a_group_may_go_by_default() -> None:
    assert [may_eject(ejected, 6, RouterSettings()) for ejected in range(6)] == [True, True, True, False, False, False]
