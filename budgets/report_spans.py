"""The periods of reports by the clocks of the gateway's zone: days, weeks from Monday, months, and other lengths.

Days begin at midnight, wherever the budgets' `budget_reset_time` puts theirs.
"""

from datetime import UTC, date, datetime, timedelta

from alerts.services import Span
from budgets.models import UnrolledBatch
from teams.calendars import current_calendar
from teams.periods import Calendar, Duration, period

# A Monday. Lengths that are neither days nor weeks nor months are counted from it.
ANCHOR = datetime(2024, 1, 1, tzinfo=UTC)
# A long answer counts for the day in which it began, and is known when it ends.
SETTLES_AFTER = timedelta(minutes=15)
# When the roll-up hangs for so long, a report that says so is better than none.
LONGEST_WAIT = timedelta(hours=6)
_INSTANT = timedelta(microseconds=1)


def report_calendar() -> Calendar:
    """One query, outside of a web process."""
    return Calendar(zone=current_calendar().zone)


def span_of(duration: Duration, *, now: datetime, calendar: Calendar) -> Span:
    """The one that holds `now`. 1d is a day, 7d a week, 30d a month; the rest as teams.periods has them."""
    anchor = ANCHOR if calendar.zone is UTC else calendar.begins(ANCHOR.date())
    starts_at, ends_at = period(duration, start=anchor, now=now, calendar=calendar)
    local = starts_at.astimezone(calendar.zone)
    # By its date, so that another time zone does not make another period of the same days.
    name = local.date().isoformat() if duration.seconds % 86_400 == 0 else local.isoformat(timespec="seconds")
    return Span(f"{name}/{duration.count}{duration.unit}", starts_at, ends_at)


def span_before(span: Span, duration: Duration, *, calendar: Calendar) -> Span:
    return span_of(duration, now=span.starts_at - _INSTANT, calendar=calendar)


def dates_of(span: Span, *, calendar: Calendar) -> tuple[date, date]:
    """The first and the last day, both included."""
    return (
        span.starts_at.astimezone(calendar.zone).date(),
        (span.ends_at - _INSTANT).astimezone(calendar.zone).date(),
    )


def may_be_summed(span: Span, now: datetime) -> bool:
    """Whether what began in the span has ended and is rolled up by now."""
    settled_at = span.ends_at + SETTLES_AFTER
    if now < settled_at:
        return False
    return not is_behind(settled_at) or now >= span.ends_at + LONGEST_WAIT


def is_behind(at: datetime) -> bool:
    """Whether the roll-up still has to do with what was committed by then."""
    return UnrolledBatch.objects.filter(created_at__lte=at).exists()
