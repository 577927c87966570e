"""Budget windows in the periods that hold now. What is shown of them is in tests/proxy/metrics/test_budgets.py."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from budgets.core.allowances import Allowance
from budgets.every_budget import Periods, Window
from teams.periods import Calendar

DOLLAR = 10**9
WINDOWS = ["", "45s", "5m", "1h", "24h", "1d", "2d", "7d", "1w", "2w", "14d", "30d", "1mo", "36h", "60d", "daily"]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("days_ago", [-3, 0, 40, 700])
def test_periods_are_those_that_budgets_are_judged_by(window: str, days_ago: int) -> None:
    now = datetime(2026, 11, 27, 14, 7, 31, tzinfo=UTC)
    counted_from = now - timedelta(days=days_ago, hours=1)
    own = Allowance("key", "1", window, DOLLAR, counted_from=counted_from)
    calendar = Calendar(ZoneInfo("Europe/Berlin"), time(6, 30))
    found = Window(own, "k")
    assert found.move_to(now, Periods(now, calendar))
    assert (found.start, found.ends) == own.period(now, calendar=calendar)


def test_a_duration_that_makes_no_sense_costs_no_other_budget_its_place() -> None:
    now = datetime(2026, 11, 27, tzinfo=UTC)
    assert not Window(Allowance("key", "1", "a while", DOLLAR), "k").move_to(now, Periods(now, Calendar()))
