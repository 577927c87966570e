"""What the router remembers of deployments: counts of a minute, cooldowns that only grow, one probe at a time."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.cooldown import Cooldown, CooldownReason
from proxy.core.routing import Skip
from proxy.outcomes import NONE
from proxy.state import PROBE_SECONDS, Elsewhere, RouterState


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(clock: Clock) -> RouterState:
    return RouterState(clock)


def cool(state: RouterState, seconds: float) -> bool:
    return state.cool("d", Cooldown(seconds, CooldownReason.RATE_LIMITED), status=429)


def succeed(state: RouterState, *, tokens: int = 10) -> bool:
    state.begin("d")
    state.end("d")
    return state.succeeded("d", tokens=tokens, seconds=1.0, completion_tokens=5)


def test_counts_are_those_of_the_last_minute(state: RouterState, clock: Clock) -> None:
    for _ in range(3):
        succeed(state)
    clock.now += 30
    succeed(state)
    assert (state.requests("d"), state.tokens("d")) == (4, 40)
    clock.now += 40
    assert (state.requests("d"), state.tokens("d")) == (1, 10)
    clock.now += 3600
    assert (state.requests("d"), state.tokens("d")) == (0, 0)


def test_what_other_processes_did_counts_as_well(state: RouterState) -> None:
    succeed(state)
    state.set_elsewhere({"d": Elsewhere(requests=7, tokens=70, in_flight=2)})

    assert (state.requests("d"), state.tokens("d"), state.in_flight("d")) == (8, 80, 2)
    state.set_elsewhere({})
    assert (state.requests("d"), state.in_flight("d")) == (1, 0)


def test_own_numbers_are_told_without_those_of_the_others(state: RouterState) -> None:
    succeed(state)
    state.begin("d")
    state.set_elsewhere({"d": Elsewhere(requests=7, tokens=70, in_flight=2)})

    assert state.own() == {"d": (2, 10, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0)}


@given(st.lists(st.floats(min_value=0.1, max_value=100), min_size=1, max_size=6))
def test_cooldown_is_never_shortened(lengths: list[float]) -> None:
    state = RouterState(Clock())
    for seconds in lengths:
        cool(state, seconds)

    assert state.cooling_seconds("d") == pytest.approx(max(lengths))


def test_second_failure_while_cooling_is_no_second_cooldown(state: RouterState, clock: Clock) -> None:
    assert cool(state, 5)
    assert not cool(state, 5)
    assert state.cooldowns("d") == 1
    clock.now += 6
    assert cool(state, 5)
    assert state.cooldowns("d") == 2


def test_one_request_finds_out_whether_it_is_well_again(state: RouterState, clock: Clock) -> None:
    cool(state, 5)
    assert state.state("d") is Skip.COOLDOWN
    clock.now += 5.1
    assert state.state("d") is None
    state.begin("d")
    assert state.state("d") is Skip.PROBING
    state.end("d")
    assert state.succeeded("d", tokens=1, seconds=1.0, completion_tokens=1)
    assert state.state("d") is None
    assert state.cooldowns("d") == 0


def test_probe_that_never_comes_back_is_given_up(state: RouterState, clock: Clock) -> None:
    cool(state, 5)
    clock.now += 6
    state.begin("d")
    clock.now += PROBE_SECONDS + 1

    assert state.state("d") is None


def test_answer_to_a_request_from_before_the_cooldown_does_not_end_it(state: RouterState) -> None:
    state.begin("d")
    cool(state, 5)
    state.end("d")

    assert not state.succeeded("d", tokens=1, seconds=1.0, completion_tokens=1)
    assert state.state("d") is Skip.COOLDOWN


def test_cooldown_of_another_process_counts_and_does_not_shorten_ours(state: RouterState) -> None:
    cool(state, 30)
    state.cooled_elsewhere("d", seconds=5, reason="rate_limited", status=429, times=3)

    assert state.cooling_seconds("d") == pytest.approx(30)
    assert state.cooldowns("d") == 3
    state.cooled_elsewhere("e", seconds=5, reason="rate_limited", status=429, times=1)
    assert state.state("e") is Skip.COOLDOWN


def test_failures_in_a_row_end_with_a_success(state: RouterState) -> None:
    for number in range(1, 4):
        assert state.failed("d", kind="InternalServerError", counts=True).consecutive == number
    succeed(state)
    recent = state.failed("d", kind="TimeoutError", counts=True)

    assert (recent.consecutive, recent.failures, recent.successes) == (1, 4, 1)
    assert dict(recent.fails_by_kind) == {"InternalServerError": 3, "TimeoutError": 1}


def test_what_is_the_clients_fault_is_not_counted(state: RouterState) -> None:
    assert state.failed("d", kind="BadRequestError", counts=False).failures == 0


def test_latency_is_the_mean_of_the_last_ten(state: RouterState) -> None:
    assert state.latency("d", stream=False) is None
    for seconds in range(1, 21):
        state.succeeded("d", tokens=1, seconds=float(seconds), completion_tokens=1)

    assert state.latency("d", stream=False) == pytest.approx(15.5)


def test_deployments_that_are_gone_are_forgotten(state: RouterState) -> None:
    cool(state, 5)
    state.begin("e")
    state.follow(["x"])

    assert "d" not in state.troubled
    assert state.own() == {"e": (1, 0, 0, 0, 1, 0, *NONE)}


def test_unhealthy_is_what_the_checks_say(state: RouterState) -> None:
    state.unhealthy = frozenset({"d"})

    assert state.state("d") is Skip.UNHEALTHY


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_a_cooldown_answers_for_the_failures_before_it(state: RouterState, clock: Clock, *, is_elsewhere: bool) -> None:
    state.failed("d", kind="RateLimitError", counts=True)
    assert state.judged_by("d") == (0, 1)
    if is_elsewhere:
        state.cooled_elsewhere("d", seconds=5, reason="rate_limited", status=429, times=1)
    else:
        cool(state, 5)
    clock.now += 6
    assert state.judged_by("d") == (0, 0)
    succeed(state)
    assert state.judged_by("d") == (0, 0)
    clock.now += 40
    succeed(state)
    state.set_elsewhere({"d": Elsewhere(successes=2, failures=3)})
    clock.now += 21
    assert state.judged_by("d") == (3, 3)
