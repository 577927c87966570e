"""A reset leaves every window at nothing, and none with room that nobody gave."""

from datetime import timedelta
from typing import Any

import pytest

from budgets.models import Balance, Scope, SpendAdjustment
from budgets.resets import reset_everybody, reset_spend, set_spend
from budgets.standing import standings
from budgets.verify import verify
from teams.models import Team
from tests.budgets.test_rollup import DOLLAR, NOW, rolled, spent

pytestmark = pytest.mark.django_db
ENTITY = (Scope.TEAM, "t")


def team(**columns: Any) -> None:
    Team.objects.create(id="t", budget_started_at=NOW - timedelta(days=300), **columns)
    for amount, ago in ((8, timedelta(days=100)), (4, timedelta(days=3)), (2, timedelta(hours=5)), (1, timedelta())):
        spent(amount * DOLLAR, team_id="t", at=NOW - ago)
    rolled()


def windows() -> dict[str, int]:
    return {one.window: one.spent_nano for one in standings([ENTITY], now=NOW)[ENTITY]}


def further(*durations: str) -> list[dict[str, Any]]:
    return [{"budget_duration": one, "max_budget": 100} for one in durations]


@pytest.mark.parametrize(
    ("columns", "before"),
    [
        ({"max_budget_nano": DOLLAR}, {"": 15}),
        ({"max_budget_nano": DOLLAR, "budget_duration": "30d"}, {"30d": 7}),
        (
            {"max_budget_nano": DOLLAR, "budget_limits": further("1h", "1d", "30d")},
            {"": 15, "1h": 1, "1d": 3, "30d": 7},
        ),
        ({"budget_limits": further("1h", "30d")}, {"1h": 1, "30d": 7}),
        ({"max_budget_nano": DOLLAR, "budget_duration": "1h", "budget_limits": further("30d")}, {"1h": 1, "30d": 7}),
    ],
)
def test_every_window_counts_nothing_afterwards_and_the_sums_still_agree(
    columns: dict[str, Any], before: dict[str, int]
) -> None:
    team(**columns)
    assert windows() == {window: amount * DOLLAR for window, amount in before.items()}

    assert reset_spend(ENTITY, now=NOW, actor_id="root") == next(iter(before.values())) * DOLLAR
    assert set(windows().values()) == {0}
    spent(DOLLAR, team_id="t")
    rolled()
    assert set(windows().values()) == {DOLLAR}
    assert verify(now=NOW).drift_nano == 0


def test_less_is_taken_where_it_was_spent_and_more_counts_everywhere() -> None:
    team(max_budget_nano=DOLLAR, budget_duration="30d", budget_limits=further("1h", "1d"))
    assert windows() == {"30d": 7 * DOLLAR, "1h": DOLLAR, "1d": 3 * DOLLAR}
    since = standings([ENTITY], now=NOW)[ENTITY][0].period_start

    def set_to(dollars: int) -> int:
        return set_spend(ENTITY, since=since, to_nano=dollars * DOLLAR, now=NOW, actor_id="root") // DOLLAR

    assert set_to(5) == 7
    assert windows() == {"30d": 5 * DOLLAR, "1h": DOLLAR, "1d": 3 * DOLLAR}
    assert set_to(2) == 5
    assert windows() == {"30d": 2 * DOLLAR, "1h": DOLLAR, "1d": 2 * DOLLAR}
    assert set_to(0) == 2
    assert set(windows().values()) == {0}
    assert set_to(4) == 0
    assert set(windows().values()) == {4 * DOLLAR}
    assert verify(now=NOW).drift_nano == 0


def test_everybodys_reset_empties_every_window_of_each() -> None:
    team(max_budget_nano=DOLLAR, budget_duration="30d", budget_limits=further("1h", "1d"))

    assert reset_everybody(now=NOW, actor_id="root") == 1
    assert set(windows().values()) == {0}
    assert reset_everybody(now=NOW, actor_id="root") == 0


def test_without_a_budget_everything_ever_is_taken() -> None:
    team()

    assert reset_spend(ENTITY, now=NOW, actor_id="root") == 15 * DOLLAR
    assert Balance.objects.get(scope=Scope.TEAM, window="").counted_nano == 0


def test_a_second_reset_changes_nothing() -> None:
    team(max_budget_nano=DOLLAR, budget_limits=further("1h"))
    reset_spend(ENTITY, now=NOW, actor_id="root")
    count = SpendAdjustment.objects.count()

    assert reset_spend(ENTITY, now=NOW, actor_id="root") == 0
    assert SpendAdjustment.objects.count() == count
