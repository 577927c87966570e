"""Limits tried on calls that were made: exactly the calls that admission would have refused, and what they cost."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgets.core.allowances import EVER, Allowance
from budgets.core.dry_run import MINUTE, Call, Limit, Outcome, Trial, TriedDay, merged, try_limits
from teams.periods import UTC_MIDNIGHT

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def calls(*made: tuple[float, int, int]) -> list[Call]:
    """Seconds after the start, nano-dollars, tokens."""
    return [Call(START + timedelta(seconds=at), amount, tokens) for at, amount, tokens in made]


def budget(limit: int, window: str = "") -> Allowance:
    return Allowance("key", "1", window, limit, counted_from=EVER)


def tried(made: list[Call], **limits: object) -> Outcome:
    return try_limits(made, Trial(**limits), calendar=UTC_MIDNIGHT)  # type: ignore[arg-type]


def refused(made: list[Call], **limits: object) -> list[float]:
    """Seconds after the start of the calls that are refused."""
    found = []
    for number in range(len(made)):
        before = tried(made[:number], **limits).refused
        if tried(made[: number + 1], **limits).refused > before:
            found.append((made[number].at - START) / SECOND)
    return found


def test_without_limits_nothing_is_refused() -> None:
    day = TriedDay(START.date(), requests=2)

    assert tried(calls((0, 5, 10), (1, 5, 10))) == Outcome(requests=2, spent_nano=10, days=[day])
    assert tried([]) == Outcome()


def test_a_budget_refuses_from_when_it_is_spent() -> None:
    made = calls((0, 4, 0), (1, 5, 0), (2, 100, 0), (3, 1, 0), (4, 1, 0))

    # The third begins with a dollar left, whatever it comes to.
    assert refused(made, budget=budget(10)) == [3, 4]
    found = tried(made, budget=budget(10))
    assert (found.saved_nano, found.spent_nano, found.first_at) == (2, 111, START + 3 * SECOND)
    assert found.by_limit == {Limit.BUDGET: 2}


def test_a_budget_of_nothing_refuses_everything() -> None:
    assert refused(calls((0, 0, 0), (1, 1, 0)), budget=budget(0)) == [0, 1]


def test_a_new_period_begins_with_nothing_spent() -> None:
    hours = 3600
    made = calls((0, 10, 0), (1, 1, 0), (11 * hours, 1, 0), (12 * hours, 10, 0), (12 * hours + 1, 1, 0))

    assert refused(made, budget=budget(10, "1d")) == [1, 11 * hours, 12 * hours + 1]
    days = tried(made, budget=budget(10, "1d")).days
    assert [(str(one.day), one.requests, one.refused, one.saved_nano) for one in days] == [
        ("2026-11-23", 3, 2, 2),
        ("2026-11-24", 2, 1, 1),
    ]


def test_requests_are_counted_within_the_last_sixty_seconds() -> None:
    made = calls((0, 0, 0), (30, 0, 0), (59.999, 0, 0), (60, 0, 0), (89, 0, 0), (90, 0, 0))

    assert refused(made, rpm=2) == [59.999, 89]


def test_tokens_are_counted_with_those_of_the_call_itself() -> None:
    made = calls((0, 0, 60), (1, 0, 40), (2, 0, 1), (60, 0, 60), (61, 0, 41), (62, 0, 101))

    assert refused(made, tpm=100) == [2, 61, 62]


def test_what_is_refused_counts_neither_for_the_minute_nor_for_the_budget() -> None:
    made = calls((0, 1, 0), (1, 100, 0), (2, 100, 0), (61, 1, 0))

    assert refused(made, rpm=1, budget=budget(3)) == [1, 2]


def test_the_budget_is_asked_before_the_minute() -> None:
    found = tried(calls((0, 5, 5), (1, 5, 5), (2, 5, 500)), rpm=1, tpm=10, budget=budget(5))

    assert found.by_limit == {Limit.BUDGET: 2}


@pytest.mark.parametrize("order", [1, -1])
def test_attempts_of_one_request_are_one_call(order: int) -> None:
    attempts = [("a", Call(START, 1, 10)), ("b", Call(START + SECOND, 5, 5)), ("a", Call(START + 2 * SECOND, 2, 20))]

    assert merged(attempts[::order]) == [Call(START, 3, 30), Call(START + SECOND, 5, 5)]


MADE = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 50), st.integers(0, 50)), max_size=40).map(
    lambda made: calls(*sorted(made))
)
LIMIT = st.none() | st.integers(0, 60)


@given(MADE, LIMIT, LIMIT, LIMIT)
def test_sums_agree_and_days_add_up(made: list[Call], limit: int | None, rpm: int | None, tpm: int | None) -> None:
    found = tried(made, rpm=rpm, tpm=tpm, budget=None if limit is None else budget(limit, "1d"))

    assert found.requests == len(made) == sum(one.requests for one in found.days)
    assert found.refused == sum(found.by_limit.values()) == sum(one.refused for one in found.days)
    assert found.saved_nano == sum(one.saved_nano for one in found.days)
    assert found.spent_nano == sum(one.amount_nano for one in made) >= found.saved_nano
    assert (found.first_at is None) is (found.refused == 0)


@given(MADE, st.integers(0, 5), st.integers(0, 120))
def test_no_minute_holds_more_than_its_limits(made: list[Call], rpm: int, tpm: int) -> None:
    """By what a slow reader sees: every window that ends with a call that was let through."""
    let_through = [one for one, stays in zip(made, _let_through(made, rpm=rpm, tpm=tpm), strict=True) if stays]
    for last in range(len(let_through)):
        end = let_through[last].at
        window = [one for one in let_through[: last + 1] if end - MINUTE < one.at]
        assert len(window) <= rpm
        assert sum(one.tokens for one in window) <= tpm


@given(MADE, st.integers(0, 5), st.integers(0, 120))
def test_nothing_is_refused_that_would_have_fitted(made: list[Call], rpm: int, tpm: int) -> None:
    let_through: list[Call] = []
    for one, stays in zip(made, _let_through(made, rpm=rpm, tpm=tpm), strict=True):
        window = [other for other in let_through if one.at - MINUTE < other.at]
        fits = len(window) < rpm and sum(other.tokens for other in window) + one.tokens <= tpm
        assert stays is fits
        if stays:
            let_through.append(one)


@given(MADE, st.integers(0, 200))
def test_a_budget_is_passed_by_one_call_at_most(made: list[Call], limit: int) -> None:
    found = tried(made, budget=budget(limit))
    kept = found.spent_nano - found.saved_nano
    dearest = max((one.amount_nano for one in made), default=0)

    assert kept < limit + dearest or kept == 0
    assert kept >= min(limit, found.spent_nano)


@given(MADE, st.integers(0, 100), st.integers(0, 100))
def test_a_larger_budget_saves_no_more(made: list[Call], limit: int, more: int) -> None:
    assert tried(made, budget=budget(limit + more)).saved_nano <= tried(made, budget=budget(limit)).saved_nano


def _let_through(made: list[Call], *, rpm: int, tpm: int) -> list[bool]:
    refusals = [tried(made[: number + 1], rpm=rpm, tpm=tpm).refused for number in range(len(made))]
    return [now == before for before, now in zip([0, *refusals], refusals, strict=False)]
