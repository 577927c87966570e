"""Another try, when, and how many of them there may be."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.errors import (
    BadRequest,
    ConnectionFailed,
    NoDeploymentAvailable,
    UpstreamError,
    UpstreamTimeout,
    from_upstream,
)
from proxy.core.retries import RetryBudget, retries_for, retry_delay
from proxy.core.settings import RouterSettings
from teams.errors import ApiError

PLAIN = RouterSettings()
TOO_LONG = b"This model's maximum context length is 10 tokens"
REFUSED_CONTENT = b"content_policy_violation"


def upstream(status: int, body: bytes = b"") -> UpstreamError:
    return from_upstream(status, body, provider="openai")


def allowed(
    error: ApiError, *, siblings: int = 2, asked: int | None = None, own: int | None = None, **given: Any
) -> int:
    return retries_for(
        error, settings=RouterSettings(**given), group="a", siblings=siblings, asked=asked, configured=own
    )


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_tried_again(status: int) -> None:
    assert allowed(upstream(status)) == 2
    assert allowed(upstream(status), siblings=1) == 2


@pytest.mark.parametrize("error", [UpstreamTimeout(provider="x", limit=1, taken=1), ConnectionFailed(provider="x")])
def test_what_never_was_answered_is_tried_again(error: UpstreamError) -> None:
    assert allowed(error, siblings=1) == 2


@pytest.mark.parametrize("status", [400, 404, 405, 413, 415, 422])
def test_what_will_be_refused_again_is_not_tried_again(status: int) -> None:
    assert allowed(upstream(status), asked=5) == 0


@pytest.mark.parametrize("body", [TOO_LONG, REFUSED_CONTENT])
def test_context_and_content_are_not_tried_again(body: bytes) -> None:
    assert allowed(upstream(400, body), asked=5) == 0


@pytest.mark.parametrize("status", [401, 402, 403])
def test_credentials_are_tried_again_where_there_are_others(status: int) -> None:
    assert allowed(upstream(status), siblings=2) == 2
    assert allowed(upstream(status), siblings=1) == 0


def test_the_request_decides_before_the_deployment_and_that_before_the_router() -> None:
    error = upstream(500)

    assert allowed(error, asked=1, own=3, num_retries=5) == 1
    assert allowed(error, asked=0, own=3) == 0
    assert allowed(error, own=3, num_retries=5) == 3
    assert allowed(error, own=0) == 0
    assert allowed(error, num_retries=5) == 5


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (upstream(400), "BadRequestErrorRetries"),
        (upstream(401), "AuthenticationErrorRetries"),
        (upstream(408), "TimeoutErrorRetries"),
        (upstream(429), "RateLimitErrorRetries"),
        (upstream(400, REFUSED_CONTENT), "ContentPolicyViolationErrorRetries"),
        (upstream(400, REFUSED_CONTENT), "BadRequestErrorRetries"),
        (upstream(400, TOO_LONG), "BadRequestErrorRetries"),
        (upstream(500), "InternalServerErrorRetries"),
        (ConnectionFailed(provider="x"), "InternalServerErrorRetries"),
        (upstream(503), "ServiceUnavailableErrorRetries"),
        (upstream(404), "NotFoundErrorRetries"),
        (upstream(403), "DefaultRetries"),
        (upstream(500), "DefaultRetries"),
    ],
)
def test_a_policy_decides_before_anything_else(error: UpstreamError, name: str) -> None:
    assert allowed(error, siblings=1, asked=1, own=1, retry_policy={name: 7}) == 7
    assert allowed(error, siblings=9, asked=1, own=1, retry_policy={name: 0}) == 0


def test_a_policy_that_is_silent_decides_nothing() -> None:
    policy = {"RateLimitErrorRetries": 7}

    assert allowed(upstream(500), asked=1, retry_policy=policy) == 1
    assert allowed(upstream(400), retry_policy=policy) == 0


def test_the_nearer_word_of_a_policy_counts() -> None:
    policy = {"ContentPolicyViolationErrorRetries": 1, "BadRequestErrorRetries": 2, "DefaultRetries": 3}

    assert allowed(upstream(400, REFUSED_CONTENT), retry_policy=policy) == 1
    assert allowed(upstream(400), retry_policy=policy) == 2
    assert allowed(upstream(500), retry_policy=policy) == 3


def test_a_groups_policy_replaces_the_routers() -> None:
    policies = {"a": {"RateLimitErrorRetries": 4}}
    everybodys = {"RateLimitErrorRetries": 1, "TimeoutErrorRetries": 9}

    assert allowed(upstream(429), retry_policy=everybodys, model_group_retry_policy=policies) == 4
    assert allowed(upstream(408), retry_policy=everybodys, model_group_retry_policy=policies) == 2
    assert allowed(upstream(429), retry_policy=everybodys, model_group_retry_policy={"b": {}}) == 1


@pytest.mark.parametrize("error", [BadRequest("x"), NoDeploymentAvailable("a", retry_after=1), ApiError("x")])
def test_what_no_upstream_refused_is_not_tried_again(error: ApiError) -> None:
    assert allowed(error, asked=5, retry_policy={"DefaultRetries": 5}) == 0


def delay(number: int, *, retry_after: float | None = None, others: bool = False, floor: float = 0.0) -> float:
    return retry_delay(
        number,
        retry_after=retry_after,
        others=others,
        settings=RouterSettings(retry_after=floor),
        chance=Random(number),
    )


def test_another_deployment_is_asked_at_once() -> None:
    assert delay(1, retry_after=30, others=True, floor=5) == 0


@pytest.mark.parametrize("said", [0.1, 5.0, 60.0])
def test_the_upstreams_word_is_kept(said: float) -> None:
    assert delay(1, retry_after=said) == said
    assert delay(1, retry_after=said, floor=10) == max(said, 10)


@pytest.mark.parametrize("said", [None, 0.0, -1.0, 60.1, 3600.0])
@pytest.mark.parametrize(("number", "least"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 8), (10**9, 8)])
def test_else_the_wait_doubles_to_eight_seconds(said: float | None, number: int, least: float) -> None:
    assert least <= delay(number, retry_after=said) <= least + 0.75


def test_waits_are_spread() -> None:
    chance = Random(1)
    waits = {retry_delay(1, retry_after=None, others=False, settings=PLAIN, chance=chance) for _ in range(100)}

    assert len(waits) == 100
    assert max(waits) - min(waits) > 0.5


def test_the_floor_holds() -> None:
    assert delay(1, floor=20) == 20


_steps = st.lists(st.tuples(st.floats(0, 4), st.integers(0, 30), st.integers(0, 15)), min_size=1, max_size=40)


@given(_steps, st.integers(0, 12), st.sampled_from([0.0, 5.0, 20.0, 100.0]), st.floats(0, 1e6))
@settings(max_examples=300)
def test_retries_never_exceed_their_share_in_any_ten_seconds(
    steps: list[tuple[float, int, int]], minimum: int, percent: float, start: float
) -> None:
    budget = RetryBudget(percent=percent, minimum=minimum)
    now = start
    requests: list[float] = []
    retries: list[float] = []

    def recent(times: list[float]) -> int:
        return sum(now - 10 < at for at in times)

    for pause, wanted, tries in steps:
        now += pause
        for _ in range(wanted):
            budget.note_request(now)
            requests.append(now)
        for _ in range(tries):
            if budget.take(now):
                retries.append(now)
                # A window that ends later holds no more of them.
                assert recent(retries) <= max(minimum, recent(requests) * percent / 100)


def test_the_minimum_is_always_there_and_comes_back() -> None:
    budget = RetryBudget(percent=20, minimum=3)

    assert [budget.take(100.0) for _ in range(5)] == [True, True, True, False, False]
    assert not budget.take(109.9)
    assert [budget.take(111.0) for _ in range(4)] == [True, True, True, False]


def test_live_traffic_earns_retries() -> None:
    budget = RetryBudget(percent=20, minimum=3)
    for _ in range(100):
        budget.note_request(50.0)

    assert sum(budget.take(50.5) for _ in range(100)) == 20
    assert sum(budget.take(70.0) for _ in range(100)) == 3


def test_a_budget_of_nothing_allows_nothing() -> None:
    budget = RetryBudget(percent=0, minimum=0)
    budget.note_request(1.0)

    assert not budget.take(1.0)


def test_an_outage_costs_at_most_its_share() -> None:
    budget = RetryBudget()
    retries = 0
    for tick in range(60 * 50):
        now = tick / 50
        budget.note_request(now)
        retries += sum(budget.take(now) for _ in range(2))

    assert 0.1 * 3000 < retries <= 0.2 * 3000 + 10
