"""Settings of budgets as their rows have them, for processes that keep no routing table."""

from typing import Any

from proxy.models import ConfigField, Section
from teams.calendars import SETTINGS, usable_calendar
from teams.periods import Calendar


def stored_calendar() -> Calendar:
    """One query."""
    rows = ConfigField.objects.filter(section=Section.LITELLM, name__in=SETTINGS).order_by()
    return usable_calendar(dict(rows.values_list("name", "value")))


def stored_mail_lists() -> Any:
    """One query; None where nobody set it."""
    rows = ConfigField.objects.filter(section=Section.LITELLM, name="default_key_max_budget_alert_emails").order_by()
    return rows.values_list("value", flat=True).first()
