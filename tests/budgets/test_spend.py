"""In which period spend is counted."""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from budgets.spend import current_period
from proxy.calendar import stored_calendar
from teams.calendars import set_source
from teams.models import Budget
from teams.periods import UTC_MIDNIGHT, Calendar


@pytest.fixture
def nepal() -> Iterator[None]:
    set_source(lambda: Calendar(ZoneInfo("Asia/Kathmandu"), time(6, 30)))
    yield
    set_source(stored_calendar)


@pytest.mark.usefixtures("nepal")
def test_a_budgets_period_follows_the_calendar_in_force() -> None:
    now = datetime(2026, 11, 23, 0, 44, tzinfo=UTC)
    budget = Budget(budget_duration="1d", budget_started_at=datetime(2026, 1, 1, tzinfo=UTC))

    # 06:29 in Kathmandu, a minute before the day ends there.
    assert current_period(budget, now=now) == (
        datetime(2026, 11, 22, 0, 45, tzinfo=UTC),
        datetime(2026, 11, 23, 0, 45, tzinfo=UTC),
    )
    assert current_period(budget, now=now, calendar=UTC_MIDNIGHT) == (
        datetime(2026, 11, 23, tzinfo=UTC),
        datetime(2026, 11, 24, tzinfo=UTC),
    )


def test_a_budget_that_is_never_reset_has_no_period() -> None:
    assert current_period(Budget(), now=datetime(2026, 11, 23, tzinfo=UTC)) is None
