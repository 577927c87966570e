"""How the home writes lengths of time and shares, and what it calls levels and whose budgets are."""

from datetime import date, datetime

from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from budgets.models import Scope
from budgets.traffic import Counts, Traffic, seconds_within

NOTHING = "-"
LEVELS = {"High": _("High"), "Medium": _("Medium"), "Low": _("Low")}
SCOPES = {
    Scope.ORGANIZATION: _("Organization"),
    Scope.TEAM: _("Team"),
    Scope.USER: _("User"),
    Scope.CUSTOMER: _("Customer"),
    Scope.TAG: _("Tag"),
    Scope.MODEL: _("Model group"),
    Scope.PROVIDER: _("Provider"),
    Scope.DEPLOYMENT: _("Deployment"),
}


def milliseconds_of(counts: Counts, share: float) -> int | None:
    """The percentile of how long something took; None where nothing was timed."""
    found = seconds_within(counts, share)
    return None if found is None else max(1, round(found * 1000))


def length(milliseconds: int | None) -> str:
    """With three digits: percentiles are known to one percent."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    seconds = milliseconds / 1000
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s" if seconds < 100 else f"{seconds:,.0f} s"


def number(value: int) -> str:
    return f"{value:,}"


def share_failed(traffic: Traffic) -> str:
    rate = traffic.error_rate
    if rate is None:
        return NOTHING
    # What is not nothing is not shown as nothing.
    return "< 0.01 %" if 0 < rate < 0.0001 else f"{rate * 100:.2f} %" if rate < 0.1 else f"{rate * 100:.1f} %"


def day_label(day: date) -> str:
    return date_format(day, "MONTH_DAY_FORMAT")


def hour_label(at: datetime) -> str:
    return f"{at:%H:%M}"
