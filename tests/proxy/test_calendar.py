"""The calendar of budgets, from the settings' rows to who asks for it."""

from datetime import UTC, datetime, time
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from proxy import runtime
from proxy.models import ConfigField, Section
from proxy.registry import load_routing_table
from teams.calendars import current_calendar
from teams.periods import UTC_MIDNIGHT, Calendar

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 10, 23, tzinfo=UTC)
HAVANA = Calendar(ZoneInfo("America/Havana"), time(6))


def configured(**values: Any) -> None:
    for name, value in values.items():
        ConfigField.objects.update_or_create(section=Section.LITELLM, name=name, defaults={"value": value})


def test_without_rows_days_begin_at_midnight_in_utc() -> None:
    ConfigField.objects.create(section=Section.GENERAL, name="timezone", value="America/Havana")

    assert current_calendar() == UTC_MIDNIGHT


def test_where_no_gateway_runs_the_rows_are_asked_each_time(django_assert_num_queries: Any) -> None:
    configured(timezone="America/Havana", budget_reset_time="06:00")
    with django_assert_num_queries(1):
        assert current_calendar() == HAVANA
    configured(budget_reset_time="00:00")

    assert current_calendar() == Calendar(HAVANA.zone)


def test_a_running_gateway_answers_from_its_table_without_a_query(django_assert_num_queries: Any) -> None:
    configured(timezone="America/Havana", budget_reset_time="06:00")
    gateway = SimpleNamespace(table=load_routing_table(now=NOW))
    runtime.set_running(cast("runtime.Runtime", gateway))
    try:
        configured(timezone="UTC")
        with django_assert_num_queries(0):
            assert current_calendar() == HAVANA
        gateway.table = load_routing_table(now=NOW)
        assert current_calendar() == Calendar(reset_at=time(6))
    finally:
        runtime.set_running(None)
    assert current_calendar() == Calendar(reset_at=time(6))


def test_what_no_table_can_use_leaves_the_table_standing() -> None:
    configured(timezone="Mars/Base")

    assert load_routing_table(now=NOW).calendar == UTC_MIDNIGHT
