"""The calendar of budgets as the settings' rows have it, for processes that keep no routing table."""

from proxy.models import ConfigField, Section
from teams.calendars import SETTINGS, usable_calendar
from teams.periods import Calendar


def stored_calendar() -> Calendar:
    """One query."""
    rows = ConfigField.objects.filter(section=Section.LITELLM, name__in=SETTINGS).order_by()
    return usable_calendar(dict(rows.values_list("name", "value")))
