"""When a budget will be used up: exact where spend is regular, careful where little is known."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budgets.core.projection import HORIZON, Projection, project

DOLLAR = 1_000_000_000
DAY = timedelta(days=1)
# A Wednesday, and the end of its month.
NOW = datetime(2026, 11, 11, tzinfo=UTC)
ENDS = datetime(2026, 12, 1, tzinfo=UTC)
WORKDAYS = range(5)


def past(*costs: int, now: datetime = NOW) -> list[tuple[date, int]]:
    """The days before `now`, the last of them yesterday."""
    return [(now.date() - n * DAY, cost) for n, cost in zip(range(len(costs), 0, -1), costs, strict=True)]


def workdays(weeks: int, now: datetime = NOW) -> list[tuple[date, int]]:
    return [(day, 10 * DOLLAR if day.weekday() in WORKDAYS else 0) for day, _ in past(*[0] * weeks * 7, now=now)]


def seen(
    daily: list[tuple[date, int]],
    *,
    spent: int = 0,
    budget: int | None = None,
    ends: datetime | None = ENDS,
    now: datetime = NOW,
) -> Projection:
    found = project(daily, spent_nano=spent, max_nano=budget, ends=ends, now=now)
    assert found is not None
    return found


@pytest.mark.parametrize("days", [3, 5, 7, 10, 14, 20, 28])
def test_who_spends_the_same_every_day_goes_on_exactly(days: int) -> None:
    found = seen(past(*[DOLLAR] * days), spent=10 * DOLLAR, budget=20 * DOLLAR)

    assert found == Projection(30 * DOLLAR, datetime(2026, 11, 21, tzinfo=UTC), days)


def test_the_rest_of_today_counts_as_a_part_of_a_day() -> None:
    now = NOW + timedelta(hours=18)
    found = seen(past(*[DOLLAR] * 28), spent=10 * DOLLAR, budget=10 * DOLLAR + DOLLAR // 2, now=now)

    assert found.spend_at_end_nano == 10 * DOLLAR + DOLLAR // 4 + 19 * DOLLAR
    assert found.exhausted_at == datetime(2026, 11, 12, 6, tzinfo=UTC)


def test_who_spends_on_workdays_only_spends_nothing_at_weekends() -> None:
    saturday, monday = datetime(2026, 11, 14, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC)
    daily = workdays(4, now=saturday)

    over = seen(daily, spent=95 * DOLLAR, budget=100 * DOLLAR, ends=monday, now=saturday)
    assert (over.spend_at_end_nano, over.exhausted_at) == (95 * DOLLAR, None)
    later = seen(daily, spent=95 * DOLLAR, budget=100 * DOLLAR, ends=monday + 7 * DAY, now=saturday)
    assert (later.spend_at_end_nano, later.exhausted_at) == (145 * DOLLAR, monday + DAY / 2)


def test_weekends_that_nobody_listed_cost_nothing() -> None:
    listed = [(day, cost) for day, cost in workdays(4) if cost]

    assert seen(listed) == seen(workdays(4)) == Projection(140 * DOLLAR, None, 28)


def test_two_weekends_are_believed_by_half_and_a_week_still_costs_what_it_did() -> None:
    saturday = datetime(2026, 11, 14, tzinfo=UTC)
    daily = workdays(2, now=saturday)

    assert seen(daily, ends=saturday + DAY, now=saturday).spend_at_end_nano == 25 * DOLLAR // 7
    assert seen(daily, ends=saturday + 7 * DAY, now=saturday).spend_at_end_nano == 50 * DOLLAR


def test_one_week_says_nothing_of_weekdays() -> None:
    saturday = datetime(2026, 11, 14, tzinfo=UTC)

    found = seen(workdays(1, now=saturday), ends=saturday + DAY, now=saturday)
    assert found.spend_at_end_nano == 50 * DOLLAR // 7


def test_growth_is_followed_more_than_the_mean_follows_it() -> None:
    growing = [n * DOLLAR for n in range(1, 29)]
    a_week = seen(past(*growing), ends=NOW + 7 * DAY).spend_at_end_nano
    assert a_week is not None

    assert sum(growing) // 4 < a_week <= sum(growing[-7:])
    assert a_week > 1.2 * sum(growing) / 4


@pytest.mark.parametrize("days", [0, 1, 2])
def test_of_fewer_than_three_days_nothing_is_said(days: int) -> None:
    daily = [*past(*[DOLLAR] * days), (NOW.date(), 5 * DOLLAR)]

    assert project(daily, spent_nano=DOLLAR, max_nano=DOLLAR, ends=ENDS, now=NOW) is None


def test_of_nothing_spent_nothing_is_said() -> None:
    assert project(past(*[0] * 28), spent_nano=0, max_nano=DOLLAR, ends=ENDS, now=NOW) is None
    assert project(past(0, 0, 0, -1), spent_nano=0, max_nano=DOLLAR, ends=ENDS, now=NOW) is None


def test_a_day_whose_corrections_are_more_than_it_cost_has_cost_nothing() -> None:
    corrected = past(*[DOLLAR] * 21, *[-9 * DOLLAR] * 7)

    assert seen(corrected) == seen(past(*[DOLLAR] * 21, *[0] * 7))
    assert seen(corrected).spend_at_end_nano != 0


def test_today_and_what_is_longer_ago_than_four_weeks_do_not_count() -> None:
    daily = past(*[DOLLAR] * 28)
    others = [(NOW.date(), 50 * DOLLAR), (NOW.date() + DAY, 50 * DOLLAR), (NOW.date() - 29 * DAY, 50 * DOLLAR)]

    assert seen([*daily, *others], budget=30 * DOLLAR) == seen(daily, budget=30 * DOLLAR)


def test_one_day_in_several_rows_is_their_sum() -> None:
    halves = past(*[DOLLAR // 2] * 28)

    assert seen([*halves, *halves]) == seen(past(*[DOLLAR] * 28))


def test_a_budget_that_lasts_is_not_used_up_also_when_it_ends_with_the_period() -> None:
    daily = past(*[DOLLAR] * 28)

    assert seen(daily, budget=20 * DOLLAR).exhausted_at is None
    assert seen(daily, budget=20 * DOLLAR - 1).exhausted_at is not None
    assert seen(daily, budget=None).exhausted_at is None


@pytest.mark.parametrize(("spent", "budget"), [(5, 5), (6, 5), (0, 0)])
def test_a_budget_that_is_used_up_is_so_now(spent: int, budget: int) -> None:
    assert seen(past(*[DOLLAR] * 28), spent=spent, budget=budget).exhausted_at == NOW


def test_a_budget_that_is_never_reset_is_looked_at_for_a_year() -> None:
    daily = past(*[DOLLAR] * 28)

    assert seen(daily, budget=100 * DOLLAR, ends=None) == Projection(None, NOW + 100 * DAY, 28)
    assert seen(daily, budget=(HORIZON.days + 1) * DOLLAR, ends=None).exhausted_at is None


def test_a_period_that_is_over_has_cost_what_it_cost() -> None:
    assert seen(past(*[DOLLAR] * 28), spent=7, budget=8, ends=NOW) == Projection(7, None, 28)


_costs = st.lists(st.integers(0, 10**13), min_size=3, max_size=28).filter(any)
_amounts = st.integers(0, 10**14)
_nows = st.timedeltas(timedelta(0), DAY * 30).map(lambda passed: NOW + passed)
_left = st.timedeltas(timedelta(microseconds=1), DAY * 90)


@settings(deadline=None)
@given(_costs, _amounts, _amounts, _amounts, _nows, _left)
def test_who_has_spent_more_is_no_lower_at_the_end_and_through_no_later(
    costs: list[int], spent: int, more: int, budget: int, now: datetime, left: timedelta
) -> None:
    daily = past(*costs, now=now)
    less = seen(daily, spent=spent, budget=budget, ends=now + left, now=now)
    greater = seen(daily, spent=spent + more, budget=budget, ends=now + left, now=now)

    assert less.spend_at_end_nano is not None
    assert spent <= less.spend_at_end_nano
    assert greater.spend_at_end_nano == less.spend_at_end_nano + more
    assert (greater.exhausted_at or now + left) <= (less.exhausted_at or now + left)


@settings(deadline=None)
@given(_costs, _amounts, _amounts, _nows, _left)
def test_at_the_instant_it_names_the_budget_is_used_up_and_an_instant_before_it_is_not(
    costs: list[int], spent: int, budget: int, now: datetime, left: timedelta
) -> None:
    daily = past(*costs, now=now)
    at = seen(daily, spent=spent, budget=budget, ends=now + left, now=now).exhausted_at

    def spent_until(ends: datetime) -> int:
        found = seen(daily, spent=spent, ends=ends, now=now).spend_at_end_nano
        assert found is not None
        return found

    if at is None:
        # To the last instant: what is used up as the period ends is renewed at once.
        assert spent_until(now + left - timedelta(microseconds=1)) < budget
        return
    assert now <= at < now + left
    assert spent_until(at) >= budget
    assert at == now or spent_until(at - timedelta(microseconds=1)) < budget
