"""What is shown is shown by web processes, which have the calendar in memory."""

from collections.abc import Iterator

import pytest

from proxy.calendar import stored_calendar
from teams.calendars import set_source
from teams.periods import UTC_MIDNIGHT


@pytest.fixture(autouse=True)
def calendar_in_memory() -> Iterator[None]:
    set_source(lambda: UTC_MIDNIGHT)
    yield
    set_source(stored_calendar)
