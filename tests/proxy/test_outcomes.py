"""A sliding window of what came of requests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.outages import Trouble
from proxy.outcomes import ANSWERED, NONE, POSITIONS, SLOTS, Outcomes
from proxy.state import Elsewhere, RouterState
from tests.proxy.test_state import Clock

SLOT = 5.0
WINDOW = SLOT * SLOTS
times = st.lists(st.floats(min_value=0, max_value=1000), max_size=50)


@given(times, st.floats(min_value=1000, max_value=1100))
def test_what_is_young_enough_counts_and_what_is_older_than_the_window_does_not(at: list[float], now: float) -> None:
    made = Outcomes()
    for one in sorted(at):
        made.add(ANSWERED, now=one, slot_seconds=SLOT)
    counted = made.sums(now=now, slot_seconds=SLOT)[ANSWERED]

    assert sum(now - one <= WINDOW - SLOT for one in at) <= counted <= sum(now - one <= WINDOW for one in at)


def test_kinds_are_counted_apart() -> None:
    made = Outcomes()
    made.add(POSITIONS[Trouble.TIMEOUT], now=1, slot_seconds=SLOT)
    made.add(POSITIONS[Trouble.RATE_LIMIT], now=1, slot_seconds=SLOT)

    assert made.sums(now=1, slot_seconds=SLOT) == (0, 1, 0, 0, 0, 1)
    assert Outcomes().sums(now=1, slot_seconds=SLOT) == NONE


def test_those_of_other_processes_are_added() -> None:
    state = RouterState(Clock())
    state.had_trouble("d", Trouble.SERVER_ERROR)
    state.set_elsewhere({"d": Elsewhere(outcomes=(7, 0, 0, 2, 0, 0)), "e": Elsewhere(outcomes=(1, 1, 0, 0, 0, 0))})

    assert state.outcomes("d") == (7, 0, 0, 3, 0, 0)
    assert sorted(state.failing()) == ["d", "e"]


def test_who_fails_elsewhere_no_more_is_looked_at_no_more() -> None:
    clock = Clock()
    state = RouterState(clock)
    state.set_elsewhere({"e": Elsewhere(outcomes=(1, 1, 0, 0, 0, 0)), "f": Elsewhere(outcomes=(9, 0, 0, 0, 0, 0))})
    assert state.failing() == ["e"]
    clock.now += 10

    assert state.failing() == []


@pytest.mark.parametrize("seconds", [0.7, 7.0, 61.3, 300.0])
def test_another_window_begins_anew_and_the_same_goes_on(seconds: float) -> None:
    state = RouterState(Clock())
    state.had_trouble("d", Trouble.TIMEOUT)
    state.keep_outcomes(seconds)
    assert state.outcomes("d") == NONE
    state.had_trouble("d", Trouble.TIMEOUT)
    state.keep_outcomes(seconds)

    assert state.outcomes("d") != NONE


def test_answers_that_blame_the_client_are_answers() -> None:
    state = RouterState(Clock())
    state.refused("d")

    assert state.outcomes("d") == (1, 0, 0, 0, 0, 0)
